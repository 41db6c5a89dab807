//! Java's methods.

use super::*;

fn assert_calls(set: &str, calls: &[(&str, &str)]) {
    for (call, value) in calls {
        let template = format!("#set({set})#set($r = {call})$r");
        assert_eq!(render(&template, "").as_deref(), Ok(*value), "{call}");
    }
}

#[test]
fn methods_of_texts() {
    assert_calls(
        "$s = ' Ab,cd '",
        &[
            ("$s.length()", "7"),
            ("$s.isEmpty()", "false"),
            ("$s.charAt(1)", "A"),
            ("$s.substring(4)", "cd "),
            ("$s.substring(1, 3)", "Ab"),
            ("$s.indexOf('c')", "4"),
            ("$s.indexOf('x')", "-1"),
            ("$s.indexOf(' ', 1)", "6"),
            ("$s.indexOf(65)", "1"),
            ("$s.lastIndexOf(' ')", "6"),
            ("$s.contains('b,c')", "true"),
            ("$s.startsWith(' A')", "true"),
            ("$s.startsWith('Ab', 1)", "true"),
            ("$s.endsWith('x')", "false"),
            ("$s.equals(' Ab,cd ')", "true"),
            ("$s.equals(1)", "false"),
            ("$s.equalsIgnoreCase(' aB,Cd ')", "true"),
            ("$s.compareTo(' Aa')", "1"),
            ("$s.concat('!')", " Ab,cd !"),
            ("$s.replace(',', ', ')", " Ab, cd "),
            ("$s.replace('', '-')", "- -A-b-,-c-d- -"),
            ("$s.toUpperCase()", " AB,CD "),
            ("$s.toLowerCase()", " ab,cd "),
            ("$s.trim()", "Ab,cd"),
            ("$s.strip().repeat(2)", "Ab,cdAb,cd"),
            ("$s.trim().split(',')", "[Ab, cd]"),
            ("$s.trim().toCharArray()", "[A, b, ,, c, d]"),
            ("$s.trim().hashCode()", "62993836"),
            ("$s.empty", "false"),
            ("$s.valueOf(5)", "5"),
            ("$s.join('-', ['a', 1])", "a-1"),
        ],
    );
}

#[test]
fn positions_count_utf16_units() {
    assert_calls(
        "$s = 'é😀x'",
        &[
            ("$s.length()", "4"),
            ("$s.indexOf('x')", "3"),
            ("$s.substring(1)", "😀x"),
            ("$s.substring(3)", "x"),
            ("$s.charAt(0)", "é"),
        ],
    );
}

#[test]
fn regular_expressions_are_javas() {
    assert_calls(
        "$s = 'a1b22c'",
        &[
            (r"$s.replaceAll('\d+', '#')", "a#b#c"),
            (r"$s.replaceAll('([a-z])(\d)', '$2$1')", "1a2b2c"),
            (r"$s.replaceAll('(?<d>\d)', '<${d}>')", "a<1>b<2><2>c"),
            (r"$s.replaceAll('x*', '-')", "-a-1-b-2-2-c-"),
            (r"$s.replaceAll('b', '\$')", "a1$22c"),
            (r"$s.replaceFirst('\d', '')", "ab22c"),
            (r"$s.replaceAll('z', 'y')", "a1b22c"),
            (r"$s.replaceAll('(a)', '$11')", "a11b22c"),
            (r"$s.split('\d+')", "[a, b, c]"),
            (r"$s.split('')", "[a, 1, b, 2, 2, c]"),
            (r"$s.split('\d', 2)", "[a, b22c]"),
            (r"$s.split('\d')", "[a, b, , c]"),
            (r"$s.split('c')", "[a1b22]"),
            (r"$s.split('c', -1)", "[a1b22, ]"),
            (r"$s.split('a')", "[, 1b22c]"),
            (r"$s.matches('[a-c\d]+')", "true"),
            (r"$s.matches('a')", "false"),
        ],
    );
    assert_all(&[
        (
            r"#set($p = '\d')#set($s = 'a1')$s.replaceAll($p, '') $s.matches($p)",
            "a false",
        ),
        (r"#set($s = '')#set($x = $s.split(','))$x.size()", "1"),
        (r"#set($s = ',,')#set($x = $s.split(','))$x.size()", "0"),
    ]);
    for (template, message) in [
        (
            r"#set($s = 'a')$s.replaceAll('a', '$')",
            "1:15: `String.replaceAll` failed: a `$` in the replacement names no group; write `\\$`",
        ),
        (
            r"#set($s = 'a')$s.replaceAll('a', '$1')",
            "1:15: `String.replaceAll` failed: there is no group 1",
        ),
        (
            r"#set($p = '(')$p.matches($p)",
            "1:15: `a regular expression` failed: the pattern `(` is no regular expression: a `(` is not closed",
        ),
    ] {
        assert_eq!(problem(template, ""), message, "{template}");
    }
}

