//! Which process gets an event, how many there are, and when they go.

use std::{sync::Arc, time::Duration};

use gatepost_gateway::integration::invoke_function::InvokeFunction;
use gatepost_model::function::FunctionCode;
use serde_json::json;

use super::support::{World, is_alive, python, request, soon};

const PID: &str = "
import os, time
def handler(event, context):
    time.sleep(event.get('seconds', 0))
    return os.getpid()
";

#[tokio::test]
async fn events_in_a_row_get_the_same_process_and_events_at_once_one_each() {
    let world = World::new(vec![python("chat", PID)]);
    let (first, _) = world.call("chat", &json!({})).await;
    for _ in 0..20 {
        assert_eq!(world.call("chat", &json!({})).await.0, first);
    }
    let slow = json!({"seconds": 0.5});
    let (one, two) = tokio::join!(world.call("chat", &slow), world.call("chat", &slow));
    assert_ne!(one, two);
}

#[tokio::test]
async fn reserved_concurrency_throttles() {
    let mut chat = python("chat", PID);
    chat.reserved_concurrency = Some(1);
    let world = World::new(vec![chat]);
    let slow = json!({"seconds": 0.3});
    let (slow, throttled) = tokio::join!(
        world.call("chat", &slow),
        world.invoke(request("chat", &json!({})))
    );
    assert!(!slow.1);
    let error = throttled.unwrap_err();
    assert_eq!(
        (error.status, error.error_type.as_str()),
        (429, "TooManyRequestsException")
    );
    assert_eq!(error.message, "Rate Exceeded.");
    assert_eq!(
        error.reason.as_deref(),
        Some("ReservedFunctionConcurrentInvocationLimitExceeded")
    );
    assert_eq!(world.call("chat", &json!({})).await.0, slow.0);
}

#[tokio::test]
async fn when_all_places_are_taken_an_idle_process_gives_way_and_a_busy_one_does_not() {
    let functions = vec![python("one", PID), python("two", PID)];
    let world = World::with(functions, |config| config.max_processes = 1);
    let (first, _) = world.call("one", &json!({})).await;
    let (second, _) = world.call("two", &json!({})).await;
    assert!(!is_alive(&first) && is_alive(&second));
    let slow = json!({"seconds": 0.3});
    let (slow, throttled) = tokio::join!(
        world.call("two", &slow),
        world.invoke(request("one", &json!({})))
    );
    assert_eq!(slow, (second, false));
    let reason = throttled.unwrap_err().reason;
    assert_eq!(reason.as_deref(), Some("ConcurrentInvocationLimitExceeded"));
}

#[tokio::test]
async fn a_dropped_invocation_finishes_and_gives_its_process_back() {
    let mut world = World::new(vec![python("chat", PID)]);
    let (pid, _) = world.call("chat", &json!({})).await;
    let runner = Arc::clone(&world.runner);
    let slow = async move {
        runner
            .invoke(request("chat", &json!({"seconds": 0.3})))
            .await
    };
    assert!(
        tokio::time::timeout(Duration::from_millis(50), slow)
            .await
            .is_err()
    );
    world.log_line(|line| line.starts_with("REPORT")).await;
    world.log_line(|line| line.starts_with("REPORT")).await;
    assert_eq!(world.call("chat", &json!({})).await, (pid, false));
}

#[tokio::test]
async fn a_code_change_replaces_the_process_while_what_runs_finishes() {
    let world = World::new(vec![python("chat", PID)]);
    let (old, _) = world.call("chat", &json!({})).await;
    let slow_event = json!({"seconds": 0.5});
    let slow = world.call("chat", &slow_event);
    let change = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        std::fs::write(
            world.folder.path().join("chat/app.py"),
            "def handler(event, context): return 'new'",
        )
        .unwrap();
        world.runner.code_changed(&"chat".into());
        world.call("chat", &json!({})).await
    };
    let (slow, new) = tokio::join!(slow, change);
    assert_eq!(slow, (old.clone(), false));
    assert_eq!(new, (json!("new"), false));
    assert!(soon(|| !is_alive(&old)).await);
}

#[tokio::test]
async fn replacing_the_functions_keeps_the_processes_of_those_that_are_the_same() {
    let world = World::new(vec![
        python("same", PID),
        python("other", PID),
        python("gone", PID),
    ]);
    let mut pids = Vec::new();
    for name in ["same", "other", "gone"] {
        pids.push(world.call(name, &json!({})).await.0);
    }
    let mut functions: Vec<_> = world
        .runner
        .functions()
        .iter()
        .map(|function| (**function).clone())
        .collect();
    functions.retain(|function| function.name.as_str() != "gone");
    functions[0]
        .environment
        .insert("NEW".to_owned(), "1".to_owned());
    assert_eq!(functions[0].name.as_str(), "other");
    world.runner.replace_functions(functions);
    assert_eq!(world.call("same", &json!({})).await.0, pids[0]);
    assert_ne!(world.call("other", &json!({})).await.0, pids[1]);
    assert_eq!(
        world
            .invoke(request("gone", &json!({})))
            .await
            .unwrap_err()
            .status,
        404
    );
    assert!(soon(|| !is_alive(&pids[1]) && !is_alive(&pids[2])).await);

    let functions: Vec<_> = world
        .runner
        .functions()
        .iter()
        .map(|function| (**function).clone())
        .collect();
    let FunctionCode::Directory(code) = &functions[1].code else {
        panic!()
    };
    std::fs::write(
        code.join("app.py"),
        "def handler(event, context): return 'edited'",
    )
    .unwrap();
    world.runner.replace_functions(functions);
    assert_eq!(world.call("same", &json!({})).await.0, json!("edited"));
}

#[tokio::test]
async fn an_idle_process_ends() {
    let world = World::with(vec![python("chat", PID)], |config| {
        config.idle_reclaim = Duration::from_millis(200);
    });
    let (pid, _) = world.call("chat", &json!({})).await;
    assert!(soon(|| !is_alive(&pid)).await);
    assert_ne!(world.call("chat", &json!({})).await.0, pid);
}

#[tokio::test]
async fn warm_starts_a_process_that_the_first_event_gets() {
    let mut world = World::new(vec![python(
        "chat",
        "print('loaded')\n".to_owned().as_str(),
    )]);
    world.runner.warm();
    world
        .log_line(|line| line.contains("Handler 'handler' missing"))
        .await;
    let mut world = World::new(vec![python("chat", &format!("print('loaded')\n{PID}"))]);
    world.runner.warm();
    world.log_line(|line| line == "loaded").await;
    world.call("chat", &json!({})).await;
    assert!(!world.log().contains(&"loaded".to_owned()));
}

#[tokio::test]
async fn shutdown_ends_busy_and_stubborn_processes() {
    let stubborn = "
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handler(event, context):
    print(f'pid {os.getpid()}')
    time.sleep(60)
";
    let mut world = World::with(vec![python("stubborn", stubborn)], |config| {
        config.stop_grace = Duration::from_millis(200);
    });
    let runner = Arc::clone(&world.runner);
    let running = tokio::spawn(async move { runner.invoke(request("stubborn", &json!({}))).await });
    let pid = world.log_line(|line| line.starts_with("pid ")).await;
    world.runner.shutdown().await;
    assert!(!is_alive(&json!(pid[4..].parse::<u32>().unwrap())));
    let answer = running.await.unwrap().unwrap();
    assert!(
        String::from_utf8(answer.payload)
            .unwrap()
            .contains("signal: killed")
    );
}
