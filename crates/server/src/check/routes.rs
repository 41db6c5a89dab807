//! Routes: whether messages reach them, and whether their replies reach the client.

use gatepost_wire::{
    expression::selection::{SelectionExpression, Variable},
    iam_policy::arn_like,
};

use super::{
    app::{Api, App, Route},
    connections::returns,
    finding::Findings,
    slug::Slug,
    trace::{EffectKind, Trace, Value},
};

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for api in &app.apis {
        selected(api, findings);
        for route in &api.routes {
            halves(route, findings);
            let is_message = !matches!(route.key, "$connect" | "$disconnect");
            if is_message && route.resource.node(&["Target"]).is_none() {
                let message = format!("the route {} has no Target", route.key);
                let mend = "add `Target: !Sub integrations/${Integration}`";
                let at = route.resource.position;
                findings.template(Slug::RouteWithoutTarget, at, message, mend);
            }
        }
        for (route, function) in app.handlers(api) {
            let is_one_way = route.replies.is_empty()
                && route
                    .resource
                    .node(&["RouteResponseSelectionExpression"])
                    .is_none();
            let is_message = !matches!(route.key, "$connect" | "$disconnect");
            if let Some(trace) = function
                .trace(route.key)
                .filter(|_| is_one_way && is_message)
            {
                replies(route, trace, findings);
            }
        }
    }
}

/// Custom route keys that the route selection expression can give.
fn selected(api: &Api<'_>, findings: &Findings) {
    let expression = api.resource.text("RouteSelectionExpression");
    let Some(expression) = expression else { return };
    let Ok(parsed) = SelectionExpression::parse(expression) else {
        return;
    };
    // What a message gives may be anything; a message has nothing else.
    let pattern = parsed.evaluate(&mut |variable| match variable {
        Variable::RequestBody(_) => Some("*".to_owned()),
        _ => None,
    });
    for route in &api.routes {
        if route.key.starts_with('$') || arn_like(&pattern, route.key) {
            continue;
        }
        let message = format!(
            "the route selection expression {expression} never gives `{}`",
            route.key
        );
        let mend = "select by the message, e.g. with $request.body.action, or rename the route";
        let at = route.resource.place(&["RouteKey"]);
        findings.template(Slug::RouteNeverSelected, at, message, mend);
    }
}

/// Replies need the expression and the route response (data-plane spec 5.10).
fn halves(route: &Route<'_>, findings: &Findings) {
    let name = "RouteResponseSelectionExpression";
    let expression = route.resource.text(name);
    match (expression, route.replies.first()) {
        (Some("$default"), None) => {
            let message = format!("the two-way route {} has no RouteResponse", route.key);
            let mend = "add an AWS::ApiGatewayV2::RouteResponse with `RouteResponseKey: $default`";
            let at = route.resource.place(&[name]);
            findings.template(Slug::RouteResponseMissing, at, message, mend);
        }
        (Some(expression), _) if expression != "$default" => {
            let message = format!("the {name} of the route {} is {expression}", route.key);
            let mend = "only $default sends replies";
            let at = route.resource.place(&[name]);
            findings.template(Slug::RouteResponseSelectionMissing, at, message, mend);
        }
        (None, Some(response)) if route.resource.node(&[name]).is_none() => {
            let message = format!("the route {} has a RouteResponse and no {name}", route.key);
            let mend = "add `RouteResponseSelectionExpression: $default` to the route";
            let at = response.position;
            findings.template(Slug::RouteResponseSelectionMissing, at, message, mend);
        }
        _ => {}
    }
}

/// A handler that neither posts nor hands on what it has, and returns more than a fixed word, means
/// to reply.
fn replies(route: &Route<'_>, trace: &Trace, findings: &Findings) {
    let answers_otherwise = trace.effects.iter().any(|effect| {
        matches!(
            effect.kind,
            EffectKind::Post { .. } | EffectKind::Invoke { .. }
        )
    });
    if answers_otherwise || trace.is_partial {
        return;
    }
    for (effect, value) in returns(trace) {
        let is_failure =
            matches!(value.member("statusCode"), Some(Value::Number(status)) if status >= 300.0);
        let Some(body) = value.member("body").filter(|_| !is_failure) else {
            continue;
        };
        if is_reply(&body) {
            let message = format!(
                "the handler returns a reply, and the route {} is one-way",
                route.key
            );
            let mend = "add `RouteResponseSelectionExpression: $default` and an \
                        AWS::ApiGatewayV2::RouteResponse, or post the reply";
            findings.source(Slug::ReplyNotSent, &effect.place, message, mend);
        }
    }
}

/// Whether a body says something that is not the same for everybody.
fn is_reply(body: &Value) -> bool {
    match body {
        Value::Event(path) => path.first().is_some_and(|member| member == "body"),
        Value::Json(value) => match &**value {
            Value::Object(_) | Value::List(_) | Value::Event(_) | Value::Answer(_) => {
                !is_fixed(value, 0)
            }
            _ => false,
        },
        value => value.holds(
            &|value| match value {
                Value::Event(path) => path.first().is_some_and(|member| member == "body"),
                Value::Answer(_) => true,
                _ => false,
            },
            0,
        ),
    }
}

/// Whether a value is written out in the source.
fn is_fixed(value: &Value, depth: usize) -> bool {
    match value {
        Value::Nothing | Value::Bool(_) | Value::Number(_) => true,
        Value::Text(_) => value.known_text().is_some(),
        Value::Object(members) if depth < 4 => {
            let members = members.borrow();
            members.iter().all(|(_, value)| is_fixed(value, depth + 1))
        }
        Value::List(items) if depth < 4 => {
            let items = items.borrow();
            items.iter().all(|item| is_fixed(item, depth + 1))
        }
        _ => false,
    }
}
