//! Velocity's language.

use super::*;

#[test]
fn text_that_begins_nothing_is_text() {
    for template in [
        "",
        "$5",
        "$",
        "$!5",
        "$.x",
        "a$$",
        "# 1",
        "#",
        "\\n \\\\ \\\"",
        "é$ä",
        "${}",
        "${5}",
        "#1",
        "#-x",
        "$[0]",
        "#{x",
        "#fff",
        "#set",
        "#endpoint",
        "a\\$",
        "\\#",
        "\\",
        "#foo(1, $x)",
    ] {
        assert_eq!(render(template, "").as_deref(), Ok(template));
    }
}

#[test]
fn references_print_their_values_or_their_source() {
    assert_all(&[
        ("#set($a = 'x')$a ${a}b $!a $!{a}b $a.", "x xb x xb x."),
        ("$a ${a} $!a $!{a}| $a.b.c() $!a.b", "$a ${a}  | $a.b.c() "),
        (
            "#set($m = {'k': {'j': 1}})$m.k.j ${m.k.j}x $m.k.i $m['k']['j']",
            "1 1x $m.k.i 1",
        ),
        ("#set($a-b = 1)$a-b ${a}-b", "1 ${a}-b"),
        ("#set($a = 'x')$$a", "$x"),
        ("#set($a = 1)$a.5 $a._x", "1.5 1._x"),
        ("#set($a = [1, 2])$a[0]$a[-1] $a", "12 [1, 2]"),
    ]);
}

#[test]
fn backslashes_escape_what_has_a_value() {
    assert_all(&[
        (r"#set($a = 1)\$a \\$a \\\$a \$!a", r"$a \1 \$a $!a"),
        (r"\$a \\$a \\\$a", r"\$a \\$a \\\$a"),
        (r"\#if(true) \\#if(true)x#end", r"#if(true) \x"),
        (r"\#foo \\#foo", r"\#foo \\#foo"),
        (r"#macro(m)x#end\#m() \\#m()", r"#m() \x"),
        (
            r"\$context.stage \${context.stage}",
            "$context.stage ${context.stage}",
        ),
    ]);
}

#[test]
fn comments_and_text_blocks() {
    assert_all(&[
        ("a## comment $x\nb", "ab"),
        ("a##", "a"),
        ("a #* $x \n #if *# b", "a  b"),
        ("#** doc *#x", "x"),
        ("#[[ $x #if ## ]]#!", " $x #if ## !"),
    ]);
}

#[test]
fn directives_take_their_line_end_and_set_the_spaces_before_it() {
    assert_all(&[
        ("#set($a = 1)\n$a", "1"),
        ("#set($a = 1) \t\r\n$a", "1"),
        ("#set($a = 1) $a", " 1"),
        ("#set($a = 1)\n  #set($b = 2)\n$b", "2"),
        ("x\n  #set($b = 2)\n$b", "x\n  2"),
        ("#if(true)\na\n#else\nb\n#end\nc", "a\nc"),
        ("#if(true) \n a #end x", " a  x"),
        ("#foreach($i in [1, 2])\n$i\n#end\n.", "1\n2\n."),
        ("#macro(m)\nx\n#end\n#m()\ny", "x\ny"),
        ("#{set}($a = 1)$a#{if}($a)y#{else}n#{end}z", "1yz"),
        ("#set  ($a = 1)$a", "1"),
    ]);
}

#[test]
fn conditions_are_true_but_for_false_and_nothing() {
    assert_all(&[
        ("#if(true)y#end#if(false)n#end", "y"),
        ("#if($none)n#elseif('')y#else n#end", "y"),
        ("#if(0)y#end#if([])y#end#if({})y#end", "yyy"),
        ("#if(!$none && !false)y#end", "y"),
        ("#if(not $none and 1 eq 1 or false)y#end", "y"),
        (
            "#if(false)a#elseif(false)b#elseif(true)c#elseif(true)d#else e#end",
            "c",
        ),
        ("#if(false)a#{else}b#end", "b"),
        ("#if (true)y#end", "y"),
    ]);
}

#[test]
fn operators_have_velocitys_precedence_and_types() {
    for (expression, value) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 % 3", "1"),
        ("7.0 / 2", "3.5"),
        ("1 - 2 - 3", "-4"),
        ("2147483647 + 1", "2147483648"),
        ("9223372036854775807 + 1", "9223372036854775808"),
        ("1.5 + 1", "2.5"),
        ("1e3 * 1", "1000.0"),
        (".5 + .5", "1.0"),
        ("10000000.0 * 10", "1.0E8"),
        ("'a' + 1", "a1"),
        ("1 + 'a' + 2", "1a2"),
        ("'a' + 'b'", "ab"),
        ("'a' + $none", "a$none"),
        ("'a' + $!none", "a"),
        ("'a' + [1]", "a[1]"),
        ("1 == 1.0", "true"),
        ("1 == '1'", "true"),
        ("'a' == 'a'", "true"),
        ("$none == $nothing", "true"),
        ("$none == ''", "false"),
        ("$none != ''", "true"),
        ("[1, 2] == [1, 2]", "true"),
        ("{'a': 1} == {'a': 1}", "true"),
        ("true == 'true'", "true"),
        ("1 < 2", "true"),
        (
            "2 <= 2 && 3 gt 2 && 3 ge 3 && 1 lt 2 && 1 le 1 && 1 ne 2",
            "true",
        ),
        ("'b' > 'a'", "false"),
        ("1 < 2 == true", "true"),
        ("!true || true", "true"),
        ("true || $none.x.y", "true"),
    ] {
        let template = format!("#set($x = {expression})$x");
        assert_eq!(render(&template, "").as_deref(), Ok(value), "{expression}");
    }
}

