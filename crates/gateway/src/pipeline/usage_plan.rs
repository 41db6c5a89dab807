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
use gatepost_wire::lambda_event::HandshakeRequest;

use super::throttle::take;
use crate::{deployed::DeployedRoute, gateway::Gateway, usage_plans::ServedKey};

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

/// Lets a request pass whose route requires an API key: one of a plan of this stage that has not
/// used up what the plan allows. `presented` is what the handshake carried, for the log.
///
/// # Errors
/// `Forbidden`, `Too Many Requests` or `Limit Exceeded`.
pub(super) fn pass(
    gateway: &Gateway,
    route: &DeployedRoute,
    context: &RequestContext,
    presented: Option<&str>,
) -> Result<(), Fault> {
    if !route.api_key_required {
        return Ok(());
    }
    let connection = &context.connection;
    let refuse = |why: &str| {
        let presented = presented.map(|value| Secret::new(value).masked());
        Fault::new(
            FaultKind::InvalidApiKey,
            format!(
                "API Key {} not authorized because route '{}' requires API Key and API Key is not \
                 associated with a Usage Plan for API Stage {}/{}: {why}",
                presented.unwrap_or_default(),
                route.route_key,
                connection.api_id,
                connection.stage,
            ),
        )
    };
    let Some(identity) = &connection.identity.api_key else {
        return Err(refuse(match presented {
            None => "the handshake carried no valid one",
            Some(_) => "there is no such key, or it is disabled",
        }));
    };
    let plans = gateway.usage_plans();
    let key = plans.key_of_id(&identity.api_key_id);
    let Some(key) = key.filter(|key| key.enabled) else {
        return Err(refuse("the key has been deleted or disabled"));
    };
    let Some(membership) = key.membership_for(&connection.api_id, &connection.stage) else {
        return Err(refuse("No Usage Plan found for key and API Stage"));
    };
    let route_key = route.route_key.as_str();
    let bucket = membership.throttle_on(&connection.api_id, &connection.stage, route_key);
    let of_key = |key: &ServedKey| {
        let (key, plan) = (key.value.masked(), &membership.usage_plan_id);
        format!("API Key {key} of Usage Plan {plan}, Route {route_key}")
    };
    take(bucket, || of_key(key))?;
    match membership.quota {
        Some(quota)
            if !membership
                .meter
                .count(quota, Day::of_epoch_ms(context.request_time_ms)) =>
        {
            let (limit, period) = (quota.limit, quota.period.as_str());
            let detail = format!(
                "Key quota limit exceeded for {}. Limit: {limit} a {period}",
                of_key(key)
            );
            Err(Fault::new(FaultKind::QuotaExceeded, detail))
        }
        _ => Ok(()),
    }
}
