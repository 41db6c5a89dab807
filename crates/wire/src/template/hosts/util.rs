//! `$util`: encodings and JSON.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::template::{
    problem::Problem,
    render::{Outcome, Renderer},
    value::Value,
};

impl<'a> Renderer<'a> {
    /// A method of `$util`; `None` when it has none of that name. Of nothing it is nothing.
    pub(in crate::template) fn call_util(
        &mut self,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        let encode: fn(&str) -> Result<String, String> = match name {
            "escapeJavaScript" => |text| Ok(escape_java_script(text)),
            "urlEncode" => |text| Ok(url_encode(text)),
            "urlDecode" => url_decode,
            "base64Encode" => |text| Ok(STANDARD.encode(text)),
            "base64Decode" => |text| {
                let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            },
            "parseJson" => {
                return match arguments {
                    [Value::Null] => Ok(Some(Value::Null)),
                    [text] => self.parse_json(text).map(Some),
                    _ => Ok(None),
                };
            }
            _ => return Ok(None),
        };
        let [argument] = arguments else {
            return Ok(None);
        };
        if let Value::Null = argument {
            return Ok(Some(Value::Null));
        }
        let text = self.text_of(argument)?;
        // A character may become six.
        self.budget.bytes(text.len() * 6)?;
        let encoded =
            encode(&text).map_err(|reason| Problem::method(&format!("$util.{name}"), reason))?;
        Ok(Some(Value::Text(self.text(encoded)?)))
    }
}

/// Java's `StringEscapeUtils.escapeJavaScript`: also of `'`, as AWS says, of `/`, and of all that
/// is not ASCII.
fn escape_java_script(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '"' | '\\' | '/' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{C}' => escaped.push_str("\\f"),
            ' '..='~' => escaped.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04X}");
                }
            }
        }
    }
    escaped
}

/// Java's `URLEncoder`: a space is `+`.
fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            byte => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// Java's `URLDecoder`, which refuses a `%` without its two digits.
fn url_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = after
                    .get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(byte) = byte.filter(|_| after[0] != b'+') else {
                    return Err("a `%` must have two hexadecimal digits behind it".to_owned());
                };
                bytes.push(byte);
                rest = &after[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
