//! Queries against what AWS documents of them.

mod malformed;

use proptest::prelude::*;

use super::*;

/// 2026-09-25T00:00:00Z.
const MIDNIGHT: i64 = 1_790_294_400_000;
const BOUNDS: Bounds = Bounds {
    rows: 10_000,
    memory: 1 << 20,
};

fn event(at_ms: i64, row: i64, message: &str, log: &str) -> Event {
    let pointer = Pointer {
        log: format!("000000000000:{log}").into(),
        timestamp_ms: at_ms,
        row,
    };
    let is_of_function = log.starts_with("/aws/lambda/");
    Event::new(
        pointer,
        at_ms + 7,
        "stream".into(),
        message.to_owned(),
        is_of_function,
    )
}

/// What a query finds in messages a second apart, as `a=1 b=2` for each row, without `@ptr`.
fn run_in(
    query: &str,
    messages: &[&str],
    log: &str,
    bounds: Bounds,
) -> Result<Vec<String>, TooMuch> {
    let query = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let mut execution = query.start(bounds, MIDNIGHT);
    // The newest come first.
    for (at, message) in (0_i64..)
        .zip(messages)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        execution.push(event(MIDNIGHT + at * 1000, at, message, log))?;
    }
    let rows = execution.finish()?.rows.into_iter().map(|row| {
        let fields = row.into_iter().filter(|(name, _)| name != "@ptr");
        let fields: Vec<String> = fields
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        fields.join(" ")
    });
    Ok(rows.collect())
}

fn run(query: &str, messages: &[&str]) -> Vec<String> {
    run_in(query, messages, "group", BOUNDS).unwrap()
}

