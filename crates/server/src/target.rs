//! Which API and stage a request names: by host, by path, by custom domain or by port
//! (contract, "Endpoints").

use std::sync::Arc;

use gatepost_gateway::{deployed::StageSlot, gateway::ApiTable};
use gatepost_model::{ApiId, domain_name::DomainName};
use hyper::{Request, Version, header::HOST, http::uri::Authority};
use percent_encoding::percent_decode_str;

/// The path of our own form: `/_aws/execute-api/{apiId}/{stage}`.
const OWN_PREFIX: [&str; 2] = ["_aws", "execute-api"];

/// A request's host and path, split; `@connections/{id}` cut off when it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host without its port, lower case.
    pub host: String,
    /// Host and port as the client used them.
    pub authority: String,
    /// The raw path segments.
    pub segments: Vec<String>,
    /// The raw connection id of an `@connections` request.
    pub connection_id: Option<String>,
}

/// What a target names.
pub enum Resolved {
    /// A stage that serves something.
    Stage(Arc<StageSlot>),
    /// An `@connections` request on a plain path, where several APIs have such a stage: the
    /// connection id tells which.
    AnyOf(Vec<Arc<StageSlot>>),
}

impl Resolved {
    /// The greatest message that the stage takes, or any of them.
    pub fn max_message_bytes(&self) -> usize {
        let stages = match self {
            Self::Stage(stage) => std::slice::from_ref(stage),
            Self::AnyOf(stages) => stages,
        };
        let limits = stages.iter().map(|stage| stage.settings.load());
        let sizes = limits.map(|settings| settings.limits.max_message_bytes);
        // A target resolves to at least one stage.
        sizes.max().unwrap_or_default()
    }
}

/// Why a target names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No such API, stage or path.
    #[error("{0}")]
    Unknown(String),
    /// A custom domain with a stage in the path.
    #[error("on the custom domain the stage does not belong in the path: /{path}")]
    NoMethod {
        /// The path behind the mapping.
        path: String,
    },
    /// `disableExecuteApiEndpoint` is set.
    #[error("the API's execute-api endpoint is disabled; use its custom domain")]
    Disabled,
}

impl Target {
    /// The host and path of a request.
    pub fn of<B>(request: &Request<B>) -> Self {
        let authority = request
            .uri()
            .authority()
            .map(|authority| authority.as_str().to_owned())
            .or_else(|| {
                let host = request.headers().get(HOST)?;
                Some(String::from_utf8_lossy(host.as_bytes()).into_owned())
            })
            .unwrap_or_default();
        let host = host_of(&authority).to_ascii_lowercase();
        let segments = request
            .uri()
            .path()
            .split('/')
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>();
        Self {
            host,
            authority,
            segments,
            connection_id: None,
        }
    }

    /// The target of an `@connections` request: `{base}/@connections/{id}`, `@` perhaps as `%40`.
    pub fn of_connections_api<B>(request: &Request<B>) -> Option<Self> {
        let mut target = Self::of(request);
        let at = target
            .segments
            .iter()
            .position(|segment| segment == "@connections" || decode(segment) == "@connections")?;
        let rest = target.segments.split_off(at);
        target.connection_id = Some(rest[1..].join("/"));
        Some(target)
    }

    /// Finds the stage. `own_api` is the API whose own port the request came to.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn resolve(
        &self,
        table: &ApiTable,
        own_api: Option<&ApiId>,
    ) -> Result<Resolved, TargetError> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        // A trailing slash changes nothing.
        let path = segments.strip_suffix(&[""]).unwrap_or(&segments);
        if let [first, second, api_id, stage @ ..] = path
            && [*first, *second] == OWN_PREFIX
        {
            return stage_of(table, api_id, stage);
        }
        if let Some((api_id, rest)) = self.host.split_once('.')
            && rest.starts_with("execute-api.")
        {
            return stage_of(table, api_id, path);
        }
        if let Some(domain) = find_domain(&table.domain_names, &self.host) {
            return mapped_stage(table, domain, path);
        }
        if let Some(api_id) = own_api {
            return stage_of(table, api_id.as_str(), path);
        }
        let [stage] = path else {
            return Err(unknown(path));
        };
        let stage = decode(stage);
        let found: Vec<_> = table
            .apis
            .values()
            .filter_map(|api| api.stages.get(stage.as_str()))
            .filter(|slot| !is_disabled(slot))
            .cloned()
            .collect();
        match found.as_slice() {
            [] => Err(unknown(path)),
            [only] if table.apis.len() == 1 => Ok(Resolved::Stage(Arc::clone(only))),
            _ if self.connection_id.is_some() => Ok(Resolved::AnyOf(found)),
            stages if let Some(only) = of_only_api(table, stages) => {
                Ok(Resolved::Stage(Arc::clone(only)))
            }
            _ => Err(TargetError::Unknown(format!(
                "several APIs are deployed: connect to /_aws/execute-api/{{apiId}}/{stage} or to \
                 the API's own port"
            ))),
        }
    }
}

