//! `gatepost why --stale`: who keeps posting to ids that are gone, and what is likely missing.

use std::path::Path;

use gatepost_gateway::store::{LifeReader, StaleCaller};
use gatepost_model::request_context::iso_time;
use serde_json::{Value, json};

use super::{JSON_VERSION, stored::open};
use crate::commands::dev::printable;

/// What is said of the store's callers, and the exit status: 1 when there are none.
///
/// # Errors
/// What to say: there is no store, or it cannot be read.
pub(super) fn stale(store: &Path, as_json: bool) -> Result<(String, u8), String> {
    let callers = open(store)?;
    let callers = LifeReader::stale_callers(&callers).map_err(|error| error.to_string())?;
    let code = u8::from(callers.is_empty());
    if as_json {
        let callers: Vec<Value> = callers.iter().map(json_of).collect();
        let value = json!({ "version": JSON_VERSION, "callers": callers });
        return Ok((format!("{value:#}\n"), code));
    }
    let text: Vec<String> = callers.iter().map(text_of).collect();
    Ok(match text.as_slice() {
        [] => (
            "No call of a connection that is gone is kept.\n".into(),
            code,
        ),
        _ => (text.join("\n"), code),
    })
}

fn text_of(stale: &StaleCaller) -> String {
    let (first, latest) = stale.between_ms;
    format!(
        "{} called {} ids that are gone {} times, {} of them again and again, from {} to {}.\nLikely \
         missing: {}.\n",
        printable(&stale.caller),
        stale.ids,
        stale.calls,
        stale.repeated,
        iso_time(first),
        iso_time(latest),
        stale.missing_step()
    )
}

fn json_of(stale: &StaleCaller) -> Value {
    json!({
        "caller": stale.caller,
        "calls": stale.calls,
        "ids": stale.ids,
        "repeated": stale.repeated,
        "since": iso_time(stale.between_ms.0),
        "until": iso_time(stale.between_ms.1),
        "missingStep": stale.missing_step(),
    })
}
