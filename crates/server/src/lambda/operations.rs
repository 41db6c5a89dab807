//! Lambda's operations on functions: what they are, who may change them, how they run. The shapes of
//! requests and answers are the service model's (`shapes/lambda.rs`).

mod alias;
mod configuration;
mod event_invoke_config;
mod function;
mod page;
mod policy;
mod settings;
mod version;

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::new_id;
use gatepost_model::invocation::InvokeError;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::Value;

use super::{
    error_body,
    invoke_api::{Refusal, function_arn, json_response},
    made::MadeFunctions,
};
use crate::{
    auth::VerifiedRequest,
    shapes::{Input, OperationShape, ShapeError, lambda::Operation},
};

type Answer = Result<Value, InvokeError>;

/// Carries out an operation that is no invocation.
pub(super) async fn carry_out(
    functions: &Arc<MadeFunctions>,
    operation: Operation,
    members: Vec<(&'static str, String)>,
    request: &VerifiedRequest<'_>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let query = request.head.uri.query().unwrap_or_default().to_owned();
    let headers = HeaderMap::new();
    let input = Input {
        path: &members,
        query: &query,
        headers: &headers,
        body: &request.body,
    };
    let resource = resource(request, operation, &input);
    let call = request.authorize(&format!("lambda:{}", operation.name()), &resource)?;
    let body = call.request().body.clone();
    let functions = Arc::clone(functions);
    // Changes wait for the disk.
    let answer = tokio::task::spawn_blocking(move || {
        let input = Input {
            path: &members,
            query: &query,
            headers: &headers,
            body: &body,
        };
        answer(&functions, operation, &input)
    });
    let answer = answer
        .await
        .unwrap_or_else(|error| Err(error_body::service(error.to_string())))?;
    let status = StatusCode::from_u16(operation.status()).unwrap_or_default();
    let mut response = json_response(status, &new_id::uuid(), &answer);
    if status == StatusCode::NO_CONTENT {
        *response.body_mut() = Full::default();
        response.headers_mut().remove(http::header::CONTENT_TYPE);
    }
    Ok(response)
}

/// What a policy must allow it on.
fn resource(request: &VerifiedRequest<'_>, operation: Operation, input: &Input<'_>) -> String {
    let member = |name: &str| input.path.iter().find(|(of, _)| *of == name);
    if let Some((_, arn)) = member("Resource") {
        return function_arn(request, arn, None);
    }
    if let Some((_, name)) = member("FunctionName") {
        // As the request is read: the first that stands there, however its name is encoded.
        let qualifiers = input.query_members("Qualifier");
        let qualifier = qualifiers.first().filter(|_| takes_qualifier(operation));
        return function_arn(request, name, qualifier.map(AsRef::as_ref));
    }
    if operation != Operation::CreateFunction {
        return "*".to_owned();
    }
    let body: Option<Value> = serde_json::from_slice(input.body).ok();
    let name = body
        .as_ref()
        .and_then(|body| body.get("FunctionName")?.as_str());
    name.map_or_else(|| "*".to_owned(), |name| function_arn(request, name, None))
}

/// Whether the operation may be about a version or an alias: its request has `Qualifier`. The others
/// refuse one in the function's name ([`unqualified`](super::made::unqualified)).
fn takes_qualifier(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::GetFunction
            | Operation::GetFunctionConfiguration
            | Operation::DeleteFunction
            | Operation::AddPermission
            | Operation::RemovePermission
            | Operation::GetPolicy
            | Operation::PutFunctionEventInvokeConfig
            | Operation::UpdateFunctionEventInvokeConfig
            | Operation::GetFunctionEventInvokeConfig
            | Operation::DeleteFunctionEventInvokeConfig
    )
}

/// A table of contents: each operation's answer.
fn answer(functions: &MadeFunctions, operation: Operation, input: &Input<'_>) -> Answer {
    match operation {
        Operation::CreateFunction => function::create(functions, input.read()?),
        Operation::GetFunction => function::get(functions, &input.read()?),
        Operation::GetFunctionConfiguration => {
            function::get_configuration(functions, &input.read()?)
        }
        Operation::ListFunctions => function::list(functions, &input.read()?),
        Operation::UpdateFunctionCode => function::update_code(functions, input.read()?),
        Operation::UpdateFunctionConfiguration => {
            function::update_configuration(functions, input.read()?)
        }
        Operation::DeleteFunction => function::delete(functions, &input.read()?),
        Operation::PublishVersion => version::publish(functions, input.read()?),
        Operation::ListVersionsByFunction => version::list(functions, &input.read()?),
        Operation::CreateAlias => alias::create(functions, input.read()?),
        Operation::GetAlias => alias::get(functions, &input.read()?),
        Operation::UpdateAlias => alias::update(functions, input.read()?),
        Operation::DeleteAlias => alias::delete(functions, &input.read()?),
        Operation::ListAliases => alias::list(functions, &input.read()?),
        Operation::AddPermission => policy::add_permission(functions, input.read()?),
        Operation::RemovePermission => policy::remove_permission(functions, &input.read()?),
        Operation::GetPolicy => policy::get(functions, &input.read()?),
        Operation::PutFunctionEventInvokeConfig => {
            event_invoke_config::put(functions, input.read()?)
        }
        Operation::UpdateFunctionEventInvokeConfig => {
            event_invoke_config::update(functions, input.read()?)
        }
        Operation::GetFunctionEventInvokeConfig => {
            event_invoke_config::get(functions, &input.read()?)
        }
        Operation::DeleteFunctionEventInvokeConfig => {
            event_invoke_config::delete(functions, &input.read()?)
        }
        Operation::ListFunctionEventInvokeConfigs => {
            event_invoke_config::list(functions, &input.read()?)
        }
        Operation::PutFunctionConcurrency => settings::put_concurrency(functions, &input.read()?),
        Operation::GetFunctionConcurrency => settings::get_concurrency(functions, &input.read()?),
        Operation::DeleteFunctionConcurrency => {
            settings::delete_concurrency(functions, &input.read()?)
        }
        Operation::ListTags => settings::list_tags(functions, &input.read()?),
        Operation::TagResource => settings::tag_resource(functions, input.read()?),
        Operation::UntagResource => settings::untag_resource(functions, &input.read()?),
    }
}

impl From<ShapeError> for InvokeError {
    fn from(error: ShapeError) -> Self {
        match error {
            ShapeError::Serialization(message) => error_body::serialization(message),
            ShapeError::Validation(message) => error_body::validation(message),
        }
    }
}

/// The wire form of an answer.
fn document(answer: &impl Serialize) -> Answer {
    serde_json::to_value(answer).map_err(|error| error_body::service(error.to_string()))
}

/// Refuses a change that its caller based on another revision.
fn check_revision(wanted: Option<&str>, present: &str, read_by: &str) -> Result<(), InvokeError> {
    match wanted {
        Some(wanted) if wanted != present => Err(error_body::precondition_failed(read_by)),
        _ => Ok(()),
    }
}
