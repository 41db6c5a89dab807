//! `gatepost logs`: what execution logs, access logs and functions say, all in one.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use gatepost_gateway::{
    clock::now_ms,
    store::{GroupLine, LineFilter, LogReader},
};
use gatepost_model::{connection_id::ConnectionId, request_context::iso_time};
use gatepost_wire::execution_log::Severity;

use super::{dev::Style, dev::printable, why::STORE};
use crate::config::units::parse_duration;

/// Lines that are shown unless a time is given from which on all are.
const LATEST: usize = 200;
/// Lines that one call shows at most of the past.
const MOST: usize = 100_000;
/// How often is looked for what is new.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Lambda's own lines: there to be found, not to be read.
const PLATFORM_LINES: [&str; 4] = ["INIT_START", "START RequestId", "END RequestId", "REPORT "];

/// Read execution logs, access logs and functions' logs.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost logs --follow\n  gatepost logs /aws/apigateway/ --level \
                  error --since 1h\n  gatepost logs --function SendMessage\n  gatepost logs \
                  --connection 'k2Jx0fYh7QIAAJqkOw=='\n\nReads the store of a running or stopped \
                  `gatepost dev` or `serve`, and changes nothing.\nExit status: 0, or 2 when the command line \
                  is wrong or there is no store."
)]
pub struct Arguments {
    /// A log group, or how the names of several begin [default: all]
    pub group: Option<String>,
    /// Go on with what is written from now on
    #[arg(long, short)]
    pub follow: bool,
    /// Only requests of this connection, and other events that name it
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub connection: Option<String>,
    /// Only what this function printed, by its name or logical id
    #[arg(long, value_name = "F")]
    pub function: Option<String>,
    /// Only lines at this level or a graver one [default: all, with data traces]
    #[arg(long)]
    pub level: Option<Level>,
    /// All lines not older than this, such as 10m or 2h [default: the latest 200]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// The store
    #[arg(long, value_name = "FILE", default_value = STORE)]
    pub store: PathBuf,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

/// How grave a line is.
#[derive(Clone, Copy, ValueEnum)]
pub enum Level {
    /// What went wrong
    Error,
    /// That, and what happened, without data traces
    Info,
}

/// Prints the lines, until there are no more, or nobody reads them.
pub fn run(arguments: &Arguments) -> ExitCode {
    match print(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gatepost: {}", printable(&error));
            ExitCode::from(2)
        }
    }
}

fn print(arguments: &Arguments) -> Result<(), String> {
    let filter = filter(arguments)?;
    if !arguments.store.is_file() {
        return Err(format!(
            "there is no store {}: go to the folder of the template that `gatepost dev` served, or \
             name one with --store, e.g. that in the state folder of `gatepost serve`",
            arguments.store.display()
        ));
    }
    let mut reader = LogReader::open(&arguments.store).map_err(|error| error.to_string())?;
    let max_lines = if arguments.since.is_some() {
        MOST
    } else {
        LATEST
    };
    let style = Style::of_stdout();
    let mut lines = reader.latest(&filter, max_lines);
    loop {
        let shown = lines.map_err(|error| error.to_string())?;
        if write(&shown, style, arguments.json).is_err() || !arguments.follow {
            // Whoever closed our stdout wants no more of it.
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
        lines = reader.next(&filter);
    }
}

fn filter(arguments: &Arguments) -> Result<LineFilter, String> {
    let connection = arguments.connection.as_deref().map(|id| {
        let parsed: Result<ConnectionId, _> = id.parse();
        parsed.map_err(|error| format!("{id} is no connection id: {error}"))
    });
    let since = arguments.since.as_deref().map(|text| {
        let age = parse_duration(text);
        age.ok_or_else(|| format!("--since takes a time such as 10m or 2h, not {text}"))
    });
    let since_ms = since.transpose()?.map(|age| {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        now_ms().saturating_sub(age_ms).cast_signed()
    });
    Ok(LineFilter {
        log_group: arguments.group.clone(),
        function: arguments.function.clone(),
        connection: connection.transpose()?,
        level: arguments.level.map(|level| match level {
            Level::Error => Severity::Error,
            Level::Info => Severity::Info,
        }),
        since_ms,
    })
}

fn write(lines: &[GroupLine], style: Style, as_json: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for line in lines {
        if as_json {
            serde_json::to_writer(&mut stdout, &line.json())?;
            stdout.write_all(b"\n")?;
        } else {
            writeln!(stdout, "{}", text_line(line, style))?;
        }
    }
    stdout.flush()
}

/// Time, group and message; one line, whatever a function printed.
fn text_line(line: &GroupLine, style: Style) -> String {
    let time = iso_time(line.timestamp_ms.cast_unsigned());
    let group = line.log_group.strip_prefix("/aws/lambda/");
    let group = group.unwrap_or_else(|| {
        let of_stage = line.log_group.strip_prefix("/aws/apigateway/");
        of_stage.unwrap_or(&line.log_group)
    });
    let message = printable(&line.message);
    let is_dim = line.severity == Severity::DataTrace
        || PLATFORM_LINES
            .iter()
            .any(|start| line.message.starts_with(start));
    let message = match line.severity {
        Severity::Error => style.bad(&message),
        _ if is_dim => style.dim(&message),
        _ => message,
    };
    format!(
        "{} {} {message}",
        style.dim(&time),
        style.bold(&printable(group))
    )
}
