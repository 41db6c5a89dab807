//! Operations of AWS, by whichever SDK they are called.

use super::{
    EffectKind, Tracer,
    calls::Given,
    sdk::snake,
    value::{Client, Value},
};
use crate::check::source::syntax::Line;

/// Names under which other stores keep and delete.
const KEEPS: [&str; 14] = [
    "put", "set", "add", "insert", "save", "store", "create", "sadd", "hset", "hmset", "zadd",
    "lpush", "rpush", "upsert",
];
const FORGETS: [&str; 16] = [
    "delete",
    "del",
    "remove",
    "srem",
    "hdel",
    "zrem",
    "lrem",
    "discard",
    "unlink",
    "drop",
    "forget",
    "evict",
    "purge",
    "expire",
    "cleanup",
    "unsubscribe",
];

/// What observability puts, sets and adds ids to.
const OBSERVES: [&str; 10] = [
    "annotation",
    "attribute",
    "attributes",
    "context",
    "dimension",
    "header",
    "metadata",
    "metric",
    "tag",
    "tags",
];

impl Tracer<'_> {
    /// A method call on nobody knows what, if its name tells which operation it is.
    pub(super) fn operation_by_name(
        &mut self,
        object: &Value,
        name: &str,
        given: &[Given],
        line: Line,
    ) -> Option<Value> {
        let first = given.first().map(|given| given.value.clone());
        if name == "send" {
            if let Some(Value::Command(command)) = &first {
                let client = client_of(object);
                let operation = command.operation.clone();
                return self.operation(&client, &operation, &command.input, true, line);
            }
            return None;
        }
        if name == "promise" {
            // Version 2 of the JavaScript SDK: the operation was called before.
            return Some(object.clone());
        }
        let input = input_of(given);
        let operation = snake(name);
        let value = self.operation(&client_of(object), &operation, &input, false, line);
        if value.is_some() {
            // A callback is told of the outcome.
            self.run_callbacks(&Value::Unknown, name, given, line);
            return value;
        }
        let has_own_id = given
            .iter()
            .any(|given| given.value.holds(&|value| value.is_own_connection_id(), 0));
        let words: Vec<&str> = operation.split('_').collect();
        if words.iter().any(|word| FORGETS.contains(word)) {
            self.record(line, EffectKind::Forget);
            self.run_callbacks(object, name, given, line);
            return Some(Value::Unknown);
        }
        let observes = words.iter().any(|word| OBSERVES.contains(word));
        if has_own_id && !observes && words.iter().any(|word| KEEPS.contains(word)) {
            let item = first.unwrap_or(Value::Unknown);
            self.record(line, EffectKind::Store { table: None, item });
            self.run_callbacks(object, name, given, line);
            return Some(Value::Unknown);
        }
        None
    }

    fn operation(
        &mut self,
        client: &Client,
        operation: &str,
        input: &Value,
        is_command: bool,
        line: Line,
    ) -> Option<Value> {
        let is = |service: &str| client.service == service;
        let is_unknown = client.service.is_empty();
        let member = |name: &str| input.member(name).unwrap_or(Value::Unknown);
        let has = |name: &str| input.member(name).is_some();
        let is_management = is("apigatewaymanagementapi");
        let is_dynamodb = is("dynamodb");
        let table = client.table.clone().or_else(|| input.member("TableName"));
        let kind = match operation {
            "post_to_connection" => Some(EffectKind::Post {
                connection_id: member("ConnectionId"),
                data: member("Data"),
                is_command,
            }),
            "get_connection" if is_management || has("ConnectionId") => Some(EffectKind::Get {
                connection_id: member("ConnectionId"),
            }),
            "delete_connection" if is_management || has("ConnectionId") => {
                Some(EffectKind::Delete {
                    connection_id: member("ConnectionId"),
                })
            }
            "put_item" | "put" if is_dynamodb || is_unknown && has("Item") => {
                Some(EffectKind::Store {
                    table,
                    item: member("Item"),
                })
            }
            "update_item" | "update" if is_dynamodb || is_unknown && has("Key") => {
                Some(updated(table, input))
            }
            "delete_item" | "delete" if is_dynamodb || is_unknown && has("Key") => {
                Some(EffectKind::Forget)
            }
            "batch_write_item"
            | "batch_write"
            | "transact_write_items"
            | "transact_write"
            | "execute_statement"
            | "batch_execute_statement"
                if is_dynamodb || is_unknown && (has("RequestItems") || has("TransactItems")) =>
            {
                Some(batch(input))
            }
            "invoke" | "invoke_async" if is("lambda") || is_unknown && has("FunctionName") => {
                Some(invoke(operation, input))
            }
            _ => None,
        };
        if let Some(kind) = kind {
            self.record(line, kind);
            return Some(Value::Answer(operation.into()));
        }
        let reads = matches!(
            operation,
            "get_item"
                | "get"
                | "query"
                | "scan"
                | "batch_get_item"
                | "batch_get"
                | "get_object"
                | "list_objects"
                | "receive_message"
                | "get_parameter"
        );
        let is_read = reads && (!is_unknown || has("TableName") || has("Bucket"));
        is_read.then(|| Value::Answer(format!("{}.{operation}", client.service).into()))
    }
}

/// The input of an operation: keyword arguments, or one object.
fn input_of(given: &[Given]) -> Value {
    let named: Vec<(String, Value)> = given
        .iter()
        .filter_map(|given| Some((given.name.clone()?, given.value.clone())))
        .collect();
    match given.first() {
        Some(first) if named.is_empty() => first.value.clone(),
        _ => Value::object(named),
    }
}

/// The client that a method is called on; of no service when that is not known.
fn client_of(object: &Value) -> Client {
    match object {
        Value::Client(client) => Client::clone(client),
        _ => Client {
            service: String::new(),
            table: None,
        },
    }
}

/// An update stores or deletes: `SET` the one, a plain `REMOVE` the other.
fn updated(table: Option<Value>, input: &Value) -> EffectKind {
    let expression = input.member("UpdateExpression");
    let expression = expression.and_then(|value| value.known_text());
    let removes = expression.is_some_and(|text| {
        let text = text.trim_start().to_ascii_uppercase();
        text.starts_with("REMOVE") || text.starts_with("DELETE")
    });
    if removes {
        return EffectKind::Forget;
    }
    // What an update sets is not looked into: it may well set when the item ends.
    let item = input.member("Key").unwrap_or(Value::Unknown);
    let item = Value::object(vec![
        ("Key".to_owned(), item),
        ("...".to_owned(), Value::Unknown),
    ]);
    EffectKind::Store { table, item }
}

fn batch(input: &Value) -> EffectKind {
    let is_delete =
        |value: &Value| value.member("DeleteRequest").is_some() || value.member("Delete").is_some();
    let is_put = |value: &Value| {
        ["PutRequest", "Put", "Update"]
            .iter()
            .any(|name| value.member(name).is_some())
    };
    if input.holds(&is_delete, 0) || !input.holds(&is_put, 0) {
        return EffectKind::Forget;
    }
    EffectKind::Store {
        table: None,
        item: Value::Unknown,
    }
}

fn invoke(operation: &str, input: &Value) -> EffectKind {
    let kind = input.member("InvocationType");
    let is_asynchronous = match (operation, kind) {
        ("invoke_async", _) => Some(true),
        (_, None) => Some(false),
        (_, Some(kind)) => kind.known_text().map(|kind| kind == "Event"),
    };
    EffectKind::Invoke {
        function: input.member("FunctionName").unwrap_or(Value::Unknown),
        is_asynchronous,
    }
}
