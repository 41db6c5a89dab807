//! What a running Gatepost says of a connection at this moment.

use std::{fmt::Write as _, path::Path};

use gatepost_gateway::lifecycle::ActivityRecord;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    commands::connections::{encoded, for_people},
    running::{AskError, Running, Which},
};

/// What is known of a connection now.
pub(super) enum Now {
    /// It handshakes, is open or closes: as `/_gatepost/connections/{id}` has it.
    Live(Value),
    /// The Gatepost that runs with the store has it no more.
    Gone,
    /// None runs with the store.
    NotRunning,
    /// One runs, and does not tell.
    Untold(AskError),
}

/// What is read of an open connection.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    state: String,
    idle_ms: u64,
    messages: u32,
    posts: u32,
    in_flight: u16,
    unsent_bytes: u64,
}

impl Now {
    /// Asks whoever runs with this store.
    pub fn of(store: &Path, id: &str, which: &Which) -> Self {
        let folder = store
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let answer = match Running::in_folder(folder, which) {
            Ok(None) => return Self::NotRunning,
            Ok(Some(running)) => running.get(&format!("connections/{}", encoded(id))),
            Err(error) => Err(error),
        };
        match answer {
            Ok(mut document) => Self::Live(document["connection"].take()),
            Err(AskError::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }) => Self::Gone,
            Err(error) => Self::Untold(error),
        }
    }

    /// What it did so far; the store has it only once it ended.
    pub fn activity(&self) -> Option<ActivityRecord> {
        let Self::Live(live) = self else {
            return None;
        };
        let count = |name: &str| u32::try_from(live[name].as_u64()?).ok();
        Some(ActivityRecord {
            messages: count("messages")?,
            last_message_at_ms: live["lastMessageAt"].as_u64().unwrap_or_default(),
            posts: count("posts")?,
            last_post_at_ms: live["lastPostAt"].as_u64().unwrap_or_default(),
        })
    }

    /// The verdict on a connection that did not end, in a sentence without a full stop.
    pub fn verdict(&self) -> Option<String> {
        match self {
            Self::NotRunning => Some(
                "the connection was open when its Gatepost ended without closing it; the next \
                 start notes it as node-lost and runs its $disconnect"
                    .into(),
            ),
            Self::Live(live) => {
                let open = Open::deserialize(live).ok()?;
                let mut text = match open.state.as_str() {
                    "closing" => "the connection is closing".to_owned(),
                    _ => "the connection is open".to_owned(),
                };
                let (messages, posts) = (open.messages, open.posts);
                let _ = write!(
                    text,
                    ": {} and {} so far, idle for {}",
                    counted(messages, "message"),
                    counted(posts, "post"),
                    for_people(open.idle_ms)
                );
                if open.in_flight > 0 {
                    let _ = write!(text, ", {} in integrations", open.in_flight);
                }
                if open.unsent_bytes > 0 {
                    let unsent = open.unsent_bytes;
                    let _ = write!(text, ", {unsent} bytes wait until the client reads");
                }
                Some(text)
            }
            Self::Gone | Self::Untold(_) => None,
        }
    }

    /// As `--json` has it.
    pub fn as_json(&self) -> Value {
        match self {
            Self::Live(live) => live.clone(),
            Self::Gone | Self::NotRunning | Self::Untold(_) => Value::Null,
        }
    }
}

fn counted(count: u32, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
