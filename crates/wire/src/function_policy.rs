//! Whether a function's resource policy lets API Gateway invoke it (data-plane spec 5.1).

use gatepost_model::function_policy::{FunctionPolicy, PolicyStatement};

use crate::iam_policy::arn_like;

const INVOKE: &str = "lambda:InvokeFunction";

/// Whether API Gateway may invoke the function, under this qualifier, from the source with this
/// ARN, which belongs to `account_id`.
pub fn lets_api_gateway(
    policy: &FunctionPolicy,
    qualifier: Option<&str>,
    source_arn: &str,
    account_id: &str,
) -> bool {
    policy
        .of(qualifier)
        .any(|statement| lets(statement, source_arn, account_id))
}

fn lets(statement: &PolicyStatement, source_arn: &str, account_id: &str) -> bool {
    let principal = statement.principal.as_str();
    let has_source = |pattern: &String| arn_like(&in_any_partition(pattern), source_arn);
    (principal == "*" || principal.starts_with("apigateway."))
        && arn_like(&statement.action, INVOKE)
        && statement.source_arn.as_ref().is_none_or(has_source)
        && statement
            .source_account
            .as_ref()
            .is_none_or(|account| account == account_id)
        // API Gateway sends none of them, and a condition on what is absent does not hold.
        && statement.event_source_token.is_none()
        && statement.principal_org_id.is_none()
        && statement.function_url_auth_type.is_none()
        && statement.invoked_via_function_url.is_none()
}

/// The pattern with the only partition that ARNs have here.
fn in_any_partition(pattern: &str) -> String {
    match pattern.splitn(3, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, rest] => format!("arn:aws:{rest}"),
        _ => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "000000000000";
    const SOURCE: &str = "arn:aws:execute-api:us-east-1:000000000000:a1/prod/$connect";

    fn statement() -> PolicyStatement {
        PolicyStatement {
            statement_id: "api".into(),
            qualifier: None,
            action: INVOKE.into(),
            principal: "apigateway.amazonaws.com".into(),
            source_arn: None,
            source_account: None,
            event_source_token: None,
            principal_org_id: None,
            function_url_auth_type: None,
            invoked_via_function_url: None,
        }
    }

    fn allows(change: impl FnOnce(&mut PolicyStatement), qualifier: Option<&str>) -> bool {
        let mut changed = statement();
        change(&mut changed);
        let policy = FunctionPolicy {
            statements: vec![changed],
        };
        lets_api_gateway(&policy, qualifier, SOURCE, ACCOUNT)
    }

    fn source(pattern: &str) -> bool {
        allows(|s| s.source_arn = Some(pattern.into()), None)
    }

    #[test]
    fn the_source_must_match_the_pattern_of_a_statement() {
        assert!(!lets_api_gateway(
            &FunctionPolicy::default(),
            None,
            SOURCE,
            ACCOUNT
        ));
        assert!(allows(|_| (), None));
        assert!(source(SOURCE));
        assert!(source(
            "arn:aws:execute-api:us-east-1:000000000000:a1/*/$connect"
        ));
        assert!(source("arn:aws:execute-api:us-east-1:000000000000:a1/*"));
        assert!(source("arn:aws-cn:execute-api:*:*:a1/*"));
        for other in [
            "arn:aws:execute-api:us-east-1:000000000000:a2/*",
            "arn:aws:execute-api:us-east-1:000000000000:a1/prod/$disconnect",
            "arn:aws:execute-api:us-east-1:000000000000:a1",
            "arn:aws:s3:::bucket",
        ] {
            assert!(!source(other), "{other}");
        }
    }

    #[test]
    fn principal_action_account_and_qualifier_must_be_those_of_the_call() {
        assert!(allows(|s| s.principal = "*".into(), None));
        assert!(!allows(|s| s.principal = "s3.amazonaws.com".into(), None));
        assert!(!allows(|s| s.principal = ACCOUNT.into(), None));
        assert!(allows(|s| s.action = "lambda:*".into(), None));
        assert!(!allows(|s| s.action = "lambda:GetFunction".into(), None));
        assert!(allows(|s| s.source_account = Some(ACCOUNT.into()), None));
        assert!(!allows(
            |s| s.source_account = Some("111111111111".into()),
            None
        ));
        assert!(!allows(|s| s.principal_org_id = Some("o-1".into()), None));
        assert!(!allows(|s| s.event_source_token = Some("t".into()), None));
        assert!(!allows(
            |s| s.function_url_auth_type = Some("NONE".into()),
            None
        ));
        assert!(!allows(|s| s.invoked_via_function_url = Some(true), None));
        assert!(!allows(|_| (), Some("live")));
        assert!(!allows(|s| s.qualifier = Some("live".into()), None));
        assert!(allows(|s| s.qualifier = Some("live".into()), Some("live")));
    }
}
