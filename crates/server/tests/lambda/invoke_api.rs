//! The Invoke API over HTTP: statuses, headers and bodies, byte for byte.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gatepost_gateway::{
    auth::{Auth, AuthMode},
    store::{Retention, Store},
};
use gatepost_server::{
    auth::IdentifiedRequest,
    lambda::{MadeFunctions, invoke_api},
    server::{Door, Peer},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::support::{World, python};

fn world() -> World {
    let mut chat = python(
        "chat",
        "
def handler(event, context):
    print('hello')
    if 'fail' in event: raise Exception('no')
    custom = context.client_context.custom if context.client_context else None
    return {'event': event, 'custom': custom, 'arn': context.invoked_function_arn}
",
    );
    chat.aliases.insert("live".to_owned(), "2".to_owned());
    chat.versions.push("2".to_owned());
    let mut none = python("none", "def handler(e, c): pass");
    none.reserved_concurrency = Some(0);
    World::new(vec![chat, none])
}

async fn send(world: &World, request: http::request::Builder, body: &str) -> Response<Bytes> {
    let (head, ()) = request.body(()).unwrap().into_parts();
    let auth = Auth::new(AuthMode::Off, "us-east-1", "000000000000", Arc::default());
    let peer = Peer {
        address: "127.0.0.1:1".parse().unwrap(),
        local_port: 4100,
        is_tls: false,
        door: Door::Public,
    };
    let request = IdentifiedRequest::new(&auth, &peer, head, "localhost".to_owned(), "lambda")
        .and_then(|identified| identified.verify(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap();
    let store = Store::open(
        &world.folder.path().join("store.sqlite"),
        Retention {
            max_tombstones: 1,
            tombstone_age: Duration::ZERO,
            log_age: Duration::ZERO,
            max_bytes: 1 << 20,
        },
    );
    let functions = MadeFunctions::open(store.unwrap(), Arc::clone(&world.runner)).unwrap();
    let (parts, body) = invoke_api::handle(&functions, &*world.runner, request)
        .await
        .into_parts();
    let body: Full<Bytes> = body;
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

fn post(path: &str) -> http::request::Builder {
    Request::post(path)
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn parsed(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn an_invocation_has_lambdas_headers() {
    let world = world();
    let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Achat/invocations?Qualifier=live";
    let request = post(path)
        .header("X-Amz-Log-Type", "Tail")
        .header("X-Amz-Client-Context", "eyJjdXN0b20iOnsiYSI6IjEifX0=");
    let response = send(&world, request, r#"{"n":1}"#).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        parsed(&response),
        json!({
            "event": {"n": 1},
            "custom": {"a": "1"},
            "arn": "arn:aws:lambda:us-east-1:000000000000:function:chat:live",
        })
    );
    assert_eq!(header(&response, "X-Amz-Executed-Version"), "2");
    assert_eq!(header(&response, "x-amzn-Remapped-Content-Length"), "0");
    assert_eq!(header(&response, "Content-Type"), "application/json");
    assert!(header(&response, "X-Amzn-Trace-Id").starts_with("Root=1-"));
    let id = header(&response, "x-amzn-RequestId");
    let encoded = header(&response, "X-Amz-Log-Result");
    let tail = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).unwrap();
    let tail = String::from_utf8(tail).unwrap();
    let start = format!("START RequestId: {id} Version: 2\nhello\nEND RequestId: {id}\nREPORT ");
    assert!(tail.starts_with(&start), "{tail}");
}

#[tokio::test]
async fn a_function_error_is_a_200_with_its_header() {
    let response = send(
        &world(),
        post("/2015-03-31/functions/chat/invocations"),
        r#"{"fail":1}"#,
    )
    .await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "X-Amz-Function-Error"), "Unhandled");
    assert_eq!(parsed(&response)["errorMessage"], "no");
}

#[tokio::test]
async fn events_and_dry_runs_have_no_body() {
    let world = world();
    for (kind, status) in [("Event", 202), ("DryRun", 204)] {
        let request =
            post("/2015-03-31/functions/chat/invocations").header("X-Amz-Invocation-Type", kind);
        let response = send(&world, request, "{}").await;
        assert_eq!(
            (response.status().as_u16(), response.body().len()),
            (status, 0)
        );
        assert_eq!(header(&response, "x-amzn-RequestId").len(), 36);
    }
    let response = send(
        &world,
        post("/2014-11-13/functions/chat/invoke-async/"),
        "{}",
    )
    .await;
    assert_eq!(response.status(), 202);
}

#[tokio::test]
async fn refusals_have_lambdas_bodies() {
    let world = world();
    let invocations = |name: &str| format!("/2015-03-31/functions/{name}/invocations");
    let response = send(&world, post(&invocations("nobody")), "").await;
    assert_eq!(response.status(), 404);
    assert_eq!(
        header(&response, "x-amzn-ErrorType"),
        "ResourceNotFoundException"
    );
    assert_eq!(
        response.body(),
        r#"{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"}"#
    );
    let response = send(&world, post(&invocations("none")), "").await;
    assert_eq!(response.status(), 429);
    assert_eq!(header(&response, "Retry-After"), "1");
    assert_eq!(
        response.body(),
        r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#
    );
    let response = send(&world, post(&invocations("chat")), "{").await;
    assert_eq!(response.status(), 400);
    assert_eq!(
        header(&response, "x-amzn-ErrorType"),
        "InvalidRequestContentException"
    );
    let large = format!("\"{}\"", "x".repeat(6_291_555));
    let response = send(&world, post(&invocations("chat")), &large).await;
    assert_eq!(response.status(), 413);
    assert_eq!(
        header(&response, "x-amzn-ErrorType"),
        "RequestTooLargeException"
    );
    let request = post(&invocations("chat")).header("X-Amz-Invocation-Type", "Later");
    assert_eq!(send(&world, request, "").await.status(), 400);
    let request = post(&invocations("chat")).header("X-Amz-Client-Context", "e30");
    assert_eq!(send(&world, request, "").await.status(), 400);
}

#[tokio::test]
async fn functions_are_listed_in_pages() {
    let world = world();
    let first = send(
        &world,
        Request::get("/2015-03-31/functions/?MaxItems=1"),
        "",
    )
    .await;
    assert_eq!(first.status(), 200);
    let first = parsed(&first);
    assert_eq!(first["Functions"][0]["FunctionName"], "chat");
    let marker = first["NextMarker"].as_str().unwrap();
    let path = format!(
        "/2015-03-31/functions?Marker={}",
        marker.replace('=', "%3D")
    );
    let second = parsed(&send(&world, Request::get(path), "").await);
    assert_eq!(second["Functions"][0]["FunctionName"], "none");
    assert_eq!(second["NextMarker"], Value::Null);
}

#[tokio::test]
async fn a_function_is_described() {
    let world = world();
    let response = send(
        &world,
        Request::get("/2015-03-31/functions/chat?Qualifier=live"),
        "",
    )
    .await;
    let configuration = &parsed(&response)["Configuration"];
    for (name, value) in [
        (
            "FunctionArn",
            json!("arn:aws:lambda:us-east-1:000000000000:function:chat:live"),
        ),
        ("Runtime", json!("python3.11")),
        ("Handler", json!("app.handler")),
        ("Timeout", json!(20)),
        ("MemorySize", json!(128)),
        ("Version", json!("2")),
        ("State", json!("Active")),
    ] {
        assert_eq!(configuration[name], value, "{name}");
    }
    let path = "/2015-03-31/functions/chat/configuration";
    assert_eq!(
        parsed(&send(&world, Request::get(path), "").await)["FunctionName"],
        "chat"
    );
    assert_eq!(
        send(&world, Request::get("/2015-03-31/functions/no"), "")
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn an_operation_that_is_not_built_is_named_in_a_501() {
    let response = send(&world(), Request::get("/2018-10-31/layers"), "").await;
    assert_eq!(response.status(), 501);
    assert_eq!(
        header(&response, "x-amzn-ErrorType"),
        "NotImplementedException"
    );
    assert_eq!(
        response.body(),
        r#"{"Type":"Service","Message":"Gatepost does not answer Lambda's ListLayers yet"}"#
    );
}
