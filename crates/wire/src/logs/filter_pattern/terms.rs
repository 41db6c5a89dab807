//! Patterns for text without structure: `ERROR "access denied" -timeout`, `?ERROR ?WARN`, `%4[0-9]+%`.

use super::{InvalidFilterPattern, cursor::Cursor, regex::FilterRegex};

/// Terms of a pattern. A term is looked for anywhere, also inside of a word.
#[derive(Debug, Clone)]
pub(super) enum Terms {
    /// `%…%`.
    Regex(FilterRegex),
    Words {
        /// All of these must be there.
        included: Vec<String>,
        /// `-term`: none of these may be.
        excluded: Vec<String>,
        /// `?term`: one of these must be there, unless the pattern has other terms: then AWS
        /// ignores these.
        optional: Vec<String>,
    },
}

impl Terms {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, InvalidFilterPattern> {
        if let Some(regex) = cursor.regex()? {
            return if cursor.is_at_end() {
                Ok(Self::Regex(regex))
            } else {
                Err(InvalidFilterPattern::syntax(
                    "a regular expression stands alone; write all of it between two `%`",
                ))
            };
        }
        let [mut included, mut excluded, mut optional] = [const { Vec::new() }; 3];
        while !cursor.is_at_end() {
            let terms = if cursor.take("-") {
                // As in `"ERROR" - "Exiting"`.
                cursor.skip_blanks();
                &mut excluded
            } else if cursor.take("?") {
                &mut optional
            } else {
                &mut included
            };
            terms.push(term(cursor)?);
            cursor.skip_blanks();
        }
        Ok(Self::Words {
            included,
            excluded,
            optional,
        })
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| term.trim().is_empty() || message.contains(term.as_str());
        match self {
            Self::Regex(regex) => regex.is_match(message),
            Self::Words {
                included,
                excluded,
                optional,
            } if included.is_empty() && excluded.is_empty() => {
                optional.is_empty() || optional.iter().any(has)
            }
            Self::Words {
                included, excluded, ..
            } => included.iter().all(has) && !excluded.iter().any(has),
        }
    }
}

fn term(cursor: &mut Cursor<'_>) -> Result<String, InvalidFilterPattern> {
    if let Some(phrase) = cursor.quoted()? {
        return if phrase.is_empty() {
            Err(InvalidFilterPattern::Characters("\"\"".to_owned()))
        } else {
            Ok(phrase)
        };
    }
    let word = cursor.take_while(|c| c.is_alphanumeric() || c == '_');
    let ends = cursor.peek().is_none_or(char::is_whitespace);
    if word.is_empty() || !ends {
        return Err(match cursor.peek() {
            Some(c) if !c.is_whitespace() => InvalidFilterPattern::Characters(c.to_string()),
            _ => InvalidFilterPattern::syntax("a `-` or `?` stands before no term"),
        });
    }
    Ok(word.to_owned())
}