/// The stage of the only API that templates declare, which stands at the root beside those that
/// calls made.
fn of_only_api<'a>(table: &ApiTable, stages: &'a [Arc<StageSlot>]) -> Option<&'a Arc<StageSlot>> {
    let mut stages = stages.iter();
    stages.find(|slot| table.is_only_of_templates(&slot.api_id))
}

fn unknown(path: &[&str]) -> TargetError {
    TargetError::Unknown(format!(
        "/{} is no stage of an API that is deployed here",
        path.join("/")
    ))
}

/// The stage that `path` names whole; AWS routes no further segments.
fn stage_of(table: &ApiTable, api_id: &str, path: &[&str]) -> Result<Resolved, TargetError> {
    let Some(api) = table.apis.get(api_id) else {
        return Err(TargetError::Unknown(format!(
            "no API {api_id} is deployed here"
        )));
    };
    let [stage] = path else {
        return Err(unknown(path));
    };
    match api.stages.get(decode(stage).as_str()) {
        Some(slot) if is_disabled(slot) => Err(TargetError::Disabled),
        Some(slot) => Ok(Resolved::Stage(Arc::clone(slot))),
        None => Err(unknown(path)),
    }
}

/// Whether a stage is not served on its execute-api endpoint.
fn is_disabled(slot: &StageSlot) -> bool {
    slot.deployed
        .load()
        .as_ref()
        .is_some_and(|stage| stage.disable_execute_api_endpoint)
}

/// An exact domain wins over a wildcard.
fn find_domain<'a>(domains: &'a [DomainName], host: &str) -> Option<&'a DomainName> {
    let exact = domains
        .iter()
        .find(|domain| domain.domain_name.eq_ignore_ascii_case(host));
    exact.or_else(|| {
        let (_, parent) = host.split_once('.')?;
        domains.iter().find(|domain| {
            domain
                .domain_name
                .strip_prefix("*.")
                .is_some_and(|name| name.eq_ignore_ascii_case(parent))
        })
    })
}

fn mapped_stage(
    table: &ApiTable,
    domain: &DomainName,
    path: &[&str],
) -> Result<Resolved, TargetError> {
    let key = path.first().map(|key| decode(key)).unwrap_or_default();
    let by_key = |key: &str| {
        domain
            .api_mappings
            .iter()
            .find(|m| m.api_mapping_key == key)
    };
    let (mapping, rest) = match (by_key(&key), by_key("")) {
        (Some(mapping), _) => (mapping, path.get(1..).unwrap_or_default()),
        (None, Some(root)) => (root, path),
        (None, None) => return Err(unknown(path)),
    };
    if !rest.is_empty() {
        return Err(TargetError::NoMethod {
            path: rest.join("/"),
        });
    }
    table
        .apis
        .get(&mapping.api_id)
        .and_then(|api| api.stages.get(mapping.stage.as_str()))
        .map(|slot| Resolved::Stage(Arc::clone(slot)))
        .ok_or_else(|| unknown(path))
}

/// Whether the request names one host, and nothing but a host and port: handlers build URLs from
/// it. RFC 9112 §3.2 asks for it of every request but those of HTTP/1.0.
pub fn has_valid_host<B>(request: &Request<B>) -> bool {
    let is_host = |host: &[u8]| {
        !host.contains(&b'@') && Authority::try_from(host).is_ok_and(|host| !host.host().is_empty())
    };
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => request.version() == Version::HTTP_10,
        _ => false,
    }
}

/// `host` or `[v6]` without its port.
pub fn host_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.split_inclusive(']').next().unwrap_or(authority);
    }
    authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host)
}

/// Percent-decodes once; what is no encoding stays, and invalid UTF-8 becomes U+FFFD.
pub fn decode(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The pairs of a query string, decoded, in order. `+` is a space.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| decode(&text.replace('+', " "));
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decode(name), decode(value)),
            None => (decode(pair), String::new()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str, host: &str) -> Option<Target> {
        let request = Request::builder()
            .uri(uri)
            .header(HOST, host)
            .body(())
            .unwrap();
        Target::of_connections_api(&request)
    }

    #[test]
    fn the_connections_segment_is_found_raw_and_encoded_and_the_id_is_kept_raw() {
        for path in [
            "/dev/@connections/abc%3D%3D",
            "/dev/%40connections/abc%3D%3D",
        ] {
            let target = target(path, "Localhost:4100").unwrap();
            assert_eq!(target.connection_id.as_deref(), Some("abc%3D%3D"));
            assert_eq!(target.segments, ["dev"]);
            assert_eq!(target.host, "localhost");
            assert_eq!(target.authority, "Localhost:4100");
        }
        assert_eq!(target("/dev/connections/x", "h"), None);
    }

    #[test]
    fn queries_decode_once_and_keep_order() {
        assert_eq!(
            query_pairs("a=1&a=2&b=%2520+x&c"),
            [("a", "1"), ("a", "2"), ("b", "%20 x"), ("c", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(decode("%zz%4"), "%zz%4");
        assert_eq!(decode("%+4%4%25"), "%+4%4%");
    }
}
