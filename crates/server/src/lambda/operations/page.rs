//! Lists in pages: `MaxItems`, `Marker`, `NextMarker`.

use base64::{Engine, prelude::BASE64_STANDARD};
use gatepost_model::invocation::InvokeError;

use crate::lambda::error_body;

const DEFAULT_ITEMS: usize = 50;

/// The items behind the marker, at most so many, and the next marker when there are more. `key` of
/// an item is what it is ordered by.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<(Vec<T>, Option<String>), InvokeError> {
    let max_items = max_items.and_then(|items| usize::try_from(items).ok());
    let max_items = max_items.unwrap_or(DEFAULT_ITEMS);
    let last_seen = match marker {
        None => None,
        Some(marker) => Some(
            BASE64_STANDARD
                .decode(marker)
                .ok()
                .and_then(|key| String::from_utf8(key).ok())
                .ok_or_else(|| error_body::invalid_parameter("Invalid marker"))?,
        ),
    };
    let mut rest = items.into_iter();
    let mut page = Vec::new();
    for item in rest.by_ref() {
        if last_seen.as_ref().is_some_and(|seen| key(&item) <= *seen) {
            continue;
        }
        if page.len() == max_items {
            let last: &T = &page[max_items - 1];
            let next = BASE64_STANDARD.encode(key(last));
            return Ok((page, Some(next)));
        }
        page.push(item);
    }
    Ok((page, None))
}
