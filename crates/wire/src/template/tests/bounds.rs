//! Nothing that a template or a body does goes on without end, or deeper than a stack.

use proptest::prelude::*;

use super::*;

#[test]
fn template_and_output_are_bounded() {
    let long = "x".repeat(300 * 1024 + 1);
    assert_eq!(
        Template::parse(&long).unwrap_err(),
        TemplateError::TooLong(307_201)
    );
    let body = "x".repeat(1024 * 1024);
    assert_eq!(
        problem(&"$input.body".repeat(7), &body),
        "1:67: the template renders to more than 6291456 bytes"
    );
}

#[test]
fn what_never_ends_is_stopped() {
    const STEPS: &str = "takes too many steps";
    const MEMORY: &str = "take too much memory";
    const DEPTH: &str = "goes too deep";
    const OUTPUT: &str = "renders to more than";
    for (template, limit) in [
        (
            "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])#end#end#end",
            STEPS,
        ),
        ("#foreach($a in [1..2000000000])#end", MEMORY),
        (
            "#set($x = [-9223372036854775807..9223372036854775807])",
            MEMORY,
        ),
        (
            "#set($s = 'x')#foreach($i in [1..100])#set($s = $s + $s)#end",
            OUTPUT,
        ),
        (
            "#set($s = 'x')#foreach($i in [1..100])#set($s = \"$s$s\")#end",
            OUTPUT,
        ),
        (
            "#set($s = 'x')#foreach($i in [1..100])#set($s = $s.concat($s))#end",
            MEMORY,
        ),
        (
            "#set($s = 'xx')#foreach($i in [1..100])#set($s = $s.replace('x', $s))#end",
            MEMORY,
        ),
        (
            "#set($s = 'xx')#foreach($i in [1..100])#set($s = $s.replaceAll('x', $s))#end",
            MEMORY,
        ),
        ("#set($s = 'x')$s.repeat(2000000000)", MEMORY),
        (
            "#set($s = 'x')#foreach($i in [1..30000])#set($s = $s + 'xxxxxxxxxx')#end",
            STEPS,
        ),
        (
            "#set($l = [1])#foreach($i in [1..100])#set($x = $l.addAll($l))#end",
            MEMORY,
        ),
        (
            "#set($l = [1..50000])#foreach($i in [1..50000])#set($x = $l.remove(0))#end",
            STEPS,
        ),
        (
            "#set($l = [1..50000])#foreach($i in [1..50000])#set($x = $l.contains(0))#end",
            STEPS,
        ),
        (
            "#set($l = [1..20000])#foreach($i in [1..20000])#set($x = $l.clone())#end",
            MEMORY,
        ),
        (
            "#set($m = {})#foreach($i in [1..1000000])#set($x = $m.put($i, $i))#end",
            STEPS,
        ),
        ("#macro(m)#m()#end#m()", DEPTH),
        ("#macro(m $a)#m(\"$a$a\")#end#m('x')", DEPTH),
        ("#define($d)$d#end$d", DEPTH),
        ("#set($l = [])#set($x = $l.add([$l]))$l", DEPTH),
        (
            "#set($l = [])#foreach($i in [1..1000])#set($l = [$l])#end$l",
            DEPTH,
        ),
        (
            "#set($m = {})#set($n = {'m': $m})#set($m.n = $n)#if($m == {'n': {}})#end$m",
            DEPTH,
        ),
        (
            "#set($l = [])#foreach($i in [1..20])#set($l = [$l, $l])#end$l",
            STEPS,
        ),
    ] {
        let message = problem(template, "");
        assert!(message.contains(limit), "{template}: {message}");
    }
}

#[test]
fn values_that_hold_each_other_deeply_are_dropped() {
    assert_all(&[
        (
            "#set($l = [])#foreach($i in [1..100000])#set($l = [$l])#end$l.size()",
            "1",
        ),
        (
            "#set($m = {})#foreach($i in [1..50000])#set($m = {'m': $m})#end$m.size()",
            "1",
        ),
        (
            "#set($e = 1)#foreach($i in [1..20000])#set($m = {'k': $e})\
             #foreach($n in $m.entrySet())#set($e = $n)#end#end$e.key",
            "k",
        ),
    ]);
}

