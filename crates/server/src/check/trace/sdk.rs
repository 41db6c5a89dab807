//! The SDKs: clients of services, and commands.

use std::rc::Rc;

use super::{
    EffectKind, Sdk, Tracer,
    calls::Given,
    value::{Client, Command, Value},
};
use crate::check::source::syntax::Line;

const MANAGEMENT: &str = "apigatewaymanagementapi";

/// Commands whose classes may stand in the code itself, where a tool has put the SDK.
const BUNDLED: [&str; 9] = [
    "DeleteCommand",
    "DeleteConnectionCommand",
    "DeleteItemCommand",
    "GetConnectionCommand",
    "InvokeCommand",
    "PostToConnectionCommand",
    "PutCommand",
    "PutItemCommand",
    "UpdateItemCommand",
];

impl Tracer<'_> {
    /// Calls something of an SDK, if it is.
    pub(super) fn sdk(
        &mut self,
        path: &str,
        given: &[Given],
        is_new: bool,
        line: Line,
    ) -> Option<Value> {
        let last = path.rsplit(['.', '/']).next().unwrap_or(path);
        let is_boto = path.starts_with("boto") || path.starts_with("aioboto");
        if is_boto && matches!(last, "client" | "resource" | "create_client") {
            return self.boto(given, line);
        }
        let options = given.first().map(|given| given.value.clone());
        let options = options.unwrap_or(Value::Nothing);
        if path.ends_with("DynamoDBDocumentClient.from") || path.ends_with("DynamoDBDocument.from")
        {
            return Some(client("dynamodb"));
        }
        if !is_new {
            return None;
        }
        if let Some(operation) = last.strip_suffix("Command") {
            return Some(Value::Command(Rc::new(Command {
                operation: snake(operation),
                input: options,
            })));
        }
        let is_v2 = path.starts_with("aws-sdk");
        if is_v2 && last == "Endpoint" {
            return Some(options);
        }
        let lower = last.to_ascii_lowercase();
        if lower.trim_end_matches("client") == MANAGEMENT {
            let sdk = if is_v2 || options.member("apiVersion").is_some() {
                Sdk::JavaScriptV2
            } else {
                Sdk::JavaScriptV3
            };
            self.management(&options, sdk, line);
            return Some(client(MANAGEMENT));
        }
        let is_sdk = is_v2 || path.starts_with("@aws-sdk/");
        is_sdk.then(|| client(service_of(path, &lower)))
    }

    /// A class of the app that is one of the SDK.
    pub(super) fn bundled(&mut self, name: &str, given: &[Given], line: Line) -> Option<Value> {
        let name = name.trim_start_matches('_');
        let is_client = name.to_ascii_lowercase().trim_end_matches("client") == MANAGEMENT;
        if !is_client && !BUNDLED.contains(&name) {
            return None;
        }
        self.sdk(&format!("@aws-sdk/client.{name}"), given, true, line)
    }

    /// `boto3.client(…)`.
    fn boto(&mut self, given: &[Given], line: Line) -> Option<Value> {
        let named = |name: &str| {
            let mut given = given.iter();
            let given = given.find(|given| given.name.as_deref() == Some(name))?;
            Some(given.value.clone())
        };
        let at = |number: usize| {
            let given = given.get(number).filter(|given| given.name.is_none())?;
            Some(given.value.clone())
        };
        let service = at(0).or_else(|| named("service_name"))?.known_text()?;
        let is_whole = !given.iter().any(|given| given.is_spread);
        if service == MANAGEMENT && is_whole {
            let kind = EffectKind::Client {
                endpoint: named("endpoint_url").or_else(|| at(5)),
                region: named("region_name").or_else(|| at(1)),
                sdk: Sdk::Boto3,
            };
            self.record(line, kind);
        }
        Some(client(&service))
    }

    /// A client of `@connections` in JavaScript.
    fn management(&mut self, options: &Value, sdk: Sdk, line: Line) {
        let is_known = matches!(options, Value::Nothing | Value::Object(_));
        let is_open = !is_known || options.member("...").is_some();
        let endpoint = options.member("endpoint");
        let kind = EffectKind::Client {
            endpoint: endpoint.or_else(|| is_open.then_some(Value::Unknown)),
            region: options.member("region"),
            sdk,
        };
        self.record(line, kind);
    }
}

fn client(service: &str) -> Value {
    Value::Client(Rc::new(Client {
        service: service.to_owned(),
        table: None,
    }))
}

/// The service of a class of the JavaScript SDKs.
fn service_of(path: &str, class: &str) -> &'static str {
    if path.to_ascii_lowercase().contains("dynamodb") {
        return "dynamodb";
    }
    match class.trim_end_matches("client") {
        "lambda" => "lambda",
        "s3" => "s3",
        _ => "other",
    }
}

/// `PostToConnection`, `postToConnection` as `post_to_connection`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
