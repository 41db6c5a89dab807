//! Calls one `@connections` operation with the AWS SDK for Rust and prints what came of it as JSON:
//! `rust-sdk-client ENDPOINT CONNECTION_ID post|get|delete [DATA]`.

use std::{env, error::Error};

use aws_sdk_apigatewaymanagement::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_connection::DeleteConnectionError, get_connection::GetConnectionError,
        post_to_connection::PostToConnectionError,
    },
    primitives::Blob,
};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, id, operation, data @ ..] = arguments.as_slice() else {
        return Err("usage: rust-sdk-client ENDPOINT CONNECTION_ID post|get|delete [DATA]".into());
    };
    let client = Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    );
    let result = match operation.as_str() {
        "post" => {
            let data = data.first().map_or("", String::as_str);
            client
                .post_to_connection()
                .connection_id(id)
                .data(Blob::new(data))
                .send()
                .await
                .map(|_| json!({}))
                .map_err(|error| told(&error, matches!(error.as_service_error(), Some(PostToConnectionError::GoneException(_)))))
        }
        "get" => client
            .get_connection()
            .connection_id(id)
            .send()
            .await
            .map(|found| json!({ "sourceIp": found.identity().map(|identity| identity.source_ip()) }))
            .map_err(|error| told(&error, matches!(error.as_service_error(), Some(GetConnectionError::GoneException(_))))),
        "delete" => client
            .delete_connection()
            .connection_id(id)
            .send()
            .await
            .map(|_| json!({}))
            .map_err(|error| told(&error, matches!(error.as_service_error(), Some(DeleteConnectionError::GoneException(_))))),
        other => return Err(format!("no such operation: {other}").into()),
    };
    println!("{}", result.unwrap_or_else(|error| error));
    Ok(())
}

/// A refused call; `error` is `GoneException` only when the SDK raised that very type.
fn told<E: ProvideErrorMetadata>(error: &SdkError<E>, is_gone: bool) -> Value {
    let response = error.raw_response();
    json!({
        "error": if is_gone { Some("GoneException") } else { None },
        "code": error.code(),
        "status": response.map(|response| response.status().as_u16()),
        "reason": response.and_then(|response| response.headers().get("x-gatepost-gone-reason")),
    })
}
