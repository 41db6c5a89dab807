//! `MOCK`: what the request template renders to gives the status (data-plane spec 5.9). Pure.

use bytes::Bytes;
use gatepost_model::fault::{Fault, FaultKind};
use hyper::HeaderMap;
use serde_json::Value;

use super::IntegrationAnswer;

/// A call that goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MockCall {
    /// The status that it is answered with.
    pub status: u16,
}

impl MockCall {
    /// The call for a rendered request, `{"statusCode":200}`.
    ///
    /// # Errors
    /// `Internal server error` when it has no `statusCode`.
    pub fn build(rendered: &[u8]) -> Result<Self, Fault> {
        let status = serde_json::from_slice::<Value>(rendered)
            .ok()
            .and_then(|value| match value.get("statusCode")? {
                Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            })
            .filter(|status| (100..600).contains(status));
        status.map(|status| Self { status }).ok_or_else(|| {
            let detail = "the request template of the MOCK integration gives no statusCode";
            Fault::new(FaultKind::ApiConfiguration, detail)
        })
    }

    /// The answer: the status, and nothing else.
    pub fn answer(self) -> IntegrationAnswer {
        IntegrationAnswer {
            status: self.status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            lambda: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_a_number_or_its_text() {
        for (rendered, status) in [
            (r#"{"statusCode":200}"#, Some(200)),
            (r#" {"statusCode": "404", "x": 1} "#, Some(404)),
            (r#"{"statusCode":99}"#, None),
            (r#"{"statusCode":600}"#, None),
            (r#"{"statusCode":200.5}"#, None),
            (r#"{"statusCode":null}"#, None),
            (r#"{"status":200}"#, None),
            ("200", None),
            ("", None),
        ] {
            let call = MockCall::build(rendered.as_bytes()).ok();
            assert_eq!(call.map(|call| call.status), status, "{rendered}");
        }
    }
}
