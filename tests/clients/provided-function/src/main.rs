//! The bootstrap of a `provided.al2023` function: gives its event back with what Lambda told it,
//! or does what the event's `do` asks: `fail`, `exit`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    match event["do"].as_str() {
        Some("fail") => Err("asked to fail".into()),
        Some("exit") => std::process::exit(7),
        _ => Ok(json!({
            "statusCode": 200,
            "body": event["body"],
            "event": event,
            "requestId": context.request_id,
            "functionArn": context.invoked_function_arn,
            "handler": std::env::var("_HANDLER").ok(),
        })),
    }
}
