//! `gatepost`: Amazon API Gateway's WebSocket APIs, self-hosted.

mod access;
mod commands;
mod config;
mod node;
mod outward;
mod running;
mod sinks;

use std::{
    io::{self, Write},
    panic::{self, PanicHookInfo},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Amazon API Gateway's WebSocket APIs, self-hosted and wire-compatible.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Example:\n  gatepost dev template.yaml"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dev(commands::dev::Arguments),
    Serve(commands::serve::Arguments),
    Config(commands::config::Arguments),
    Demo(commands::demo::Arguments),
    Connect(commands::connect::Arguments),
    Check(commands::check::Arguments),
    Why(commands::why::Arguments),
    Logs(commands::logs::Arguments),
    Connections(commands::connections::Arguments),
    Backup(commands::backup::Arguments),
    /// Ends child processes when Gatepost is gone; started by Gatepost itself.
    #[command(name = "__guard", hide = true)]
    Guard,
    /// Names the points at which tests kill a change.
    #[cfg(debug_assertions)]
    #[command(name = "__kill-points", hide = true)]
    KillPoints,
}

fn main() -> ExitCode {
    panic::set_hook(Box::new(report_panic));
    // Lambda starts a `provided` function as `bootstrap`: the demo's links to this binary.
    let name = std::env::args_os().next().map(std::path::PathBuf::from);
    if name.is_some_and(|name| name.ends_with(commands::demo::BOOTSTRAP)) {
        return commands::demo::function::main();
    }
    match Cli::parse().command {
        Command::Guard => {
            gatepost_server::lambda::guard::main();
            ExitCode::SUCCESS
        }
        #[cfg(debug_assertions)]
        Command::KillPoints => {
            for point in gatepost_gateway::kill_point::KillPoint::ALL {
                println!("{point:?}");
            }
            ExitCode::SUCCESS
        }
        Command::Dev(arguments) => run(commands::dev::run(arguments)),
        Command::Serve(arguments) => {
            // Before there are other threads.
            let passed = node::Inherited::from_systemd();
            run(commands::serve::run(arguments, passed))
        }
        Command::Config(arguments) => commands::config::run(&arguments),
        Command::Demo(arguments) => run(commands::demo::run(arguments)),
        Command::Connect(arguments) => run(commands::connect::run(arguments)),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Why(arguments) => commands::why::run(&arguments),
        Command::Logs(arguments) => commands::logs::run(&arguments),
        Command::Backup(arguments) => commands::backup::run(&arguments),
        Command::Connections(arguments) => commands::connections::run(&arguments),
    }
}

/// Reports a panic on one line, whatever text of a client is in it. Only the task that panicked
/// ends: whoever started it answers for it.
fn report_panic(panicked: &PanicHookInfo<'_>) {
    let message = panicked.payload_as_str().unwrap_or("no message");
    let place = panicked
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    // Not `eprintln!`, which panics itself when stderr is closed.
    let _ = writeln!(
        io::stderr(),
        "gatepost: panicked at {place}: {} (a bug; please report this line)",
        message.escape_debug()
    );
}

/// Runs a command on a runtime of its own.
fn run(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let code = runtime.block_on(command);
            // A thread that still reads a terminal or a store must not hold the exit.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("gatepost: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