#[test]
fn printing_costs_steps() {
    let template = "#set($l = [1..1000])#foreach($i in [1..10000])#set($s = \"$l\")#end";
    assert!(problem(template, "").contains("too many steps"));
}

#[test]
fn sources_that_nest_deeply_are_refused() {
    let nested = |open: &str, close: &str| {
        let template = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        problem(&template, "")
    };
    for (open, close) in [
        ("#if(true)", "#end"),
        ("#foreach($x in [1])", "#end"),
        ("$a.b(", ")"),
        ("$a[", "]"),
    ] {
        assert!(nested(open, close).contains("nested"), "{open}");
    }
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("{1:", "}")] {
        let template = format!(
            "#set($x = {}1{})",
            open.repeat(10_000),
            close.repeat(10_000)
        );
        assert!(problem(&template, "").contains("nested"), "{open}");
    }
}

#[test]
fn long_chains_nest_nothing() {
    let chain = |operator: &str| vec!["1"; 50_000].join(operator);
    assert_all(&[
        (&format!("#set($x = {})$x", chain(" + ")), "50000"),
        (&format!("#set($x = {})$x", chain(" && ")), "true"),
        (&format!("#set($x = [{}])$x.size()", chain(",")), "50000"),
        (
            &format!("#if(false){}#end", "#elseif(false)x".repeat(20_000)),
            "",
        ),
        (
            &format!("$a{}", ".b".repeat(100_000)),
            &format!("$a{}", ".b".repeat(100_000)),
        ),
    ]);
}

#[test]
fn a_body_that_nests_deeply_is_read_or_refused() {
    let body = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(render("$input.json('$')", &body(100)), Ok(body(100)));
    assert!(problem("$input.json('$')", &body(100_000)).contains("recursion limit"));
    assert!(problem("$util.parseJson($input.body)", &body(100_000)).contains("recursion limit"));
}

#[test]
fn paths_and_patterns_over_a_body_are_bounded() {
    let numbers: Vec<u32> = (0..20_000).collect();
    let body = serde_json::json!({
        "l": numbers,
        "a": format!("b{}", "a".repeat(100_000)),
        "p": "(a|a)*b(?!x)\\1",
    });
    for (template, limit) in [
        ("$input.json('$.l[?(@ in $.l)]')", "too many steps"),
        (
            "#set($p = $input.path('$.p'))#set($a = $input.path('$.a'))$a.matches($p)",
            "too many steps",
        ),
        (
            "#set($p = $input.path('$.p'))#set($s = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')$s.matches($p)",
            "takes too long",
        ),
        (
            "#set($a = $input.path('$.a'))$a.replaceAll('a(?=.*b)', '')",
            "too many steps",
        ),
        (
            "#set($a = $input.path('$.a'))$a.replaceAll('a', 'aa')",
            "too many steps",
        ),
        (
            "#set($a = $input.path('$.a'))#foreach($i in [1..1000])#set($x = $a.split(\"b|$i\"))#end",
            "too many steps",
        ),
    ] {
        let message = problem(template, &body.to_string());
        assert!(message.contains(limit), "{template}: {message}");
    }
}

/// A list of a client compiles fewer expressions than it can hold.
#[test]
fn patterns_of_a_client_are_few() {
    let body = |count: usize| {
        let patterns: Vec<String> = (0..count).map(|number| format!("a{number}")).collect();
        serde_json::to_string(&patterns).unwrap()
    };
    let template = "#set($x = 'x')#foreach($p in $input.path('$'))#if($x.matches($p))x#end#end";
    assert_renders(&body(50), &[(template, "")]);
    assert!(problem(template, &body(100)).contains("too many steps"));
}

