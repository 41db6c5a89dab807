//! Who may connect: `authorizationType` of the `$connect` route (data-plane spec 9). It is asked on
//! every handshake; nothing is cached.

mod aws_iam;

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use gatepost_model::{
    arn::{ExecuteApiArn, lambda_function_of_uri},
    fault::{Fault, FaultKind},
    function_policy::ApiSource,
    invocation::{INVALID_PERMISSIONS, InvokeError, InvokeRequest, InvokeResponse},
    request_context::{AuthorizerContext, RequestContext, Signer},
};
use gatepost_wire::{
    access_log::AuthorizerOutcome,
    authorizer_response::parse_authorizer_response,
    execution_log::{
        Entry, Masked, Severity, mask_authorizer_result, mask_handshake, mask_identity, shown,
    },
    iam_policy::{AuthorizationRequest, Policy, PolicyDecision},
    lambda_event::{self, HandshakeRequest},
    lambda_response::function_error,
};

use super::on_connect::ConnectRequest;
use crate::{
    auth::RequestFacts,
    clock::millis_since,
    deployed::{DeployedAuthorization, DeployedAuthorizer, IdentitySource},
    gateway::Gateway,
    integration::{bulkhead::Wait, log_lambda_request},
    observe::RequestLog,
};

const INVOKE: &str = "execute-api:Invoke";

/// A client that may connect, and who it is.
#[derive(Debug)]
pub enum Authorized {
    /// Everybody may.
    Anybody,
    /// `AWS_IAM`: who signed.
    Signer(Signer),
    /// `CUSTOM`: what the authorizer says of it.
    Client(AuthorizerContext),
}

/// Whether the handshake may go on.
///
/// # Errors
/// The [`Fault`] that the client is refused with.
pub async fn authorize(
    gateway: &Gateway,
    authorization: &DeployedAuthorization,
    context: &RequestContext,
    request: &ConnectRequest,
    log: &mut RequestLog,
) -> Result<Authorized, Fault> {
    match authorization {
        DeployedAuthorization::None => Ok(Authorized::Anybody),
        DeployedAuthorization::AwsIam => {
            aws_iam::authorize(gateway, context, request).map(Authorized::Signer)
        }
        DeployedAuthorization::Custom(authorizer) => {
            ask(gateway, authorizer, context, &request.handshake, log)
                .await
                .map(Authorized::Client)
        }
    }
}

/// The resource of the `$connect` route in policies.
fn connect_arn<'a>(gateway: &'a Gateway, context: &RequestContext) -> ExecuteApiArn<'a> {
    let connection = &context.connection;
    ExecuteApiArn {
        region: gateway.region(),
        account: gateway.account_id(),
        resource: format!("{}/{}/$connect", connection.api_id, connection.stage),
    }
}

/// Asks the Lambda authorizer (data-plane spec 9.2).
async fn ask(
    gateway: &Gateway,
    authorizer: &DeployedAuthorizer,
    context: &RequestContext,
    handshake: &HandshakeRequest,
    log: &mut RequestLog,
) -> Result<AuthorizerContext, Fault> {
    log_incoming_identity(authorizer, context, handshake, log);
    if let Some(source) = missing_source(&authorizer.identity_source, context, handshake) {
        let detail = format!("the identity source {source} is missing");
        return Err(Fault::new(FaultKind::Unauthorized, detail));
    }
    let method_arn = connect_arn(gateway, context).to_string();
    let started = Instant::now();
    let event = lambda_event::authorizer_event(context, handshake, &method_arn);
    let traced = log
        .writes(Severity::DataTrace)
        .then(|| lambda_event::authorizer_event(context, &mask_handshake(handshake), &method_arn));
    let answer = invoke(gateway, authorizer, context, event, traced, log).await?;
    let response = parse_authorizer_response(&answer, gateway.limits().max_authorizer_result_bytes)
        .map_err(|error| {
            let detail = format!(
                "Execution failed due to configuration error: the authorizer's answer is not \
                     one: {error}"
            );
            Fault::new(FaultKind::AuthorizerConfiguration, detail)
        })?;
    let decision = response.policy.evaluate(&AuthorizationRequest {
        action: INVOKE,
        resource: &method_arn,
        keys: &facts(gateway.region(), context, handshake).keys(None),
    });
    match decision {
        PolicyDecision::Allow => {
            log.write(&Entry::AuthorizerAllowed {
                principal: Masked::value(&response.principal_id),
            });
            Ok(AuthorizerContext {
                principal_id: response.principal_id,
                context: response.context,
                usage_identifier_key: response.usage_identifier_key,
                integration_latency_ms: millis_since(started),
            })
        }
        PolicyDecision::ExplicitDeny => Err(Fault::new(
            FaultKind::ExplicitDeny,
            format!(
                "the authorizer's policy denies {method_arn}{}",
                not_evaluated(&response.policy)
            ),
        )),
        PolicyDecision::ImplicitDeny => Err(Fault::new(
            FaultKind::ImplicitDeny,
            format!(
                "the authorizer's policy does not allow {method_arn}{}",
                not_evaluated(&response.policy)
            ),
        )),
    }
}

/// What a policy may ask about a handshake.
fn facts<'a>(
    region: &'a str,
    context: &'a RequestContext,
    handshake: &'a HandshakeRequest,
) -> RequestFacts<'a> {
    let mut headers = handshake.headers.iter();
    RequestFacts {
        source_ip: handshake.source_ip.parse().ok(),
        user_agent: context.connection.identity.user_agent.as_deref(),
        referer: headers
            .find(|(name, _)| name == "referer")
            .map(|(_, value)| value.as_str()),
        secure_transport: handshake.proto == "https",
        region,
        now_ms: context.request_time_ms,
    }
}

