//! The load generator: one thread, clients that count what they get, and what it cost the server.
//! Each command prints one JSON object.

mod client;
mod connects;
mod echo;
mod frame;
mod hold;
mod measure;
mod posts;
mod probe;
mod requests;
mod target;

use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[derive(Parser)]
#[command(
    after_help = "Example:\n  load echo --url ws://127.0.0.1:4100/prod --connections 100 --seconds 5 --pid 4711"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Round trips: each connection sends, waits for its replies, sends again
    Echo(echo::Arguments),
    /// POSTs to connections, and when the client has them
    Posts(posts::Arguments),
    /// Connects as fast as the server takes them, then closes all at once
    Connects(connects::Arguments),
    /// Memory of held connections, and after each carried a message
    Hold(hold::Arguments),
    /// Plain HTTP POSTs, to see a backend without a gateway
    Requests(requests::Arguments),
    /// Whether this machine is quiet
    Probe,
}

fn main() -> anyhow::Result<()> {
    let command = Cli::parse().command;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            match command {
                Command::Echo(arguments) => echo::run(arguments).await,
                Command::Posts(arguments) => posts::run(arguments).await,
                Command::Connects(arguments) => connects::run(arguments).await,
                Command::Hold(arguments) => hold::run(arguments).await,
                Command::Requests(arguments) => requests::run(arguments).await,
                Command::Probe => Ok(probe::run()),
            }
        })?;
    println!("{result}");
    Ok(())
}
