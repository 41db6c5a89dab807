//! A policy document, and behind lines of `---` an action and a resource.
#![no_main]

use gatepost_wire::iam_policy::{
    AuthorizationRequest, Policy, PolicyDecision, PolicyKind, RequestKeys,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|input: &str| {
    let [document, action, resource] = gatepost_fuzz::parts(input);
    let Ok(document) = serde_json::from_str::<Value>(document) else {
        return;
    };
    let keys = RequestKeys {
        principal: None,
        source_ip: "203.0.113.7".parse().ok(),
        user_agent: Some("fuzz"),
        referer: None,
        secure_transport: true,
        region: "us-east-1",
        now_ms: 1_790_294_508_123,
    };
    let request = AuthorizationRequest {
        action,
        resource,
        keys: &keys,
    };
    for kind in [PolicyKind::Authorizer, PolicyKind::IdentityBased] {
        let Ok(policy) = Policy::parse(&document, kind) else {
            continue;
        };
        policy.evaluate(&request);
        // Whatever a policy says, what it also denies is denied.
        let Some(statements) = document.get("Statement") else {
            continue;
        };
        let mut statements = match statements {
            Value::Array(statements) => statements.clone(),
            one => vec![one.clone()],
        };
        statements.push(json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
        let mut denying = document.clone();
        denying["Statement"] = statements.into();
        if let Ok(denying) = Policy::parse(&denying, kind) {
            assert_eq!(denying.evaluate(&request), PolicyDecision::ExplicitDeny);
        }
    }
});