#[test]
fn methods_of_lists() {
    assert_calls(
        "$l = [1, 'b', [2], 'b']",
        &[
            ("$l.size()", "4"),
            ("$l.isEmpty()", "false"),
            ("$l.get(1)", "b"),
            ("$l.contains('b')", "true"),
            ("$l.contains([2])", "true"),
            ("$l.containsAll([1, 'b'])", "true"),
            ("$l.indexOf('b')", "1"),
            ("$l.lastIndexOf('b')", "3"),
            ("$l.indexOf('z')", "-1"),
            ("$l.subList(1, 3)", "[b, [2]]"),
            ("$l.equals([1, 'b', [2], 'b'])", "true"),
            ("$l.toString()", "[1, b, [2], b]"),
            ("$l.clone()", "[1, b, [2], b]"),
            ("$l.empty", "false"),
        ],
    );
    assert_all(&[
        (
            "#set($l = [])$l.add(1) $l.add(0, 2)$l $l.addAll([3, 4])$l",
            "true [2, 1] true[2, 1, 3, 4]",
        ),
        (
            "#set($l = [1, 2, 'x'])$l.remove(0)$l$l.remove('x')$l$l.set(0, 9)$l",
            "1[2, x]true[2]2[9]",
        ),
        (
            "#set($l = [1, 2, 1, 3])$l.removeAll([1])$l $l.retainAll([3])$l$l.clear()$l",
            "true[2, 3] true[3][]",
        ),
        (
            "#set($l = [1, 2])$l.addAll(1, [8, 9])$l",
            "true[1, 8, 9, 2]",
        ),
        ("#set($l = [1, 2])#foreach($x in $l.iterator())$x#end", "12"),
    ]);
}

#[test]
fn methods_of_maps() {
    assert_calls(
        "$m = {'a': 1, 'b': [2]}",
        &[
            ("$m.size()", "2"),
            ("$m.get('a')", "1"),
            ("$m.containsKey('a')", "true"),
            ("$m.containsValue([2])", "true"),
            ("$m.keySet()", "[a, b]"),
            ("$m.values()", "[1, [2]]"),
            ("$m.entrySet()", "[a=1, b=[2]]"),
            ("$m.getOrDefault('z', 'd')", "d"),
            ("$m.equals({'b': [2], 'a': 1})", "true"),
            ("$m.isEmpty()", "false"),
            ("$m.toString()", "{a=1, b=[2]}"),
        ],
    );
    assert_all(&[
        (
            "#set($m = {})$m.put('a', 1) $!m.put('a', 2) $m",
            "$m.put('a', 1) 1 {a=2}",
        ),
        (
            "#set($m = {'a': 1})$m.putAll({'b': 2})$m $m.remove('a')$m$m.clear()$m",
            "{a=1, b=2} 1{b=2}{}",
        ),
        (
            "#set($m = {'a': 1})#set($x = $m.putIfAbsent('a', 5))#set($y = $m.replace('a', 6))$x$y$m",
            "11{a=6}",
        ),
        (
            "#set($m = {'a': 1})#foreach($e in $m.entrySet())$e.getKey()$e.getValue()$e.setValue(3)#end$m",
            "a11{a=3}",
        ),
        ("#set($m = {1: 'x'})$m.get(1)$m.get('1')", "x$m.get('1')"),
        ("#set($m = {'size': 'x'})$m.size $m.size()", "x 1"),
    ]);
}

