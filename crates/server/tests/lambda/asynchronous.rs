//! Asynchronous invocations: retries with the same request id, and destinations.

use std::time::{Duration, Instant};

use gatepost_model::function::{EventInvokeConfig, Function};
use serde_json::{Value, json};

use super::support::{World, asynchronous, node, python};

const FAILS_TWICE: &str = "
attempts = 0
def handler(event, context):
    global attempts
    attempts += 1
    print(f'attempt {attempts} {context.aws_request_id}')
    if attempts < event['succeeds']: raise Exception('not yet')
    return 'done'
";
const PRINTS: &str = "
import json
def handler(event, context): print('record ' + json.dumps(event))
";

#[tokio::test]
async fn an_event_is_answered_202_at_once_and_starts_after_the_delay() {
    let mut world = World::with(vec![python("child", PRINTS)], |config| {
        config.async_delay = Duration::from_millis(300);
    });
    let begin = Instant::now();
    let answer = world
        .invoke(asynchronous("child", &json!({"id": 1})))
        .await
        .unwrap();
    assert_eq!((answer.status, answer.payload.len()), (202, 0));
    assert!(begin.elapsed() < Duration::from_millis(200));
    let line = world.log_line(|line| line.starts_with("START")).await;
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(
        line,
        format!("START RequestId: {} Version: $LATEST", answer.request_id)
    );
}

#[tokio::test]
async fn a_function_error_is_retried_with_the_same_request_id() {
    let mut child = python("child", FAILS_TWICE);
    latest(&mut child).on_success = Some(destination("saved"));
    let mut world = World::new(vec![child, python("saved", PRINTS)]);
    let id = world
        .invoke(asynchronous("child", &json!({"succeeds": 3})))
        .await
        .unwrap()
        .request_id;
    for attempt in 1..=3 {
        let line = world.log_line(|line| line.starts_with("attempt")).await;
        assert_eq!(line, format!("attempt {attempt} {id}"));
    }
    let record = record(&mut world).await;
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["responsePayload"], "done");
}

#[tokio::test]
async fn after_the_last_retry_the_failure_destination_gets_the_record() {
    let mut child = node(
        "child",
        "app.mjs",
        "export const handler = () => { throw Error('no'); };",
    );
    latest(&mut child).max_retry_attempts = 1;
    latest(&mut child).on_failure = Some(destination("failed"));
    let mut world = World::new(vec![child, python("failed", PRINTS)]);
    let id = world
        .invoke(asynchronous("child", &json!({"n": 1})))
        .await
        .unwrap()
        .request_id;
    let record = record(&mut world).await;
    assert_eq!(record["version"], "1.0");
    assert_eq!(
        record["requestContext"],
        json!({
            "requestId": id,
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:child:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        })
    );
    assert_eq!(record["requestPayload"], json!({"n": 1}));
    assert_eq!(
        record["responseContext"],
        json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"})
    );
    assert_eq!(record["responsePayload"]["errorMessage"], "no");
}

#[tokio::test]
async fn throttled_events_wait_and_come_through() {
    let mut child = python(
        "child",
        "
import time
def handler(event, context):
    time.sleep(0.05)
    print('ran')
",
    );
    child.reserved_concurrency = Some(1);
    let mut world = World::new(vec![child]);
    for _ in 0..5 {
        world
            .invoke(asynchronous("child", &json!({})))
            .await
            .unwrap();
    }
    for _ in 0..5 {
        world.log_line(|line| line == "ran").await;
    }
}

#[tokio::test]
async fn an_event_that_nothing_may_run_goes_to_the_failure_destination() {
    let mut child = python("child", PRINTS);
    child.reserved_concurrency = Some(0);
    latest(&mut child).on_failure = Some(destination("failed"));
    let mut world = World::new(vec![child, python("failed", PRINTS)]);
    world
        .invoke(asynchronous("child", &json!({})))
        .await
        .unwrap();
    let record = record(&mut world).await;
    assert_eq!(
        record["requestContext"]["condition"],
        "ZeroReservedConcurrency"
    );
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert!(record.get("responsePayload").is_none());
}

#[tokio::test]
async fn an_alias_has_its_own_retries_and_destinations() {
    let mut child = python(
        "child",
        "def handler(event, context): raise Exception('no')\n",
    );
    child.versions = vec!["1".to_owned()];
    child.aliases.insert("live".to_owned(), "1".to_owned());
    latest(&mut child).on_failure = Some(destination("other"));
    let live = EventInvokeConfig {
        max_retry_attempts: 0,
        on_failure: Some(destination("failed")),
        ..EventInvokeConfig::default()
    };
    child.event_invoke_configs.insert("live".to_owned(), live);
    let mut world = World::new(vec![child, python("failed", PRINTS)]);
    world
        .invoke(asynchronous("child:live", &json!({})))
        .await
        .unwrap();
    let record = record(&mut world).await;
    let context = &record["requestContext"];
    assert_eq!(context["approximateInvokeCount"], 1);
    assert_eq!(
        context["functionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:child:live"
    );
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let world = World::with(vec![python("child", PRINTS)], |config| {
        config.async_queue_bytes = 10_000;
    });
    for _ in 0..2 {
        world
            .invoke(asynchronous("child", &json!({})))
            .await
            .unwrap();
    }
    let error = world
        .invoke(asynchronous("child", &json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("CallerRateLimitExceeded"));
}

#[tokio::test]
async fn a_destination_that_is_no_function_here_is_warned_of() {
    let mut child = python("child", PRINTS);
    latest(&mut child).on_success = Some("arn:aws:sqs:us-east-1:000000000000:queue".to_owned());
    let mut world = World::new(vec![child]);
    world
        .invoke(asynchronous("child", &json!({})))
        .await
        .unwrap();
    world
        .warning("arn:aws:sqs:us-east-1:000000000000:queue is not a function here")
        .await;
}

fn latest(function: &mut Function) -> &mut EventInvokeConfig {
    let configs = &mut function.event_invoke_configs;
    configs.entry("$LATEST".to_owned()).or_default()
}

fn destination(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")
}

async fn record(world: &mut World) -> Value {
    let line = world.log_line(|line| line.starts_with("record ")).await;
    serde_json::from_str(&line["record ".len()..]).unwrap()
}
