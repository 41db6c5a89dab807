//! The context of a connection as the journal keeps it: all that its `$disconnect` event tells, as
//! JSON. The value of an API key is not in it, also where an authorizer named it: it is found again by
//! its id.

use std::sync::Arc;

use gatepost_model::{
    ApiId, StageName,
    connection_id::ConnectionId,
    request_context::{ApiKeyIdentity, AuthorizerContext, ConnectionContext, Identity, Signer},
    secret::Secret,
};
use serde_json::{Value, json};

/// The context as it is kept.
pub(crate) fn write(context: &ConnectionContext) -> String {
    let identity = &context.identity;
    let signer = identity.signer.as_deref();
    let signer = signer.map(|it| json!([it.account_id, it.user_id, it.user_arn, it.access_key]));
    let authorizer = context.authorizer.as_deref().map(|it| {
        json!({
            "principalId": it.principal_id,
            "context": it.context,
            "integrationLatency": it.integration_latency_ms,
        })
    });
    json!({
        "stage": context.stage.as_str(),
        "connectedAt": context.connected_at_ms,
        "domainName": &*context.domain_name,
        "sourceIp": identity.source_ip,
        "userAgent": identity.user_agent,
        "signer": signer,
        "apiKeyId": identity.api_key.as_deref().map(|key| &*key.api_key_id),
        "authorizer": authorizer,
    })
    .to_string()
}

/// The context that was kept; `None` for a damaged one. `api_key` finds the value of a key.
pub(crate) fn read(
    connection_id: ConnectionId,
    api_id: ApiId,
    kept: &str,
    api_key: impl Fn(&str) -> Option<Secret>,
) -> Option<ConnectionContext> {
    let kept: Value = serde_json::from_str(kept).ok()?;
    let text = |name: &str| kept.get(name).and_then(Value::as_str);
    let api_key = text("apiKeyId").and_then(|id| {
        Some(Box::new(ApiKeyIdentity {
            api_key: api_key(id)?,
            api_key_id: id.into(),
        }))
    });
    Some(ConnectionContext {
        connection_id,
        api_id,
        stage: StageName::from(text("stage")?),
        connected_at_ms: kept.get("connectedAt")?.as_u64()?,
        domain_name: Arc::from(text("domainName")?),
        identity: Identity {
            source_ip: text("sourceIp")?.into(),
            user_agent: text("userAgent").map(Into::into),
            signer: kept.get("signer").and_then(signer).map(Box::new),
            api_key,
        },
        authorizer: kept.get("authorizer").and_then(authorizer).map(Box::new),
    })
}

fn signer(kept: &Value) -> Option<Signer> {
    let text = |nth: usize| Some(kept.get(nth)?.as_str()?.into());
    Some(Signer {
        account_id: text(0)?,
        user_id: text(1)?,
        user_arn: text(2)?,
        access_key: text(3)?,
    })
}

fn authorizer(kept: &Value) -> Option<AuthorizerContext> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pair = |pair: &Value| Some((text(pair.get(0)?)?, text(pair.get(1)?)?));
    Some(AuthorizerContext {
        principal_id: text(kept.get("principalId")?)?,
        context: kept
            .get("context")?
            .as_array()?
            .iter()
            .filter_map(pair)
            .collect(),
        // The value of an API key, which `$connect` has checked.
        usage_identifier_key: None,
        integration_latency_ms: kept.get("integrationLatency")?.as_u64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_context_is_read_as_it_was_written_and_the_value_of_a_key_is_not_in_it() {
        let id = ConnectionId::from_bytes([1; 13]);
        let context = ConnectionContext {
            connection_id: id,
            api_id: "abcdef1234".into(),
            stage: "prod".into(),
            connected_at_ms: 7,
            domain_name: "localhost:4100".into(),
            identity: Identity {
                source_ip: "203.0.113.7".into(),
                user_agent: Some("agent \"x\"".into()),
                signer: Some(Box::new(Signer {
                    account_id: "1".into(),
                    user_id: "AIDA".into(),
                    user_arn: "arn:aws:iam::1:user/ann".into(),
                    access_key: "AKIA".into(),
                })),
                api_key: Some(Box::new(ApiKeyIdentity {
                    api_key: Secret::new("s3cret-value"),
                    api_key_id: "key1".into(),
                })),
            },
            authorizer: Some(Box::new(AuthorizerContext {
                principal_id: "ann".into(),
                context: vec![("b".into(), "2".into()), ("a".into(), "1".into())],
                usage_identifier_key: Some("s3cret-value".into()),
                integration_latency_ms: 3,
            })),
        };
        let kept = write(&context);
        assert!(!kept.contains("s3cret-value"), "{kept}");
        let value = |id: &str| (id == "key1").then(|| Secret::new("s3cret-value"));
        let read_back = read(id, "abcdef1234".into(), &kept, value).unwrap();
        assert_eq!(read_back.identity, context.identity);
        let without_key = context.authorizer.map(|authorizer| AuthorizerContext {
            usage_identifier_key: None,
            ..*authorizer
        });
        assert_eq!(read_back.authorizer, without_key.map(Box::new));
        assert_eq!(read_back.stage, context.stage);
        assert_eq!(read_back.connected_at_ms, 7);
        assert_eq!(read_back.domain_name, context.domain_name);
        assert!(read(id, "abcdef1234".into(), "{}", value).is_none());
    }
}
