//! Ids of connections: when they are called, whether they are kept, and whether they are forgotten.

use super::{
    app::{Api, App, Function, Route},
    finding::Findings,
    slug::Slug,
    trace::{Effect, EffectKind, GuardHandler, Trace, Trigger, Value},
};
use crate::template::{document::Node, inspect::Resource};

/// What catches a `GoneException`.
const CATCH_GONE: [&str; 7] = [
    "GoneException",
    "ClientError",
    "Exception",
    "BaseException",
    "Error",
    "ApiGatewayManagementApiServiceException",
    "ServiceException",
];

/// Methods that only tell what happens.
const LOGS: [&str; 14] = [
    "append_keys",
    "critical",
    "debug",
    "error",
    "exception",
    "format_exc",
    "info",
    "log",
    "print_exc",
    "str",
    "trace",
    "warn",
    "warning",
    "write",
];

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for api in &app.apis {
        for (route, function) in app.handlers(api) {
            let Some(trace) = function.trace(route.key) else {
                continue;
            };
            match route.key {
                "$connect" => {
                    before_open(app, trace, findings);
                    if route.integration_type() == Some("AWS_PROXY") {
                        connect_status(trace, findings);
                    }
                }
                "$disconnect" => after_close(trace, findings),
                _ => {}
            }
        }
        kept(app, api, findings);
    }
    for function in &app.functions {
        for (trigger, trace) in &function.traces {
            gone(trigger, trace, findings);
            missing_members(trigger, trace, findings);
        }
    }
}

/// Calls of `@connections` with the id of the event's own connection.
fn own_calls(trace: &Trace) -> impl Iterator<Item = (&Effect, &'static str)> {
    trace.of(|kind| match kind {
        EffectKind::Post { connection_id, .. } if connection_id.is_own_connection_id() => {
            Some("posts to its own connection")
        }
        EffectKind::Get { connection_id } if connection_id.is_own_connection_id() => {
            Some("asks for its own connection")
        }
        EffectKind::Delete { connection_id } if connection_id.is_own_connection_id() => {
            Some("deletes its own connection")
        }
        _ => None,
    })
}

/// Through which calls a handler comes to the effect, for the message.
fn through(effect: &Effect) -> String {
    match effect.trail.last() {
        None => String::new(),
        Some(place) => format!(
            ", called in {}:{}",
            place.file.name,
            place.file.first_line + place.line
        ),
    }
}

fn before_open(app: &App<'_>, trace: &Trace, findings: &Findings) {
    for (effect, what) in own_calls(trace) {
        let message = format!("the handler of $connect {what}{}", through(effect));
        let mend = "let $connect invoke another function asynchronously \
                    (InvocationType `Event`), which posts";
        findings.source(Slug::PostBeforeOpen, &effect.place, message, mend);
    }
    let waited = trace.of(|kind| match kind {
        EffectKind::Invoke {
            function,
            is_asynchronous: Some(false),
        } => function.known_text(),
        _ => None,
    });
    for (effect, name) in waited {
        let Some(function) = app.function_named(&name) else {
            continue;
        };
        let function = &app.functions[function];
        let posts = function
            .traces_of(|_| true)
            .any(|trace| trace.of(is_post).next().is_some());
        if posts {
            let logical_id = &function.resource.logical_id;
            let message = format!(
                "the handler of $connect waits for {logical_id}, which posts to connections"
            );
            let mend = "invoke it with InvocationType `Event`";
            findings.source(Slug::PostBeforeOpen, &effect.place, message, mend);
        }
    }
}

fn is_post(kind: &EffectKind) -> Option<()> {
    matches!(kind, EffectKind::Post { .. }).then_some(())
}

fn after_close(trace: &Trace, findings: &Findings) {
    for (effect, what) in own_calls(trace) {
        let message = format!("the handler of $disconnect {what}{}", through(effect));
        let mend = "remove it: nothing reaches the client any more";
        findings.source(Slug::PostAfterClose, &effect.place, message, mend);
    }
}

fn connect_status(trace: &Trace, findings: &Findings) {
    let mend = "return {\"statusCode\": 200}";
    let mut is_answered = false;
    for (effect, value) in returns(trace) {
        match value {
            Value::Nothing => {}
            Value::Object(members) => {
                is_answered = true;
                let members = members.borrow();
                let has = |name: &str| members.iter().any(|(key, _)| key == name);
                if !has("statusCode") && !has("...") && !has("?") {
                    let message = "the handler of $connect answers without a statusCode";
                    findings.source(Slug::ConnectWithoutStatus, &effect.place, message, mend);
                }
            }
            Value::Text(_) | Value::Json(_) | Value::Number(_) | Value::Bool(_) => {
                is_answered = true;
                let message = "the handler of $connect answers with no object";
                findings.source(Slug::ConnectWithoutStatus, &effect.place, message, mend);
            }
            _ => is_answered = true,
        }
    }
    if let Some(handler) = &trace.handler
        && trace.may_return_nothing
        && !is_answered
        && !trace.is_partial
    {
        let message = "the handler of $connect answers nothing";
        findings.source(Slug::ConnectWithoutStatus, handler, message, mend);
    }
}

