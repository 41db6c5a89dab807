//! The load generator: one thread, clients that count what they get, and what it cost the server.
//! Each command prints one JSON object.

mod beat;
mod churn;
mod client;
mod connects;
mod echo;
mod frame;
mod half_open;
mod hold;
mod malformed;
mod measure;
mod posts;
mod probe;
mod random;
mod requests;
mod slow;
mod storm;
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
    /// POSTs while clients and callers fail
    Storm(storm::Arguments),
    /// Frames that break the protocol
    Malformed(malformed::Arguments),
    /// Sockets that say nothing
    HalfOpen(half_open::Arguments),
    /// Clients that do not read
    Slow(slow::Arguments),
    /// Connections that come and go for long
    Churn(churn::Arguments),
    /// Well-behaved clients at a steady pace
    Beat(beat::Arguments),
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
                Command::Storm(arguments) => storm::run(arguments).await,
                Command::Malformed(arguments) => malformed::run(arguments).await,
                Command::HalfOpen(arguments) => half_open::run(arguments).await,
                Command::Slow(arguments) => slow::run(arguments).await,
                Command::Churn(arguments) => churn::run(arguments).await,
                Command::Beat(arguments) => beat::run(arguments).await,
                Command::Probe => Ok(probe::run()),
            }
        })?;
    println!("{result}");
    Ok(())
}
