//! The words of a query.

use std::{fmt, ops::Range};

use super::{MalformedQuery, period::Period};

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, or the name of a function or a field.
    Name(String),
    /// A name between backticks: never a keyword.
    Quoted(String),
    Text(String),
    Number(f64),
    Period(Period),
    Symbol(&'static str),
    End,
}

impl Token {
    /// Whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Name(name) if name.eq_ignore_ascii_case(keyword))
    }
}

/// The longer ones first.
const SYMBOLS: [&str; 19] = [
    "=~", "!=", "<=", ">=", "=", "<", ">", "|", ",", "(", ")", "[", "]", "+", "-", "*", "/", "%",
    "^",
];

/// The longest name of a field, bytes.
const MAX_NAME: usize = 512;

/// Reads a query word by word: what a `/` means is known to the parser only.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'q> {
    pub(super) query: &'q str,
    at: usize,
}

impl<'q> Lexer<'q> {
    pub(super) const fn new(query: &'q str) -> Self {
        Self { query, at: 0 }
    }

    /// The next word and where it is.
    pub(super) fn next(&mut self) -> Result<(Token, Range<usize>), MalformedQuery> {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.query[start..];
        let Some(c) = rest.chars().next() else {
            return Ok((Token::End, start..start));
        };
        let token = match c {
            '\'' | '"' => Token::Text(self.text(c)?),
            '`' => {
                let end = rest[1..].find('`');
                let end = end.ok_or_else(|| self.unexpected(start..self.query.len()))?;
                self.at += end + 2;
                Token::Quoted(rest[1..=end].to_owned())
            }
            '0'..='9' => self.number()?,
            c if c.is_alphabetic() || "_@".contains(c) => {
                let is_of_name = |c: char| c.is_alphanumeric() || "_@.".contains(c);
                let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
                self.at += end;
                if end > MAX_NAME {
                    return Err(self.unexpected(start..self.at));
                }
                Token::Name(rest[..end].to_owned())
            }
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
                let symbol = symbol.ok_or_else(|| self.unexpected(start..start + c.len_utf8()))?;
                self.at += symbol.len();
                Token::Symbol(symbol)
            }
        };
        Ok((token, start..self.at))
    }

    /// A regular expression between slashes, if one begins here. `\/` is a slash in it.
    pub(super) fn regex(&mut self) -> Result<Option<(String, Range<usize>)>, MalformedQuery> {
        self.skip_blanks();
        let start = self.at;
        let Some(inside) = self.query[start..].strip_prefix('/') else {
            return Ok(None);
        };
        let mut source = String::new();
        let mut characters = inside.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '/' => {
                    self.at = start + at + 2;
                    return Ok(Some((source, start..self.at)));
                }
                '\\' => {
                    let escaped = characters.next().map(|(_, escaped)| escaped);
                    if escaped != Some('/') {
                        source.push('\\');
                    }
                    source.extend(escaped);
                }
                c => source.push(c),
            }
        }
        Err(self.unexpected(start..self.query.len()))
    }

    /// Blanks and comments, which go to the end of their line.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.query[self.at..].trim_start();
            self.at = self.query.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn text(&mut self, quote: char) -> Result<String, MalformedQuery> {
        let start = self.at;
        let inside = &self.query[start + 1..];
        let mut text = String::new();
        let mut characters = inside.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, c @ ('\\' | '"' | '\'' | '`'))) => text.push(c),
                    Some((_, c)) => text.extend(['\\', c]),
                    None => break,
                },
                c if c == quote => {
                    self.at = start + at + 2;
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(self.unexpected(start..self.query.len()))
    }

    /// A number, or a period such as `5m`.
    fn number(&mut self) -> Result<Token, MalformedQuery> {
        let start = self.at;
        let bytes = self.query.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut end = digits(start);
        let is_whole = bytes.get(end) != Some(&b'.');
        if !is_whole {
            end = digits(end + 1);
        }
        let is_sign = bytes.get(end + 1).is_some_and(|c| b"+-".contains(c));
        let exponent = end + 1 + usize::from(is_sign);
        if matches!(bytes.get(end), Some(b'e' | b'E')) && digits(exponent) > exponent {
            end = digits(exponent);
        }
        let rest = &self.query[end..];
        let unit = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len());
        self.at = end + unit;
        let token = if unit == 0 {
            self.query[start..end].parse().ok().map(Token::Number)
        } else {
            let count = self.query[start..end].parse().ok().filter(|_| is_whole);
            count
                .and_then(|count| Period::new(count, &rest[..unit]))
                .map(Token::Period)
        };
        token.ok_or_else(|| self.unexpected(start..self.at))
    }

    /// That what stands there does not belong there.
    pub(super) fn unexpected(&self, range: Range<usize>) -> MalformedQuery {
        let before = &self.query[..range.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let position = self.query[line_start..range.start].chars().count() + 1;
        let symbol: String = self.query[range.clone()].chars().take(50).collect();
        let symbol = if symbol.is_empty() { "<EOF>" } else { &symbol };
        let message =
            format!("unexpected symbol found {symbol} at line {line} and position {position}");
        self.malformed(message, range)
    }

    /// That something is wrong there.
    pub(super) fn malformed(
        &self,
        message: impl fmt::Display,
        range: Range<usize>,
    ) -> MalformedQuery {
        let characters = |end: usize| self.query[..end].chars().count();
        MalformedQuery {
            message: message.to_string(),
            start: characters(range.start),
            end: characters(range.end),
        }
    }
}
