//! The ARNs and URIs that integrations and authorizers are written with.

use std::fmt;

use crate::FunctionName;

/// A Lambda function's ARN, or one of the shorter forms that the Invoke API takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionReference {
    /// The function's name.
    pub name: FunctionName,
    /// An alias or version.
    pub qualifier: Option<String>,
    /// Region and account, when the reference was a full ARN.
    pub region_and_account: Option<(String, String)>,
}

impl FunctionReference {
    /// Parses `name`, `name:qualifier`, `function:name`, `{account}:function:name` and full ARNs,
    /// each with or without a qualifier (control-and-observability spec F.1).
    ///
    /// # Errors
    /// [`InvalidFunctionReference`] when it is none of them.
    pub fn parse(text: &str) -> Result<Self, InvalidFunctionReference> {
        let invalid = || InvalidFunctionReference(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let (region_and_account, rest) = match parts.as_slice() {
            ["arn", _, "lambda", region, account, "function", rest @ ..] => {
                (Some(((*region).to_owned(), (*account).to_owned())), rest)
            }
            [account, "function", rest @ ..]
                if account.len() == 12 && account.bytes().all(|c| c.is_ascii_digit()) =>
            {
                (None, rest)
            }
            ["function", rest @ ..] | rest => (None, rest),
        };
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some((*qualifier).to_owned())),
            _ => return Err(invalid()),
        };
        let is_name = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if name.is_empty() || name.len() > 140 || !name.bytes().all(is_name) {
            return Err(invalid());
        }
        if qualifier.as_deref().is_some_and(|q| {
            q.is_empty() || q.len() > 128 || !q.bytes().all(|c| is_name(c) || c == b'$')
        }) {
            return Err(invalid());
        }
        Ok(Self {
            name: name.into(),
            qualifier,
            region_and_account,
        })
    }
}

/// Text that names no Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a function name nor a function ARN")]
pub struct InvalidFunctionReference(pub String);

/// The function part of `arn:…:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations`,
/// or of a bare function ARN, which AWS takes too. Stage variables must be resolved before.
pub fn lambda_function_of_uri(uri: &str) -> Option<&str> {
    if let Some((_, rest)) = uri.split_once(":lambda:path/") {
        let (_, function) = rest.split_once("/functions/")?;
        return function.strip_suffix("/invocations");
    }
    (uri.starts_with("arn:") && uri.contains(":lambda:")).then_some(uri)
}

/// The URI of an `AWS` integration with a service,
/// `arn:{partition}:apigateway:{region}:{subdomain.service|service}:{path|action}/{service_api}`.
/// Stage variables must be resolved before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUri {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The region of the service.
    pub region: String,
    /// Before the service's host name, e.g. `runtime` of `SageMaker`.
    pub subdomain: Option<String>,
    /// The service as its host name has it, e.g. `states` for Step Functions.
    pub service: String,
    /// What of the service is called.
    pub target: ServiceTarget,
}

/// What of a service is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceTarget {
    /// `action/{name}&{parameter}={value}…`.
    Action {
        /// The action, e.g. `PutItem`.
        name: String,
        /// Its parameters as a query string, often empty.
        parameters: String,
    },
    /// `path/{path}`: an absolute path, perhaps with a query.
    Path(String),
}

/// Text that is no URI of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no URI of an AWS service: write arn:aws:apigateway:{{region}}:{{service}}:action/\
     {{action}} or arn:aws:apigateway:{{region}}:{{service}}:path/{{path}}"
)]
pub struct InvalidServiceUri(pub String);

impl ServiceUri {
    /// Parses a URI.
    ///
    /// # Errors
    /// [`InvalidServiceUri`], also when a part could reach another host than the service's.
    pub fn parse(uri: &str) -> Result<Self, InvalidServiceUri> {
        Self::parts(uri).ok_or_else(|| InvalidServiceUri(uri.to_owned()))
    }

    fn parts(uri: &str) -> Option<Self> {
        let mut parts = uri.splitn(6, ':');
        let mut next = || parts.next();
        let ("arn", partition, "apigateway", region) = (next()?, next()?, next()?, next()?) else {
            return None;
        };
        let (host, rest) = (next()?, next()?);
        let (subdomain, service) = match host.rsplit_once('.') {
            Some((subdomain, service)) => (Some(subdomain), service),
            None => (None, host),
        };
        let is_label = |label: &str| {
            let is_inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
            !label.is_empty() && label.bytes().all(is_inner)
        };
        let mut labels = [partition, region, service].into_iter();
        if !labels.all(is_label) || !subdomain.is_none_or(|name| name.split('.').all(is_label)) {
            return None;
        }
        let target = match rest.split_once('/')? {
            ("action", action) => {
                let (name, parameters) = action.split_once('&').unwrap_or((action, ""));
                if !is_label(name) {
                    return None;
                }
                ServiceTarget::Action {
                    name: name.to_owned(),
                    parameters: parameters.to_owned(),
                }
            }
            // Some write `path//queue`.
            ("path", path) => ServiceTarget::Path(format!("/{}", path.trim_start_matches('/'))),
            _ => return None,
        };
        Some(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            subdomain: subdomain.map(str::to_owned),
            service: service.to_owned(),
            target,
        })
    }
}

