//! Who may connect: authorizers, their identity sources and what they answer, API keys.

use super::{
    app::{Api, App},
    connections::returns,
    finding::Findings,
    slug::Slug,
    trace::{Effect, EffectKind, Trace, Trigger, Value},
};
use crate::template::{
    document::{Node, Position},
    inspect::Resource,
};

/// The only members of `context` that identity sources find (data-plane spec 9.2).
const RESOLVING: [&str; 3] = ["connectedAt", "connectionId", "requestTimeEpoch"];

/// Headers that a browser sends with a handshake.
const OF_BROWSERS: [&str; 12] = [
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "cookie",
    "host",
    "origin",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "user-agent",
];

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for api in &app.apis {
        routes(api, findings);
        for authorizer in &api.authorizers {
            identity_sources(api, authorizer, findings);
            unused(api, authorizer, findings);
        }
        subprotocol(app, api, findings);
    }
    for function in &app.functions {
        for trace in function.traces_of(|trigger| *trigger == Trigger::Authorizer) {
            documents(trace, findings);
        }
    }
}

fn routes(api: &Api<'_>, findings: &Findings) {
    for route in &api.routes {
        let kind = route.resource.text("AuthorizationType").unwrap_or("NONE");
        let key = route.key;
        if kind != "NONE" && key != "$connect" {
            let message = format!("the route {key} has AuthorizationType {kind}");
            let mend = "protect $connect: who is connected may send messages";
            let at = route.resource.place(&["AuthorizationType"]);
            findings.template(Slug::AuthorizerOnOtherRoute, at, message, mend);
        }
        if route.resource.node(&["AuthorizerId"]).is_some() && kind == "NONE" {
            let message = format!(
                "the route {key} names an authorizer, and its AuthorizationType is not CUSTOM"
            );
            let mend = "add `AuthorizationType: CUSTOM`";
            let at = route.resource.place(&["AuthorizerId"]);
            findings.template(Slug::UnprotectedRoute, at, message, mend);
        }
        if route.resource.text("ApiKeyRequired") == Some("true") && key != "$connect" {
            let message = format!("the route {key} has ApiKeyRequired");
            let mend = "require the key on $connect";
            let at = route.resource.place(&["ApiKeyRequired"]);
            findings.template(Slug::ApiKeyNotOnConnect, at, message, mend);
        }
    }
}

fn unused(api: &Api<'_>, authorizer: &Resource, findings: &Findings) {
    let is_used = api.routes.iter().any(|route| {
        let id = route.resource.node(&["AuthorizerId"]);
        id.is_some_and(|id| id.as_text().is_none_or(|id| id == authorizer.id))
    });
    if !is_used {
        let message = format!("no route names the authorizer {}", authorizer.logical_id);
        let mend = "add `AuthorizationType: CUSTOM` and `AuthorizerId` to the $connect route";
        let at = authorizer.position;
        findings.template(Slug::AuthorizerUnused, at, message, mend);
    }
}

fn sources(authorizer: &Resource) -> Vec<(&str, Position)> {
    let node = authorizer.node(&["IdentitySource"]);
    let items = node.map(|node| node.as_list().unwrap_or(std::slice::from_ref(node)));
    let items = items.unwrap_or_default().iter();
    items
        .filter_map(|item: &Node| Some((item.as_text()?, item.position)))
        .filter(|(source, _)| !source.is_empty())
        .collect()
}

fn identity_sources(api: &Api<'_>, authorizer: &Resource, findings: &Findings) {
    for (source, at) in sources(authorizer) {
        let never = |message: String, mend: &str| {
            findings.template(Slug::IdentitySourceNeverResolves, at, message, mend);
        };
        if let Some(name) = source.strip_prefix("context.") {
            if !RESOLVING.contains(&name) {
                let message = format!("identity sources do not find {source}");
                never(message, "remove it: the authorizer's event has it anyway");
            }
        } else if let Some(name) = source.strip_prefix("stageVariables.") {
            let lacking = api.stages.iter().find(|stage| {
                let variables = stage.node(&["StageVariables"]);
                variables.is_none_or(|variables| variables.get(name).is_none())
            });
            if let Some(stage) = lacking {
                let stage = stage.text("StageName").unwrap_or(&stage.logical_id);
                never(
                    format!("the stage {stage} has no variable `{name}`"),
                    "add it to its StageVariables",
                );
            }
        } else if let Some(name) = source.strip_prefix("route.request.header.") {
            if !OF_BROWSERS.contains(&name.to_ascii_lowercase().as_str()) {
                let message =
                    format!("the identity source {source} is a header that browsers do not send");
                let mend = "take route.request.querystring.NAME, Cookie or Sec-WebSocket-Protocol, \
                            unless no client is a browser";
                findings.template(Slug::IdentitySourceBrowser, at, message, mend);
            }
        } else if !source.starts_with("route.request.querystring.") {
            let message = format!("the identity source {source} is none");
            let mend = match source.strip_prefix("$request.") {
                Some(rest) => format!("write route.request.{rest}: `$request` is for HTTP APIs"),
                None => "write route.request.header.NAME, route.request.querystring.NAME, \
                         stageVariables.NAME or context.NAME"
                    .to_owned(),
            };
            findings.template(Slug::IdentitySourceInvalid, at, message, mend);
        }
    }
}

