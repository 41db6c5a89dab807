//! Floors: small programs that do the least that each of Gatepost's tasks needs, so that a figure
//! of Gatepost's stands beside what the machine allows in the same run.

mod codec;
mod http;
mod push;
mod runtime_loop;
mod socket;
mod upgrade;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use clap::{Parser, Subcommand};
use tokio::{net::TcpListener, runtime};

#[derive(Parser)]
#[command(after_help = "Example:\n  floors --port 9001 echo")]
struct Cli {
    /// Port on 127.0.0.1
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[command(subcommand)]
    floor: Floor,
}

#[derive(Subcommand)]
enum Floor {
    /// A codec on a bare socket
    Echo,
    /// The same behind a hyper upgrade
    Upgrade,
    /// hyper answers a POST with its body
    Hello,
    /// WebSocket → POST to BACKEND → WebSocket
    Proxy { backend: SocketAddr },
    /// POST /@connections/{n} → one write to connection n
    Post,
    /// POST → one write to each connection
    Fanout,
    /// A Runtime API that gives COMMAND's processes an event whenever one is ready for it
    RuntimeLoop {
        /// Processes of the handler
        #[arg(long)]
        processes: usize,
        /// Seconds to count, after one to warm up
        #[arg(long)]
        seconds: u64,
        /// The event
        #[arg(long)]
        event: String,
        /// Command of the handler
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    let Cli { port, floor } = Cli::parse();
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            println!("{}", listener.local_addr()?.port());
            match floor {
                Floor::Echo => upgrade::by_hand(listener).await,
                Floor::Upgrade => upgrade::serve(listener, upgrade::Then::Echo).await,
                Floor::Hello => http::hello(listener).await,
                Floor::Proxy { backend } => {
                    upgrade::serve(
                        listener,
                        upgrade::Then::Proxy(Arc::new(http::Backend::new(backend))),
                    )
                    .await
                }
                Floor::Post => push::serve(listener, push::To::One).await,
                Floor::Fanout => push::serve(listener, push::To::All).await,
                Floor::RuntimeLoop {
                    processes,
                    seconds,
                    event,
                    command,
                } => runtime_loop::run(listener, processes, seconds, event, &command).await,
            }
        })
}