/// What the handler returns.
pub(super) fn returns(trace: &Trace) -> impl Iterator<Item = (&Effect, &Value)> {
    trace.of(|kind| match kind {
        EffectKind::Return { value } => Some(value),
        _ => None,
    })
}

/// Where ids are kept: by which effect, and in which table.
fn stores<'t>(
    function: &'t Function<'_>,
    is_wanted: impl Fn(&Trigger) -> bool + 't,
) -> impl Iterator<Item = (&'t Effect, Option<&'t Value>, &'t Value)> {
    let traces = function.traces_of(is_wanted);
    traces.flat_map(|trace| {
        let stores = trace.of(|kind| match kind {
            EffectKind::Store { table, item } => Some((table.as_ref(), item)),
            _ => None,
        });
        stores
            .filter(|(_, (_, item))| item.holds(&|value| value.is_own_connection_id(), 0))
            .map(|(effect, (table, item))| (effect, table, item))
    })
}

/// `arn:…:dynamodb:action/PutItem` of a route whose integration is DynamoDB itself.
fn dynamodb_action<'r>(route: &'r Route<'_>) -> Option<&'r str> {
    let uri = route.integration?.text("IntegrationUri")?;
    Some(uri.split_once(":dynamodb:action/")?.1)
}

fn kept(app: &App<'_>, api: &Api<'_>, findings: &Findings) {
    let is_connect = |trigger: &Trigger| *trigger == Trigger::Route("$connect".to_owned());
    let mut keeps = false;
    for (route, function) in app.handlers(api) {
        if function.trace(route.key).is_none() {
            continue;
        }
        let is_message = |trigger: &Trigger| *trigger == Trigger::Route(route.key.to_owned());
        for (effect, table, item) in stores(function, is_message) {
            keeps = true;
            let table = table.and_then(Value::known_text);
            if let Some(table) = table.and_then(|table| table_named(app, &table)) {
                expires(table, findings);
                if stores(function, is_connect).next().is_some() && route.key == "$connect" {
                    writes_expiry(table, effect, item, findings);
                }
            }
        }
    }
    let connect = api.routes.iter().find(|route| route.key == "$connect");
    if let Some(connect) = connect.filter(|route| dynamodb_action(route) == Some("PutItem")) {
        keeps = true;
        let templates = connect
            .integration
            .and_then(|it| it.node(&["RequestTemplates"]));
        let texts = templates.map(Node::entries).unwrap_or_default();
        let texts = texts.iter().filter_map(|entry| entry.value.as_text());
        for table in tables(app) {
            if texts
                .clone()
                .any(|text| text.contains(&format!("\"{}\"", table.id)))
            {
                expires(table, findings);
            }
        }
    }
    if !keeps {
        return;
    }
    let disconnect = api.routes.iter().find(|route| route.key == "$disconnect");
    let Some(disconnect) = disconnect else {
        let message = format!(
            "{} keeps ids of connections, and has no $disconnect route",
            api.resource.logical_id
        );
        let mend = "add a $disconnect route whose function deletes the id";
        let at = api.resource.position;
        findings.template(Slug::NoDisconnectRoute, at, message, mend);
        return;
    };
    forgets(app, disconnect, findings);
}

/// Whether the `$disconnect` route deletes the id.
fn forgets(app: &App<'_>, route: &Route<'_>, findings: &Findings) {
    let Some(function) = route.function else {
        let is_nothing = match route.integration_type() {
            Some(kind) => kind == "MOCK",
            None => route.resource.node(&["Target"]).is_none(),
        };
        if is_nothing {
            let message = "$connect stores the id of the connection, and $disconnect runs nothing";
            let mend = "invoke a function that deletes it";
            let at = route.resource.position;
            findings.template(Slug::DisconnectKeepsId, at, message, mend);
        }
        return;
    };
    let Some(trace) = app.functions[function].trace("$disconnect") else {
        return;
    };
    let forgets = trace.effects.iter().any(|effect| match &effect.kind {
        EffectKind::Forget | EffectKind::Store { .. } | EffectKind::Invoke { .. } => true,
        EffectKind::Call {
            name,
            has_connection_id,
        } => *has_connection_id && !is_log(name),
        _ => false,
    });
    if let Some(handler) = &trace.handler
        && !forgets
        && !trace.is_partial
    {
        let message = "$connect stores the id of the connection, and $disconnect never deletes it";
        let mend = "delete what $connect stored";
        findings.source(Slug::DisconnectKeepsId, handler, message, mend);
    }
}

fn is_log(name: &str) -> bool {
    LOGS.contains(&name)
}

