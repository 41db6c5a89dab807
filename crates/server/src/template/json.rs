//! JSON with positions: what `cdk synth` and `serverless package` write has escapes and lengths that
//! a YAML parser does not take.

use super::document::{Entry, MAX_DEPTH, Node, Position, SyntaxError, Value};

/// Parses the one value of `text`.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        line_start: 0,
    };
    reader.skip_space();
    let root = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(root),
        Some(_) => Err(reader.error("something follows the template's closing brace")),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    line_start: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let position = self.position();
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(_) => self.literal()?,
            None => return Err(self.error("the template ends in the middle")),
        };
        Ok(Node::new(value, position))
    }

    fn object(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = std::collections::HashMap::new();
        self.at += 1;
        self.skip_space();
        while !self.takes(b'}') {
            if !entries.is_empty() {
                self.expect(b',')?;
            }
            let position = self.position();
            if self.peek() != Some(b'"') {
                return Err(self.error("not JSON: a key in double quotes is expected"));
            }
            let key = self.string()?;
            if let Some(first) = keys.insert(key.clone(), position.line) {
                let message =
                    format!("the key `{key}` stands twice in this object, first in line {first}");
                return Err(SyntaxError::new(position, message));
            }
            self.skip_space();
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            entries.push(Entry {
                key,
                position,
                value,
            });
            self.skip_space();
        }
        Ok(Value::Map(entries))
    }

    fn array(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_space();
        while !self.takes(b']') {
            if !items.is_empty() {
                self.expect(b',')?;
            }
            items.push(self.value(depth + 1)?);
            self.skip_space();
        }
        Ok(Value::List(items))
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let begin = self.at;
        let mut escaped = false;
        let length = self.rest().bytes().skip(1).position(|c| {
            let ends = c == b'"' && !escaped;
            escaped = c == b'\\' && !escaped;
            ends
        });
        let Some(length) = length else {
            return Err(self.error("not JSON: the string has no end"));
        };
        let end = begin + length + 2;
        let text = serde_json::from_str(&self.text[begin..end]).map_err(|_| {
            self.error("not JSON: the string has a bad escape or control character")
        })?;
        self.at = end;
        Ok(text)
    }

    fn literal(&mut self) -> Result<Value, SyntaxError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => {
                Value::Number(word.to_owned())
            }
            _ => return Err(self.error("not JSON: a value is expected")),
        };
        self.at += end;
        Ok(value)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), SyntaxError> {
        if self.takes(wanted) {
            self.skip_space();
            return Ok(());
        }
        Err(self.error(&format!("not JSON: `{}` is expected", char::from(wanted))))
    }

    fn takes(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn skip_space(&mut self) {
        while let Some(c @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if c == b'\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn position(&self) -> Position {
        // In bytes: counting characters would walk a long line again for every value.
        let column = self.at - self.line_start + 1;
        Position {
            line: self.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError::new(self.position(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_with_its_positions() {
        let text = "{\n  \"a\": [1, true, null],\n  \"b\": {\"c\": \"\\ud83d\\ude00\\/\"}\n}\n";
        let root = parse(text).unwrap();
        assert_eq!(
            root.to_json().to_string(),
            r#"{"a":[1,true,null],"b":{"c":"😀/"}}"#
        );
        assert_eq!(root.entries()[1].position, Position { line: 3, column: 3 });
    }

    #[test]
    fn broken_json_says_where() {
        for (text, line, message) in [
            ("{", 1, "not JSON: a key in double quotes is expected"),
            ("{\"a\" 1}", 1, "not JSON: `:` is expected"),
            ("{\"a\":\n}", 2, "not JSON: a value is expected"),
            ("{\"a\": \"x}", 1, "not JSON: the string has no end"),
            (
                "{\"a\":1,\n\"a\":2}",
                2,
                "the key `a` stands twice in this object, first in line 1",
            ),
            ("{} x", 1, "something follows the template's closing brace"),
            (
                "{\"a\":1,",
                1,
                "not JSON: a key in double quotes is expected",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.position.line, &*error.message), (line, message));
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let error = parse(&"[".repeat(100_000)).unwrap_err();
        assert_eq!(error.message, "nested deeper than 64 levels");
    }
}
