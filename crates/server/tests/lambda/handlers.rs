//! Handlers in every style that Lambda takes.

use serde_json::json;

use super::support::{World, node, provided, python};

#[tokio::test]
async fn a_python_handler_gets_event_and_context() {
    let world = World::new(vec![python(
        "chat",
        r#"
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return {
        "event": event,
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "id": len(context.aws_request_id),
        "time": 10_000 < left <= 20_000,
    }
"#,
    )]);
    let (answer, failed) = world.call("chat", &json!({"text": "grüße"})).await;
    assert!(!failed, "{answer}");
    assert_eq!(
        answer,
        json!({
            "event": {"text": "grüße"},
            "name": "chat",
            "memory": "128",
            "arn": "arn:aws:lambda:us-east-1:000000000000:function:chat",
            "id": 36,
            "time": true,
        })
    );
}

#[tokio::test]
async fn python_handlers_may_lie_in_folders_and_inline() {
    let mut nested = python("nested", "def handler(event, context): return __name__");
    nested.handler = "src/routes/app.handler".to_owned();
    let mut inline = python(
        "inline",
        "def main(event, context): return __file__.split('/')[-1]",
    );
    inline.handler = "index.main".to_owned();
    let world = World::new(vec![nested, inline]);
    assert_eq!(
        world.call("nested", &json!({})).await,
        (json!("src.routes.app"), false)
    );
    assert_eq!(
        world.call("inline", &json!({})).await,
        (json!("index.py"), false)
    );
}

#[tokio::test]
async fn node_handlers_may_be_async_callbacks_or_use_the_context() {
    for (name, file, code) in [
        (
            "module",
            "app.mjs",
            "export const handler = async (event) => ({ got: event.n });",
        ),
        (
            "common",
            "app.js",
            "exports.handler = async (event) => ({ got: event.n });",
        ),
        (
            "folder",
            "src/app.cjs",
            "exports.handler = async (event) => ({ got: event.n });",
        ),
        (
            "callback",
            "app.js",
            "exports.handler = (event, context, callback) => {
               setTimeout(() => callback(null, { got: event.n }), 10);
             };",
        ),
        (
            "succeed",
            "app.js",
            "exports.handler = (event, context) => context.succeed({ got: event.n });",
        ),
        (
            "done",
            "app.js",
            "exports.handler = (event, context) => context.done(null, { got: event.n });",
        ),
    ] {
        let world = World::new(vec![node(name, file, code)]);
        for n in 1..3 {
            let answer = world.call(name, &json!({"n": n})).await;
            assert_eq!(answer, (json!({"got": n}), false), "{name}");
        }
    }
}

#[tokio::test]
async fn a_callback_waits_for_the_event_loop_unless_told_not_to() {
    let code = |wait: bool| {
        format!(
            "let late = false;
             exports.handler = (event, context, callback) => {{
               context.callbackWaitsForEmptyEventLoop = {wait};
               const answer = {{ get late() {{ return late; }} }};
               setTimeout(() => {{ late = true; }}, 50);
               callback(null, answer);
             }};"
        )
    };
    for wait in [true, false] {
        let world = World::new(vec![node("wait", "app.js", &code(wait))]);
        assert_eq!(
            world.call("wait", &json!({})).await,
            (json!({"late": wait}), false)
        );
    }
}

#[tokio::test]
async fn a_node_handler_that_never_answers_gives_null_when_the_event_loop_is_empty() {
    let world = World::new(vec![node("mute", "app.js", "exports.handler = () => {};")]);
    assert_eq!(world.call("mute", &json!({})).await, (json!(null), false));
    assert_eq!(world.call("mute", &json!({})).await, (json!(null), false));
}

#[tokio::test]
async fn any_executable_bootstrap_runs() {
    let world = World::new(vec![provided(
        "shell",
        r#"
while true; do
  headers=$(mktemp)
  event=$(curl -sS -D "$headers" "$api/invocation/next") || exit 1
  id=$(tr -d '\r' < "$headers" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -sS -d "{\"echo\":$event}" "$api/invocation/$id/response"
done
"#,
    )]);
    assert_eq!(
        world.call("shell", &json!([1])).await,
        (json!({"echo": [1]}), false)
    );
    assert_eq!(
        world.call("shell", &json!([2])).await,
        (json!({"echo": [2]}), false)
    );
}

#[tokio::test]
async fn layers_are_found_by_python_and_node() {
    let layers = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = layers.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("python/shared.py", "VALUE = 7");
    write("nodejs/node_modules/shared/index.js", "module.exports = 8;");
    let mut with_python = python(
        "py",
        "import shared\ndef handler(e, c): return shared.VALUE",
    );
    let mut with_node = node(
        "js",
        "app.js",
        "exports.handler = async () => require('shared');",
    );
    with_python.layers = vec![layers.path().to_owned()];
    with_node.layers = vec![layers.path().to_owned()];
    let world = World::new(vec![with_python, with_node]);
    assert_eq!(world.call("py", &json!({})).await, (json!(7), false));
    assert_eq!(world.call("js", &json!({})).await, (json!(8), false));
}

#[tokio::test]
async fn what_is_printed_stands_in_the_log_between_start_and_end() {
    let print = python(
        "print",
        "
import logging
def handler(event, context):
    print('one')
    logging.warning('two')
    print('no line break', end='')
",
    );
    let console = node(
        "console",
        "app.mjs",
        "export const handler = async () => { console.log('one\\nmore', { a: 1 }); };",
    );
    let mut world = World::new(vec![print, console]);
    world.call("print", &json!({})).await;
    let log = world.log();
    let id = log[1]
        .strip_prefix("START RequestId: ")
        .unwrap()
        .strip_suffix(" Version: $LATEST");
    let id = id.unwrap();
    assert!(
        log[0].starts_with("INIT_START Runtime Version: python3.11:"),
        "{log:?}"
    );
    assert_eq!(log[2], "one");
    assert!(log[3].starts_with("[WARNING]\t20"), "{log:?}");
    assert!(log[3].ends_with(&format!("Z\t{id}\ttwo")), "{log:?}");
    assert_eq!(log[4], "no line break");
    assert_eq!(log[5], format!("END RequestId: {id}"));
    assert!(
        log[6].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")),
        "{log:?}"
    );
    assert!(
        log[6].contains(" ms\tMemory Size: 128 MB\tMax Memory Used: "),
        "{log:?}"
    );
    assert!(
        log[6].contains(" MB\tInit Duration: ") && log[6].ends_with(" ms\t"),
        "{log:?}"
    );
    assert!(!log[6].contains("Max Memory Used: 0 MB"), "{log:?}");

    world.call("console", &json!({})).await;
    let log = world.log();
    assert!(log[2].ends_with("\tINFO\tone\nmore { a: 1 }"), "{log:?}");
    assert!(log[3].starts_with("END RequestId: "), "{log:?}");
}
