//! The format of the rows.

use super::{
    quoting::{Quoting, Style},
    row::{AccessLogRow, Variable},
};

/// The greatest format, bytes.
const MAX_FORMAT: usize = 3 * 1024;
const CONTEXT: &str = "$context.";
/// What stands where a variable has no value.
const UNSET: &str = "-";

/// The variables that AWS documents (control-and-observability spec B.1), but for those below
/// `authorizer.`, which are also what an authorizer names.
const VARIABLES: &[&str] = &[
    "apiId",
    "stage",
    "domainName",
    "requestId",
    "extendedRequestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "eventType",
    "status",
    "messageId",
    "messageDirection",
    "connectionId",
    "connectedAt",
    "disconnectReason",
    "disconnectStatusCode",
    "identity.accountId",
    "identity.apiKey",
    "identity.apiKeyId",
    "identity.caller",
    "identity.cognitoAuthenticationProvider",
    "identity.cognitoAuthenticationType",
    "identity.cognitoIdentityId",
    "identity.cognitoIdentityPoolId",
    "identity.principalOrgId",
    "identity.sourceIp",
    "identity.user",
    "identity.userAgent",
    "identity.userArn",
    "authorize.error",
    "authorize.latency",
    "authorize.status",
    "authenticate.error",
    "authenticate.latency",
    "authenticate.status",
    "integration.error",
    "integration.integrationStatus",
    "integration.latency",
    "integration.requestId",
    "integration.status",
    "integrationErrorMessage",
    "integrationLatency",
    "integrationStatus",
    "awsEndpointRequestId",
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
    "waf.error",
    "waf.latency",
    "waf.status",
];

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLogFormat(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Variable(Variable, Quoting),
}

/// Why AWS refuses a format (spec B.5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFormat {
    /// Nothing in a row would say which request it is of.
    #[error(
        "The following errors are found in Access Log Format: Access Log format must include \
         either $context.requestId or $context.extendedRequestId : '{0}'"
    )]
    NoRequestId(String),
    /// It has several lines.
    #[error(
        "The following errors are found in Access Log Format: Access Log format must be single \
         line: '{0}'"
    )]
    SeveralLines(String),
    /// It is longer than AWS takes.
    #[error("the access log format has {0} bytes, at most {MAX_FORMAT} may be")]
    TooLong(usize),
}

impl AccessLogFormat {
    /// The names in a format that AWS does not have, which are a `-` in every row.
    pub fn misnamed(format: &str) -> Vec<&str> {
        let names = format.split(CONTEXT).skip(1).map(variable_name);
        names
            .filter(|name| !name.is_empty() && !name.starts_with("authorizer."))
            .filter(|name| !VARIABLES.contains(name))
            .collect()
    }

    /// The names that AWS has, for who looks for another.
    pub fn variables() -> &'static [&'static str] {
        VARIABLES
    }

    /// Compiles a format. A line break at its end, as YAML's blocks have one, is none of it.
    ///
    /// # Errors
    /// [`InvalidFormat`].
    pub fn parse(format: &str) -> Result<Self, InvalidFormat> {
        let format = format.trim_end_matches(['\r', '\n']);
        if format.len() > MAX_FORMAT {
            return Err(InvalidFormat::TooLong(format.len()));
        }
        if format.contains(['\r', '\n']) {
            return Err(InvalidFormat::SeveralLines(format.to_owned()));
        }
        let style = Style::of(format);
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let (mut rest, mut names_request) = (format, false);
        while let Some((before, behind)) = rest.split_once(CONTEXT) {
            literal.push_str(before);
            let name = variable_name(behind);
            rest = &behind[name.len()..];
            if name.is_empty() {
                literal.push_str(CONTEXT);
                continue;
            }
            names_request |= matches!(name, "requestId" | "extendedRequestId");
            let is_cell = (literal.is_empty() && parts.is_empty() || literal.ends_with(','))
                && (rest.is_empty() || rest.starts_with(','));
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into()));
            }
            let variable = Variable::parse(name);
            parts.push(Part::Variable(variable, style.quoting(is_cell)));
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        if names_request {
            Ok(Self(parts))
        } else {
            Err(InvalidFormat::NoRequestId(format.to_owned()))
        }
    }

    /// The row of a request: one line, whatever clients sent.
    pub fn render(&self, row: &AccessLogRow) -> String {
        let mut line = String::with_capacity(256);
        for part in &self.0 {
            match part {
                Part::Literal(text) => line.push_str(text),
                Part::Variable(variable, quoting) => match row.value(variable) {
                    None => line.push_str(UNSET),
                    Some(value) if variable.is_json() => line.push_str(&value),
                    Some(value) => quoting.push(&value, &mut line),
                },
            }
        }
        line
    }
}

/// The name that `text` begins with: words with dots between.
fn variable_name(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', '-'])
}
