//! `gatepost why`: what became of a connection, and what to do about it.

mod print;
mod stored;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use gatepost_server::error_pages;
use serde_json::json;

use super::dev::printable;

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;
/// Where `gatepost dev` keeps its store, beside the template.
pub const STORE: &str = ".gatepost/store.sqlite";
/// Say what became of a connection: its timeline, each refused call, and what to do.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost why 'k2Jx0fYh7QIAAJqkOw=='\n  gatepost why --about \
                  not-established\n\nReads the store of a running or stopped `gatepost dev`, and \
                  changes nothing.\nExit status: 0 found, 1 not found, 2 the command line is wrong \
                  or there is no store."
)]
pub struct Arguments {
    /// A connection id, or the request id of a refused call, a refused handshake or a message
    // Ids may begin with `-`.
    #[arg(
        required_unless_present = "about",
        conflicts_with = "about",
        allow_hyphen_values = true
    )]
    pub id: Option<String>,
    /// Print the page about a reason or an error
    #[arg(long, value_name = "SLUG")]
    pub about: Option<String>,
    /// The store
    #[arg(long, value_name = "FILE", default_value = STORE)]
    pub store: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Explains the id, or prints a page.
pub fn run(arguments: &Arguments) -> ExitCode {
    let (text, code) = match (&arguments.about, &arguments.id) {
        (Some(slug), _) => about(slug, arguments.json),
        (None, Some(id)) => match stored::explain(&arguments.store, id) {
            Ok(answer) => {
                let text = if arguments.json {
                    print::as_json(&answer)
                } else {
                    print::as_text(&answer)
                };
                (text, u8::from(!answer.found))
            }
            Err(error) => {
                eprintln!("gatepost: {}", printable(&error));
                return ExitCode::from(2);
            }
        },
        // clap asks for one of them.
        (None, None) => return ExitCode::from(2),
    };
    // Not `print!`, which panics when nobody reads.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn about(slug: &str, as_json: bool) -> (String, u8) {
    let page = error_pages::page(slug);
    if as_json {
        let value = json!({ "version": JSON_VERSION, "slug": slug, "page": page });
        return (format!("{value:#}\n"), u8::from(page.is_none()));
    }
    if let Some(page) = page {
        return (page.into(), 0);
    }
    let nearest = error_pages::names().min_by_key(|name| strsim::damerau_levenshtein(name, slug));
    eprintln!(
        "gatepost: there is no page about {}; did you mean {}?",
        printable(slug),
        nearest.unwrap_or_default()
    );
    (String::new(), 1)
}
