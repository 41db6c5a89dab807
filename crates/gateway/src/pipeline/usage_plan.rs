//! API keys and usage plans (data-plane spec 9.4): a route that requires a key runs for a client
//! whose key belongs to a plan of the stage, as often and as much as the plan allows. The key is that
//! of the handshake, for messages too: they carry none.

use gatepost_model::{
    api::ApiKeySource,
    calendar::Day,
    fault::{Fault, FaultKind},
    request_context::{ApiKeyIdentity, AuthorizerContext, RequestContext},
    secret::Secret,
};
use gatepost_wire::{
    execution_log::{Entry, Masked, Severity},
    lambda_event::HandshakeRequest,
};

use super::throttle::take;
use crate::{
    deployed::DeployedRoute,
    gateway::Gateway,
    observe::RequestLog,
    usage_plans::{Membership, ServedKey},
};

/// The API key that a handshake presents, where the API's selection expression says.
pub(super) fn presented_key<'a>(
    source: ApiKeySource,
    handshake: &'a HandshakeRequest,
    authorizer: Option<&'a AuthorizerContext>,
) -> Option<&'a str> {
    let value = match source {
        ApiKeySource::Header => handshake
            .headers
            .iter()
            .find(|(name, _)| name == "x-api-key")
            .map(|(_, value)| value.as_str()),
        ApiKeySource::UsageIdentifierKey => authorizer?.usage_identifier_key.as_deref(),
    };
    value.filter(|value| !value.is_empty())
}

/// Who presents `value`; nobody, when there is no such key or it is disabled.
pub(super) fn identify(gateway: &Gateway, value: &str) -> Option<ApiKeyIdentity> {
    let plans = gateway.usage_plans();
    let key = plans.key_of_value(value)?;
    key.enabled.then(|| ApiKeyIdentity {
        api_key: key.value.clone(),
        api_key_id: key.api_key_id.as_str().into(),
    })
}

/// Lets a request pass whose route requires no API key, or one of a plan of this stage that has not
/// used up what the plan allows. `presented` is what the handshake carried, for the log.
///
/// # Errors
/// `Forbidden`, `Too Many Requests` or `Limit Exceeded`.
pub(super) fn pass(
    gateway: &Gateway,
    route: &DeployedRoute,
    context: &RequestContext,
    presented: Option<&str>,
    log: &mut RequestLog,
) -> Result<(), Fault> {
    let route_key = route.route_key.as_str();
    if !route.api_key_required {
        log.api_key_not_required(route_key);
        return Ok(());
    }
    let identity = context.connection.identity.api_key.as_deref();
    let masked = || match (identity, presented) {
        (Some(identity), _) => Masked::api_key(&identity.api_key),
        (None, Some(presented)) => Masked::api_key(&Secret::new(presented)),
        (None, None) => Masked::default(),
    };
    if log.writes(Severity::Info) {
        log.write(&Entry::VerifyingUsagePlan { api_key: masked() });
    }
    let Some(identity) = identity else {
        let why = match presented {
            None => "the handshake carried no valid one",
            Some(_) => "there is no such key, or it is disabled",
        };
        return Err(not_authorized(route_key, context, &masked(), why));
    };
    let plans = gateway.usage_plans();
    let key = plans.key_of_id(&identity.api_key_id);
    let Some(key) = key.filter(|key| key.enabled) else {
        let why = "the key has been deleted or disabled";
        return Err(not_authorized(route_key, context, &masked(), why));
    };
    let (api_id, stage) = (&context.connection.api_id, &context.connection.stage);
    let Some(membership) = key.membership_for(api_id, stage) else {
        let why = "No Usage Plan found for key and API Stage";
        return Err(not_authorized(route_key, context, &masked(), why));
    };
    use_plan(key, membership, route_key, context)?;
    if log.writes(Severity::Info) {
        let api_key = Masked::api_key(&key.value);
        log.write(&Entry::ApiKeyAuthorized { route_key, api_key });
    }
    Ok(())
}

/// Takes a request out of what the plan allows the key.
fn use_plan(
    key: &ServedKey,
    membership: &Membership,
    route_key: &str,
    context: &RequestContext,
) -> Result<(), Fault> {
    let connection = &context.connection;
    let bucket = membership.throttle_on(&connection.api_id, &connection.stage, route_key);
    let of_key = || {
        let (key, plan) = (key.value.masked(), &membership.usage_plan_id);
        format!("API Key {key} of Usage Plan {plan}, Route {route_key}")
    };
    take(bucket, of_key)?;
    let today = Day::of_epoch_ms(context.request_time_ms);
    match membership.quota {
        Some(quota) if !membership.meter.count(quota, today) => {
            let (limit, period) = (quota.limit, quota.period.as_str());
            let key = of_key();
            let detail = format!("Key quota limit exceeded for {key}. Limit: {limit} a {period}");
            Err(Fault::new(FaultKind::QuotaExceeded, detail))
        }
        _ => Ok(()),
    }
}

/// The refusal in the words of REST APIs' logs.
fn not_authorized(
    route_key: &str,
    context: &RequestContext,
    masked_key: &Masked<'_>,
    why: &str,
) -> Fault {
    let (api_id, stage) = (&context.connection.api_id, &context.connection.stage);
    let key = masked_key.as_str();
    let detail = format!(
        "API Key {key} not authorized because route '{route_key}' requires API Key and API Key is \
         not associated with a Usage Plan for API Stage {api_id}/{stage}: {why}"
    );
    Fault::new(FaultKind::InvalidApiKey, detail)
}