/// Who asks for a subprotocol must be answered with one (data-plane spec 1.4).
fn subprotocol(app: &App<'_>, api: &Api<'_>, findings: &Findings) {
    let asks = api.authorizers.iter().any(|authorizer| {
        let mut sources = sources(authorizer).into_iter();
        sources.any(|(source, _)| {
            source.eq_ignore_ascii_case("route.request.header.Sec-WebSocket-Protocol")
        })
    });
    let connect = app.handlers(api).find(|(route, _)| route.key == "$connect");
    let Some((route, function)) = connect.filter(|_| asks) else {
        return;
    };
    let Some(trace) = function.trace(route.key) else {
        return;
    };
    let accepted: Vec<(&Effect, &Value)> = returns(trace)
        .filter(|(_, value)| {
            matches!(value.member("statusCode"), Some(Value::Number(status)) if (200.0..300.0).contains(&status))
        })
        .collect();
    let answers = |value: &Value| match value.member("headers") {
        Some(Value::Object(headers)) => headers.borrow().iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("Sec-WebSocket-Protocol") || name == "?" || name == "..."
        }),
        Some(_) => true,
        None => value.member("...").is_some() || value.member("multiValueHeaders").is_some(),
    };
    if accepted.iter().any(|(_, value)| answers(value)) {
        return;
    }
    if let Some((effect, _)) = accepted.first() {
        let message = "clients offer a subprotocol, for the authorizer, and $connect returns none";
        let mend = "return the header Sec-WebSocket-Protocol with one of those that were offered";
        findings.source(Slug::SubprotocolNotReturned, &effect.place, message, mend);
    }
}

/// What an authorizer answers (data-plane spec 9.2).
fn documents(trace: &Trace, findings: &Findings) {
    let mut is_answered = false;
    for (effect, value) in returns(trace) {
        is_answered |= !matches!(value, Value::Nothing);
        if let Some((message, mend)) = fault(value) {
            findings.source(Slug::AuthorizerDocument, &effect.place, message, mend);
        }
    }
    let mut raises = false;
    for (effect, message) in trace.of(|kind| match kind {
        EffectKind::Raise { message } => Some(message),
        _ => None,
    }) {
        raises = true;
        if let Some(message) = message.as_deref().filter(|message| means_refusal(message)) {
            let message = format!("the authorizer fails with `{message}`");
            let mend = "fail with exactly `Unauthorized`, or answer a policy that denies";
            findings.source(Slug::AuthorizerRefusal, &effect.place, message, mend);
        }
    }
    if let Some(handler) = &trace.handler
        && !is_answered
        && trace.may_return_nothing
        && !trace.is_partial
        && !raises
    {
        let message = "the authorizer answers nothing";
        findings.source(Slug::AuthorizerDocument, handler, message, MEND);
    }
}

/// Whether an error's text says that the client is refused, in other words than AWS knows.
fn means_refusal(message: &str) -> bool {
    let words = message.to_ascii_lowercase();
    let refuses = ["unauthori", "forbidden", "denied", "not allowed"];
    message != "Unauthorized" && refuses.iter().any(|word| words.contains(word))
}

const MEND: &str = "return principalId and a policyDocument that allows or denies \
                    execute-api:Invoke on event.methodArn";

fn fault(value: &Value) -> Option<(String, &'static str)> {
    let members = match value {
        Value::Object(members) => members.borrow(),
        Value::Bool(_) | Value::Text(_) | Value::Json(_) | Value::Number(_) | Value::Nothing => {
            return Some(("the authorizer answers with no document".to_owned(), MEND));
        }
        _ => return None,
    };
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    if has("...") || has("?") {
        return None;
    }
    if has("isAuthorized") {
        let message = "isAuthorized is the answer of an authorizer of HTTP APIs".to_owned();
        return Some((message, MEND));
    }
    if has("statusCode") && !has("policyDocument") {
        let message = "the authorizer answers as a route's handler does".to_owned();
        return Some((message, MEND));
    }
    for name in ["principalId", "policyDocument"] {
        if !has(name) {
            return Some((format!("the authorizer's answer has no {name}"), MEND));
        }
    }
    if let Some(Value::Object(context)) = value.member("context") {
        let context = context.borrow();
        let nested = context
            .iter()
            .find(|(_, value)| matches!(value, Value::Object(_) | Value::List(_)));
        if let Some((name, _)) = nested {
            let message = format!("`{name}` in the authorizer's context is nested");
            let mend = "put texts, numbers and booleans into it, others as JSON";
            return Some((message, mend));
        }
    }
    policy_fault(&value.member("policyDocument")?)
}

fn policy_fault(policy: &Value) -> Option<(String, &'static str)> {
    let Value::Object(_) = policy else {
        return None;
    };
    let Some(statement) = policy.member("Statement") else {
        let is_open = policy.member("...").is_some() || policy.member("?").is_some();
        let message = "the policy has no Statement".to_owned();
        return (!is_open).then_some((message, MEND));
    };
    let statements = match statement {
        Value::List(items) => items.borrow().clone(),
        other => vec![other],
    };
    for statement in statements {
        let Value::Object(_) = &statement else {
            continue;
        };
        let effect = statement
            .member("Effect")
            .and_then(|value| value.known_text());
        if let Some(effect) = effect.filter(|effect| effect != "Allow" && effect != "Deny") {
            let message = format!("the Effect of the policy is `{effect}`");
            return Some((message, "write `Allow` or `Deny`"));
        }
        let actions = match statement.member("Action") {
            Some(Value::List(items)) => items.borrow().clone(),
            Some(other) => vec![other],
            None => continue,
        };
        let allows = actions.iter().any(|action| {
            action.known_text().is_none_or(|action| {
                gatepost_wire::iam_policy::arn_like(
                    &action.to_ascii_lowercase(),
                    "execute-api:invoke",
                )
            })
        });
        if !allows {
            let message = "the policy of the authorizer is not for execute-api:Invoke".to_owned();
            return Some((message, "write `execute-api:Invoke` as its Action"));
        }
    }
    None
}