/// The value of an expression over no event in particular.
fn value(expression: &str) -> String {
    let rows = run(
        &format!("fields {expression} as x | display x"),
        &[r#"{"n": 5, "s": "xyZfooxyZ", "empty": "", "flag": true, "a": {"b.c": [{"d": 7}]}}"#],
    );
    rows[0].strip_prefix("x=").unwrap_or("nothing").to_owned()
}

#[test]
fn operators_and_functions() {
    for (expression, expected) in [
        ("1 + 2 * 3 - 4", "3"),
        ("2 ^ 3 ^ 2", "512"),
        ("10 % 3", "1"),
        ("-n + 1", "-4"),
        ("(1 + 2) * n", "15"),
        ("1 / 0", "nothing"),
        ("n / 3", "1.6667"),
        ("1.5e3", "1500"),
        ("abs(-n)", "5"),
        ("ceil(1.2)", "2"),
        ("floor(-1.2)", "-2"),
        ("greatest(1, n, 3)", "5"),
        ("least(1, n, 3)", "1"),
        ("log(1)", "0"),
        ("sqrt(16)", "4"),
        ("round(2.345, 2)", "2.35"),
        ("ispresent(n)", "1"),
        ("isPresent(m)", "0"),
        ("coalesce(m, n)", "5"),
        ("if(n > 3, 'big', 'small')", "big"),
        ("isempty(empty)", "1"),
        ("isempty(s)", "0"),
        ("isblank(m)", "1"),
        ("concat(n, '-', s)", "5-xyZfooxyZ"),
        ("ltrim(s, 'xyZ')", "fooxyZ"),
        ("rtrim(s, 'xyZ')", "xyZfoo"),
        ("trim(s, 'xyZ')", "foo"),
        ("trim('  a b ')", "a b"),
        ("strlen('añ€')", "3"),
        ("toupper('aß')", "ASS"),
        ("tolower(s)", "xyzfooxyz"),
        ("substr(s, 3)", "fooxyZ"),
        ("substr(s, 3, 3)", "foo"),
        ("replace('foo', 'o', '0')", "f00"),
        ("strcontains(s, 'foo')", "1"),
        ("strcontains(s, 'FOO')", "0"),
        ("startsWith(s, 'xy')", "1"),
        ("toMillis(@timestamp)", "1790294400000"),
        ("fromMillis(1790294508123)", "2026-09-25 00:01:48.123"),
        (
            "datefloor(fromMillis(1790294508123), 1h)",
            "2026-09-25 00:00:00.000",
        ),
        (
            "dateceil(fromMillis(1790294508123), 1h)",
            "2026-09-25 01:00:00.000",
        ),
        ("bin(1d)", "2026-09-25 00:00:00.000"),
        ("now()", "1790294400"),
        ("isValidIp('2001:db8::1')", "1"),
        ("isValidIpV4('2001:db8::1')", "0"),
        ("isIpv4InSubnet('192.0.2.7', '192.0.2.0/24')", "1"),
        ("isIpv4InSubnet('192.0.3.7', '192.0.2.0/24')", "0"),
        ("isIpv6InSubnet('2001:db8:1::1', '2001:db8::/32')", "1"),
        ("isIpInSubnet('192.0.2.7', '0.0.0.0/0')", "1"),
        // Conditions are 0 or 1.
        ("n = 5 and s like 'foo'", "1"),
        ("n = '5'", "1"),
        ("not n = 5 or s like /^foo/", "0"),
        ("s =~ /(?i)FOO/", "1"),
        ("s not like /foo/", "0"),
        ("n in [1, 5, 'x']", "1"),
        ("n not in [1, 5]", "0"),
        ("flag = true", "1"),
        ("flag = 1", "1"),
        ("flag", "1"),
        ("n >= 5 and n <= 5 and n != 4", "1"),
        // What is not there is only unequal.
        ("m = 1 or m < 1 or m like /a/ or m in [1]", "0"),
        ("m != 1", "1"),
        ("a.b.c.0.d", "7"),
        ("a.b.c.1.d", "nothing"),
        ("`a.b.c.0.d` + 1", "8"),
        ("a", "nothing"),
        // Comments go to the end of the line.
        ("1 # + 1\n + 2", "3"),
        (r#"'a\'b' = "a'b""#, "1"),
    ] {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

const LOG: [&str; 4] = [
    "25 May 2019 10:24:39,474 [ERROR] {foo=2, bar=data} The error was: DataIntegrityException",
    "25 May 2019 10:24:40,101 [INFO] started",
    r#"{"level": "warn", "ms": 12.5, "user": {"name": "Ann"}, "@x": 1}"#,
    r#"{"level": "warn", "ms": 7, "user": {"name": "Bob"}}"#,
];

#[test]
fn fields_are_shown_in_order_and_the_newest_events_first() {
    assert_eq!(
        run("limit 1", &LOG),
        [format!(
            "@timestamp=2026-09-25 00:00:03.000 @message={}",
            LOG[3]
        )]
    );
    assert_eq!(
        run("fields level, user.name, @@x | filter ispresent(ms)", &LOG),
        ["level=warn user.name=Bob", "level=warn user.name=Ann @@x=1"]
    );
    assert_eq!(
        run(
            "fields ms * 2 as double, level | fields ms | filter double > 20",
            &LOG
        ),
        ["double=25 level=warn ms=12.5"]
    );
    assert_eq!(
        run("fields @log, @logStream | limit 1", &LOG),
        ["@log=000000000000:group @logStream=stream"]
    );
    assert_eq!(
        run(
            "filter @message like 'started' | display @ingestionTime",
            &LOG
        ),
        ["@ingestionTime=2026-09-25 00:00:01.007"]
    );
    // The last `display` says all.
    assert_eq!(
        run(
            "fields level | display ms | display user.name | limit 1",
            &LOG
        ),
        ["user.name=Bob"]
    );
    assert!(run("fields nothing", &LOG).iter().all(String::is_empty));
}

#[test]
fn parse_takes_pieces_by_a_glob_and_by_a_regular_expression() {
    let expected = ["level=ERROR config={foo=2, bar=data} exception=DataIntegrityException"];
    for parse in [
        r#"parse @message "[*] * The error was: *" as level, config, exception"#,
        r#"parse "[*] * The error was: *" as level, config, exception"#,
        r"parse @message /\[(?<level>\S+)\]\s+(?<config>\{.*\})\s+The error was: (?<exception>\S+)/",
        r"parse @message /\[(\S+)\]\s+(\{.*\})\s+The error was: (\S+)/ as level, config, exception",
    ] {
        let query = format!("{parse} | filter ispresent(exception)");
        assert_eq!(run(&query, &LOG), expected, "{parse}");
    }
    assert_eq!(
        run(
            "parse @message '[*]' as kind | filter kind = 'INFO' | display kind",
            &LOG
        ),
        ["kind=INFO"]
    );
    let latencies = [
        "user=ann, method:GET, latency := 12",
        "user=bob, method:GET, latency := 8",
    ];
    assert_eq!(
        run(
            r#"parse @message "user=*, method:*, latency := *" as @user, @method, @latency
               | stats avg(@latency) by @method"#,
            &latencies
        ),
        ["@method=GET avg(@latency)=10"]
    );
    assert_eq!(
        run(
            r"parse /user=(?<the_user>[(?<x>\w]+)/ | sort the_user",
            &latencies
        ),
        ["the_user=ann", "the_user=bob"]
    );
}

#[test]
fn stats_aggregate_by_groups() {
    let numbers: Vec<String> = (1..=10)
        .map(|n| format!(r#"{{"n": {n}, "even": "{}", "s": "v{n}"}}"#, n % 2 == 0))
        .collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(
        run(
            "stats count(*), count(m), count_distinct(even), sum(n), avg(n) as mean, min(n), max(n),
             pct(n, 50), pct(n, 95), stddev(n), earliest(n), latest(n), sortsFirst(s), sortsLast(s)",
            &numbers
        ),
        ["count(*)=10 count(m)=0 count_distinct(even)=2 sum(n)=55 mean=5.5 min(n)=1 max(n)=10 \
          pct(n, 50)=5 pct(n, 95)=10 stddev(n)=2.8723 earliest(n)=1 latest(n)=10 \
          sortsFirst(s)=v1 sortsLast(s)=v10"]
    );
    assert_eq!(
        run(
            "stats count(*) as n, sum(n) / 2 as half by even | sort even",
            &numbers
        ),
        ["even=false n=5 half=12.5", "even=true n=5 half=15"]
    );
    assert_eq!(
        run("stats count() by bin(5s) as t | sort t", &numbers),
        [
            "t=2026-09-25 00:00:00.000 count()=5",
            "t=2026-09-25 00:00:05.000 count()=5"
        ]
    );
    assert_eq!(
        run(
            "stats count(*) by bin(1m), even | sort even desc | limit 1",
            &numbers
        ),
        ["bin(1m)=2026-09-25 00:00:00.000 even=true count(*)=5"]
    );
    // An alias of `stats` has a meaning in what follows, also in itself.
    assert_eq!(
        run(
            "stats max(n) as most, min(n) as least, most - least as span
             | fields span * 10 as ten | filter ten > 50 | display span, ten",
            &numbers
        ),
        ["span=9 ten=90"]
    );
    assert_eq!(
        run(
            "stats count(*) as n by bin(1s), even | stats sum(n), count(*) by even | sort even",
            &numbers
        ),
        [
            "even=false sum(n)=5 count(*)=5",
            "even=true sum(n)=5 count(*)=5"
        ]
    );
    assert_eq!(
        run(
            "stats earliest(@timestamp), fromMillis(max(@timestamp)) as last",
            &numbers
        ),
        ["earliest(@timestamp)=1790294400000 last=2026-09-25 00:00:09.000"]
    );
    assert_eq!(run("filter n > 99 | stats count(*)", &numbers), [""; 0]);
}

#[test]
fn sort_limit_and_dedup() {
    let servers = [
        r#"{"server": "a", "severity": 1}"#,
        r#"{"server": "b", "severity": 10}"#,
        r#"{"server": "a", "severity": 9}"#,
        r#"{"severity": 3}"#,
        r#"{"severity": 4}"#,
    ];
    assert_eq!(
        run(
            "fields server, severity | sort severity desc | dedup server",
            &servers
        ),
        [
            "server=b severity=10",
            "server=a severity=9",
            "severity=4",
            "severity=3"
        ]
    );
    assert_eq!(
        run(
            "fields severity | sort server desc, severity asc | limit 2",
            &servers
        ),
        ["severity=10", "severity=1"]
    );
    assert_eq!(
        run(
            "fields severity | sort severity | limit 3 | sort severity desc | limit 1",
            &servers
        ),
        ["severity=4"]
    );
    let many: Vec<String> = (0..500)
        .map(|n| format!(r#"{{"n": {}}}"#, n * 7 % 500))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        run("fields n | sort n desc | limit 3", &many),
        ["n=499", "n=498", "n=497"]
    );
}

#[test]
fn fields_of_functions_logs_are_discovered() {
    let id = "8a4b0d4e-6a1f-4c6b-9f0e-2d1b6f1f2c3d";
    let lines = [
        format!("START RequestId: {id} Version: $LATEST\n"),
        format!("2026-09-25T00:00:00.000Z\t{id}\tINFO\tgot {{\"room\": \"a\"}} and more\n"),
        format!("END RequestId: {id}\n"),
        format!(
            "REPORT RequestId: {id}\tDuration: 28.05 ms\tBilled Duration: 112 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 79 MB\tInit Duration: 83.67 ms\t\n"
        ),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let run = |query| run_in(query, &lines, "/aws/lambda/f", BOUNDS).unwrap();
    assert_eq!(
        run("filter @type = 'REPORT'
             | fields @duration, @billedDuration, @memorySize, @maxMemoryUsed, @initDuration"),
        [
            "@duration=28.05 @billedDuration=112.0 @memorySize=1.28E8 @maxMemoryUsed=7.9E7 \
          @initDuration=83.67"
        ]
    );
    assert_eq!(
        run(
            "filter @type = 'REPORT' | stats max(@memorySize / 1024 / 1024) as provisonedMemoryMB,
             max(@maxMemoryUsed / 1024 / 1024) as maxMemoryUsedMB,
             provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB"
        ),
        ["provisonedMemoryMB=122.0703 maxMemoryUsedMB=75.3403 overProvisionedMB=46.73"]
    );
    assert_eq!(
        run("stats count(*) by @requestId"),
        [format!("@requestId={id} count(*)=4")]
    );
    assert_eq!(run("filter room = 'a' | fields room"), ["room=a"]);
    assert_eq!(
        run("filter @type in ['START', 'END'] | fields @type"),
        ["@type=END", "@type=START"]
    );
    // Elsewhere such lines are like all others, and JSON is the whole message.
    let elsewhere = run_in(
        "filter ispresent(@type) or ispresent(room)",
        &lines,
        "g",
        BOUNDS,
    );
    assert!(elsewhere.unwrap().is_empty());
}

#[test]
fn a_record_has_every_field() {
    let line = r#"{"a": {"b": [1, true]}, "@x": "y", "n": null}"#;
    let event = event(MIDNIGHT, 0, line, "/aws/lambda/f");
    let record: Vec<String> = event
        .record()
        .into_iter()
        .filter(|(name, _)| name != "@ptr")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        record,
        [
            "@@x=y",
            "@ingestionTime=1790294400007",
            "@log=000000000000:/aws/lambda/f",
            "@logStream=stream",
            &format!("@message={line}"),
            "@timestamp=1790294400000",
            "a.b.0=1",
            "a.b.1=1",
        ]
    );
}

#[test]
fn a_pointer_leads_back_to_its_event() {
    let query = Query::parse("fields @ptr").unwrap();
    let mut execution = query.start(BOUNDS, 0);
    let pushed = event(MIDNIGHT, 7, "m", "a group");
    let pointer = pushed.pointer.clone();
    execution.push(pushed).unwrap();
    let outcome = execution.finish().unwrap();
    let [row] = outcome.rows.as_slice() else {
        panic!()
    };
    let [(name, value)] = row.as_slice() else {
        panic!()
    };
    assert_eq!(name, "@ptr");
    assert_eq!(Pointer::parse(value), Some(pointer));
    assert_eq!(Pointer::parse("nonsense"), None);
    assert_eq!(outcome.records_matched, 1);
}

#[test]
fn what_passes_the_filters_is_counted_whatever_is_shown() {
    for (query, matched) in [
        ("limit 1", 4),
        ("filter ispresent(level) | limit 1", 2),
        ("filter ispresent(level) | stats count(*)", 2),
        ("filter ispresent(level) | sort ms | filter ms > 8", 2),
        ("filter level = 'none'", 0),
    ] {
        let query = Query::parse(query).unwrap();
        let mut execution = query.start(BOUNDS, 0);
        for message in LOG {
            execution.push(event(0, 0, message, "g")).unwrap();
        }
        assert_eq!(execution.finish().unwrap().records_matched, matched);
    }
}

#[test]
fn rows_and_memory_are_bounded() {
    let few = Bounds { rows: 2, ..BOUNDS };
    assert_eq!(run_in("fields level", &LOG, "g", few).unwrap().len(), 2);
    let rows = run_in("fields ms | sort ms", &LOG, "g", few).unwrap();
    assert_eq!(rows, ["", ""]);
    let small = Bounds {
        memory: 2000,
        ..BOUNDS
    };
    let messages = ["a"; 100];
    for query in [
        "fields @message",
        "sort @message",
        "stats pct(strlen(@message), 5), pct(1, 5), pct(1, 6), pct(1, 7)",
        "stats count(*) by @timestamp",
        "dedup @timestamp",
    ] {
        let found = run_in(query, &messages, "g", small);
        assert_eq!(found, Err(TooMuch::Memory(2000)), "{query}");
    }
    // What a limit leaves out is not held.
    let many: Vec<String> = (0..5000).map(|n| format!("{n:04}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let little = Bounds {
        memory: 30_000,
        ..BOUNDS
    };
    let rows = run_in(
        "fields @message | sort @message | limit 2",
        &many,
        "g",
        little,
    );
    assert_eq!(rows.unwrap(), ["@message=0000", "@message=0001"]);
    let evil = format!("{}!", "a".repeat(50_000));
    let found = run_in(
        "filter @message like /^(?=(a+)+$)(a+)+$/",
        &[&evil],
        "g",
        BOUNDS,
    );
    assert!(matches!(found, Err(TooMuch::Regex(_))));
}

/// Texts of the words of queries.
fn any_query() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "fields",
        "filter",
        "parse",
        "sort",
        "limit",
        "stats",
        "display",
        "dedup",
        "|",
        ",",
        "(",
        ")",
        "[",
        "]",
        "by",
        "as",
        "and",
        "or",
        "not",
        "in",
        "like",
        "=~",
        "=",
        "!=",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "@message",
        "@timestamp",
        "a.b",
        "`c d`",
        "x",
        "y",
        "1",
        "2.5",
        "5m",
        "'t'",
        "\"*\"",
        "/(?<z>a+)/",
        "count(*)",
        "avg(",
        "pct(x, 5)",
        "bin(5m)",
        "strlen(",
        "replace(",
        "concat(",
        "coalesce(",
        "desc",
        "true",
        "\n",
        "# c\n",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_none(query: String) {
        if let Err(error) = Query::parse(&query) {
            prop_assert!(error.start <= error.end && error.end <= query.chars().count());
        }
    }

    #[test]
    fn any_words_are_a_query_that_ends_or_none(query in any_query(), message: String) {
        if let Ok(query) = Query::parse(&query) {
            let mut execution = query.start(BOUNDS, 0);
            for (at, message) in [(2, message.as_str()), (1, r#"{"a": {"b": 1}, "x": "y"}"#)] {
                if execution.push(event(at, 0, message, "/aws/lambda/f")).is_err() {
                    return Ok(());
                }
            }
            if let Ok(outcome) = execution.finish() {
                prop_assert!(outcome.rows.len() <= 2);
            }
        }
    }

    #[test]
    fn any_line_of_a_function_can_be_asked(message: String) {
        let _ = run_in(
            "fields @type, @duration, @requestId, a.b",
            &[&message, &format!("REPORT RequestId: {message}")],
            "/aws/lambda/f",
            BOUNDS,
        );
    }

    #[test]
    fn sorting_with_a_limit_is_sorting_and_then_cutting(numbers: Vec<i32>, limit in 1_usize..20) {
        let events: Vec<String> = numbers.iter().map(|n| format!(r#"{{"n": {n}}}"#)).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let rows = run(&format!("fields n | sort n | limit {limit}"), &events);
        let mut sorted = numbers;
        sorted.sort_unstable();
        let expected: Vec<String> =
            sorted.iter().take(limit).map(|n| format!("n={n}")).collect();
        prop_assert_eq!(rows, expected);
    }
}
