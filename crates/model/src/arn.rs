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