#[test]
fn what_has_no_value_is_not_set() {
    assert_all(&[
        ("#set($x = 1)#set($x = $none)$x", "1"),
        ("#set($x = 1 / 0)$x", "$x"),
        ("#set($x = 1.0 % 0)$x", "$x"),
        ("#set($x = 'a' * 2)$x", "$x"),
        ("#set($x = [1] + [2])$x", "$x"),
        ("#set($x = {'a': $none})$x", "{a=null}"),
    ]);
}

#[test]
fn texts_in_double_quotes_are_templates() {
    assert_all(&[
        (
            "#set($a = 1)#set($x = \"$a ${a}b #if($a)y#end $none\")$x",
            "1 1b y $none",
        ),
        (r"#set($a = 1)#set($x = '$a')$x", "$a"),
        (r#"#set($x = "say ""hi""")$x"#, r#"say "hi""#),
        (r"#set($x = 'it''s')$x", "it's"),
        (r#"#set($a = 1)#set($x = """$a""")$x"#, r#""1""#),
        (r#"#set($x = "\u0041\n")$x"#, r"A\n"),
        (r"#set($x = '\u0041')$x", r"\u0041"),
        (r#"#set($x = "")[$x]#set($y = '')[$y]"#, "[][]"),
        (r#"#set($q = '"')#set($x = "${q}a$q")$x"#, r#""a""#),
        ("#set($x = \"a\n  b\")$x", "a\n  b"),
        ("#set($x = \"#foreach($i in [1..3])$i#end\")$x", "123"),
    ]);
}

#[test]
fn lists_maps_and_ranges() {
    assert_all(&[
        (
            "#set($x = [1, 'a', true, 2.5, [], {}])$x",
            "[1, a, true, 2.5, [], {}]",
        ),
        (
            "#set($x = {'a': 1, \"b\": [2], 3: 'c'})$x",
            "{a=1, b=[2], 3=c}",
        ),
        (
            "#set($x = [1..3])$x#set($n = -1)#set($y = [1..$n])$y",
            "[1, 2, 3][1, 0, -1]",
        ),
        (
            "#set($x = {})#set($x.a = 1)#set($x['b'] = 2)#set($x.a = 3)$x",
            "{a=3, b=2}",
        ),
        (
            "#set($x = [1, 2])#set($x[0] = 'z')#set($x[-1] = 'y')$x",
            "[z, y]",
        ),
        ("#set($x = [1])#set($y = $x)#set($y[0] = 2)$x", "[2]"),
        (
            "#set($x = {'a': 1})#set($y = $x)#set($y.b = $x)$x",
            "{a=1, b=(this Map)}",
        ),
        ("#set($x = [1 ,2 , 3 ])$x.size()", "3"),
    ]);
}

#[test]
fn loops_know_where_they_are() {
    assert_all(&[
        (
            "#foreach($x in ['a', 'b', 'c'])$foreach.index$foreach.count$velocityCount$x\
             #if($foreach.first)F#end#if($foreach.last)L#end#if($foreach.hasNext),#end#end",
            "011aF,122b,233cL",
        ),
        ("#foreach($x in {'a': 1, 'b': 2})$x#end", "12"),
        (
            "#foreach($x in $context.authorizer.keySet())$x;#end",
            "principalId;tenant;n;",
        ),
        (
            "#foreach($x in [1, 2])#foreach($y in [1, 2])$foreach.parent.index$foreach.index \
             #end#end$foreach.index",
            "00 01 10 11 $foreach.index",
        ),
        ("#foreach($x in [1..5])#if($x == 3)#break#end$x#end!", "12!"),
        (
            "#foreach($x in [1, 2])#foreach($y in [1, 2])#break($foreach.parent)#end$x#end!",
            "!",
        ),
        ("#foreach($x in [1, 2])$foreach.stop()$x#end!", "!"),
        ("#set($x = 'o')#foreach($x in [1])$x#end$x", "1o"),
        (
            "#foreach($x in 'text')n#end#foreach($x in $none)n#end#foreach($x in [])n#end",
            "",
        ),
        ("#foreach($x in [1, 2, 3])$x#stop#end never", "1"),
        ("a#break b", "a"),
        ("#foreach ( $x in [1,2] )$x#end", "12"),
        (
            "#foreach($x in [[1, 2], [3]])#foreach($y in $x)$y#end;#end",
            "12;3;",
        ),
    ]);
}

#[test]
fn macros_are_called_by_name() {
    let pair = "#macro(pair $a $b)<$a:$b>#end";
    for (call, text) in [
        ("#pair(1 2)", "<1:2>"),
        ("#pair('x', \"y\")", "<x:y>"),
        ("#set($v = 'q')#pair($v [1..2])", "<q:[1, 2]>"),
        ("#pair(1)", "<1:$b>"),
        ("#pair($none $!none)", "<$none:>"),
        ("#{pair}(true false)", "<true:false>"),
    ] {
        let template = format!("{pair}{call}");
        assert_eq!(render(&template, "").as_deref(), Ok(text), "{call}");
    }
    assert_all(&[
        ("#m(1)#macro(m $x)[$x]#end", "[1]"),
        (
            "#macro(m $x)$x#set($x = 2)$x#end#set($v = 1)#m($v)$v",
            "121",
        ),
        ("#macro(m)#set($g = 1)#end#m()$g", "1"),
        ("#macro(m)#break never#end#m()x", "x"),
        ("#macro(m)a#end#macro(m)b#end#m()", "a"),
        ("#macro(m)a#end#m x", "a x"),
        (
            "#macro(down $n)$n#if($n > 0)#set($next = $n - 1)#down($next)#end#end#down(3)",
            "3210",
        ),
        (
            "#macro(m $l)#set($ignore = $l.add(9))#end#set($v = [])#m($v)#m($v)$v",
            "[9, 9]",
        ),
        (
            "#macro(b $t)<$t>$bodyContent</$t>#end#@b('p')x#set($z = 1)$z#end",
            "<p>x1</p>",
        ),
        ("#macro(m $a)$a.size()$a[0]#end#m([7, 8])", "27"),
    ]);
}

#[test]
fn a_macro_walks_down_nested_values() {
    let template = "#macro(walk $node)#foreach($x in [1])#if($node.c)<#walk($node.c)>#else$node.v\
                    #end#end#end#walk($input.path('$'))";
    let body = format!("{}{{\"v\":7}}{}", "{\"c\":".repeat(19), "}".repeat(19));
    let expected = format!("{}7{}", "<".repeat(19), ">".repeat(19));
    assert_renders(&body, &[(template, &expected)]);
}

#[test]
fn defined_blocks_render_where_they_are_used() {
    assert_all(&[
        ("#define($b)<$x>#end#set($x = 1)$b#set($x = 2)$b", "<1><2>"),
        ("#define($b)x#end#set($s = \"$b$b\")$s.length()", "2"),
        ("#define($b)x#end#if($b)y#end", "y"),
    ]);
}

#[test]
fn errors_name_their_line_and_column() {
    for (template, problem) in [
        ("\n  ${context.stage", "2:3: `${` is not closed by `}`"),
        ("#if(true)", "1:1: an `#if` is not closed by `#end`"),
        ("x\n#end", "2:1: an `#end` without its `#if` or `#foreach`"),
        ("#else", "1:1: an `#else` without its `#if`"),
        (
            "#foreach($x on [1])#end",
            "1:13: expected `in` in a `#foreach`",
        ),
        (
            "#foreach($x in [1])",
            "1:1: a `#foreach` is not closed by `#end`",
        ),
        ("é#set($x 1)", "1:10: expected `=` in a `#set`"),
        ("#set(x = 1)", "1:1: expected a variable in a `#set`"),
        (
            "#set($x = )",
            "1:11: expected a value: `$name`, a number, a text in quotes, …",
        ),
        ("#set($x = 1", "1:1: a directive is not closed by `)`"),
        ("#set($x = 'a)", "1:11: a text in quotes is not closed"),
        (
            "#set($x = \"a\n $y[\")",
            "2:5: expected a value: `$name`, a number, a text in quotes, …",
        ),
        ("#set($x = [1, 2)", "1:16: expected `,` or `]`"),
        ("#set($x = {'a' 1})", "1:16: expected `:` after a key"),
        ("#set($x = {'a': 1)", "1:18: expected `,` or `}`"),
        ("#if $x", "1:1: expected `(` after `#if`"),
        (
            "#if($x y)#end",
            "1:8: expected an operator or the `)` of the directive",
        ),
        ("$x.y(1", "1:7: expected `,` or `)`"),
        ("#* open", "1:1: a comment `#*` is not closed by `*#`"),
        ("#[[ open", "1:1: a text `#[[` is not closed by `]]#`"),
        ("#macro($x)#end", "1:8: expected a name in a `#macro`"),
        ("#foo(1", "1:1: `#foo(` is not closed by `)`"),
        (
            "#parse('x')",
            "1:1: `#parse` is not supported: a mapping template has no others, and no data becomes \
             one",
        ),
        (
            "$input.json(\"$[\")",
            "1:1: `$[`: expected an index, a quoted name or `*` after `[`",
        ),
        (
            "$input.json('$[')",
            "1:1: `$[`: expected an index, a quoted name or `*` after `[`",
        ),
        (
            "$input.body.replaceAll('(', '')",
            "1:1: the pattern `(` is no regular expression: a `(` is not closed",
        ),
    ] {
        assert_eq!(
            render(template, "").unwrap_err().to_string(),
            problem,
            "{template}"
        );
    }
}
