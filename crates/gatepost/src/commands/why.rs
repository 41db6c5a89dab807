//! `gatepost why`: what became of a connection, and what to do about it.

mod cloudwatch;
mod live;
mod logs;
mod print;
mod stale;
mod stored;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use gatepost_server::error_pages;
use serde_json::json;

use self::live::Now;
use super::dev::printable;
use crate::running::Which;

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;
/// Where `gatepost dev` keeps its store, beside the template.
pub const STORE: &str = ".gatepost/store.sqlite";
/// Say what became of a connection: its timeline, each refused call, and what to do.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost why 'k2Jx0fYh7QIAAJqkOw=='\n  gatepost why --about \
                  not-established\n  gatepost why ID --log-file tail.txt\n  gatepost why ID \
                  --cloudwatch /aws/apigateway/a1b2c3d4e5/prod /chat/access \
                  /aws/lambda/chat-Send\n\nReads the store of a running or stopped `gatepost dev` or `serve`, and \
                  changes nothing.\nExit status: 0 found, 1 not found, 2 the command line is wrong \
                  or there is no store."
)]
pub struct Arguments {
    /// A connection id, or the request id of a refused call, a refused handshake or a message
    // Ids may begin with `-`.
    #[arg(
        required_unless_present_any = ["about", "stale"],
        conflicts_with_all = ["about", "stale"],
        allow_hyphen_values = true
    )]
    pub id: Option<String>,
    /// Print the page about a reason or an error
    #[arg(long, value_name = "SLUG")]
    pub about: Option<String>,
    /// Say who keeps posting to ids that are gone, and what is likely missing
    #[arg(long, conflicts_with_all = ["about", "log_file", "cloudwatch"])]
    pub stale: bool,
    /// The store
    #[arg(long, value_name = "FILE", default_value = STORE)]
    pub store: PathBuf,
    /// Configuration of the Gatepost that runs with the store, when it sets the admin token
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Explain from logs of AWS instead, as `aws logs` or an export printed them; `-` is stdin
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["about", "store"])]
    pub log_file: Vec<PathBuf>,
    /// Explain from these log groups of CloudWatch Logs instead
    #[arg(long, value_name = "GROUP", num_args = 1.., conflicts_with_all = ["about", "store"])]
    pub cloudwatch: Vec<String>,
    /// How old the events of --cloudwatch are at most
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1d",
        requires = "cloudwatch"
    )]
    pub since: String,
    /// The region of --cloudwatch, else that of the environment
    #[arg(long, requires = "cloudwatch")]
    pub region: Option<String>,
    /// Whose credentials --cloudwatch uses, before those of the environment
    #[arg(long, requires = "cloudwatch")]
    pub profile: Option<String>,
    /// Where CloudWatch Logs is, else where the SDKs would look for it
    #[arg(long, value_name = "URL", requires = "cloudwatch")]
    pub endpoint_url: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Explains the id, or prints a page.
pub fn run(arguments: &Arguments) -> ExitCode {
    let (text, code) = match (&arguments.about, &arguments.id) {
        (Some(slug), _) => about(slug, arguments.json),
        (None, None) if arguments.stale => match stale::stale(&arguments.store, arguments.json) {
            Ok(said) => said,
            Err(error) => {
                eprintln!("gatepost: {}", printable(&error));
                return ExitCode::from(2);
            }
        },
        (None, Some(id)) if !arguments.log_file.is_empty() || !arguments.cloudwatch.is_empty() => {
            match logs::explained(arguments, id) {
                Ok(explained) => {
                    let text = if arguments.json {
                        print::explained_as_json(&explained)
                    } else {
                        print::explained_as_text(&explained)
                    };
                    (text, u8::from(!explained.found))
                }
                Err(error) => {
                    eprintln!("gatepost: {}", printable(&error));
                    return ExitCode::from(2);
                }
            }
        }
        (None, Some(id)) => match explain(arguments, id) {
            Ok(answer) => {
                if let Some(Now::Untold(error)) = &answer.now {
                    eprintln!(
                        "gatepost: only what is kept is told: {}",
                        printable(&error.to_string())
                    );
                }
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

fn explain(arguments: &Arguments, id: &str) -> Result<stored::Answer, String> {
    let which = Which {
        config: arguments.config.clone(),
        url: None,
    };
    stored::explain(&arguments.store, id, &which)
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
