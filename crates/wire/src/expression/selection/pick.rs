//! One value out of a JSON text, without building the rest in memory: what routing does with every
//! message.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
};
use serde_json::Value;

use crate::expression::{json_path::JsonPath, to_java_string};

/// So deep is what mappings and models no longer read either: what is skipped here must not be
/// JSON for routing alone.
const TOO_DEEP: usize = 128;

/// The text at `path`; `None` when nothing is there, an error when `json` is not JSON.
pub(super) fn text(json: &str, path: &JsonPath) -> Result<Option<String>, serde_json::Error> {
    let Some(names) = path.names() else {
        return Ok(path.text(&serde_json::from_str(json)?));
    };
    if nests_too_deep(json) {
        return Err(Error::custom("nested too deep"));
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let found = At(&names).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found.as_ref().map(to_java_string))
}

/// Whether objects and arrays stand [`TOO_DEEP`] deep in each other.
fn nests_too_deep(json: &str) -> bool {
    // Each is opened and closed.
    if json.len() < 2 * TOO_DEEP {
        return false;
    }
    let (mut depth, mut is_string) = (0_usize, false);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_string = !is_string,
            b'\\' if is_string => {
                bytes.next();
            }
            b'{' | b'[' if !is_string => {
                depth += 1;
                if depth == TOO_DEEP {
                    return true;
                }
            }
            b'}' | b']' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The value below these names.
#[derive(Clone, Copy)]
struct At<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            [] => Value::deserialize(deserializer).map(Some),
            [name, below @ ..] => deserializer.deserialize_any(Member {
                name,
                below: At(below),
            }),
        }
    }
}

/// What is below the member `name` of an object; nothing in everything else.
struct Member<'n> {
    name: &'n str,
    below: At<'n>,
}

impl<'de> serde::de::Visitor<'de> for Member<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Is(self.name))? {
            if is_it {
                // Of members with the same name the last counts.
                found = members.next_value_seed(self.below)?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(items).map(|_| None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether a key is this one, asked without copying the key.
struct Is<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl serde::de::Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mapping_cannot_read_selects_nothing() {
        let path = JsonPath::parse("$.action").expect("a path");
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            format!(r#"{{"deep":{open}{close},"action":"x","text":"[[\"[["}}"#)
        };
        for depth in [2, 100, 126, 127, 128, 129, 1000] {
            let json = nested(depth);
            let is_read = serde_json::from_str::<Value>(&json).is_ok();
            assert_eq!(text(&json, &path).is_ok(), is_read, "{depth}");
        }
        let brackets = format!(r#"{{"text":"{}","action":"x"}}"#, "[".repeat(400));
        assert_eq!(text(&brackets, &path).expect("JSON"), Some("x".to_owned()));
    }
}
