use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;

use super::{super::source::Code, *};

/// The walk through the function `handler` of one file.
fn walked(name: &str, text: &str, trigger: &Trigger) -> Trace {
    let sources = Sources::new(Code::Inline {
        template: Path::new(name).to_owned(),
        text: text.to_owned(),
        before: 0,
    });
    let file = sources.file(name).unwrap();
    let environment = BTreeMap::from([("URL".to_owned(), "https://chat/prod".to_owned())]);
    trace(&sources, &file, "handler", trigger, &environment)
}

fn route(key: &str) -> Trigger {
    Trigger::Route(key.to_owned())
}

/// What a walk saw: `line what`.
fn seen(trace: &Trace) -> Vec<String> {
    let effects = trace.effects.iter();
    effects
        .filter_map(|effect| {
            let what = match &effect.kind {
                EffectKind::Post { connection_id, .. } if connection_id.is_own_connection_id() => {
                    "post own"
                }
                EffectKind::Post { .. } => "post",
                EffectKind::Store { .. } => "store",
                EffectKind::Forget => "forget",
                EffectKind::Invoke { .. } => "invoke",
                EffectKind::MissingMember { .. } => "missing",
                EffectKind::Client { .. } => "client",
                _ => return None,
            };
            let waits = if effect.is_unawaited {
                " unawaited"
            } else {
                ""
            };
            Some(format!("{} {what}{waits}", effect.place.line))
        })
        .collect()
}

#[test]
fn only_the_branch_of_the_route_is_walked() {
    let python = "
import boto3
api = boto3.client('apigatewaymanagementapi', endpoint_url='https://chat/prod')
def send(event):
    api.post_to_connection(ConnectionId=event['requestContext']['connectionId'], Data='x')
    return {}
def keep(event):
    boto3.resource('dynamodb').Table('t').put_item(Item={'id': event['requestContext']['connectionId']})
HANDLERS = {'$connect': keep, 'send': send}
def handler(event, context):
    route = event['requestContext']['routeKey']
    if route == '$disconnect':
        return {}
    match route:
        case 'other':
            return send(event)
    if route in ('$connect', 'send'):
        return HANDLERS[route](event)
    return send(event)
";
    for (key, expected) in [
        ("$connect", &["3 client", "8 store"][..]),
        ("$disconnect", &["3 client"]),
        ("send", &["3 client", "5 post own"]),
        ("other", &["3 client", "5 post own"]),
        ("$default", &["3 client", "5 post own"]),
    ] {
        assert_eq!(
            seen(&walked("index.py", python, &route(key))),
            expected,
            "{key}"
        );
    }
}

#[test]
fn only_the_case_of_a_switch_is_walked() {
    let javascript = "
import { ApiGatewayManagementApi } from '@aws-sdk/client-apigatewaymanagementapi';
const api = new ApiGatewayManagementApi({ endpoint: process.env.URL });
const post = (id) => api.postToConnection({ ConnectionId: id, Data: 'x' });
export const handler = async ({ requestContext: { routeKey, connectionId } }) => {
  switch (routeKey) {
    case '$connect':
      break;
    case 'a':
    case 'b':
      await post(connectionId);
      break;
    default:
      await post('other');
  }
  return { statusCode: 200 };
};
";
    for (key, expected) in [
        ("$connect", &["3 client"][..]),
        ("a", &["3 client", "4 post own"]),
        ("b", &["3 client", "4 post own"]),
        ("c", &["3 client", "4 post"]),
    ] {
        assert_eq!(
            seen(&walked("index.mjs", javascript, &route(key))),
            expected,
            "{key}"
        );
    }
}

