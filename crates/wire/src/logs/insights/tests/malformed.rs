//! What is no query, and where that is said to be.

use super::{MAX_CHARACTERS, MalformedQuery, Query, run};

#[test]
fn what_is_no_query_is_refused_with_its_place() {
    for (query, message, start, end) in [
        (
            "",
            "unexpected symbol found <EOF> at line 1 and position 1",
            0,
            0,
        ),
        (
            "fields @timestamp, custom_field | count()",
            "unexpected symbol found count at line 1 and position 35",
            34,
            39,
        ),
        (
            "fields a\n| pattern @message",
            "unexpected symbol found pattern at line 2 and position 3",
            11,
            18,
        ),
        (
            "filter ä = and",
            "unexpected symbol found and at line 1 and position 12",
            11,
            14,
        ),
        (
            "fields foo(a)",
            "unexpected symbol found foo at line 1 and position 8",
            7,
            10,
        ),
        (
            "fields count(*)",
            "unexpected symbol found count at line 1 and position 8",
            7,
            12,
        ),
        (
            "stats sum(avg(a))",
            "unexpected symbol found avg at line 1 and position 11",
            10,
            13,
        ),
        (
            "stats count(*) as n by a | sort b",
            "Unknown symbols found in or after stats: b",
            32,
            33,
        ),
        (
            "stats count(*) by bin(1h) | sort bin(1h)",
            "Unknown symbols found in or after stats: @timestamp",
            33,
            36,
        ),
        (
            "fields a + 1 as x | fields a + 2 as x",
            "Ephemeral field is already defined: x",
            27,
            32,
        ),
        (
            "dedup a | sort b",
            "unexpected symbol found sort at line 1 and position 11",
            10,
            14,
        ),
        (
            "parse @message '* *' as a",
            "the glob has 2 `*` and 1 names behind `as`: each needs one",
            15,
            20,
        ),
        ("fields strlen()", "strlen does not take 0 arguments", 7, 15),
        (
            "limit 10001",
            "unexpected symbol found 10001 at line 1 and position 7",
            6,
            11,
        ),
        (
            "fields bin(5x)",
            "unexpected symbol found 5x at line 1 and position 12",
            11,
            13,
        ),
        (
            "filter a = 'open",
            "unexpected symbol found 'open at line 1 and position 12",
            11,
            16,
        ),
    ] {
        let found = Query::parse(query).map(|_| ());
        let expected = MalformedQuery {
            message: message.to_owned(),
            start,
            end,
        };
        assert_eq!(found, Err(expected), "{query}");
    }
    for query in [
        "fields",
        "fields a,",
        "fields a b",
        "| fields a",
        "fields a |",
        "filter",
        "filter a like b",
        "filter a like /(/",
        "filter a not b",
        "filter a in 1",
        "filter a in []",
        "sort",
        "limit",
        "limit 0",
        "limit 1.5",
        "limit 'a'",
        "stats",
        "stats count(*) by",
        "stats a",
        "stats pct(a)",
        "stats pct(a, 101)",
        "parse",
        "parse @message",
        "parse @message 'a' as b",
        "parse @message /a/",
        "parse @message /(a)/ as b, c",
        "parse @message /(?<a>b)/ as",
        "dedup",
        "display",
        "fields `a",
        "fields a ? b",
        "fields 5m",
        "filter a = 1 = 2",
        "filter (a = 1",
        "unmask(@message)",
        "fields a as",
        "diff",
        "SOURCE 'x'",
        "parse @message /open",
    ] {
        assert!(Query::parse(query).is_err(), "{query}");
    }
    assert!(Query::parse(&format!("fields a{}", " ".repeat(MAX_CHARACTERS))).is_err());
    for deep in ["(", "-", "not ", "abs(", "1 ^ "] {
        assert!(Query::parse(&format!("filter {}", deep.repeat(2000))).is_err());
    }
    // What is long, but not deep, is a query.
    let long = format!("fields 1{} as x", " + 1".repeat(2000));
    assert_eq!(run(&format!("{long} | display x"), &["m"]), ["x=2001"]);
}
