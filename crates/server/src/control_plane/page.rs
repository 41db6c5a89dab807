//! Lists: `?maxResults=N&nextToken=T` → `{"items":[…],"nextToken":"…"}`, sorted by id
//! (control-and-observability spec D.1).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{json::present, rescue::ControlPlaneError, uri};

/// Which part of a list is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// `maxResults`; without it everything is one page.
    max_results: Option<usize>,
    /// The last id of the page before, which is what `nextToken` holds.
    after: Option<String>,
}

impl Page {
    pub(super) fn parse(query: &str) -> Result<Self, ControlPlaneError> {
        let max_results = uri::parameter(query, "maxResults")?
            .map(|text| match text.parse() {
                Ok(0) | Err(_) => Err(ControlPlaneError::InvalidMaxResults(text.into_owned())),
                Ok(number) => Ok(number),
            })
            .transpose()?;
        let after = uri::parameter(query, "nextToken")?
            .map(|token| {
                let id = URL_SAFE_NO_PAD.decode(token.as_bytes()).ok();
                id.and_then(|id| String::from_utf8(id).ok())
                    .ok_or(ControlPlaneError::InvalidNextToken)
            })
            .transpose()?;
        Ok(Self { max_results, after })
    }

    /// This page of `items`.
    pub(super) fn list<T>(
        &self,
        items: &[T],
        id: impl for<'t> Fn(&'t T) -> &'t str,
        body: impl Fn(&T) -> Value,
    ) -> Value {
        let is_after = |item: &&T| self.after.as_deref().is_none_or(|after| id(item) > after);
        let mut rest: Vec<&T> = items.iter().filter(is_after).collect();
        rest.sort_unstable_by(|a, b| id(a).cmp(id(b)));
        let shown = self.max_results.unwrap_or(rest.len()).min(rest.len());
        let last = (shown < rest.len()).then(|| rest[..shown].last()).flatten();
        present(json!({
            "items": rest[..shown].iter().map(|item| body(item)).collect::<Vec<_>>(),
            "nextToken": last.map(|item| URL_SAFE_NO_PAD.encode(id(item))),
        }))
    }
}
