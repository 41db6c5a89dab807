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