#[test]
fn a_long_text_may_be_replaced_in_many_places() {
    let words = "word \n ".repeat(10_000);
    let body = serde_json::json!({ "t": words }).to_string();
    let rendered = render(
        r"#set($t = $input.path('$.t'))$t.replaceAll('\s+', ' ').length()",
        &body,
    );
    assert_eq!(rendered.as_deref(), Ok("50000"));
    let rendered = render(
        r"#set($t = $input.path('$.t'))$t.replaceAll('^\s+|\s+$', '').length()",
        &body,
    );
    assert_eq!(rendered.as_deref(), Ok("69997"));
}

/// Half of what a thread of the server has, in a build that uses more of it.
const STACK_BYTES: usize = 1024 * 1024;

#[test]
fn what_is_as_deep_as_it_may_be_fits_a_stack() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let blocks = nested("#if(true)#foreach($x in [1])", "#m()", "#end#end", 20);
    let calls = nested("$l.subList(0, $l.indexOf(", "1", "))", 20);
    let lists = nested("[", "$x", "]", 46);
    let parentheses = nested("(1 + 2 * ", "3", ")", 46);
    let filters = nested("[?(", "@.a", ")]", 8);
    let list = "#set($x = [])#foreach($i in [1..120])#set($x = [$x])#end";
    let templates = [
        format!("#macro(m){blocks}#end#m()"),
        "#macro(m $a)#if($a.size() < 0)#m([$a, \"$a\"])#else#m([$a])#end#end#m([])".to_owned(),
        format!("#set($l = [1]){calls}"),
        format!("{list}#set($x = {lists})$x"),
        format!("{list}$x"),
        format!("{list}#set($y = $x)#if($x == [$y])y#end"),
        format!("#set($x = {parentheses})$x"),
        format!("#set($p = '$.a{filters}')$input.json($p)"),
        "#define($d)#if(true)$d#end#end$d".to_owned(),
        "#macro(m $a)#m(\"#if(true)$a#end\")#end#m('x')".to_owned(),
    ];
    let render_all = move || {
        for template in templates {
            let _ = render(&template, r#"{"a": [1]}"#);
        }
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(render_all).unwrap().join().unwrap();
}

fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "#set($x = ",
        "#set($y = ",
        "#if(",
        "#elseif(",
        "#else",
        "#end",
        "#foreach($i in ",
        "#macro(m $a)",
        "#m(",
        "#define($d)",
        "#break",
        "#stop",
        "#@m(",
        "$bodyContent",
        "$d",
        "$i",
        "$x",
        "$y",
        "$!x",
        "${x}",
        "$foreach.index",
        "$input.body",
        "$input.path('$')",
        "$input.json('$.a')",
        "$input.params()",
        "$context",
        "$context.x",
        "$stageVariables",
        "$util.parseJson(",
        "$util.escapeJavaScript(",
        ".add(",
        ".put('k', ",
        ".get(",
        ".size()",
        ".entrySet()",
        ".replaceAll('a', ",
        ".split(",
        ".substring(1)",
        "[0]",
        "['k']",
        "[1..3]",
        "[",
        "]",
        "{'k': ",
        "}",
        "(",
        ")",
        "\"",
        "'",
        "\\",
        "\n",
        " ",
        ",",
        "1",
        "-1",
        "2.5",
        "'text'",
        "\"$x\"",
        "true",
        " + ",
        " == ",
        " && ",
        "!",
        " / ",
        "0",
        "#[[",
        "]]#",
        "##",
        "#*",
        "*#",
        "é",
        "😀",
        "$",
        "#",
    ];
    prop::sample::select(pieces.map(str::to_owned).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_template_over_any_body_ends(
        pieces in prop::collection::vec(piece(), 0..16),
        body in crate::expression::tests::any_json(),
    ) {
        let _ = render(&pieces.concat(), &body.to_string());
    }

    #[test]
    fn any_text_over_any_text_ends(template in "[a$#{}()'\"\\\\.\\[\\]! é\n=1]{0,24}", body in ".{0,8}") {
        let _ = render(&template, &body);
    }

    #[test]
    fn text_without_velocity_renders_as_it_is(text in r"[^$#\\]{0,40}") {
        prop_assert_eq!(render(&text, ""), Ok(text));
    }
}
