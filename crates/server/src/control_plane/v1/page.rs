//! Lists of this version: `?limit=N&position=P` → `{"item":[…],"position":…}`, sorted by id.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::control_plane::{json::present, rescue::ControlPlaneError, uri};

/// `limit` of a request that names none.
const DEFAULT_LIMIT: usize = 25;
/// The greatest `limit`; a greater one counts as this.
const MAX_LIMIT: usize = 500;

/// Which part of a list is asked for.
pub(super) struct Page {
    limit: usize,
    /// The last id of the page before, which is what `position` holds.
    after: Option<String>,
}

impl Page {
    pub(super) fn parse(query: &str) -> Result<Self, ControlPlaneError> {
        let limit = match uri::parameter(query, "limit")? {
            None => DEFAULT_LIMIT,
            Some(text) => match text.parse() {
                Ok(0) | Err(_) => return Err(ControlPlaneError::InvalidLimit(text.into_owned())),
                Ok(number) => MAX_LIMIT.min(number),
            },
        };
        let after = uri::parameter(query, "position")?
            .map(|token| {
                let id = URL_SAFE_NO_PAD.decode(token.as_bytes()).ok();
                id.and_then(|id| String::from_utf8(id).ok())
                    .ok_or(ControlPlaneError::InvalidPosition)
            })
            .transpose()?;
        Ok(Self { limit, after })
    }

    /// The items of this page, and the `position` of the next.
    pub(super) fn take<'t, T>(
        &self,
        items: impl Iterator<Item = &'t T>,
        id: impl Fn(&'t T) -> &'t str,
    ) -> (Vec<&'t T>, Option<String>) {
        let is_after = |item: &&'t T| self.after.as_deref().is_none_or(|after| id(item) > after);
        let mut rest: Vec<&T> = items.filter(is_after).collect();
        rest.sort_unstable_by(|a, b| id(a).cmp(id(b)));
        let has_more = rest.len() > self.limit;
        rest.truncate(self.limit);
        let last = rest.last().filter(|_| has_more);
        let position = last.map(|item| URL_SAFE_NO_PAD.encode(id(item)));
        (rest, position)
    }

    /// This page of `items`.
    pub(super) fn list<'t, T: 't>(
        &self,
        items: impl Iterator<Item = &'t T>,
        id: impl Fn(&'t T) -> &'t str,
        body: impl Fn(&T) -> Value,
    ) -> Value {
        let (items, position) = self.take(items, id);
        present(json!({
            "item": items.into_iter().map(body).collect::<Vec<_>>(),
            "position": position,
        }))
    }
}
