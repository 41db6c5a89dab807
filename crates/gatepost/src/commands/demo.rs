//! `gatepost demo`: a chat in the browser, on a function that is this binary.

pub mod function;

use std::{env, fs, io, os::unix::fs::symlink, path::Path, process::ExitCode};

use clap::Args;

use super::dev::{self, App, Terminal};

const TEMPLATE: &str = include_str!("demo/template.yaml");
const PAGE: &str = include_str!("demo/page.html");
/// The name under which a `provided` function is started; this binary then is the demo's function.
pub const BOOTSTRAP: &str = "bootstrap";

/// Serve a chat page: open it in two windows and see connections come, go and answer 410.
#[derive(Args)]
#[command(after_help = "Example:\n  gatepost demo --port 0")]
pub struct Arguments {
    /// Port to listen on; 0 takes any free one [default: 4100]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
}

/// Runs the demo until it is interrupted; nothing of it is kept.
pub async fn run(arguments: Arguments) -> ExitCode {
    let folder = match tempfile::Builder::new().prefix("gatepost-demo-").tempdir() {
        Ok(folder) => folder,
        Err(error) => return failed(&format!("no temporary folder can be made: {error}")),
    };
    // Its name is the stack's.
    let app = folder.path().join("demo");
    if let Err(error) = lay_out(&app) {
        return failed(&format!(
            "the demo cannot be written to {}: {error}",
            app.display()
        ));
    }
    let terminal = Terminal::new(arguments.json, false);
    let arguments = dev::Arguments {
        template: Some(app.join("template.yaml")),
        port: arguments.port,
        json: arguments.json,
        ..dev::Arguments::default()
    };
    match App::start(arguments, &terminal, Some(PAGE)).await {
        Ok(app) => dev::serve(app, &terminal).await,
        Err(error) => {
            Terminal::start_failed(&error);
            ExitCode::FAILURE
        }
    }
}

/// Writes the template, and the function as a link to this binary.
fn lay_out(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::write(folder.join("template.yaml"), TEMPLATE)?;
    let function = folder.join("function");
    fs::create_dir(&function)?;
    symlink(env::current_exe()?, function.join(BOOTSTRAP))
}

fn failed(text: &str) -> ExitCode {
    eprintln!("gatepost: {text}");
    ExitCode::FAILURE
}
