//! Text with wildcards and policy variables: `*` is any text, `?` any one character, `${…}` what
//! the request has there.

use super::keys::{Key, RequestKeys};

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// A character that stands for itself.
    Literal(char),
    /// `*`.
    AnyText,
    /// `?`.
    AnyOne,
    /// `${key}` or `${key, 'default'}`.
    Variable { key: Key, default: Option<Box<str>> },
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Box<[Piece]>,
    has_variable: bool,
}

/// Which characters of a pattern are special.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// Whether `*` and `?` are wildcards.
    pub wildcards: bool,
    /// Whether `${…}` is a variable.
    pub variables: bool,
}

/// Whether the case of letters matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Matters,
    Ignored,
}

/// A variable that is not evaluated here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnsupportedVariable(pub String);

impl Pattern {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, UnsupportedVariable> {
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if syntax.variables
                && let Some(inner) = rest.strip_prefix("${")
            {
                let unsupported = || UnsupportedVariable(text.to_owned());
                let (name, behind) = inner.split_once('}').ok_or_else(unsupported)?;
                pieces.push(variable(name).ok_or_else(unsupported)?);
                rest = behind;
                continue;
            }
            pieces.push(match c {
                '*' if syntax.wildcards => Piece::AnyText,
                '?' if syntax.wildcards => Piece::AnyOne,
                c => Piece::Literal(c),
            });
            rest = &rest[c.len_utf8()..];
        }
        let has_variable = pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Variable { .. }));
        Ok(Self {
            pieces: pieces.into(),
            has_variable,
        })
    }

    /// Whether `text` matches; `None` when a variable has no value in this request: then nothing may
    /// rely on either.
    pub(super) fn matches(&self, text: &str, keys: &RequestKeys<'_>, case: Case) -> Option<bool> {
        if !self.has_variable {
            return Some(matches(&self.pieces, text, case));
        }
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Variable { key, default } => {
                    let value = keys.value(*key).ok()?;
                    let value = value.as_deref().or(default.as_deref())?;
                    // A client's own `*` is no wildcard.
                    pieces.extend(value.chars().map(Piece::Literal));
                }
                piece => pieces.push(piece.clone()),
            }
        }
        Some(matches(&pieces, text, case))
    }
}

/// What stands between `${` and `}`.
fn variable(name: &str) -> Option<Piece> {
    match name {
        "*" | "?" | "$" => return name.chars().next().map(Piece::Literal),
        _ => {}
    }
    let (name, default) = match name.split_once(',') {
        None => (name, None),
        Some((name, default)) => {
            let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (name, Some(default.into()))
        }
    };
    let key = Key::parse(name.trim())?;
    Some(Piece::Variable { key, default })
}

fn matches(pattern: &[Piece], text: &str, case: Case) -> bool {
    let (mut at, mut rest) = (0, text);
    // After a mismatch the last `*` takes one character more.
    let mut last_star = None;
    while let Some(c) = rest.chars().next() {
        match pattern.get(at) {
            Some(Piece::AnyText) => {
                last_star = Some((at + 1, rest));
                at += 1;
            }
            Some(piece) if is_one(piece, c, case) => {
                at += 1;
                rest = &rest[c.len_utf8()..];
            }
            _ => {
                let Some((behind_star, taken)) = last_star else {
                    return false;
                };
                let mut taken = taken.chars();
                taken.next();
                last_star = Some((behind_star, taken.as_str()));
                (at, rest) = (behind_star, taken.as_str());
            }
        }
    }
    pattern[at..].iter().all(|piece| *piece == Piece::AnyText)
}

fn is_one(piece: &Piece, c: char, case: Case) -> bool {
    match piece {
        Piece::AnyOne => true,
        Piece::Literal(expected) => match case {
            Case::Matters => *expected == c,
            Case::Ignored => expected.eq_ignore_ascii_case(&c),
        },
        Piece::AnyText | Piece::Variable { .. } => false,
    }
}

/// `ArnLike`, as the source of a Lambda permission is compared: `*` stands for any text, slashes
/// included.
pub fn arn_like(pattern: &str, arn: &str) -> bool {
    let syntax = Syntax {
        wildcards: true,
        variables: false,
    };
    Pattern::parse(pattern, syntax)
        .is_ok_and(|pattern| matches(&pattern.pieces, arn, Case::Matters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_question_mark_is_one_character_however_many_bytes_it_has() {
        assert!(arn_like("?", "é") && arn_like("*?", "€") && arn_like("?*", "a€"));
        assert!(!arn_like("??", "é") && !arn_like("*??", "€") && !arn_like("?", ""));
    }

    proptest! {
        #[test]
        fn a_pattern_with_a_star_put_between_any_characters_still_matches(
            text in "[ -~]{0,20}", at in 0_usize..=20,
        ) {
            let at = at.min(text.len());
            let pattern = format!("{}*{}", &text[..at], &text[at..]);
            prop_assert!(arn_like(&pattern, &text));
        }

        #[test]
        fn matching_is_what_a_regular_expression_says(
            pattern in "[*?ab]{0,12}", text in "[abc€]{0,12}",
        ) {
            // The plain recursive meaning of a pattern.
            fn means(pattern: &[char], text: &[char]) -> bool {
                match (pattern, text) {
                    ([], text) => text.is_empty(),
                    (['*', rest @ ..], text) => {
                        (0..=text.len()).any(|taken| means(rest, &text[taken..]))
                    }
                    ([p, rest @ ..], [t, text @ ..]) => (*p == '?' || p == t) && means(rest, text),
                    (_, []) => false,
                }
            }
            let of = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(arn_like(&pattern, &text), means(&of(&pattern), &of(&text)));
        }
    }
}
