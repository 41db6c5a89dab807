//! The `message` of a row of `log_events`: a text is one line; a blob is several of the same stream
//! and millisecond, of which a busy function or access log has many, and each row has its price.

use rusqlite::{
    ToSql,
    types::{ToSqlOutput, ValueRef},
};

/// What stands between packed lines. A line that contains it is not packed.
const SEPARATOR: char = '\u{1e}';
/// The greatest pack. It has fewer lines than [`super::OF_REQUEST`], which number them.
const MAX_BYTES: usize = 16 * 1024;

/// Lines that are to become one row.
#[derive(Debug)]
pub(in crate::store) struct Pack {
    text: String,
    lines: usize,
}

impl Pack {
    pub fn new(line: &str) -> Self {
        Self {
            text: line.to_owned(),
            lines: 1,
        }
    }

    /// Adds a line, if it may be in one row with the others.
    pub fn add(&mut self, line: &str) -> bool {
        let fits = self.text.len() + line.len() < MAX_BYTES
            && !line.contains(SEPARATOR)
            && (self.lines > 1 || !self.text.contains(SEPARATOR));
        if fits {
            self.text.push(SEPARATOR);
            self.text.push_str(line);
            self.lines += 1;
        }
        fits
    }
}

impl ToSql for Pack {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = self.text.as_bytes();
        Ok(ToSqlOutput::Borrowed(if self.lines == 1 {
            ValueRef::Text(text)
        } else {
            ValueRef::Blob(text)
        }))
    }
}

/// The lines of a row.
pub(in crate::store) fn lines(message: ValueRef<'_>) -> Vec<String> {
    match message {
        ValueRef::Blob(packed) => String::from_utf8_lossy(packed)
            .split(SEPARATOR)
            .map(str::to_owned)
            .collect(),
        ValueRef::Text(line) => vec![String::from_utf8_lossy(line).into_owned()],
        // The column holds nothing else.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pack: &Pack) -> Vec<String> {
        match pack.to_sql().unwrap() {
            ToSqlOutput::Borrowed(message) => lines(message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn packed_lines_come_back_each() {
        let mut pack = Pack::new("one");
        assert_eq!(kept(&pack), ["one"]);
        for line in ["", "three\nwith a break"] {
            assert!(pack.add(line));
        }
        assert_eq!(kept(&pack), ["one", "", "three\nwith a break"]);
    }

    #[test]
    fn a_line_with_the_separator_stays_alone() {
        let mut plain = Pack::new("plain");
        assert!(!plain.add("a\u{1e}b"));
        let mut strange = Pack::new("a\u{1e}b");
        assert!(!strange.add("plain"));
        assert_eq!(kept(&strange), ["a\u{1e}b"]);
    }

    #[test]
    fn a_pack_has_an_end() {
        let mut pack = Pack::new("");
        while pack.add("") {}
        assert!(kept(&pack).len() < usize::try_from(super::super::OF_REQUEST).unwrap());
    }
}
