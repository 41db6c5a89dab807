//! What goes wrong has Lambda's own words.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use gatepost_gateway::observe::metrics::Metrics;
use gatepost_model::{
    function::{FunctionCode, Runtime},
    invocation::InvokeRequest,
};
use serde_json::json;

use super::support::{World, is_alive, node, provided, python, request, soon};

#[tokio::test]
async fn a_python_exception_is_an_error_document_with_its_stack() {
    let mut world = World::new(vec![python(
        "chat",
        "def handler(event, context):\n    raise ValueError('no room')\n",
    )]);
    let (error, failed) = world.call("chat", &json!({})).await;
    assert!(failed);
    assert_eq!(error["errorMessage"], "no room");
    assert_eq!(error["errorType"], "ValueError");
    assert_eq!(error["requestId"].as_str().unwrap().len(), 36);
    let trace = error["stackTrace"][0].as_str().unwrap();
    assert!(
        trace.contains("/chat/app.py\", line 2, in handler\n"),
        "{trace}"
    );
    assert_eq!(error["stackTrace"].as_array().unwrap().len(), 1);
    let logged = world.log_line(|line| line.starts_with("[ERROR]")).await;
    assert!(
        logged.starts_with("[ERROR] ValueError: no room\nTraceback (most recent"),
        "{logged}"
    );
}

#[tokio::test]
async fn a_node_exception_is_an_error_document_with_its_trace() {
    let world = World::new(vec![
        node(
            "async",
            "app.mjs",
            "export const handler = async () => { throw new TypeError('no room'); };",
        ),
        node(
            "callback",
            "app.js",
            "exports.handler = (e, c, done) => done(new Error('no'));",
        ),
        node(
            "sync",
            "app.js",
            "exports.handler = () => { throw 'text'; };",
        ),
    ]);
    let (error, failed) = world.call("async", &json!({})).await;
    assert!(failed);
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&json!("TypeError"), &json!("no room"))
    );
    assert_eq!(error["trace"][0], "TypeError: no room");
    let (error, _) = world.call("callback", &json!({})).await;
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&json!("Error"), &json!("no"))
    );
    let (error, _) = world.call("sync", &json!({})).await;
    assert_eq!(
        error,
        json!({"errorType": "string", "errorMessage": "text", "trace": []})
    );
}