#[test]
fn methods_of_numbers_and_booleans() {
    assert_calls(
        "$n = 300",
        &[
            ("$n.intValue()", "300"),
            ("$n.byteValue()", "44"),
            ("$n.doubleValue()", "300.0"),
            ("$n.toString()", "300"),
            ("$n.toString().length()", "3"),
            ("$n.equals(300)", "true"),
            ("$n.compareTo(301)", "-1"),
            ("$n.parseInt('-12')", "-12"),
            ("$n.parseInt('ff', 16)", "255"),
            ("$n.parseLong('9999999999')", "9999999999"),
            ("$n.parseDouble('1.5')", "1.5"),
            ("$n.valueOf('7')", "7"),
            ("$n.toHexString(255)", "ff"),
            ("$n.max(1, 2)", "2"),
        ],
    );
    assert_calls(
        "$n = 2.9",
        &[
            ("$n.intValue()", "2"),
            ("$n.longValue()", "2"),
            ("$n.isNaN()", "false"),
        ],
    );
    assert_calls(
        "$b = true",
        &[
            ("$b.toString()", "true"),
            ("$b.equals(true)", "true"),
            ("$b.parseBoolean('TRUE')", "true"),
        ],
    );
    assert_eq!(
        problem("#set($n = 0)$n.parseInt('x')", ""),
        "1:13: `parseInt` failed: `x` is no such number"
    );
    assert_eq!(
        problem("#set($n = 0)$n.parseInt('2147483648')", ""),
        "1:13: `parseInt` failed: `2147483648` is no such number"
    );
}

#[test]
fn what_java_has_not_is_nothing_and_what_is_not_there_is_refused() {
    assert_all(&[
        (
            "#set($s = 'a')$s.foo() $s.length $!s.foo('x')",
            "$s.foo() $s.length ",
        ),
        (
            "#set($s = 'a')$s.getClass() $s.class",
            "$s.getClass() $s.class",
        ),
    ]);
    for (template, method) in [
        ("#set($s = 'a')$s.format('%s')", "String.format"),
        ("#set($l = [1])$l.stream()", "List.stream"),
        ("#set($m = {})$m.merge('a', 1)", "Map.merge"),
        ("#set($n = 1)$n.bitCount(1)", "Number.bitCount"),
    ] {
        let message = problem(template, "");
        assert!(
            message.contains(&format!("`{method}` is a method of Java's")),
            "{message}"
        );
    }
}

#[test]
fn what_throws_in_java_fails_with_its_place() {
    for (template, message) in [
        (
            "#set($s = 'abc')\n$s.substring(2, 9)",
            "2:1: `String.substring` failed: from 2 to 9 is not within 3 characters",
        ),
        (
            "#set($s = 'abc')$s.charAt(3)",
            "1:17: `String.charAt` failed: from 3 to 4 is not within 3 characters",
        ),
        (
            "#set($l = [1])$l.get(1)",
            "1:15: `List.get` failed: the index 1 is out of bounds",
        ),
        (
            "#set($l = [1])$l[1]",
            "1:15: `[…]` failed: there is no item 1 of 1",
        ),
        (
            "#set($l = [1])#set($l[-2] = 0)",
            "1:20: `[…]` failed: there is no item -2 of 1",
        ),
    ] {
        assert_eq!(problem(template, ""), message, "{template}");
    }
}
