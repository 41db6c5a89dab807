//! What the functions and methods of runtimes and common packages do with values.

use std::rc::Rc;

use super::{
    EffectKind, Sdk, Tracer,
    calls::Given,
    expressions::{is_known_error, repeated},
    operations::service_of,
    value::{Client, Command, Piece, Value, join},
};
use crate::check::source::syntax::Line;

/// What makes bytes that are no text.
const MAKE_BYTES: [&str; 24] = [
    "Buffer.alloc",
    "Buffer.allocUnsafe",
    "Uint8Array",
    "Uint16Array",
    "Float32Array",
    "ArrayBuffer",
    "bytearray",
    "crypto.randomBytes",
    "gzip.compress",
    "zlib.compress",
    "bz2.compress",
    "lzma.compress",
    "zlib.gzipSync",
    "zlib.deflateSync",
    "zlib.brotliCompressSync",
    "os.urandom",
    "secrets.token_bytes",
    "pickle.dumps",
    "marshal.dumps",
    "struct.pack",
    "msgpack.packb",
    "msgpack.pack",
    "cbor2.dumps",
    "cbor.encode",
];

/// What only writes to a log.
const LOGS: [&str; 5] = ["print", "console", "logging", "logger", "warnings"];

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
        let second = given.get(1).map(|given| &given.value);
        let last = path.rsplit(['.', '/']).next().unwrap_or(path);
        if MAKE_BYTES.iter().any(|name| is_named(path, name)) {
            let length = match first {
                Value::Number(length) => Value::Number(length),
                _ => Value::Nothing,
            };
            return match length {
                Value::Number(_) => Value::Bytes(Some(
                    repeated(&Value::text("x"), number(&length)).least_bytes(0),
                )),
                _ => Value::Bytes(None),
            };
        }
        match path {
            "json.dumps" | "JSON.stringify" | "simplejson.dumps" | "orjson.dumps"
            | "ujson.dumps" => return Value::Json(Rc::new(first)),
            "json.loads" | "JSON.parse" | "simplejson.loads" | "orjson.loads" => {
                return match first {
                    Value::Json(value) => (*value).clone(),
                    Value::Event(path) => {
                        Value::Event(path.iter().cloned().chain(["{}".to_owned()]).collect())
                    }
                    _ => Value::Unknown,
                };
            }
            "os.getenv" => {
                return match first.known_text().map(|name| self.variable(&name)) {
                    Some(Value::Unknown) | None => second.cloned().unwrap_or(Value::Unknown),
                    Some(value) => value,
                };
            }
            "require" => {
                return match first.known_text() {
                    Some(module) => self.require(&module),
                    None => Value::Unknown,
                };
            }
            "base64.b64encode"
            | "base64.urlsafe_b64encode"
            | "btoa"
            | "base64.b85encode"
            | "uuid.uuid4"
            | "binascii.hexlify" => return Value::some_text(),
            "base64.b64decode" | "base64.urlsafe_b64decode" => return Value::Bytes(None),
            "Buffer.from" => return buffer(&first, second),
            "bytes" => {
                return match first {
                    Value::Text(_) | Value::Json(_) => first,
                    Value::Unknown | Value::Event(_) | Value::Answer(_) => Value::Unknown,
                    _ => Value::Bytes(None),
                };
            }
            "str" | "String" | "Promise.resolve" | "asyncio.run" | "Object.freeze" => {
                return first;
            }
            "dict" => {
                let members = given
                    .iter()
                    .filter_map(|given| Some((given.name.clone()?, given.value.clone())));
                return Value::object(members.collect());
            }
            "list" | "tuple" | "set" | "sorted" | "reversed" => return first,
            "open" => {
                let is_binary = second
                    .and_then(Value::known_text)
                    .is_some_and(|mode| mode.contains('b'));
                return Value::library(if is_binary { "open(b)" } else { "open(t)" });
            }
            "fs.readFileSync"
            | "readFileSync"
            | "fs.promises.readFile"
            | "fs/promises.readFile"
            | "fs/promises.readFileSync" => {
                return match second {
                    None | Some(Value::Nothing) => Value::Bytes(None),
                    Some(_) => Value::some_text(),
                };
            }
            "callback" => {
                // The callback of a Node handler: an error, else the answer.
                let kind = match first {
                    Value::Nothing => EffectKind::Return {
                        value: second.cloned().unwrap_or(Value::Nothing),
                    },
                    error => EffectKind::Raise {
                        message: is_known_error(&error),
                    },
                };
                self.record(line, kind);
                return Value::Nothing;
            }
            "context.succeed" | "context.done" => {
                self.record(line, EffectKind::Return { value: first });
                return Value::Nothing;
            }
            "TextEncoder" | "TextDecoder" => return Value::library(path),
            "TextEncoder.encode" | "TextDecoder.decode" => return first,
            "Error" | "Exception" | "ValueError" | "RuntimeError" => return first,
            _ => {}
        }
        if let Some(value) = self.sdk(path, last, given, is_new, line) {
            return value;
        }
        if LOGS.iter().any(|name| path.starts_with(name)) || path.contains("logger.") {
            return Value::Nothing;
        }
        let value = self.call_unknown(&Value::library(path), last, given, line);
        match (value, first) {
            // `middy(handler)`, `wrap(handler)`.
            (Value::Unknown, function @ Value::Function(_)) => function,
            (Value::Unknown, _) if path.starts_with("boto3") || path.starts_with("aioboto") => {
                Value::library(format!("{path}()"))
            }
            (value, _) => value,
        }
    }

    /// The SDKs: clients and commands.
    fn sdk(
        &mut self,
        path: &str,
        last: &str,
        given: &[Given],
        is_new: bool,
        line: Line,
    ) -> Option<Value> {
        let first = given.first().map(|given| given.value.clone());
        let options = first.clone().unwrap_or(Value::Nothing);
        let is_python = path.starts_with("boto") || path.starts_with("aiobot");
        if is_python && matches!(last, "client" | "resource" | "create_client") {
            let named = |name: &str| {
                let given = given.iter();
                given
                    .filter(|given| given.name.as_deref() == Some(name))
                    .map(|given| given.value.clone())
                    .next()
            };
            let service = first.filter(|_| given.first().is_some_and(|g| g.name.is_none()));
            let service = service.or_else(|| named("service_name"))?.known_text()?;
            let is_whole = !given.iter().any(|given| given.is_spread);
            if service == "apigatewaymanagementapi" && is_whole {
                let endpoint = named("endpoint_url").or_else(|| Some(given.get(6)?.value.clone()));
                let region = named("region_name");
                let sdk = Sdk::Boto3;
                self.record(
                    line,
                    EffectKind::Client {
                        endpoint,
                        region,
                        sdk,
                    },
                );
            }
            return Some(client(&service));
        }
        if let Some(operation) = last.strip_suffix("Command").filter(|_| is_new) {
            return Some(Value::Command(Rc::new(Command {
                operation: snake(operation),
                input: options,
            })));
        }
        let is_v2 = path.starts_with("aws-sdk");
        if is_new && is_v2 && last == "Endpoint" {
            return Some(options);
        }
        let is_management = matches!(
            last.to_ascii_lowercase().as_str(),
            "apigatewaymanagementapi" | "apigatewaymanagementapiclient"
        );
        if is_management && is_new {
            let sdk = if is_v2
                || last == "ApiGatewayManagementApi" && options.member("apiVersion").is_some()
            {
                Sdk::JavaScriptV2
            } else {
                Sdk::JavaScriptV3
            };
            let (endpoint, region) = match &options {
                Value::Object(_) => (options.member("endpoint"), options.member("region")),
                Value::Nothing => (None, None),
                // Options from elsewhere.
                _ => (Some(Value::Unknown), None),
            };
            let is_open = options.member("...").is_some();
            let endpoint = endpoint.or_else(|| is_open.then_some(Value::Unknown));
            self.record(
                line,
                EffectKind::Client {
                    endpoint,
                    region,
                    sdk,
                },
            );
            return Some(client("apigatewaymanagementapi"));
        }
        if matches!(path, p if p.ends_with("DynamoDBDocumentClient.from") || p.ends_with("DynamoDBDocument.from"))
        {
            return Some(client("dynamodb"));
        }
        let is_sdk =
            is_v2 || path.starts_with("@aws-sdk/client-") || path.starts_with("@aws-sdk/lib-");
        if is_new && is_sdk {
            return Some(client(service_of(path, last)));
        }
        None
    }

    /// The methods of values that are known.
    pub(super) fn known_method(
        &mut self,
        object: &Value,
        name: &str,
        given: &[Given],
        line: Line,
    ) -> Option<Value> {
        let first = given.first().map(|given| given.value.clone());
        let key = || first.as_ref().and_then(Value::known_text);
        let other = || given.get(1).map(|given| given.value.clone());
        match (object, name) {
            (Value::Event(path), "get") => {
                let member = self.event_member(path, &key()?, true, line);
                Some(match (member, other()) {
                    (Value::Nothing, Some(default)) => default,
                    (member, _) => member,
                })
            }
            (Value::Event(path), "encode" | "toString" | "strip" | "trim") => {
                Some(Value::Event(Rc::clone(path)))
            }
            (Value::Environment, "get") => Some(match self.variable(&key()?) {
                Value::Unknown => other().unwrap_or(Value::Unknown),
                value => value,
            }),
            (Value::Object(members), "get") => {
                let member = object.member(&key()?);
                let is_told = !members
                    .borrow()
                    .iter()
                    .any(|(key, _)| key == "..." || key == "?");
                match member {
                    Some(value) => Some(value),
                    None if is_told => Some(other().unwrap_or(Value::Nothing)),
                    None => Some(Value::Unknown),
                }
            }
            (Value::Object(members), "update" | "setdefault") => {
                if let Some(Value::Object(others)) = &first {
                    let others = others.borrow().clone();
                    members.borrow_mut().extend(others);
                }
                members.borrow_mut().extend(
                    given
                        .iter()
                        .filter_map(|given| Some((given.name.clone()?, given.value.clone()))),
                );
                Some(Value::Nothing)
            }
            (Value::Text(_) | Value::Json(_), name) => text_method(object, name, first.as_ref()),
            (Value::Bytes(_), "hex" | "toString") => Some(Value::some_text()),
            (Value::Bytes(_), "decode") => Some(Value::some_text()),
            (Value::Library(path), "read" | "readlines") if &**path == "open(b)" => {
                Some(Value::Bytes(None))
            }
            (Value::Library(path), "read") if &**path == "open(t)" => Some(Value::some_text()),
            (Value::Library(path), "encode" | "decode") if path.starts_with("Text") => first,
            (Value::List(items), "append" | "push") => {
                // Told as a call too: it may be a list of what is gone.
                if items.borrow().len() < 64 {
                    items.borrow_mut().extend(first);
                }
                let has_connection_id = false;
                let name = name.to_owned();
                self.record(
                    line,
                    EffectKind::Call {
                        name,
                        has_connection_id,
                    },
                );
                Some(Value::Nothing)
            }
            (Value::List(_), "includes") => {
                let items = object.clone();
                let Value::List(items) = &items else {
                    return None;
                };
                let wanted = first?;
                let items = items.borrow();
                let mut is_told = true;
                for item in items.iter() {
                    match item.equals(&wanted) {
                        Some(true) => return Some(Value::Bool(true)),
                        Some(false) => {}
                        None => is_told = false,
                    }
                }
                Some(if is_told {
                    Value::Bool(false)
                } else {
                    Value::Unknown
                })
            }
            (Value::Client(client), "Table") => Some(Value::Client(Rc::new(Client {
                service: client.service.clone(),
                table: first,
            }))),
            (
                Value::Unknown,
                "SerializeToString" | "tobytes" | "to_bytes" | "toBuffer" | "arrayBuffer"
                | "getvalue",
            ) => Some(Value::Bytes(None)),
            _ => None,
        }
    }
}

