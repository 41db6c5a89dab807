//! Policies against what AWS documents of them.

use std::net::IpAddr;

use gatepost_model::principal::{Principal, PrincipalKind};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expression::tests::any_json;

const INVOKE: &str = "execute-api:Invoke";
const CONNECT: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect";
/// Fri Sep 25 00:01:48 UTC 2026.
const NOW_MS: u64 = 1_790_294_508_000;

fn ann() -> Principal {
    Principal::new("123456789012", PrincipalKind::User("ann".into()))
}

fn session() -> Principal {
    Principal::new(
        "123456789012",
        PrincipalKind::AssumedRole {
            role: "chat".into(),
            session: "main".into(),
        },
    )
}

fn keys(principal: Option<&Principal>) -> RequestKeys<'_> {
    RequestKeys {
        principal,
        source_ip: Some(IpAddr::from([203, 0, 113, 7])),
        user_agent: Some("aws-cli/2.15"),
        referer: None,
        secure_transport: false,
        region: "us-east-1",
        now_ms: NOW_MS,
    }
}

fn policy(statements: Value) -> Policy {
    let version = Value::from("2012-10-17");
    let document = Value::from_iter([("Version", version), ("Statement", statements)]);
    Policy::parse(&document, PolicyKind::IdentityBased).unwrap()
}

fn decide_as(principal: Option<&Principal>, statements: Value, resource: &str) -> PolicyDecision {
    policy(statements).evaluate(&AuthorizationRequest {
        action: INVOKE,
        resource,
        keys: &keys(principal),
    })
}

fn decide(statements: Value) -> PolicyDecision {
    decide_as(Some(&ann()), statements, CONNECT)
}

fn allow(resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": INVOKE, "Resource": resource})
}

#[test]
fn wildcards_match_as_in_iam() {
    for resource in [
        "*",
        CONNECT,
        "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/*",
        "arn:aws:execute-api:*:*:*/dev/$connect",
        "arn:aws:execute-api:us-east-?:*:abcdef1234/dev/$conn*t",
        "arn:aws:execute-api:*:*:*",
    ] {
        assert_eq!(decide(allow(resource)), PolicyDecision::Allow, "{resource}");
    }
    for resource in [
        "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/prod/*",
        "arn:aws:execute-api:us-east-1:123456789012:ABCDEF1234/*",
        "arn:aws:execute-api:us-east-1:123456789012:abcdef1234/dev/$connect?",
    ] {
        let decision = decide(allow(resource));
        assert_eq!(decision, PolicyDecision::ImplicitDeny, "{resource}");
    }
}

#[test]
fn actions_match_without_regard_to_case() {
    for action in [
        "execute-api:invoke",
        "EXECUTE-API:*",
        "*",
        "execute-api:Inv?ke",
    ] {
        let statement = json!([{"Effect": "Allow", "Action": [action], "Resource": "*"}]);
        assert_eq!(decide(statement), PolicyDecision::Allow, "{action}");
    }
    let other = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    assert_eq!(decide(other), PolicyDecision::ImplicitDeny);
}

#[test]
fn an_explicit_deny_wins() {
    assert_eq!(
        decide(json!([
            {"Effect": "Deny", "Action": INVOKE, "Resource": CONNECT},
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
        ])),
        PolicyDecision::ExplicitDeny
    );
}