#[test]
fn values_are_followed_through_classes_closures_and_callbacks() {
    let python = "
import boto3, functools
from concurrent.futures import ThreadPoolExecutor
class Base:
    def __init__(self, event):
        self.id = event['requestContext'].get('connectionId')
class Sender(Base):
    api = boto3.client('apigatewaymanagementapi', endpoint_url='https://chat/prod')
    def send(self, to=None):
        self.api.post_to_connection(ConnectionId=to or self.id, Data='x')
def handler(event, context):
    sender = Sender(event)
    sender.send()
    with ThreadPoolExecutor() as pool:
        pool.map(sender.send, ['one', 'two'])
    [sender.send(to=id) for id in ids()]
";
    assert_eq!(
        seen(&walked("index.py", python, &route("send"))),
        ["8 client", "10 post own", "10 post", "10 post"]
    );
    let javascript = "
const AWS = require('aws-sdk');
class Sender {
  constructor(event) {
    this.id = event.requestContext.connectionId;
    this.api = new AWS.ApiGatewayManagementApi({ endpoint: 'chat/prod' });
  }
  send(id = this.id) { return this.api.postToConnection({ ConnectionId: id, Data: 'x' }).promise(); }
}
module.exports.handler = async function (event) {
  const sender = new Sender(event);
  await sender.send();
  await Promise.all(ids.map(async (id) => sender.send(id)));
  const rest = [];
  for (const id of ids) rest.push(sender.send(id));
  await Promise.all(rest);
};
";
    assert_eq!(
        seen(&walked("index.js", javascript, &route("send"))),
        ["6 client", "8 post own", "8 post", "8 post"]
    );
}

#[test]
fn what_nobody_waits_for_is_told() {
    let javascript = "
const { ApiGatewayManagementApi } = require('@aws-sdk/client-apigatewaymanagementapi');
const api = new ApiGatewayManagementApi({ endpoint: process.env.URL });
const post = (id) => api.postToConnection({ ConnectionId: id, Data: 'x' });
exports.handler = async (event) => {
  await post(1);
  post(2);
  const later = post(3);
  ids.forEach(async (id) => { await post(id); });
  post(4).catch(console.error);
  await later;
  return post(5);
};
";
    assert_eq!(
        seen(&walked("index.js", javascript, &route("send"))),
        [
            "3 client",
            "4 post",
            "4 post unawaited",
            "4 post",
            "4 post unawaited",
            "4 post unawaited",
            "4 post"
        ]
    );
    // A handler with a callback ends when nothing is left to do.
    let with_callback = javascript.replace("async (event) =>", "(event, context, callback) =>");
    let with_callback = with_callback.replace("await ", "");
    let trace = walked("index.js", &with_callback, &route("send"));
    assert!(!trace.effects.iter().any(|effect| effect.is_unawaited));
}

#[test]
fn handlers_of_exceptions_are_told_with_what_they_do() {
    let summary = |body: &str| {
        let text = format!(
            "def post(id):\n{body}\ndef handler(event, context):\n    for id in ids():\n        post(id)\n"
        );
        let trace = walked("index.py", &text, &route("send"));
        let guards = trace.guards.iter().flat_map(|guard| &guard.handlers);
        guards
            .map(|handler| {
                let effects = &trace.effects[handler.effects.clone()];
                let forgets = effects.iter().any(|e| matches!(e.kind, EffectKind::Forget));
                format!(
                    "{} {}{}{}",
                    handler.catches.join("|"),
                    if forgets { "forgets " } else { "" },
                    if handler.tells { "tells " } else { "" },
                    if handler.only_raises { "raises" } else { "" },
                )
                .trim_end()
                .to_owned()
            })
            .collect::<Vec<_>>()
    };
    let post = "api.post_to_connection(ConnectionId=id, Data='x')";
    let with = |handler: &str| summary(&format!("    try:\n        {post}\n    {handler}"));
    assert_eq!(
        with("except api.exceptions.GoneException:\n        table.delete_item(Key={'id': id})"),
        ["GoneException forgets"]
    );
    assert_eq!(with("except (A, b.C) as e:\n        raise"), ["A|C raises"]);
    assert_eq!(with("except:\n        return False"), [" tells"]);
    assert_eq!(
        with("except E as e:\n        if gone(e):\n            return\n        raise"),
        ["E"]
    );
    assert_eq!(
        summary(&format!("    with suppress(E):\n        {post}")),
        ["E"]
    );
}

