//! `gatepost connections`: the live connections of a running Gatepost.

use std::{fmt::Write as _, process::ExitCode};

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{dev::printable, output};
use crate::running::{AskError, Running, Which};

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;
/// Connections that are asked for at once.
const PAGE: usize = 1000;
/// Characters of an API's or a stage's name in a row.
const NAME: usize = 24;

/// List the live connections of a running Gatepost.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost connections --api chat --stage prod\n  gatepost connections \
                  --config /etc/gatepost/gatepost.toml --limit 10000 --json\n\nAsks the Gatepost \
                  that runs with the state folder of the configuration, or else, without --config, \
                  the `gatepost dev` of this folder. `gatepost why ID` tells the story of one.\nExit status: 0, or 1 when none runs or it refuses."
)]
pub struct Arguments {
    /// Only those of this API, by its id or name
    #[arg(long)]
    api: Option<String>,
    /// Only those of stages of this name
    #[arg(long)]
    stage: Option<String>,
    /// Show so many at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
    #[command(flatten)]
    which: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What a row shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    connection_id: String,
    api_id: String,
    api_name: Option<String>,
    stage: String,
    closing: Option<String>,
    source_ip: String,
    age_ms: u64,
    idle_ms: u64,
    messages: u32,
    posts: u32,
}

/// Prints the connections.
pub fn run(arguments: &Arguments) -> ExitCode {
    match list(arguments) {
        Ok(found) => {
            let text = if arguments.json {
                found.as_json()
            } else {
                found.as_text()
            };
            output::line(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::error_line(&format!("gatepost: {}", printable(&error.to_string())));
            ExitCode::FAILURE
        }
    }
}

/// The connections that were found, and whether there are more.
struct Found {
    connections: Vec<Value>,
    has_more: bool,
}

fn list(arguments: &Arguments) -> Result<Found, AskError> {
    let running: Running = arguments.which.find()?;
    let mut found = Found {
        connections: Vec::new(),
        has_more: false,
    };
    let mut after: Option<String> = None;
    loop {
        let left = arguments.limit - found.connections.len();
        if left == 0 {
            return Ok(found);
        }
        let mut query = format!("limit={}", left.min(PAGE));
        let filters = [
            ("api", arguments.api.as_ref()),
            ("stage", arguments.stage.as_ref()),
            ("after", after.as_ref()),
        ];
        for (name, value) in filters {
            if let Some(value) = value {
                let _ = write!(query, "&{name}={}", encoded(value));
            }
        }
        let mut page = running.get(&format!("connections?{query}"))?;
        if let Value::Array(rows) = page["connections"].take() {
            found.connections.extend(rows);
        }
        after = page["after"].as_str().map(str::to_owned);
        found.has_more = after.is_some();
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// A value of a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

impl Found {
    fn as_json(&self) -> String {
        let document = json!({
            "version": JSON_VERSION,
            "connections": self.connections,
            "hasMore": self.has_more,
        });
        format!("{document:#}")
    }

    fn as_text(&self) -> String {
        let rows = self.connections.iter();
        let rows: Vec<Row> = rows.filter_map(|row| Row::deserialize(row).ok()).collect();
        if rows.is_empty() {
            return "There are no connections.".into();
        }
        let mut table = vec![
            [
                "CONNECTION",
                "API",
                "STAGE",
                "AGE",
                "IDLE",
                "SOURCE",
                "MESSAGES",
                "POSTS",
                "",
            ]
            .map(str::to_owned),
        ];
        table.extend(rows.iter().map(Row::cells));
        let mut text = String::new();
        let widths: Vec<usize> = (0..table[0].len())
            .map(|column| {
                let cells = table.iter().map(|row| row[column].chars().count());
                cells.max().unwrap_or_default()
            })
            .collect();
        for row in &table {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if self.has_more {
            text.push_str("There are more: --limit N shows them.\n");
        }
        text
    }
}

impl Row {
    fn cells(&self) -> [String; 9] {
        let api = self.api_name.as_deref().unwrap_or(&self.api_id);
        let closing = self.closing.as_ref();
        [
            self.connection_id.clone(),
            cut(api),
            cut(&self.stage),
            for_people(self.age_ms),
            for_people(self.idle_ms),
            printable(&self.source_ip),
            self.messages.to_string(),
            self.posts.to_string(),
            closing.map_or_else(String::new, |cause| {
                format!("closing: {}", printable(cause))
            }),
        ]
    }
}

fn cut(name: &str) -> String {
    printable(name).chars().take(NAME).collect()
}

/// A time in its two greatest units: `2h 5m`, `14s`.
pub fn for_people(ms: u64) -> String {
    let seconds = ms / 1000;
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, length) in units {
        let count = left / length;
        left %= length;
        if count > 0 || name == "s" && parts.is_empty() {
            parts.push(format!("{count}{name}"));
        }
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (7500, "2h 5m"),
            (86_401, "1d 1s"),
            (200_000, "2d 7h"),
        ] {
            assert_eq!(for_people(seconds * 1000), text);
        }
    }

    #[test]
    fn values_of_a_query_are_encoded() {
        assert_eq!(encoded("my api/ü=="), "my%20api%2F%C3%BC%3D%3D");
    }
}