/// `methodArn` and policy resource of a route:
/// `arn:aws:execute-api:{region}:{account}:{apiId}/{stage}/{routeKey}`.
#[derive(Debug, Clone)]
pub struct ExecuteApiArn<'a> {
    /// Region.
    pub region: &'a str,
    /// Account.
    pub account: &'a str,
    /// API, stage and the rest of the resource: `{apiId}/{stage}/{routeKey}`.
    pub resource: String,
}

impl ExecuteApiArn<'_> {
    /// The ARN as refusals show it: of the account the last four digits only (data-plane spec 8.4).
    pub fn masked(&self) -> String {
        let hidden = self.account.len().saturating_sub(4);
        let shown = self.account.get(hidden..).unwrap_or_default();
        let account = format!("{}{shown}", "*".repeat(hidden));
        ExecuteApiArn {
            region: self.region,
            account: &account,
            resource: self.resource.clone(),
        }
        .to_string()
    }
}

impl fmt::Display for ExecuteApiArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:execute-api:{}:{}:{}",
            self.region, self.account, self.resource
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_references_parse_in_every_form_of_the_invoke_api() {
        for (text, name, qualifier) in [
            ("chat", "chat", None),
            ("chat:live", "chat", Some("live")),
            ("function:chat", "chat", None),
            ("000000000000:function:chat", "chat", None),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:chat",
                "chat",
                None,
            ),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:chat:$LATEST",
                "chat",
                Some("$LATEST"),
            ),
        ] {
            let reference = FunctionReference::parse(text).unwrap();
            assert_eq!(reference.name.as_str(), name, "{text}");
            assert_eq!(reference.qualifier.as_deref(), qualifier, "{text}");
        }
        for text in ["", "a:b:c", "a b", "arn:aws:sqs:us-east-1:0:function:x"] {
            assert!(FunctionReference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn service_uris_parse_in_both_forms() {
        let uri = |rest: &str| ServiceUri::parse(&format!("arn:aws:apigateway:eu-west-1:{rest}"));
        let action = |name: &str, parameters: &str| ServiceTarget::Action {
            name: name.into(),
            parameters: parameters.into(),
        };
        for (rest, subdomain, service, target) in [
            (
                "dynamodb:action/PutItem",
                None,
                "dynamodb",
                action("PutItem", ""),
            ),
            (
                "sns:action/Publish&TopicArn=arn:aws:sns:x&Message={text}",
                None,
                "sns",
                action("Publish", "TopicArn=arn:aws:sns:x&Message={text}"),
            ),
            (
                "sqs:path/000000000000/queue",
                None,
                "sqs",
                ServiceTarget::Path("/000000000000/queue".into()),
            ),
            (
                "runtime.sagemaker:path//endpoints/x/invocations",
                Some("runtime"),
                "sagemaker",
                ServiceTarget::Path("/endpoints/x/invocations".into()),
            ),
            ("s3:path/", None, "s3", ServiceTarget::Path("/".into())),
        ] {
            let parsed = uri(rest).unwrap();
            assert_eq!(parsed.region, "eu-west-1");
            assert_eq!(parsed.subdomain.as_deref(), subdomain, "{rest}");
            assert_eq!(parsed.service, service);
            assert_eq!(parsed.target, target);
        }
        for rest in [
            "",
            "sqs",
            "sqs:",
            "sqs:queue",
            "sqs:action/",
            "sqs:action/A/B",
            "sqs:other/x",
            "evil.example.com/:path/x",
            "a@b:path/x",
            ".sqs:path/x",
            "a..sqs:path/x",
        ] {
            assert!(uri(rest).is_err(), "{rest}");
        }
        assert!(ServiceUri::parse("https://sqs.eu-west-1.amazonaws.com/").is_err());
    }

    #[test]
    fn both_forms_of_a_lambda_integration_uri_name_the_function() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:chat";
        let uri = format!(
            "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
        );
        assert_eq!(lambda_function_of_uri(&uri), Some(arn));
        assert_eq!(lambda_function_of_uri(arn), Some(arn));
        assert_eq!(lambda_function_of_uri("https://example.com"), None);
    }
}