#[tokio::test]
async fn a_timeout_kills_the_process_and_all_it_started() {
    let mut slow = python(
        "slow",
        "
import os, subprocess, time
def handler(event, context):
    child = subprocess.Popen(['sleep', '60'])
    print(f'pids {os.getpid()} {child.pid}')
    time.sleep(60)
",
    );
    slow.timeout = Duration::from_secs(1);
    let mut world = World::new(vec![slow]);
    let begin = Instant::now();
    let answer = world.invoke(request("slow", &json!({}))).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(answer.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(
        String::from_utf8(answer.payload).unwrap(),
        format!(
            r#"{{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: {} Error: Task timed out after 1.00 seconds"}}"#,
            answer.request_id
        )
    );
    let pids = world.log_line(|line| line.starts_with("pids ")).await;
    for pid in pids.split(' ').skip(1) {
        assert!(soon(|| !is_alive(&json!(pid.parse::<u32>().unwrap()))).await);
    }
    world
        .log_line(|line| line.ends_with("Task timed out after 1.00 seconds"))
        .await;
    world
        .log_line(|line| line.ends_with("\tStatus: timeout"))
        .await;
}

#[tokio::test]
async fn a_crash_is_an_exit_error_and_the_next_event_gets_a_new_process() {
    let world = World::new(vec![python(
        "crash",
        "
import os
def handler(event, context):
    if 'code' in event: os._exit(event['code'])
    if 'signal' in event: os.kill(os.getpid(), event['signal'])
    return 'alive'
",
    )]);
    for (event, cause) in [
        (
            json!({"code": 3}),
            "Runtime exited with error: exit status 3",
        ),
        (
            json!({"code": 0}),
            "Runtime exited without providing a reason",
        ),
        (
            json!({"signal": 11}),
            "Runtime exited with error: signal: segmentation fault",
        ),
    ] {
        let answer = world.invoke(request("crash", &event)).await.unwrap();
        assert_eq!(
            String::from_utf8(answer.payload).unwrap(),
            format!(
                r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: {} Error: {cause}"}}"#,
                answer.request_id
            )
        );
    }
    assert_eq!(
        world.call("crash", &json!({})).await,
        (json!("alive"), false)
    );
}

#[tokio::test]
async fn init_errors_name_what_cannot_be_loaded() {
    let mut no_handler = python("no-handler", "x = 1");
    no_handler.handler = "app.missing".to_owned();
    let world = World::new(vec![
        no_handler,
        python("no-module", "import not_there"),
        python("syntax", "def handler(:"),
        python("raises", "raise KeyError('x')"),
        node("js-module", "app.mjs", "import 'not-there';"),
        node("js-handler", "app.mjs", "export const other = 1;"),
        node("js-raises", "app.mjs", "throw new RangeError('at once');"),
    ]);
    for (name, error_type, message) in [
        (
            "no-handler",
            "Runtime.HandlerNotFound",
            "Handler 'missing' missing on module 'app'",
        ),
        (
            "no-module",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'not_there'",
        ),
        (
            "syntax",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': ",
        ),
        ("raises", "KeyError", "'x'"),
        (
            "js-module",
            "Runtime.ImportModuleError",
            "Error: Cannot find package 'not-there'",
        ),
        (
            "js-handler",
            "Runtime.HandlerNotFound",
            "app.handler is undefined or not exported",
        ),
        ("js-raises", "RangeError", "at once"),
    ] {
        let (error, failed) = world.call(name, &json!({})).await;
        assert!(failed);
        assert_eq!(error["errorType"], error_type, "{error}");
        assert!(
            error["errorMessage"].as_str().unwrap().starts_with(message),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_missing_sdk_says_how_to_install_it() {
    let mut world = World::new(vec![node(
        "sdk",
        "app.mjs",
        "import '@aws-sdk/client-not-there'; export const handler = async () => 1;",
    )]);
    let (error, _) = world.call("sdk", &json!({})).await;
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.ends_with("npm install @aws-sdk/client-not-there)"),
        "{message}"
    );
    world
        .warning("function sdk lacks @aws-sdk/client-not-there, which AWS supplies")
        .await;
}

#[tokio::test]
async fn another_version_than_asked_for_runs_with_a_warning() {
    let mut py = python("py", "def handler(event, context): return 1");
    py.runtime = Runtime::parse("python3.99").unwrap();
    let mut js = node("js", "app.mjs", "export const handler = async () => 1;");
    js.runtime = Runtime::parse("nodejs98.x").unwrap();
    let mut world = World::new(vec![py, js]);
    for (name, warning) in [
        ("py", "python3.99 is not on PATH, python3."),
        ("js", "Node.js 98 is not on PATH, Node.js "),
    ] {
        assert_eq!(world.call(name, &json!({})).await, (json!(1), false));
        world.warning(warning).await;
    }
}

#[tokio::test]
async fn an_init_that_takes_too_long_has_the_functions_timeout_left() {
    let mut slow = python("slow", "import time\ntime.sleep(60)");
    slow.timeout = Duration::from_secs(1);
    let mut world = World::with(vec![slow], |config| {
        config.init_timeout = Duration::from_millis(300);
    });
    let (error, _) = world.call("slow", &json!({})).await;
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    world
        .log_line(|line| line.contains("\tPhase: init\tStatus: timeout"))
        .await;
}

/// How many invocations of a function had a duration, and how many failed.
fn counted(metrics: &Metrics, function: &str) -> (u64, u64) {
    let series = metrics.functions.series(function);
    let errors = series.errors.load(Ordering::Relaxed);
    (series.durations.counted().count, errors)
}

#[tokio::test]
async fn only_what_a_process_took_has_a_duration_and_all_that_fails_is_counted() {
    let broken = python("broken", "raise ValueError('at the start')");
    let mut late = python("late", "import time\ntime.sleep(60)");
    late.timeout = Duration::from_millis(100);
    let mut no_code = python("no-code", "");
    no_code.code = FunctionCode::Directory("/not/there".into());
    no_code.handler = "app.handler".to_owned();
    let fails = python("fails", "def handler(e, c): raise ValueError()");
    let metrics = Arc::<Metrics>::default();
    let world = World::with(vec![broken, late, no_code, fails], |config| {
        config.init_timeout = Duration::from_millis(300);
        config.metrics = Arc::clone(&metrics);
    });
    for name in ["broken", "late", "fails"] {
        assert!(world.call(name, &json!({})).await.1, "{name}");
    }
    let refused = world.invoke(request("no-code", &json!({}))).await;
    assert_eq!(refused.unwrap_err().error_type, "InvalidRuntimeException");
    let of = |name| counted(&metrics, name);
    assert_eq!(of("broken"), (0, 1));
    assert_eq!(of("late"), (0, 1));
    assert_eq!(of("no-code"), (0, 1));
    assert_eq!(of("fails"), (1, 1));
}

#[tokio::test]
async fn too_large_an_answer_is_an_error_and_the_process_lives_on() {
    let world = World::new(vec![python(
        "large",
        "
import os
def handler(event, context): return 'x' * event['length'] if event['length'] else os.getpid()
",
    )]);
    let (before, _) = world.call("large", &json!({"length": 0})).await;
    let answer = world
        .invoke(request("large", &json!({"length": 6_291_554})))
        .await
        .unwrap();
    assert_eq!(answer.payload.len(), 6_291_556);
    let answer = world
        .invoke(request("large", &json!({"length": 6_291_555})))
        .await
        .unwrap();
    assert_eq!(
        String::from_utf8(answer.payload).unwrap(),
        r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#
    );
    assert_eq!(
        world.call("large", &json!({"length": 0})).await,
        (before, false)
    );
}

#[tokio::test]
async fn what_cannot_start_says_what_is_missing() {
    let no_runtime = python("no-runtime", "");
    let mut no_code = python("no-code", "");
    no_code.code = FunctionCode::Directory("/not/there".into());
    no_code.handler = "app.handler".to_owned();
    let mut no_bootstrap = provided("no-bootstrap", "");
    no_bootstrap.code = FunctionCode::Directory("/tmp".into());
    let mut world = World::with(vec![no_runtime, no_code, no_bootstrap], |config| {
        config
            .own_environment
            .insert("PATH".to_owned(), "/not/there".to_owned());
    });
    for (name, message) in [
        (
            "no-runtime",
            "python3.11 is not on this machine: install python3.11 and put it on PATH",
        ),
        (
            "no-code",
            "the code /not/there does not exist: build the app, or correct CodeUri",
        ),
        ("no-bootstrap", "/tmp/bootstrap is not an executable file: "),
    ] {
        let error = world.invoke(request(name, &json!({}))).await.unwrap_err();
        assert_eq!(
            (error.status, error.error_type.as_str()),
            (502, "InvalidRuntimeException")
        );
        assert!(error.message.starts_with(message), "{error}");
        world.warning(message).await;
    }
}

#[tokio::test]
async fn the_invoke_api_refuses_what_is_unknown_or_malformed() {
    let mut chat = python("chat", "def handler(e, c): return 1");
    chat.aliases.insert("live".to_owned(), "3".to_owned());
    let world = World::new(vec![chat]);
    let refused = async |request: InvokeRequest| {
        let error = world.invoke(request).await.unwrap_err();
        (error.status, error.error_type, error.message)
    };
    assert_eq!(
        refused(request("nobody:x", &json!({}))).await,
        (
            404,
            "ResourceNotFoundException".to_owned(),
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:x"
                .to_owned()
        )
    );
    assert_eq!(refused(request("chat:7", &json!({}))).await.0, 404);
    assert_eq!(
        refused(request("not a name", &json!({}))).await.1,
        "ValidationException"
    );
    let mut malformed = request("chat", &json!({}));
    malformed.payload = b"{".to_vec();
    let (status, error_type, message) = refused(malformed).await;
    assert_eq!(
        (status, error_type.as_str()),
        (400, "InvalidRequestContentException")
    );
    assert!(
        message.starts_with("Could not parse request body into json: "),
        "{message}"
    );
    let answer = world
        .invoke(request("chat:live", &json!({})))
        .await
        .unwrap();
    assert_eq!(answer.executed_version, "3");
}
