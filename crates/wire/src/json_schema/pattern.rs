//! Regular expressions of ECMA 262, bounded in memory and time.

use std::collections::HashSet;

use fancy_regex::{Expr, Regex, RegexBuilder};
use regex_syntax::ast;

/// The greatest compiled expression, bytes.
const MAX_COMPILED_BYTES: usize = 512 * 1024;
/// The greatest automaton that matching builds, bytes.
const MAX_AUTOMATON_BYTES: usize = 256 * 1024;
/// Steps of an expression that must backtrack: one with look-around or back-references. All
/// others take steps in proportion to the text.
const MAX_BACKTRACKS: usize = 20_000;

/// What of [`super::check`]'s steps a search costs that may backtrack so often.
const BACKTRACKING_COST: usize = 8_000;
/// What of these steps it costs to look at an expression's syntax: each, and each of its bytes.
const PARSING_COST: (usize, usize) = (100, 40);

/// An expression that is looked for anywhere in a text.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    source: String,
    regex: Regex,
    may_backtrack: bool,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(source: &str) -> Result<Self, String> {
        let translated = Translator::new(source).translate();
        let regex = RegexBuilder::new(&translated)
            .delegate_size_limit(MAX_COMPILED_BYTES)
            .delegate_dfa_size_limit(MAX_AUTOMATON_BYTES)
            .backtrack_limit(MAX_BACKTRACKS)
            .build()
            .map_err(|error| error.to_string().replace('\n', " "))?;
        Ok(Self {
            source: source.to_owned(),
            regex,
            may_backtrack: may_backtrack(&translated),
        })
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The steps that a search in `text` counts as.
    pub fn cost(&self, text: &str) -> usize {
        let base = if self.may_backtrack {
            BACKTRACKING_COST
        } else {
            1
        };
        base + text.len() / 16
    }

    /// Whether it matches somewhere.
    ///
    /// # Errors
    /// The search took too many steps: nobody knows.
    pub fn is_match(&self, text: &str) -> Result<bool, fancy_regex::Error> {
        self.regex.is_match(text)
    }
}

/// The steps that [`is_expression`] counts as.
pub(super) fn parsing_cost(source: &str) -> usize {
    PARSING_COST.0 + PARSING_COST.1 * source.len()
}

/// Whether `source` has the syntax of an expression. It is not compiled, which takes a thousand
/// times as long: clients write these.
pub(super) fn is_expression(source: &str) -> bool {
    let translated = Translator::new(source).translate();
    let Ok(tree) = Expr::parse_tree(&translated) else {
        return false;
    };
    let mut rest = vec![&tree.expr];
    let mut seen = HashSet::new();
    while let Some(part) = rest.pop() {
        // Classes are left to the other parser.
        if let Expr::Delegate { inner, .. } = part
            && seen.insert(inner.as_str())
            && ast::parse::Parser::new().parse(inner).is_err()
        {
            return false;
        }
        rest.extend(part.children_iter());
    }
    true
}

/// Whether an expression has something that a finite automaton has not: look-around, references
/// back, possessive or atomic groups. Better once too often than once too few.
fn may_backtrack(expression: &str) -> bool {
    let mut groups = expression.split("(?").skip(1);
    let is_plain = |after: &str| after.starts_with([':', 'P', 's']);
    let mut escapes = expression.split('\\').skip(1);
    let is_reference = |after: &str| after.starts_with(|c: char| "123456789kgGKZzA".contains(c));
    !groups.all(is_plain)
        || escapes.any(is_reference)
        || ["*+", "++", "?+", "}+"]
            .iter()
            .any(|possessive| expression.contains(possessive))
}

/// What `\s` is.
const SPACES: &str = r"\t\n\x0B\x0C\r\u{2028}\u{2029}\u{FEFF}\p{Zs}";

/// From ECMA 262 to the dialect of the engine.
struct Translator<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
}

