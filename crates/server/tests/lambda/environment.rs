//! What a function finds in its environment, and what not.

use gatepost_server::lambda::CaBundle;
use serde_json::json;

use super::support::{World, python};

const ENVIRONMENT: &str = "
import os
def handler(event, context): return dict(os.environ)
";

#[tokio::test]
async fn the_environment_is_cleared_and_filled_as_documented() {
    let mut function = python("chat", ENVIRONMENT);
    function
        .environment
        .insert("TABLE".to_owned(), "rooms".to_owned());
    function
        .environment
        .insert("FROM_FILE".to_owned(), "template".to_owned());
    function
        .environment
        .insert("_HANDLER".to_owned(), "ignored".to_owned());
    let world = World::with(vec![function], |config| {
        for (name, value) in [
            ("SECRET_OF_THE_USER", "x"),
            ("AWS_SECRET_ACCESS_KEY", "real"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"),
            ("AWS_ENDPOINT_URL_LAMBDA", "http://elsewhere"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("WANTED", "passed"),
        ] {
            config
                .own_environment
                .insert(name.to_owned(), value.to_owned());
        }
        config.pass_environment = vec!["WANTED".to_owned()];
        config
            .env_file
            .insert("FROM_FILE".to_owned(), "file".to_owned());
        let stage = "http://localhost:4100/_aws/execute-api/abc/prod";
        config
            .management_endpoints
            .insert("chat".into(), stage.to_owned());
        config.ca_bundle = Some(CaBundle {
            local_ca: "/ca/local.pem".into(),
            combined: "/ca/all.pem".into(),
        });
    });
    let (environment, _) = world.call("chat", &json!({})).await;
    for (name, value) in [
        ("TABLE", "rooms"),
        ("FROM_FILE", "file"),
        ("WANTED", "passed"),
        ("_HANDLER", "app.handler"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "chat"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/chat"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"),
        ("AWS_ENDPOINT_URL_LAMBDA", "http://localhost:4100"),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://localhost:4100"),
        (
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
            "http://localhost:4100/_aws/execute-api/abc/prod",
        ),
        ("NODE_EXTRA_CA_CERTS", "/ca/local.pem"),
        ("SSL_CERT_FILE", "/ca/all.pem"),
        ("REQUESTS_CA_BUNDLE", "/ca/all.pem"),
        ("AWS_CA_BUNDLE", "/ca/all.pem"),
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("NO_PROXY", "localhost,127.0.0.1,::1"),
        ("TZ", ":UTC"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert!(environment.get("SECRET_OF_THE_USER").is_none());
    assert_ne!(environment["AWS_SECRET_ACCESS_KEY"], "real");
    let stream = environment["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().unwrap();
    assert_eq!(stream.len(), "2026/09/25/[$LATEST]".len() + 32);
}

#[tokio::test]
async fn a_process_is_known_by_its_access_key_while_it_runs() {
    let mut world = World::new(vec![python(
        "chat",
        "
import os, time
def handler(event, context):
    print('key ' + os.environ['AWS_ACCESS_KEY_ID'])
    time.sleep(0.3)
    return context.aws_request_id
",
    )]);
    let runner = std::sync::Arc::clone(&world.runner);
    let running = tokio::spawn(async move {
        use gatepost_gateway::integration::invoke_function::InvokeFunction;
        runner
            .invoke(super::support::request("chat", &json!({})))
            .await
            .unwrap()
            .request_id
    });
    let line = world.log_line(|line| line.starts_with("key ")).await;
    let key = &line["key ".len()..];
    let caller = world.runner.caller_of(key).unwrap();
    assert_eq!(caller.function.as_str(), "chat");
    assert_eq!(caller.request_id, Some(running.await.unwrap()));
    assert_eq!(world.runner.caller_of(key).unwrap().request_id, None);
    assert_eq!(world.runner.caller_of("AKIAAAAAAAAAAAAAAAAA"), None);
}
