//! What `parse` takes out of a text: by a glob, `"[*] * user=*"`, or by the groups of a regular
//! expression.

use crate::expression::java_regex::{JavaRegex, JavaRegexError};

/// How pieces are taken out.
#[derive(Debug, Clone)]
pub(super) enum Extraction {
    /// The texts before, between and behind the stars.
    Glob(Vec<String>),
    /// The groups that are taken.
    Regex(JavaRegex, Vec<Group>),
}

/// A group of a regular expression.
#[derive(Debug, Clone)]
pub(super) enum Group {
    Named(String),
    Numbered(usize),
}

impl Extraction {
    /// A glob, with a piece for each of its stars.
    pub(super) fn glob(glob: &str) -> Self {
        Self::Glob(glob.split('*').map(str::to_owned).collect())
    }

    /// A regular expression and the names of its named groups.
    pub(super) fn regex(
        source: &str,
    ) -> Result<(JavaRegex, Vec<(String, String)>), JavaRegexError> {
        let (renamed, names) = rename_groups(source);
        Ok((JavaRegex::new(&renamed)?, names))
    }

    /// The pieces of a text, or nothing when it has not this form.
    pub(super) fn pieces<'t>(&self, text: &'t str) -> Result<Option<Vec<&'t str>>, JavaRegexError> {
        match self {
            Self::Glob(literals) => Ok(glob_pieces(literals, text)),
            Self::Regex(regex, groups) => {
                let found = regex.find_from(text, 0)?;
                Ok(found.map(|found| {
                    let pieces = groups.iter().map(|group| match group {
                        Group::Named(name) => found.named(name).unwrap_or_default(),
                        Group::Numbered(number) => found.group(*number),
                    });
                    pieces.collect()
                }))
            }
        }
    }
}

fn glob_pieces<'t>(literals: &[String], text: &'t str) -> Option<Vec<&'t str>> {
    let (first, rest) = literals.split_first()?;
    let mut behind = &text[text.find(first.as_str())? + first.len()..];
    let mut pieces = Vec::with_capacity(rest.len());
    for (index, literal) in rest.iter().enumerate() {
        // A star at the end takes all that is left.
        let is_last = index + 1 == rest.len();
        let end = if is_last && literal.is_empty() {
            behind.len()
        } else {
            behind.find(literal.as_str())?
        };
        pieces.push(&behind[..end]);
        behind = &behind[end + literal.len()..];
    }
    Some(pieces)
}

/// Gives named groups names of letters and digits only, and says which name each has been given.
fn rename_groups(source: &str) -> (String, Vec<(String, String)>) {
    let mut renamed = String::with_capacity(source.len());
    let mut names = Vec::new();
    let mut rest = source;
    let mut is_in_class = false;
    while let Some(c) = rest.chars().next() {
        let name = rest.strip_prefix("(?<").filter(|_| !is_in_class);
        let name = name.and_then(|behind| behind.split_once('>'));
        if let Some((name, behind)) = name
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        {
            let own = format!("g{}", names.len());
            renamed.extend(["(?<", own.as_str(), ">"]);
            names.push((name.to_owned(), own));
            rest = behind;
            continue;
        }
        let taken = match c {
            '\\' => rest.chars().take(2).map(char::len_utf8).sum(),
            c => {
                is_in_class = match c {
                    '[' => true,
                    ']' => false,
                    _ => is_in_class,
                };
                c.len_utf8()
            }
        };
        renamed.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    (renamed, names)
}