impl<'a> Translator<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            rest: source.chars().peekable(),
            out: String::with_capacity(source.len() + 16),
        }
    }

    fn translate(mut self) -> String {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape(false),
                '[' => self.class(),
                '.' => self.out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
                // A brace that repeats nothing is itself.
                '{' if !self.is_repetition() => self.out.push_str(r"\{"),
                c => self.out.push(c),
            }
        }
        self.out
    }

    /// Whether `{` begins `{n}`, `{n,}` or `{n,m}`.
    fn is_repetition(&self) -> bool {
        let mut rest = self.rest.clone();
        let mut has_digits = false;
        while rest.next_if(char::is_ascii_digit).is_some() {
            has_digits = true;
        }
        if rest.next_if_eq(&',').is_some() {
            while rest.next_if(char::is_ascii_digit).is_some() {}
        }
        has_digits && rest.next() == Some('}')
    }

    fn class(&mut self) {
        let is_negated = self.rest.next_if_eq(&'^').is_some();
        if self.rest.next_if_eq(&']').is_some() {
            let any_or_none = if is_negated {
                r"(?s:.)"
            } else {
                r"[^\x00-\u{10FFFF}]"
            };
            self.out.push_str(any_or_none);
            return;
        }
        self.out.push_str(if is_negated { "[^" } else { "[" });
        while let Some(c) = self.rest.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return;
                }
                '\\' => self.escape(true),
                // In the engine's classes these begin a class or an operation on sets.
                '[' | '&' | '~' => self.out.extend(['\\', c]),
                '-' if self.rest.peek() == Some(&'-') => self.out.push_str(r"\-"),
                c => self.out.push(c),
            }
        }
    }

    fn escape(&mut self, is_in_class: bool) {
        let Some(c) = self.rest.next() else {
            self.out.push('\\');
            return;
        };
        let mut set = |negated: bool, members: &str| {
            let (open, close) = match (negated, is_in_class) {
                (true, _) => ("[^", "]"),
                (false, false) => ("[", "]"),
                (false, true) => ("", ""),
            };
            self.out.extend([open, members, close]);
        };
        match c {
            'd' | 'D' => set(c == 'D', "0-9"),
            'w' | 'W' => set(c == 'W', "0-9A-Za-z_"),
            's' | 'S' => set(c == 'S', SPACES),
            'b' if is_in_class => self.out.push_str(r"\x08"),
            'v' => self.out.push_str(r"\x0B"),
            '0' if !self.rest.peek().is_some_and(char::is_ascii_digit) => {
                self.out.push_str(r"\x00");
            }
            'c' if self.rest.peek().is_some_and(char::is_ascii_alphabetic) => {
                let letter = self.rest.next().map_or(0, |letter| letter as u32 % 32);
                self.out.extend(["\\x", &format!("{letter:02X}")]);
            }
            // A letter of all scripts is for `\p{…}`, which is itself; punctuation stands for
            // itself.
            c if c.is_ascii_alphanumeric() => self.out.extend(['\\', c]),
            c if c.is_ascii_punctuation() && !"<>".contains(c) => self.out.extend(['\\', c]),
            c => self.out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn expressions_match_as_ecma_262_has_it() {
        for (source, text, is_match) in [
            ("^[a-z]+$", "abc", true),
            ("^[a-z]+$", "abc\n", false),
            ("b", "abc", true),
            (r"^\d+$", "42", true),
            // Digits of other scripts are none.
            (r"^\d+$", "४२", false),
            (r"^\w+$", "naïve", false),
            (r"^[\w.-]+@[\w-]+$", "a.b-c@d", true),
            (r"^\S+$", "a\u{A0}b", false),
            (r"^[^\s]+$", "a\u{FEFF}b", false),
            (r"^[\D]+$", "abc", true),
            ("^.$", "\u{2028}", false),
            (r"^\/a\-b\_c$", "/a-b_c", true),
            (r"^\u0041\x42\cJ\0$", "AB\n\0", true),
            (r"^[[&~]+$", "[&~", true),
            ("^a{2,3}$", "aaa", true),
            ("^{a}$", "{a}", true),
            ("^a{,3}$", "a{,3}", true),
            ("^[^]$", "\n", true),
            ("[]", "x", false),
            // Look-around and back-references.
            (r"^(?=.*\d)(?=.*[a-z]).{4,}$", "abc1", true),
            (r"^(?=.*\d)(?=.*[a-z]).{4,}$", "abcd", false),
            (r"^(a|b)\1$", "bb", true),
            (r"^(?!foo)", "food", false),
        ] {
            let pattern = Pattern::parse(source).unwrap();
            assert_eq!(pattern.is_match(text).unwrap(), is_match, "{source} {text}");
            assert!(is_expression(source), "{source}");
        }
        for source in ["(", "[a", "[z-a]", "a**", "^(abc]", r"\", r"(?i)a)"] {
            assert!(Pattern::parse(source).is_err(), "{source}");
            assert!(!is_expression(source), "{source}");
        }
    }

    #[test]
    fn an_expression_that_would_take_for_ever_is_given_up() {
        let evil = Pattern::parse(r"evil(?!\.com)").unwrap();
        assert!(evil.is_match(&"evil.com".repeat(21_000)).is_err());
        assert!(Pattern::parse("((a{1000}){1000}){1000}").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_none(source: String, text: String) {
            if let Ok(pattern) = Pattern::parse(&source) {
                let _ = pattern.is_match(&text);
                assert!(is_expression(&source));
            }
        }
    }
}
