//! Request parameters with their values: what `requestParameters` put into the request to a
//! backend (data-plane spec 5.6).

use gatepost_wire::expression::parameter_mapping::{MappingInput, MappingTarget, ParameterMapping};
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// The values of `requestParameters` for one request, each fit for its place.
#[derive(Debug, Default)]
pub struct Parameters {
    /// `integration.request.header.{name}`.
    pub headers: HeaderMap,
    /// `integration.request.querystring.{name}`, not yet encoded.
    pub query: Vec<(String, String)>,
    /// `integration.request.path.{name}`, not yet encoded.
    pub path: Vec<(String, String)>,
}

impl Parameters {
    /// Evaluates the mappings. One without a value sets nothing, and a multi-valued one sets its
    /// header or query parameter several times.
    pub fn resolve(mappings: &[ParameterMapping], input: &MappingInput<'_>) -> Self {
        let mut parameters = Self::default();
        for mapping in mappings {
            let values = mapping.resolve(input);
            match &mapping.target {
                MappingTarget::Header(name) => {
                    for (nth, value) in values.iter().enumerate() {
                        insert(&mut parameters.headers, name, value, nth > 0);
                    }
                }
                MappingTarget::Querystring(name) => parameters
                    .query
                    .extend(values.into_iter().map(|value| (name.clone(), value))),
                MappingTarget::Path(name) => parameters.path.extend(
                    values
                        .into_iter()
                        .next_back()
                        .map(|value| (name.clone(), value)),
                ),
            }
        }
        parameters
    }

    /// A mapped header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A mapped query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// A mapped path parameter.
    pub fn path(&self, name: &str) -> Option<&str> {
        value(&self.path, name)
    }

    /// Puts the mapped headers into `headers`, in the place of those that are there.
    pub fn override_headers(&self, headers: &mut HeaderMap) {
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
    }
}

fn value<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    pairs
        .iter()
        .rfind(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// Sets a header. A name or value that no header may have is left out: client data never becomes
/// a header that it should not be.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str, append: bool) {
    let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_bytes(value.as_bytes()),
    ) else {
        return;
    };
    if append {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use gatepost_model::{
        connection_id::ConnectionId,
        request_context::{ConnectionContext, EventType, Identity, RequestContext},
        route::RouteKey,
    };
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::deployed::UrlTemplate;

    /// The parameters for a message whose `v` is `value`, mapped to every place.
    fn parameters(value: &str) -> Parameters {
        let mapping = |target: &str| {
            let target = format!("integration.request.{target}.v");
            ParameterMapping::parse(&target, "route.request.body.v").unwrap()
        };
        let context = RequestContext {
            connection: std::sync::Arc::new(ConnectionContext {
                connection_id: ConnectionId::from_bytes([7; 13]),
                api_id: "abcdef1234".into(),
                stage: "prod".into(),
                connected_at_ms: 0,
                domain_name: "localhost".into(),
                identity: Identity::anonymous("127.0.0.1", None),
                authorizer: None,
            }),
            request_id: "EOn8HGNeoAMEPSQ=".into(),
            request_time_ms: 0,
            route_key: RouteKey::Default,
            event_type: EventType::Message("gbgBIc-zdQAYKEjZQA==".into()),
            stage_variables: std::sync::Arc::default(),
        };
        let body = json!({ "v": value });
        let input = MappingInput {
            context: &context,
            body: Some(&body),
            headers: &[],
            query: &[],
        };
        Parameters::resolve(&["header", "querystring", "path"].map(mapping), &input)
    }

    /// What a client may try: line ends, path steps, separators, their encodings.
    fn hostile() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "..",
            ".",
            "/",
            "\\",
            "%2f",
            "%2e",
            "%0d%0a",
            "\r\n",
            "\n",
            "\0",
            "?",
            "#",
            "&",
            "=",
            "@",
            ":",
            "//",
            " ",
            "{v}",
            "é",
            "\u{85}",
            "\u{2028}",
            "a",
            "X-Evil: 1",
            "HTTP/1.1",
        ]);
        prop_oneof![
            prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat()),
            any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn no_value_leaves_the_place_that_it_was_mapped_to(value in hostile()) {
            let parameters = parameters(&value);
            prop_assert!(parameters.headers.len() <= 1);
            for (name, header) in &parameters.headers {
                prop_assert_eq!(name.as_str(), "v");
                prop_assert_eq!(header.as_bytes(), value.as_bytes());
                prop_assert!(header.as_bytes().iter().all(|byte| *byte >= b' ' || *byte == b'\t'));
            }
            let url = UrlTemplate::parse("http://h:1/rooms/{v}/end?kept=1").unwrap();
            let Ok(uri) = url.fill(|name| parameters.path(name), &parameters.query) else {
                return Ok(());
            };
            prop_assert_eq!(uri.authority().map(hyper::http::uri::Authority::as_str), Some("h:1"));
            let steps: Vec<_> = uri.path().split('/').collect();
            prop_assert!(matches!(steps[..], ["", "rooms", step, "end"] if !step.is_empty()));
            let step = percent_encoding::percent_decode_str(steps[2]).decode_utf8().unwrap();
            prop_assert_eq!(&*step, &value);
            prop_assert!(!step.contains(['/', '\\', '?', '#', '%']) && !step.contains(".."));
            let query: Vec<_> = uri.query().unwrap().split('&').collect();
            prop_assert!(matches!(query[..], ["kept=1"] | ["kept=1", _]));
            prop_assert!(query.iter().skip(1).all(|pair| pair.starts_with("v=")));
        }
    }
}
