//! Parameter mappings of integration requests: `integration.request.header.user` from
//! `context.authorizer.principalId` (data-plane spec 5.6).

use gatepost_model::request_context::RequestContext;
use serde_json::Value;

use super::{ExpressionError, is_parameter_name, json_path::JsonPath, named, to_java_string};

/// Headers that frame or route the request to the backend. What clients send must not reach them.
const FORBIDDEN_HEADERS: [&str; 7] = [
    "connection",
    "content-length",
    "expect",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One entry of `requestParameters` of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterMapping {
    /// What is set.
    pub target: MappingTarget,
    /// Where its value comes from.
    pub source: MappingSource,
}

/// What a mapping sets in the request to the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappingTarget {
    /// `integration.request.header.{name}`.
    Header(String),
    /// `integration.request.querystring.{name}`.
    Querystring(String),
    /// `integration.request.path.{name}`: `{name}` in the integration's URI.
    Path(String),
}

/// Where a value comes from; identity sources of authorizers are written the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MappingSource {
    /// `route.request.header.{name}`: the last value.
    Header(String),
    /// `route.request.multivalueheader.{name}`: all values.
    MultiValueHeader(String),
    /// `route.request.querystring.{name}`: the last value.
    Querystring(String),
    /// `route.request.multivaluequerystring.{name}`: all values.
    MultiValueQuerystring(String),
    /// `route.request.body.{path}`.
    Body(JsonPath),
    /// `context.{path}`.
    Context(String),
    /// `stageVariables.{name}`.
    StageVariable(String),
    /// `'text'`.
    Static(String),
}

/// What mappings take values from.
#[derive(Debug, Clone, Copy)]
pub struct MappingInput<'a> {
    /// `context` and `stageVariables`.
    pub context: &'a RequestContext,
    /// The message, when it is JSON.
    pub body: Option<&'a Value>,
    /// The handshake's headers; empty for messages.
    pub headers: &'a [(String, String)],
    /// The handshake's decoded query; empty for messages.
    pub query: &'a [(String, String)],
}

impl ParameterMapping {
    /// Parses the key and the value of an entry of `requestParameters`.
    pub fn parse(target: &str, source: &str) -> Result<Self, ExpressionError> {
        let mapping = Self {
            target: MappingTarget::parse(target)?,
            source: MappingSource::parse(source)?,
        };
        match &mapping.target {
            // Which host is meant is its author's to say, never a client's.
            MappingTarget::Header(name)
                if name.eq_ignore_ascii_case("host") && !mapping.source.is_fixed() =>
            {
                Err(ExpressionError::ForbiddenHeader(name.clone()))
            }
            _ => Ok(mapping),
        }
    }

    /// The values: none when the source has none, several when it is multi-valued. Values that
    /// could break out of their place in the request are left out.
    pub fn resolve(&self, input: &MappingInput<'_>) -> Vec<String> {
        let mut values = self.source.resolve(input);
        values.retain(|value| self.target.can_hold(value));
        values
    }
}

impl MappingTarget {
    /// Parses the key of an entry of `requestParameters`.
    pub fn parse(target: &str) -> Result<Self, ExpressionError> {
        let unknown = || ExpressionError::UnknownTarget(target.to_owned());
        let (place, name) = target
            .strip_prefix("integration.request.")
            .and_then(|rest| rest.split_once('.'))
            .filter(|(_, name)| is_parameter_name(name))
            .ok_or_else(unknown)?;
        match place {
            "header" if FORBIDDEN_HEADERS.contains(&&*name.to_ascii_lowercase()) => {
                Err(ExpressionError::ForbiddenHeader(name.to_owned()))
            }
            "header" => Ok(Self::Header(name.to_owned())),
            "querystring" => Ok(Self::Querystring(name.to_owned())),
            "path" => Ok(Self::Path(name.to_owned())),
            _ => Err(unknown()),
        }
    }

    fn can_hold(&self, value: &str) -> bool {
        if value.contains(['\r', '\n', '\0']) {
            return false;
        }
        match self {
            Self::Header(_) | Self::Querystring(_) => true,
            Self::Path(_) => {
                !value.is_empty()
                    && !value.contains(['/', '\\', '?', '#', '%'])
                    && value != "."
                    && !value.contains("..")
            }
        }
    }
}

impl MappingSource {
    /// Parses the value of an entry of `requestParameters`, or an identity source.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        let unknown = || ExpressionError::UnknownSource(source.to_owned());
        if let Some(quoted) = source.strip_prefix('\'') {
            let text = quoted.strip_suffix('\'').ok_or_else(unknown)?;
            if text.contains(['\r', '\n', '\0']) {
                return Err(ExpressionError::syntax(
                    source,
                    "a static value must be one line",
                ));
            }
            return Ok(Self::Static(text.to_owned()));
        }
        if let Some(below) = source.strip_prefix("route.request.body") {
            if below.is_empty() || below.starts_with(['.', '[']) {
                return JsonPath::parse(&format!("${below}")).map(Self::Body);
            }
            return Err(unknown());
        }
        named(
            source,
            &[
                ("route.request.header.", Self::Header),
                ("route.request.multivalueheader.", Self::MultiValueHeader),
                ("route.request.querystring.", Self::Querystring),
                (
                    "route.request.multivaluequerystring.",
                    Self::MultiValueQuerystring,
                ),
                ("context.", Self::Context),
                ("stageVariables.", Self::StageVariable),
            ],
        )
        .ok_or_else(unknown)
    }

    /// Whether the value is the API's own, whatever a client sends.
    fn is_fixed(&self) -> bool {
        matches!(self, Self::Static(_) | Self::StageVariable(_))
    }

    /// The values, unchecked: none when there is none.
    pub fn resolve(&self, input: &MappingInput<'_>) -> Vec<String> {
        match self {
            Self::MultiValueHeader(name) => headers(input, name).map(str::to_owned).collect(),
            Self::MultiValueQuerystring(name) => query(input, name).map(str::to_owned).collect(),
            Self::Header(name) => as_list(headers(input, name).last()),
            Self::Querystring(name) => as_list(query(input, name).last()),
            Self::Body(path) => {
                let found = input.body.and_then(|body| path.value(body));
                as_list(
                    found
                        .filter(|value| !value.is_null())
                        .map(|value| to_java_string(&value)),
                )
            }
            Self::Context(path) => as_list(input.context.variable(path)),
            Self::StageVariable(name) => as_list(input.context.stage_variables.get(name)),
            Self::Static(text) => vec![text.clone()],
        }
    }
}

fn as_list(value: Option<impl Into<String>>) -> Vec<String> {
    value.into_iter().map(Into::into).collect()
}

fn headers<'a>(input: &MappingInput<'a>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = move |(known, value): &'a (String, String)| {
        known.eq_ignore_ascii_case(name).then_some(&**value)
    };
    input.headers.iter().filter_map(named)
}

fn query<'a>(input: &MappingInput<'a>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = move |(known, value): &'a (String, String)| (known == name).then_some(&**value);
    input.query.iter().filter_map(named)
}

#[cfg(test)]
mod tests;
