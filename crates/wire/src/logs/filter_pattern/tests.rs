//! Patterns against what AWS documents of them.

use proptest::prelude::*;

use super::*;
use crate::expression::tests::any_json;

/// The messages that a pattern matches, by their place.
fn matching(pattern: &str, messages: &[&str]) -> Vec<usize> {
    let pattern = FilterPattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let places = 0..messages.len();
    places.filter(|i| pattern.matches(messages[*i])).collect()
}

#[test]
fn terms_phrases_exclusions_and_alternatives() {
    let messages = [
        "[ERROR 400] BAD REQUEST",
        "[ERROR 401] UNAUTHORIZED REQUEST",
        "[ERROR 419] MISSING ARGUMENTS",
        "[ERROR 420] INVALID ARGUMENTS",
        "[INFO] Exiting with ERRORCODE: -1",
        "[WARN] slow",
    ];
    for (pattern, expected) in [
        ("", &[0, 1, 2, 3, 4, 5][..]),
        ("   ", &[0, 1, 2, 3, 4, 5]),
        (r#"" ""#, &[0, 1, 2, 3, 4, 5]),
        // A term is found inside of a word too; its case matters.
        ("ERROR", &[0, 1, 2, 3, 4]),
        ("error", &[]),
        ("ERROR REQUEST", &[0, 1]),
        (r#""BAD REQUEST""#, &[0]),
        ("ERROR -ARGUMENTS", &[0, 1, 4]),
        (r#""ERROR" - "Exiting""#, &[0, 1, 2, 3]),
        ("-ERROR", &[5]),
        ("?INVALID ?WARN", &[3, 5]),
        (r#"?"BAD REQUEST" ?WARN"#, &[0, 5]),
        // Beside other terms, alternatives are ignored.
        ("?INVALID ?WARN REQUEST", &[0, 1]),
        ("?BAD -ARGUMENTS", &[0, 1, 4, 5]),
        (r#""[ERROR 4""#, &[0, 1, 2, 3]),
        ("%AUTHORIZED%", &[1]),
        (r"%^\[WARN\]%", &[5]),
        ("%4[0-1][0-9]%", &[0, 1, 2]),
        (r"%\x5BERROR\s4\d0]%", &[0, 3]),
        ("%BAD|slow$%", &[0, 5]),
    ] {
        assert_eq!(matching(pattern, &messages), expected, "{pattern}");
    }
    assert_eq!(matching(r#""a\"b" "c\\d" "e\f""#, &[r#"a"b c\d e\f"#]), [0]);
}

const TRAIL: &str = r#"{
    "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": null, "cluster.name": "c", "ThisFlag": true, "latency": 50.5, "code": "404"
}"#;

const USERS: &str = r#"{
    "user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
    "actions": ["GET", "PUT", "DELETE"],
    "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]
}"#;

#[test]
fn json_selectors() {
    for (pattern, event, is_match) in [
        (r#"{ $.eventType = "UpdateTrail" }"#, TRAIL, true),
        (r#"{$.eventType="UpdateTrail"}"#, TRAIL, true),
        ("{ $.eventType = UpdateTrail }", TRAIL, true),
        ("{ $.eventType = *Trail }", TRAIL, true),
        (r#"{ $.eventType = "Update*" }"#, TRAIL, true),
        ("{ $.eventType = *dateT* }", TRAIL, true),
        ("{ $.eventType = * }", TRAIL, true),
        // In the middle a `*` is itself.
        ("{ $.eventType = Update*rail }", TRAIL, false),
        ("{ $.eventType = %^Up.*l$% }", TRAIL, true),
        ("{ $.sourceIPAddress != 123.123.* }", TRAIL, true),
        ("{ $.sourceIPAddress = 111.111.* }", TRAIL, true),
        (r#"{ $.arrayKey[0] = "value" }"#, TRAIL, true),
        (r#"{ $.arrayKey[1] = "value" }"#, TRAIL, false),
        ("{ $.objectList[1].id = 2 }", TRAIL, true),
        ("{ $.objectList[*].id = 2 }", TRAIL, true),
        ("{ $.objectList[*].id = 3 }", TRAIL, false),
        ("{ $.*[0] = value }", TRAIL, true),
        ("{ $.['cluster.name'] = c }", TRAIL, true),
        (r#"{ $["cluster.name"] = c }"#, TRAIL, true),
        ("{ $.SomeObject IS NULL }", TRAIL, true),
        ("{ $.SomeOtherObject IS NULL }", TRAIL, false),
        ("{ $.SomeOtherObject NOT EXISTS }", TRAIL, true),
        ("{ $.SomeObject NOT EXISTS }", TRAIL, false),
        ("{ $.ThisFlag IS TRUE }", TRAIL, true),
        ("{ $.ThisFlag IS FALSE }", TRAIL, false),
        // The form of the event must be that of the pattern.
        ("{ $.arrayKey = 1 }", TRAIL, false),
        ("{ $.arrayKey != 1 }", TRAIL, false),
        ("{ $.nothing != 1 }", TRAIL, false),
        ("{ $.latency >= 50.5 }", TRAIL, true),
        ("{ $.latency < 10e3 }", TRAIL, true),
        ("{ $.latency < 10e-3 }", TRAIL, false),
        ("{ $.latency > +1000 }", TRAIL, false),
        ("{ $.latency <= 50 }", TRAIL, false),
        ("{ $.code = 404 }", TRAIL, true),
        ("{ $.code = 4* }", TRAIL, true),
        ("{ $.code != 500 }", TRAIL, true),
        (
            r#"{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }"#,
            USERS,
            true,
        ),
        (
            r#"{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#,
            USERS,
            false,
        ),
        // `&&` binds more tightly than `||`.
        (
            r#"{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }"#,
            USERS,
            true,
        ),
        (
            r#"{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }"#,
            USERS,
            false,
        ),
        ("{ $.coordinates[0][1] = 1 }", USERS, true),
        ("{ $.user.id = 1 }", "no JSON", false),
        ("{ $.user.id = 1 }", r#"[{"user": {"id": 1}}]"#, false),
    ] {
        let parsed = FilterPattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        assert_eq!(parsed.matches(event), is_match, "{pattern}");
    }
}

#[test]
fn space_delimited_fields() {
    let messages = [
        r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534"#,
        r#"127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324"#,
        r#"127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /index.html HTTP/1.0" 404 4355"#,
    ];
    for (pattern, expected) in [
        (
            "[ip, user, username, timestamp, request, status_code, bytes]",
            &[0, 1, 2][..],
        ),
        ("[ip, user, username, timestamp, request, status_code]", &[]),
        ("[..., status_code, bytes]", &[0, 1, 2]),
        ("[ip, user, ..., status_code = 4*, bytes]", &[2]),
        ("[ip, user, ...]", &[0, 1, 2]),
        ("[..., request=*.html*, status_code=4*,]", &[2]),
        ("[..., bytes > 1534]", &[1, 2]),
        (
            "[..., status_code = 200 || status_code = 404, bytes]",
            &[0, 2],
        ),
        (
            "[..., status_code != 200 && status_code != 404, bytes]",
            &[1],
        ),
        ("[..., (s = 200 || s = 404) && s != 200, bytes]", &[2]),
        ("[..., status_code = %[45]0[0-9]%, bytes]", &[1, 2]),
        (
            r#"[ip, u, name = "frank", time = "10/Oct/2000:13:5*", ...]"#,
            &[2],
        ),
    ] {
        assert_eq!(matching(pattern, &messages), expected, "{pattern}");
    }
    let words = ["ERROR WARN message", "ERROR message", "WARN message"];
    assert_eq!(matching("[w1=ERROR, w2]", &words), [1]);
    assert_eq!(matching("[w1=ERROR || w1=WARN, w2]", &words), [1, 2]);
    assert_eq!(matching("[w1=%ERR.R%, w2, w3]", &words), [0]);
}

#[test]
fn what_is_no_pattern_is_refused_in_awss_words() {
    for (pattern, error) in [
        ("?Status: timeout", "Invalid character(s) in term ':'"),
        ("user@example.com", "Invalid character(s) in term '@'"),
        ("`ERROR", "Invalid character(s) in term '`'"),
        ("(a", "Invalid character(s) in term '('"),
        (r"level\:x", r"Invalid character(s) in term '\'"),
        (r#""""#, r#"Invalid character(s) in term '""'"#),
        (
            r#"{ $."sc-status" = 5* }"#,
            r#"Invalid character(s) in term '$."'"#,
        ),
        ("{ $.type = 'Root' }", "Invalid character(s) in term '''"),
        ("[t = 10/Oct*]", "Invalid character(s) in term '/'"),
        ("{ $.a = b, }", "Invalid character(s) in term ','"),
        ("%something!%", "Invalid character(s) in term '!'"),
        ("%(a|b)%", "Invalid character(s) in term '('"),
        ("%a b%", "Invalid character(s) in term ' '"),
        (r"%\bx%", r"Invalid character(s) in term '\b'"),
        (
            "{$.a=1",
            "If a filter pattern starts with '{' it must end with '}'",
        ),
        (
            "[time, level=ERROR, msg",
            "If a filter pattern starts with '[' it must end with ']'",
        ),
        (
            "{ $.id EXISTS }",
            "Invalid filter pattern: `EXISTS` is not supported; write `= *`",
        ),
        (
            "{ $.a < x }",
            "Invalid filter pattern: `<`, `<=`, `>` and `>=` compare with a number only",
        ),
        (
            "[..., a, ...]",
            "Invalid filter pattern: it has more than one `...`",
        ),
        (
            "[status = 4* && bytes > 1000]",
            "Invalid filter pattern: the conditions of one field all begin with its name",
        ),
        (
            "{ $.a = %1% || $.b = %2% || $.c = %3% }",
            "Invalid filter pattern: it has more than 2 regular expressions",
        ),
        (
            "{ $.a[*].b[*] = 1 }",
            "Invalid filter pattern: a selector has more than one wildcard",
        ),
        (
            "\"open",
            "Invalid filter pattern: a double quotation mark is not closed",
        ),
    ] {
        let found = FilterPattern::parse(pattern).map(|_| ());
        assert_eq!(
            found.map_err(|e| e.to_string()),
            Err(error.to_owned()),
            "{pattern}"
        );
    }
    for pattern in [
        "{}",
        "{ $ }",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a == 1 }",
        "{ $.a = 1 && }",
        "[a b]",
        "a -",
        "?",
        "%a",
        "{ $.a IS NOT NULL }",
    ] {
        assert!(FilterPattern::parse(pattern).is_err(), "{pattern}");
    }
    assert!(FilterPattern::parse(&"a".repeat(MAX_CHARACTERS + 1)).is_err());
    assert!(FilterPattern::parse(&format!("{{{}", "(".repeat(500))).is_err());
    let nested = format!("{{{}$.a = 1{}}}", "(".repeat(65), ")".repeat(65));
    assert!(FilterPattern::parse(&nested).is_err());
}

proptest! {
    #[test]
    fn any_text_is_a_pattern_or_none(pattern: String, message: String) {
        if let Ok(pattern) = FilterPattern::parse(&pattern) {
            pattern.matches(&message);
        }
    }

    #[test]
    fn any_text_of_the_characters_of_patterns_is_one_or_none(
        pattern in r#"[{\[%]?[ $.a1'"\\(=!<>&|*,?%\[\]\-)NOTEXISUL]{0,30}[}\]%]?"#,
        message in r#"[ a1"\[\]]{0,12}"#,
        event in any_json(),
    ) {
        if let Ok(pattern) = FilterPattern::parse(&pattern) {
            pattern.matches(&message);
            pattern.matches(&event.to_string());
        }
    }

    #[test]
    fn a_quoted_phrase_matches_what_contains_it(before: String, phrase: String, behind: String) {
        prop_assume!(!phrase.is_empty() && phrase.chars().count() < 300);
        let escaped = phrase.replace('\\', r"\\").replace('"', r#"\""#);
        let pattern = FilterPattern::parse(&format!("\"{escaped}\"")).unwrap();
        let message = format!("{before}{phrase}{behind}");
        prop_assert!(pattern.matches(&message));
        let excluding = FilterPattern::parse(&format!("-\"{escaped}\"")).unwrap();
        prop_assert!(!excluding.matches(&message));
    }

    #[test]
    fn a_value_is_equal_or_not_equal_when_it_is_one(text in "[a-z0-9]{1,4}", other in "[a-z0-9]{1,4}") {
        let event = serde_json::json!({ "a": text }).to_string();
        let matches = |operator| {
            let pattern = format!("{{ $.a {operator} \"{other}\" }}");
            FilterPattern::parse(&pattern).unwrap().matches(&event)
        };
        prop_assert_eq!(matches("="), text == other);
        prop_assert_eq!(matches("!="), text != other);
    }
}
