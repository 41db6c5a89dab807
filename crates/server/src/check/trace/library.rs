//! What the functions of runtimes and common packages do with values.

use std::rc::Rc;

use super::{
    EffectKind, Tracer,
    calls::Given,
    expressions::{is_known_error, size},
    value::Value,
};
use crate::check::source::syntax::Line;

/// What makes bytes that are no text.
const MAKES_BYTES: [&str; 24] = [
    "ArrayBuffer",
    "Buffer.alloc",
    "Buffer.allocUnsafe",
    "Float32Array",
    "Uint16Array",
    "Uint8Array",
    "base64.b64decode",
    "base64.urlsafe_b64decode",
    "bytearray",
    "bz2.compress",
    "cbor.encode",
    "cbor2.dumps",
    "crypto.randomBytes",
    "gzip.compress",
    "lzma.compress",
    "marshal.dumps",
    "msgpack.packb",
    "os.urandom",
    "pickle.dumps",
    "secrets.token_bytes",
    "struct.pack",
    "zlib.compress",
    "zlib.deflateSync",
    "zlib.gzipSync",
];

/// What makes a text of anything.
const MAKES_TEXT: [&str; 6] = [
    "base64.b64encode",
    "base64.b85encode",
    "base64.urlsafe_b64encode",
    "binascii.hexlify",
    "btoa",
    "uuid.uuid4",
];

/// What gives back what it is given, or as good as that.
const GIVES_BACK: [&str; 16] = [
    "Error",
    "Exception",
    "Object.freeze",
    "Promise.resolve",
    "RuntimeError",
    "String",
    "TextDecoder.decode",
    "TextEncoder.encode",
    "ValueError",
    "asyncio.run",
    "list",
    "reversed",
    "set",
    "sorted",
    "str",
    "tuple",
];

/// What only writes to a log.
const LOGS: [&str; 5] = ["console", "logger", "logging", "print", "warnings"];