/// Why a policy may deny more than its author expects.
fn not_evaluated(policy: &Policy) -> String {
    let reasons: Vec<String> = policy
        .unsupported()
        .iter()
        .map(|reason| format!("; {reason}, so its statement never allows and always denies"))
        .collect();
    reasons.concat()
}

async fn invoke(
    gateway: &Gateway,
    authorizer: &DeployedAuthorizer,
    context: &RequestContext,
    event: Vec<u8>,
    traced: Option<Vec<u8>>,
    log: &mut RequestLog,
) -> Result<Vec<u8>, Fault> {
    let failed = |detail: String| Fault::new(FaultKind::AuthorizerFailure, detail);
    let uri = authorizer.function.resolve(&context.stage_variables);
    let Some(function) = lambda_function_of_uri(&uri) else {
        return Err(failed(format!(
            "the authorizer's URI {uri} names no Lambda function"
        )));
    };
    let source = ApiSource {
        api_id: context.connection.api_id.clone(),
        resource: format!("authorizers/{}", authorizer.authorizer_id),
    };
    if let Some(event) = traced {
        log_lambda_request(function, context, &source.resource, &event, log);
    }
    let request = InvokeRequest {
        source: (!authorizer.by_role).then_some(source),
        ..InvokeRequest::synchronous(function, event)
    };
    let timeout: Duration = gateway.limits().integration_timeout;
    let began = Instant::now();
    let call = gateway.config.lambda.invoke(request);
    let invocation = pin!(authorizer.bulkhead.call(Wait::Bounded, timeout, call));
    let answer = log.while_waiting(invocation).await;
    log.authorizer_answered(outcome(&answer, began));
    let answer = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.is_denied() => {
            return Err(failed(format!("{INVALID_PERMISSIONS}: {}", error.message)));
        }
        Ok(Err(error)) => return Err(failed(format!("the authorizer cannot be invoked: {error}"))),
        Err(no_answer) => return Err(no_answer.of_authorizer()),
    };
    if log.writes(Severity::DataTrace) {
        log.write(&Entry::AuthorizerResult {
            body: shown(&mask_authorizer_result(&String::from_utf8_lossy(
                &answer.payload,
            ))),
        });
    }
    if answer.function_error.is_none() {
        return Ok(answer.payload);
    }
    let message = function_error(&answer.payload)
        .map(|error| error.error_message)
        .unwrap_or_default();
    if message == "Unauthorized" {
        let detail = "the authorizer said `Unauthorized`";
        return Err(Fault::new(FaultKind::Unauthorized, detail));
    }
    Err(failed(format!(
        "Execution failed due to an authorizer error: {message}. Lambda request id: {}",
        answer.request_id
    )))
}

/// What the access log tells of the authorizer's invocation.
fn outcome<E>(
    answer: &Result<Result<InvokeResponse, InvokeError>, E>,
    began: Instant,
) -> AuthorizerOutcome {
    let (request_id, status) = match answer {
        Ok(Ok(answer)) => (Some(answer.request_id.as_str().into()), Some(answer.status)),
        Ok(Err(error)) => (None, Some(error.status)),
        Err(_) => (None, None),
    };
    AuthorizerOutcome {
        request_id,
        latency_ms: millis_since(began),
        integration_status: status,
    }
}

/// Writes that the authorizer begins, and with what of the identity sources.
fn log_incoming_identity(
    authorizer: &DeployedAuthorizer,
    context: &RequestContext,
    handshake: &HandshakeRequest,
    log: &mut RequestLog,
) {
    if !log.writes(Severity::Info) {
        return;
    }
    let value = |pairs: &'_ [(String, String)], wanted: &str| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let identity = authorizer.identity_source.iter().map(|source| {
        let value = match source {
            IdentitySource::Header(name) => value(&handshake.headers, name),
            IdentitySource::QueryString(name) => value(&handshake.query, name),
            IdentitySource::StageVariable(name) => context
                .stage_variables
                .get(name)
                .cloned()
                .unwrap_or_default(),
            IdentitySource::Context(name) => context.variable(name).unwrap_or_default(),
        };
        (source.to_string(), value)
    });
    log.write(&Entry::StartingAuthorizer {
        authorizer_id: authorizer.authorizer_id.as_str(),
        incoming_identity: mask_identity(identity),
    });
}

/// The first source that is absent or empty, in AWS's notation.
pub(super) fn missing_source(
    sources: &[IdentitySource],
    context: &RequestContext,
    handshake: &HandshakeRequest,
) -> Option<String> {
    let has = |pairs: &[(String, String)], wanted: &str| {
        pairs
            .iter()
            .any(|(name, value)| name == wanted && !value.is_empty())
    };
    sources.iter().find_map(|source| {
        let present = match source {
            IdentitySource::Header(name) => has(&handshake.headers, name),
            IdentitySource::QueryString(name) => has(&handshake.query, name),
            IdentitySource::StageVariable(name) => context
                .stage_variables
                .get(name)
                .is_some_and(|value| !value.is_empty()),
            // Of the context only these three resolve before the authorizer ran (spec 9.2).
            IdentitySource::Context(name) => matches!(
                name.as_str(),
                "connectionId" | "connectedAt" | "requestTimeEpoch"
            ),
        };
        (!present).then(|| source.to_string())
    })
}