fn tables<'i>(app: &App<'i>) -> impl Iterator<Item = &'i Resource> {
    app.of_type("AWS::DynamoDB::Table")
        .chain(app.of_type("AWS::DynamoDB::GlobalTable"))
}

fn table_named<'i>(app: &App<'i>, name: &str) -> Option<&'i Resource> {
    let name = name.rsplit('/').next().unwrap_or(name);
    tables(app).find(|table| table.id == name)
}

/// The attribute with which items of the table expire.
fn expiry(table: &Resource) -> Option<&str> {
    let specification = table.node(&["TimeToLiveSpecification"])?;
    let is_enabled = specification.get("Enabled")?.as_text() == Some("true");
    specification
        .get("AttributeName")?
        .as_text()
        .filter(|_| is_enabled)
}

fn expires(table: &Resource, findings: &Findings) {
    if expiry(table).is_none() {
        let message = format!(
            "{} keeps ids of connections without an expiry",
            table.logical_id
        );
        let mend = "add a TimeToLiveSpecification, and store when the connection ends at the \
                    latest: in 2 hours";
        findings.template(Slug::NoTtl, table.position, message, mend);
    }
}

fn writes_expiry(table: &Resource, effect: &Effect, item: &Value, findings: &Findings) {
    let (Some(attribute), Value::Object(members)) = (expiry(table), item) else {
        return;
    };
    let members = members.borrow();
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    if !has(attribute) && !has("...") && !has("?") {
        let message = format!(
            "the item has no `{attribute}`, by which {} expires",
            table.logical_id
        );
        let mend = format!("store `{attribute}` in seconds since 1970, e.g. in 2 hours");
        findings.source(Slug::TtlNotWritten, &effect.place, message, mend);
    }
}

/// Posts to connections that may have ended.
fn gone(trigger: &Trigger, trace: &Trace, findings: &Findings) {
    for (effect, (connection_id, is_command)) in trace.of(|kind| match kind {
        EffectKind::Post {
            connection_id,
            is_command,
            ..
        } => Some((connection_id, *is_command)),
        _ => None,
    }) {
        // Whoever sent a message is most likely there, and there is no id to delete.
        if connection_id.is_own_connection_id() {
            continue;
        }
        let Some(handler) = catching(effect, trace) else {
            // What is invoked asynchronously fails, and is invoked again when the connection may
            // be open.
            if *trigger != Trigger::Other || is_stored(connection_id) {
                let message = "the post does not expect that the connection has ended";
                let mend = "catch GoneException, delete the id, and go on";
                findings.source(Slug::GoneNotHandled, &effect.place, message, mend);
            }
            continue;
        };
        if let Some(place) = handler.status_code.as_ref().filter(|_| is_command) {
            let message = "the error's `statusCode` is compared";
            let mend = "compare `error.name` with 'GoneException', or \
                        `error.$metadata.httpStatusCode` with 410";
            findings.source(Slug::GoneStatusCode, place, message, mend);
            continue;
        }
        let acts = handler.tells
            || trace.effects[handler.effects.clone()]
                .iter()
                .any(|effect| match &effect.kind {
                    EffectKind::Call { name, .. } => !is_log(name),
                    EffectKind::Forget
                    | EffectKind::Store { .. }
                    | EffectKind::Invoke { .. }
                    | EffectKind::Delete { .. } => true,
                    _ => false,
                });
        if !acts && !matches!(connection_id, Value::Event(_)) {
            let message = "the id stays stored when the post finds that the connection has ended";
            let mend = "delete it on GoneException";
            findings.source(Slug::GoneIdKept, &effect.place, message, mend);
        }
    }
}

/// Whether an id came from a table.
fn is_stored(connection_id: &Value) -> bool {
    connection_id.holds(&|value| matches!(value, Value::Answer(_)), 0)
}

/// The innermost handler that a `GoneException` of the effect comes to, and ends in.
fn catching<'t>(effect: &Effect, trace: &'t Trace) -> Option<&'t GuardHandler> {
    let guards = effect.guards.iter().rev();
    guards
        .filter_map(|guard| {
            let mut handlers = trace.guards[*guard].handlers.iter();
            handlers.find(|handler| {
                let mut catches = handler.catches.iter();
                handler.catches.is_empty() || catches.any(|name| CATCH_GONE.contains(&&**name))
            })
        })
        .find(|handler| !handler.only_raises)
}

fn missing_members(trigger: &Trigger, trace: &Trace, findings: &Findings) {
    let Trigger::Route(key) = trigger else { return };
    let missing = trace.of(|kind| match kind {
        EffectKind::MissingMember { member } => Some(member),
        _ => None,
    });
    for (effect, member) in missing {
        let message = format!("the event of the route {key} has no `{member}`");
        let mend = "keep what you need when $connect runs, or let an authorizer put it into its \
                    context";
        findings.source(Slug::MissingMember, &effect.place, message, mend);
    }
}
