//! Findings that their author knows of: `gatepost:ignore SLUG` in a comment on the line or the one
//! above it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::finding::Finding;

const MARK: &str = "gatepost:ignore";

/// The texts of the files in which there may be such comments.
#[derive(Debug, Default)]
pub(super) struct Silences {
    texts: BTreeMap<PathBuf, String>,
}

impl Silences {
    pub(super) fn add(&mut self, path: &Path, text: &str) {
        if text.contains(MARK) {
            self.texts.insert(path.to_owned(), text.to_owned());
        }
    }

    /// Whether the finding is silenced where it is.
    pub(super) fn silences(&self, finding: &Finding) -> bool {
        let Some(text) = self.texts.get(&finding.file) else {
            return false;
        };
        let at = usize::try_from(finding.line).unwrap_or(usize::MAX);
        let lines = text.lines().skip(at.saturating_sub(2));
        // The line above counts when it says nothing else.
        let lines = lines.take(if at > 1 { 2 } else { 1 }).collect::<Vec<_>>();
        let is_above = at > 1;
        lines.iter().enumerate().any(|(number, line)| {
            let is_own = !is_above || number == 1;
            (is_own || is_comment(line)) && names(line).any(|name| name == finding.slug.as_str())
        })
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') || line.starts_with("//") || line.starts_with("/*")
}

/// The names behind the mark.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let rest = line.split_once(MARK).map_or("", |(_, rest)| rest);
    let names = rest.split(|c: char| c.is_whitespace() || c == ',');
    names.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::slug::Slug;

    #[test]
    fn a_comment_silences_its_line_and_the_one_below() {
        let text = "a # gatepost:ignore no-ttl\n# gatepost:ignore no-ttl, gone-id-kept\nb\nc\n";
        let mut silences = Silences::default();
        silences.add(Path::new("t.yaml"), text);
        let is_silent = |line, slug| {
            silences.silences(&Finding {
                file: "t.yaml".into(),
                line,
                slug,
                message: String::new(),
                mend: String::new(),
            })
        };
        assert!(is_silent(1, Slug::NoTtl));
        assert!(!is_silent(1, Slug::GoneIdKept));
        assert!(is_silent(3, Slug::NoTtl));
        assert!(is_silent(3, Slug::GoneIdKept));
        assert!(!is_silent(4, Slug::NoTtl));
    }
}