impl Tracer<'_> {
    /// Calls something that the app does not define, by its dotted name.
    pub(super) fn call_library(
        &mut self,
        path: &str,
        given: &[Given],
        is_new: bool,
        line: Line,
    ) -> Value {
        let first = given.first().map(|given| given.value.clone());
        let first = first.unwrap_or(Value::Nothing);
        let second = given.get(1).map(|given| given.value.clone());
        let last = path.rsplit(['.', '/']).next().unwrap_or(path);
        if MAKES_BYTES.iter().any(|name| is_named(path, name)) {
            return Value::Bytes(match first {
                Value::Number(length) => Some(size(length)),
                _ => None,
            });
        }
        if MAKES_TEXT.contains(&path) {
            return Value::some_text();
        }
        if GIVES_BACK.contains(&path) {
            return first;
        }
        if let Some(value) = self.known_function(path, given, &first, second, line) {
            return value;
        }
        if let Some(value) = self.sdk(path, given, is_new, line) {
            return value;
        }
        if LOGS.iter().any(|name| path.starts_with(name)) || path.contains("logger.") {
            return Value::Nothing;
        }
        let value = self.call_unknown(&Value::library(path), last, given, line);
        match (value, first) {
            // `middy(handler)`, while modules are loaded.
            (Value::Unknown, function @ Value::Function(_)) if self.trace.handler.is_none() => {
                function
            }
            // A session, or a context that makes clients.
            (Value::Unknown, _) if path.starts_with("boto3") || path.starts_with("aioboto") => {
                Value::library(format!("{path}()"))
            }
            (value, _) => value,
        }
    }

    /// The functions whose value matters.
    fn known_function(
        &mut self,
        path: &str,
        given: &[Given],
        first: &Value,
        second: Option<Value>,
        line: Line,
    ) -> Option<Value> {
        Some(match path {
            "json.dumps" | "JSON.stringify" | "simplejson.dumps" | "orjson.dumps"
            | "ujson.dumps" => Value::Json(Rc::new(first.clone())),
            "json.loads" | "JSON.parse" | "simplejson.loads" | "orjson.loads" => match first {
                Value::Json(value) => Value::clone(value),
                Value::Event(path) => {
                    Value::Event(path.iter().cloned().chain(["{}".to_owned()]).collect())
                }
                _ => Value::Unknown,
            },
            "os.getenv" => match self.variable(&first.known_text()?) {
                Value::Unknown => second.unwrap_or(Value::Unknown),
                value => value,
            },
            "require" => self.require(&first.known_text()?),
            "Buffer.from" => buffer(first, second.as_ref()),
            "bytes" => match first {
                Value::Text(_) | Value::Json(_) => first.clone(),
                Value::Unknown | Value::Event(_) | Value::Answer(_) => Value::Unknown,
                _ => Value::Bytes(None),
            },
            "dict" => {
                let members = given.iter();
                let members =
                    members.filter_map(|given| Some((given.name.clone()?, given.value.clone())));
                Value::object(members.collect())
            }
            "open" => {
                let mode = second.and_then(|mode| mode.known_text());
                let is_binary = mode.is_some_and(|mode| mode.contains('b'));
                Value::library(if is_binary { "open(b)" } else { "open(t)" })
            }
            "fs.readFileSync" | "fs.promises.readFile" | "fs/promises.readFile" => match second {
                None | Some(Value::Nothing) => Value::Bytes(None),
                Some(_) => Value::some_text(),
            },
            // The callback of a Node handler: an error, else the answer.
            "callback" => {
                self.record(
                    line,
                    match first {
                        Value::Nothing => EffectKind::Return {
                            value: second.unwrap_or(Value::Nothing),
                        },
                        error => EffectKind::Raise {
                            message: is_known_error(error),
                        },
                    },
                );
                Value::Nothing
            }
            "context.succeed" | "context.done" => {
                let value = first.clone();
                self.record(line, EffectKind::Return { value });
                Value::Nothing
            }
            "TextEncoder" | "TextDecoder" => Value::library(path),
            "Object.keys" | "Object.getOwnPropertyNames" => match first.keys() {
                Some((keys, true)) => Value::list(keys.into_iter().map(Value::text).collect()),
                _ => Value::Unknown,
            },
            "Object.values" => match first {
                Value::Object(members) => {
                    let members = members.borrow();
                    Value::list(members.iter().map(|(_, value)| value.clone()).collect())
                }
                _ => Value::Unknown,
            },
            "Object.assign" => {
                if let (Value::Object(members), Some(Value::Object(more))) = (first, &second) {
                    let more = more.borrow().clone();
                    members.borrow_mut().extend(more);
                }
                first.clone()
            }
            "Object.defineProperty" => self.define(first, second.as_ref(), given.get(2)),
            _ => return None,
        })
    }

    /// `Object.defineProperty(object, name, {get})`: how bundlers put out what modules export.
    fn define(&mut self, object: &Value, name: Option<&Value>, how: Option<&Given>) -> Value {
        let name = name.and_then(Value::known_text);
        let how = how.map(|given| &given.value);
        let value = match how.and_then(|how| how.member("get")) {
            Some(Value::Function(getter)) => Some(self.got(&getter)),
            Some(getter @ Value::Getter(_)) => Some(getter),
            _ => how.and_then(|how| how.member("value")),
        };
        if let (Value::Object(members), Some(name), Some(value)) = (object, name, value) {
            members.borrow_mut().push((name, value));
        }
        object.clone()
    }
}

/// Whether a dotted name ends so: packages are imported in many ways.
fn is_named(path: &str, name: &str) -> bool {
    path == name
        || path
            .strip_suffix(name)
            .is_some_and(|before| before.ends_with(['.', '/']))
}

/// `Buffer.from(value, encoding)`.
fn buffer(value: &Value, encoding: Option<&Value>) -> Value {
    let encoding = encoding.and_then(Value::known_text);
    match (value, encoding.as_deref()) {
        (_, Some("base64" | "base64url" | "hex" | "binary" | "latin1")) | (Value::List(_), _) => {
            Value::Bytes(None)
        }
        (value, _) => value.clone(),
    }
}