#[test]
fn negations_match_everything_else() {
    let not_action = json!({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"});
    assert_eq!(decide(not_action), PolicyDecision::Allow);
    let not_resource = json!({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:*/prod/*"});
    assert_eq!(decide(not_resource), PolicyDecision::ExplicitDeny);
    let not_this = json!({"Effect": "Allow", "Action": "*", "NotResource": [CONNECT]});
    assert_eq!(decide(not_this), PolicyDecision::ImplicitDeny);
}

/// An allow under a condition that holds, and under one that does not.
#[test]
fn conditions_hold_as_iam_documents_them() {
    let holds = |principal: &Principal, operator: &str, key: &str, values: Value| {
        let statement = json!({
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {operator: {key: values}},
        });
        decide_as(Some(principal), statement, CONNECT) == PolicyDecision::Allow
    };
    let (user, role) = (&ann(), &session());
    for (principal, operator, key, values) in [
        (user, "StringEquals", "aws:username", json!("ann")),
        (user, "StringEquals", "AWS:UserName", json!(["bob", "ann"])),
        (
            user,
            "StringNotEquals",
            "aws:username",
            json!(["bob", "eve"]),
        ),
        (user, "StringEqualsIgnoreCase", "aws:username", json!("ANN")),
        (
            user,
            "StringNotEqualsIgnoreCase",
            "aws:username",
            json!("BOB"),
        ),
        (user, "StringLike", "aws:UserAgent", json!("aws-cli/*")),
        (user, "StringNotLike", "aws:UserAgent", json!("curl/*")),
        (
            user,
            "StringEquals",
            "aws:PrincipalAccount",
            json!("123456789012"),
        ),
        (user, "StringEquals", "aws:PrincipalType", json!("User")),
        (
            user,
            "StringEquals",
            "aws:RequestedRegion",
            json!("us-east-1"),
        ),
        (
            user,
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:user/a*"),
        ),
        (
            user,
            "ArnEquals",
            "aws:PrincipalArn",
            json!("arn:aws:iam::123456789012:user/ann"),
        ),
        (
            user,
            "ArnNotLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:role/*"),
        ),
        (
            role,
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::123456789012:role/chat"),
        ),
        (role, "StringLike", "aws:userid", json!("AROA*:main")),
        (role, "Null", "aws:username", json!("true")),
        (user, "Null", "aws:username", json!(false)),
        (user, "Bool", "aws:SecureTransport", json!("false")),
        (user, "Bool", "aws:SecureTransport", json!([true, false])),
        (
            user,
            "BoolIfExists",
            "aws:MultiFactorAuthPresent",
            json!("true"),
        ),
        (user, "IpAddress", "aws:SourceIp", json!("203.0.113.0/24")),
        (
            user,
            "IpAddress",
            "aws:SourceIp",
            json!(["10.0.0.0/8", "203.0.113.7"]),
        ),
        (user, "NotIpAddress", "aws:SourceIp", json!("10.0.0.0/8")),
        (
            user,
            "DateGreaterThan",
            "aws:CurrentTime",
            json!("2026-09-25T00:01:47Z"),
        ),
        (user, "DateLessThan", "aws:CurrentTime", json!("2026-09-26")),
        (
            user,
            "DateLessThanEquals",
            "aws:CurrentTime",
            json!("2026-09-25T00:01:48Z"),
        ),
        (
            user,
            "DateGreaterThanEquals",
            "aws:EpochTime",
            json!("1790294508"),
        ),
        (user, "DateEquals", "aws:CurrentTime", json!("1790294508")),
        (
            user,
            "NumericLessThan",
            "aws:EpochTime",
            json!(1_790_294_509),
        ),
        (user, "NumericNotEquals", "aws:EpochTime", json!("1")),
        // Without the key a negated operator holds.
        (role, "StringNotEquals", "aws:username", json!("ann")),
        (role, "StringLikeIfExists", "aws:username", json!("ann")),
        (user, "StringNotEquals", "aws:SourceVpce", json!("vpce-1")),
    ] {
        assert!(
            holds(principal, operator, key, values.clone()),
            "{operator} {key} {values}"
        );
    }
    for (principal, operator, key, values) in [
        (user, "StringEquals", "aws:username", json!("Ann")),
        (user, "StringEquals", "aws:username", json!("a*")),
        (
            user,
            "StringNotEquals",
            "aws:username",
            json!(["bob", "ann"]),
        ),
        (
            user,
            "StringNotEqualsIgnoreCase",
            "aws:username",
            json!("ANN"),
        ),
        (user, "StringNotLike", "aws:UserAgent", json!("aws-cli/*")),
        (
            user,
            "StringEquals",
            "aws:referer",
            json!("https://example.com/"),
        ),
        // A wildcard stays in its part of the ARN.
        (
            user,
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:*:user/ann"),
        ),
        (user, "ArnLike", "aws:username", json!("*")),
        (
            role,
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:sts::*:assumed-role/*"),
        ),
        (role, "StringEquals", "aws:username", json!("ann")),
        (role, "Null", "aws:username", json!("false")),
        (user, "Bool", "aws:SecureTransport", json!("true")),
        (user, "Bool", "aws:MultiFactorAuthPresent", json!("true")),
        (user, "IpAddress", "aws:SourceIp", json!("10.0.0.0/8")),
        (
            user,
            "NotIpAddress",
            "aws:SourceIp",
            json!(["10.0.0.0/8", "203.0.113.0/24"]),
        ),
        (
            user,
            "DateGreaterThan",
            "aws:CurrentTime",
            json!("2026-09-25T00:01:48Z"),
        ),
        (
            user,
            "DateLessThan",
            "aws:CurrentTime",
            json!("2026-09-25T00:01:48Z"),
        ),
        (
            user,
            "NumericGreaterThan",
            "aws:EpochTime",
            json!(1_790_294_508),
        ),
        (user, "StringEquals", "aws:ViaAWSService", json!("true")),
    ] {
        assert!(
            !holds(principal, operator, key, values.clone()),
            "{operator} {key} {values}"
        );
    }
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let statement = |until: &str| {
        json!({
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {
                "DateGreaterThan": {"aws:CurrentTime": "2026-09-01T00:00:00Z"},
                "DateLessThan": {"aws:CurrentTime": until},
                "StringEquals": {"aws:username": ["ann", "bob"], "aws:PrincipalType": "User"},
            },
        })
    };
    assert_eq!(
        decide(statement("2026-09-30T23:59:59Z")),
        PolicyDecision::Allow
    );
    assert_eq!(
        decide(statement("2026-09-20T23:59:59Z")),
        PolicyDecision::ImplicitDeny
    );
}

#[test]
fn variables_stand_for_what_the_request_has() {
    let of = |name: &str| format!("arn:aws:execute-api:us-east-1:123456789012:api/{name}/$connect");
    let user = |name: &str| Principal::new("123456789012", PrincipalKind::User(name.into()));
    let decide = |principal: &Principal, pattern: &str, resource: &str| {
        decide_as(Some(principal), allow(&of(pattern)), &of(resource))
    };
    let mine = "${aws:username}";
    assert_eq!(decide(&user("ann"), mine, "ann"), PolicyDecision::Allow);
    assert_eq!(
        decide(&user("ann"), mine, "bob"),
        PolicyDecision::ImplicitDeny
    );
    // A name is no pattern.
    assert_eq!(
        decide(&user("*"), mine, "bob"),
        PolicyDecision::ImplicitDeny
    );
    assert_eq!(
        decide(&user("a"), "${*}${?}${$}", "*?$"),
        PolicyDecision::Allow
    );
    assert_eq!(
        decide(&user("a"), "${*}", "bob"),
        PolicyDecision::ImplicitDeny
    );
    // A session has no user name.
    assert_eq!(decide(&session(), mine, ""), PolicyDecision::ImplicitDeny);
    assert_eq!(
        decide(&session(), "${aws:username, 'guest'}", "guest"),
        PolicyDecision::Allow
    );
    let condition = json!({
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}},
    });
    assert_eq!(super::tests::decide(condition), PolicyDecision::Allow);
}

#[test]
fn what_is_not_evaluated_never_opens() {
    for (element, value, unsupported) in [
        (
            "Condition",
            json!({"IpAddres": {"aws:SourceIp": "203.0.113.7"}}),
            Unsupported::Operator("IpAddres".into()),
        ),
        (
            "Condition",
            json!({"StringEquals": {"s3:prefix": ""}, "Bool": {"aws:SecureTransport": "false"}}),
            Unsupported::Key("s3:prefix".into()),
        ),
        (
            "Condition",
            json!({"ForAllValues:StringEquals": {"aws:username": "ann"}}),
            Unsupported::Operator("ForAllValues:StringEquals".into()),
        ),
        (
            "Condition",
            json!({"IpAddress": {"aws:SourceIp": "everywhere"}}),
            Unsupported::Value {
                operator: "IpAddress".into(),
                value: "everywhere".into(),
            },
        ),
        (
            "Resource",
            json!("arn:aws:execute-api:*:*:*/${aws:PrincipalTag/team}"),
            Unsupported::Variable("arn:aws:execute-api:*:*:*/${aws:PrincipalTag/team}".into()),
        ),
    ] {
        let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        statement[element] = value;
        assert_eq!(policy(statement.clone()).unsupported(), [unsupported]);
        assert_eq!(decide(statement.clone()), PolicyDecision::ImplicitDeny);
        statement["Effect"] = json!("Deny");
        assert_eq!(decide(statement), PolicyDecision::ExplicitDeny);
    }
}

#[test]
fn what_is_not_evaluated_denies_only_what_else_of_it_matches() {
    let deny = json!({
        "Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEquals": {"s3:prefix": ""}},
    });
    assert_eq!(decide(json!([deny, allow("*")])), PolicyDecision::Allow);
}

#[test]
fn a_policy_without_the_newer_version_has_no_variables() {
    let document = json!({"Statement": [allow("arn:aws:execute-api:*:*:${aws:username}")]});
    let policy = Policy::parse(&document, PolicyKind::IdentityBased).unwrap();
    assert_eq!(
        policy.unsupported()[0].to_string(),
        "the policy variable in `arn:aws:execute-api:*:*:${aws:username}` needs \
         `\"Version\": \"2012-10-17\"`"
    );
    assert!(policy.unsupported()[0].is_mistake());
}

#[test]
fn a_condition_on_the_caller_never_opens_to_a_client_without_one() {
    let statement = |effect: &str| {
        json!({
            "Effect": effect, "Action": "*", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:username": "bob"}},
        })
    };
    let decide = |effect| decide_as(None, statement(effect), CONNECT);
    assert_eq!(decide("Allow"), PolicyDecision::ImplicitDeny);
    assert_eq!(decide("Deny"), PolicyDecision::ExplicitDeny);
    let by_address = json!({
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    });
    assert_eq!(decide_as(None, by_address, CONNECT), PolicyDecision::Allow);
}

#[test]
fn documents_that_are_no_policies_are_refused() {
    let allow = |rest: &[(&str, Value)]| {
        let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        for (element, value) in rest {
            statement[*element] = value.clone();
        }
        json!({ "Statement": [statement] })
    };
    let long = format!("arn:aws:execute-api:{}", "x".repeat(493));
    for (document, error) in [
        (json!("*"), InvalidPolicy::NotAnObject),
        (json!({}), InvalidPolicy::Statement),
        (json!({"Statement": ["x"]}), InvalidPolicy::Statement),
        (allow(&[("Effect", json!("allow"))]), InvalidPolicy::Effect),
        (
            allow(&[("Action", json!(1))]),
            InvalidPolicy::NotText("Action"),
        ),
        (
            allow(&[("NotResource", json!("*"))]),
            InvalidPolicy::Element("Resource"),
        ),
        (
            allow(&[("Principal", json!("*"))]),
            InvalidPolicy::Principal("Principal"),
        ),
        (
            allow(&[("Condition", json!("always"))]),
            InvalidPolicy::Condition,
        ),
        (
            allow(&[("Resource", json!(["*", long]))]),
            InvalidPolicy::ResourceTooLong,
        ),
    ] {
        let parsed = Policy::parse(&document, PolicyKind::Authorizer);
        assert_eq!(parsed.unwrap_err(), error, "{document}");
    }
    let exactly_512 = allow(&[("Resource", json!(long[..512]))]);
    assert!(Policy::parse(&exactly_512, PolicyKind::Authorizer).is_ok());
    // What IAM takes is narrower than what API Gateway reads.
    for (document, error) in [
        (
            allow(&[("Resource", json!("abcdef1234/*"))]),
            "Resource abcdef1234/* must be in ARN format or \"*\".",
        ),
        (
            allow(&[("Action", json!("Invoke"))]),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            allow(&[("Actions", json!("*"))]),
            "Syntax errors in policy: there is no element `Actions`",
        ),
        (
            json!({"Version": "2020-01-01", "Statement": []}),
            "`Version` must be `2012-10-17` (or `2008-10-17`)",
        ),
    ] {
        assert!(Policy::parse(&document, PolicyKind::Authorizer).is_ok());
        let parsed = Policy::parse(&document, PolicyKind::IdentityBased);
        assert_eq!(parsed.unwrap_err().to_string(), error);
    }
}

#[test]
fn a_session_may_do_what_both_its_policies_allow() {
    let all = || policy(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let none = || policy(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}));
    let deny = || policy(json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
    let decide = |identity_based: Vec<Policy>, session: Vec<Policy>| {
        let permissions = Permissions {
            identity_based,
            session,
        };
        let caller = ann();
        let decision = permissions.authorize(&AuthorizationRequest {
            action: INVOKE,
            resource: CONNECT,
            keys: &keys(Some(&caller)),
        });
        decision.map_err(|denial| denial.message("arn:caller", INVOKE, "arn:resource"))
    };
    let user = "User: arn:caller is not authorized to perform: execute-api:Invoke on resource: \
                arn:resource ";
    assert_eq!(decide(vec![none(), all()], vec![]), Ok(()));
    assert_eq!(decide(vec![all()], vec![all()]), Ok(()));
    for (identity_based, session, tail) in [
        (
            vec![],
            vec![],
            "because no identity-based policy allows the execute-api:Invoke action",
        ),
        (
            vec![none()],
            vec![all()],
            "because no identity-based policy allows the execute-api:Invoke action",
        ),
        (
            vec![all()],
            vec![none()],
            "because no session policy allows the execute-api:Invoke action",
        ),
        (
            vec![all(), deny()],
            vec![all()],
            "with an explicit deny in an identity-based policy",
        ),
        (
            vec![all()],
            vec![all(), deny()],
            "with an explicit deny in a session policy",
        ),
    ] {
        assert_eq!(
            decide(identity_based, session),
            Err(format!("{user}{tail}"))
        );
    }
}

proptest! {
    #[test]
    fn any_json_is_a_policy_or_an_error(document in any_json(), condition in any_json()) {
        let _ = Policy::parse(&document, PolicyKind::Authorizer);
        let statement = json!({
            "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition,
        });
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        if let Ok(policy) = Policy::parse(&document, PolicyKind::IdentityBased) {
            let caller = ann();
            let decision = policy.evaluate(&AuthorizationRequest {
                action: INVOKE,
                resource: CONNECT,
                keys: &keys(Some(&caller)),
            });
            let closed = !policy.unsupported().is_empty();
            prop_assert!(!closed || decision == PolicyDecision::ImplicitDeny);
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(pattern in "[*?$}{a:,' ]{0,16}", text in "[a*?]{0,8}") {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": pattern});
        let document = json!({"Version": "2012-10-17", "Statement": statement});
        if let Ok(policy) = Policy::parse(&document, PolicyKind::Authorizer) {
            let caller = ann();
            let keys = keys(Some(&caller));
            policy.evaluate(&AuthorizationRequest { action: INVOKE, resource: &text, keys: &keys });
        }
    }
}