#[test]
fn what_a_message_lacks_is_told_where_it_is_reached_for() {
    let python = "
def handler(event, context):
    event.get('queryStringParameters', {})
    (event.get('headers') or {}).get('Host')
    event['headers']
";
    assert_eq!(
        seen(&walked("index.py", python, &route("send"))),
        ["5 missing"]
    );
    assert_eq!(
        seen(&walked("index.py", python, &route("$connect"))),
        [""; 0]
    );
    let javascript = "
exports.handler = async (event) => {
  event.headers;
  event.headers?.Host;
  const { headers } = event;
  event.queryStringParameters.token;
};
";
    assert_eq!(
        seen(&walked("index.js", javascript, &route("send"))),
        ["6 missing"]
    );
}

#[test]
fn a_handler_that_may_come_from_elsewhere_is_not_missing() {
    for (name, text) in [
        // What `tsc` writes for `export * from "./impl"`, with and without its helper in the file.
        (
            "index.js",
            "\"use strict\";\n__exportStar(require(\"./impl\"), exports);\n",
        ),
        (
            "index.js",
            "const tslib_1 = require(\"tslib\");\ntslib_1.__exportStar(require(\"./impl\"), exports);\n",
        ),
        (
            "index.py",
            "for name, made in make().items():\n    globals()[name] = made\n",
        ),
    ] {
        let trace = walked(name, text, &route("$default"));
        assert!(!trace.lacks_handler && trace.is_partial, "{text}");
    }
    let trace = walked("index.js", "exports.main = () => 1;\n", &route("$default"));
    assert!(trace.lacks_handler);
}

#[test]
fn source_without_end_is_walked_to_an_end() {
    let loops = "
def handler(event, context):
    while True:
        handler(event, context)
        handler(event, context)
";
    walked("index.py", loops, &route("send"));
    let wide = format!(
        "def handler(event, context):\n    f(f)\ndef f(g):\n{}",
        "    g(g)\n    g(lambda x: g(x))\n".repeat(200)
    );
    assert!(walked("index.py", &wide, &route("send")).is_partial);
}

#[test]
fn deep_source_is_not_followed_into_the_ground() {
    for (name, text) in [
        (
            "index.py",
            format!(
                "def handler(e, c):\n    return {}1{}",
                "(".repeat(5000),
                ")".repeat(5000)
            ),
        ),
        (
            "index.js",
            format!(
                "exports.handler = () => {}1{}",
                "[".repeat(5000),
                "]".repeat(5000)
            ),
        ),
        (
            "index.js",
            format!("exports.handler = () => {}", "a(".repeat(5000)),
        ),
        ("index.py", format!("x = {}1", "not ".repeat(5000))),
    ] {
        std::thread::Builder::new()
            .stack_size(32 << 20)
            .spawn(move || walked(name, &text, &route("send")).is_partial)
            .unwrap()
            .join()
            .unwrap();
    }
}

proptest! {
    #[test]
    fn no_source_makes_the_walk_fail(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "def handler(event, context):", "  try:", "  except E as e:", "    raise", "  return {",
                "'body': x}", "async def f(*a, **k):", "class A(B):", "  x = [i for i in y if i]",
                "  match x:", "    case {'a': 1} | _:", "  f'{x!r:>{w}}'", "  x = lambda: (yield)", "  del x[0]",
                "exports.handler = async ({ a: { b = 1, ...c }, d }) => {", "}", "  switch (x) { case 1:",
                "  default: break }", "  for await (const x of y)", "  `a${b`c${d}`}`", "  a?.b?.[c]?.(d)",
                "export * from './a'", "export default class extends X { #p = 1; static { y() } }", "  (0, a.b)(c)",
                "@d", "  with a as b, c:", "  x, (y, *z) = w", "label: while (1) {", "type T<X> = { [k in X]: Y }",
            ]),
            0..25,
        ),
        key in prop::sample::select(vec!["$connect", "send"]),
    ) {
        let text = lines.join("\n");
        for name in ["index.py", "index.mts"] {
            walked(name, &text, &route(key));
        }
    }
}
