use proptest::prelude::*;

use super::*;

fn found(pattern: &str, text: &str) -> Option<(usize, usize)> {
    let regex = JavaRegex::new(pattern).unwrap();
    let found = regex.find_from(text, 0).unwrap()?;
    Some((found.range.start, found.range.end))
}

#[test]
fn patterns_mean_what_they_mean_in_java() {
    for (pattern, text, expected) in [
        ("b+", "abbc", Some((1, 3))),
        ("b+?", "abbc", Some((1, 2))),
        ("a{2}", "aaa", Some((0, 2))),
        ("a{2,}", "aaa", Some((0, 3))),
        (r"\d", "٣3", Some((2, 3))),
        (r"\w+", "éa1_", Some((2, 5))),
        (r"\s", "\u{A0} ", Some((2, 3))),
        (r"[^\w]", "aé", Some((1, 3))),
        (r"[\D]+", "1ab2", Some((1, 3))),
        (r"\Qa.b\E+", "a.bbb", Some((0, 5))),
        (r"[\Q^]\E]+", "a^]]", Some((1, 4))),
        ("a.c", "a\nc", None),
        ("a.c", "a\u{2028}c", None),
        ("(?s)a.c", "a\nc", Some((0, 3))),
        ("c$", "abc\n", Some((2, 3))),
        ("c$", "abc\nd", None),
        ("c$", "abc\r\n", Some((2, 3))),
        (r"\s$", "a\r\n", Some((2, 3))),
        (r"\s+$", "a \n", Some((1, 3))),
        (r"^\s+|\s+$", "a \n", Some((1, 3))),
        ("b$|(c)d\\1", "b\ncdc", Some((2, 5))),
        ("(b$)", "b\n", Some((0, 1))),
        (r"b\Z", "b\n", Some((0, 1))),
        (r"b\z", "b\n", None),
        ("(?m)^b$", "a\nb\nc", Some((2, 3))),
        ("(?i)straSSe", "STRASSE", Some((0, 7))),
        ("(?i)é", "É", None),
        ("(?i)k", "\u{212A}", None),
        ("(?i)[a-c]x", "BX", Some((0, 2))),
        ("a(?i)b", "aB", Some((0, 2))),
        ("(?:(?i)a)b", "AB", None),
        ("[a-z&&[^b]]+", "bac", Some((1, 3))),
        ("[]a]+", "x]a", Some((1, 3))),
        (r"\p{Alpha}+", "éab", Some((2, 4))),
        (r"\p{L}+", "1éa", Some((1, 4))),
        ("(a)(b)\\2", "abb", Some((0, 3))),
        ("(?<x>a)\\k<x>", "baa", Some((1, 3))),
        ("(?<=a)b", "ab", Some((1, 2))),
        ("a(?!b)", "abac", Some((2, 3))),
        ("a++a", "aaa", None),
        (r"\x41é\t", "Aé\t", Some((0, 4))),
        ("}]", "a}]", Some((1, 3))),
        ("a~b-c#d", "a~b-c#d", Some((0, 7))),
    ] {
        assert_eq!(found(pattern, text), expected, "{pattern}");
    }
}

#[test]
fn a_whole_pattern_matches_from_end_to_end() {
    let whole =
        |pattern: &str, text: &str| JavaRegex::whole(pattern).unwrap().is_match(text).unwrap();
    assert!(whole("a|ab", "ab"));
    assert!(whole(r"4\d{2}", "404"));
    assert!(!whole(r"4\d{2}", "4040"));
    assert!(whole(r".*[Ee]rror.*", "an Error occurred"));
    assert!(whole("^a$|b", "a"));
    assert!(!whole("a$", "a\n"));
}

#[test]
fn groups_are_those_of_the_pattern() {
    let regex = JavaRegex::new(r"x$|(?<one>a)(b)?").unwrap();
    let found = regex.find_from("ac", 0).unwrap().unwrap();
    assert_eq!(found.group_count(), 3);
    assert_eq!(
        (found.group(0), found.group(1), found.group(2)),
        ("a", "a", "")
    );
    assert_eq!((found.named("one"), found.named("two")), (Some("a"), None));
}

#[test]
fn what_means_nothing_or_something_else_here_is_refused() {
    for pattern in [
        "(", ")", "a**", "*", "[a", "\\", "a{", "a{x}", r"\y", "(?q)", "[b-a]", "(?<1>a)",
    ] {
        let refused = JavaRegex::new(pattern);
        assert!(
            matches!(refused, Err(JavaRegexError::Syntax { .. })),
            "{pattern}: {refused:?}"
        );
    }
    for pattern in [
        r"\G",
        "(?x)a b",
        "(?u)a",
        "[^a[b]]",
        r"\p{InGreek}",
        r"(?i)(a)\1",
        r"\p{javaLowerCase}",
        "a{2000}",
        r"\1",
    ] {
        let refused = JavaRegex::new(pattern);
        assert!(
            matches!(refused, Err(JavaRegexError::NotSupported { .. })),
            "{pattern}: {refused:?}"
        );
    }
    assert_eq!(
        JavaRegex::new(&"a".repeat(5000)).unwrap_err(),
        JavaRegexError::TooLarge
    );
}

#[test]
fn a_pattern_that_would_never_end_is_stopped() {
    let regex = JavaRegex::new(r"(a|a)*b(?!x)\1").unwrap();
    let text = "a".repeat(60);
    assert_eq!(regex.is_match(&text), Err(JavaRegexError::TooSlow));
}

proptest! {
    #[test]
    fn any_pattern_compiles_or_is_refused(
        pattern in r"([ab.$^|()*+?{}\[\]\\1,&-]|\\[dDQEbkp]|\(\?[i:=!<>]){0,12}",
        text in "[abB\n]{0,8}",
    ) {
        if let Ok(regex) = JavaRegex::new(&pattern) {
            let _ = regex.find_from(&text, 0);
            let _ = JavaRegex::whole(&pattern).map(|regex| regex.is_match(&text));
        }
    }

    #[test]
    fn a_quoted_text_matches_itself(text in "[^\\\\]{1,12}") {
        let regex = JavaRegex::whole(&format!("\\Q{text}\\E")).unwrap();
        prop_assert!(regex.is_match(&text).unwrap());
    }
}