fn client(service: &str) -> Value {
    Value::Client(Rc::new(Client {
        service: service.to_owned(),
        table: None,
    }))
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => *number,
        _ => 0.0,
    }
}

/// Whether a dotted name ends so: `node` names what Python does otherwise.
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

fn text_method(text: &Value, name: &str, first: Option<&Value>) -> Option<Value> {
    let times = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    match name {
        // The bytes of a text are a text's.
        "encode" | "decode" | "toString" | "strip" | "trim" | "trimEnd" | "rstrip" | "valueOf" => {
            Some(text.clone())
        }
        "repeat" => Some(repeated(text, times(first)?)),
        "padEnd" | "padStart" | "ljust" | "rjust" | "zfill" | "center" => {
            Some(repeated(&Value::text("x"), times(first)?))
        }
        "concat" => Some(join(text.pieces().into_iter().chain(first?.pieces()))),
        "join" => Some(Value::some_text()),
        "format" => Some(join([Piece::Hole(Value::Unknown)])),
        "replace" => {
            let whole = text.known_text()?;
            let from = first?.known_text()?;
            // What `wss://` is replaced with is seen where it is used.
            (!whole.contains(&from)).then(|| text.clone())
        }
        "startsWith" | "startswith" => {
            let prefix = first?.known_text()?;
            Some(Value::Bool(text.known_text()?.starts_with(&prefix)))
        }
        "lower" | "toLowerCase" => Some(Value::text(text.known_text()?.to_lowercase())),
        _ => None,
    }
}

/// `PostToConnection`, `postToConnection` as `post_to_connection`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
    }
    snake
}
