//! Round trips.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::{task::LocalSet, time::timeout};

use crate::{
    client::{Client, open_many},
    frame,
    measure::{Server, join, percentiles},
    target::{self, Target},
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    /// Certificates to trust, for wss
    #[arg(long)]
    ca: Option<String>,
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Handshakes under way at a time
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Messages that a connection sends before it waits
    #[arg(long, default_value_t = 1)]
    depth: usize,
    /// What is sent
    #[arg(long, default_value = r#"{"action":"echo","n":1}"#)]
    message: String,
    /// What must come back [default: the same]
    #[arg(long)]
    reply: Option<String>,
    /// Seconds to measure, after a fifth of that to warm up
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The server's processes
    #[arg(long)]
    pid: Vec<u32>,
    /// Processes that work for it: backends, handlers
    #[arg(long)]
    other_pid: Vec<u32>,
}

/// What the clients have counted.
struct Counted {
    latencies: Histogram<u64>,
    round_trips: u64,
    is_measuring: bool,
    is_over: bool,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let tls = arguments.ca.as_deref().map(target::tls).transpose()?;
    let server = Server::new(&arguments.pid, &arguments.other_pid);
    let clients = open_many(
        &arguments.url,
        tls.as_ref(),
        arguments.connections,
        arguments.at_once,
    )
    .await?;
    let message = frame::masked_text(arguments.message.as_bytes(), 32 * 1024);
    let reply = arguments.reply.as_ref().unwrap_or(&arguments.message);
    let reply = frame::text(reply.as_bytes());
    let batch: Rc<[u8]> = message.repeat(arguments.depth).into();
    let expected: Rc<[u8]> = reply.repeat(arguments.depth).into();
    let counted = Rc::new(RefCell::new(Counted {
        latencies: Histogram::new(3)?,
        round_trips: 0,
        is_measuring: false,
        is_over: false,
    }));
    let local = LocalSet::new();
    let running: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let (batch, expected) = (Rc::clone(&batch), Rc::clone(&expected));
            let counted = Rc::clone(&counted);
            local.spawn_local(talk(
                client,
                batch,
                expected,
                arguments.depth as u64,
                counted,
            ))
        })
        .collect();
    local
        .run_until(async {
            tokio::time::sleep(Duration::from_secs_f64(arguments.seconds / 5.0)).await;
            let measured = server.begin()?;
            counted.borrow_mut().is_measuring = true;
            tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
            counted.borrow_mut().is_measuring = false;
            let mut result = measured.end(counted.borrow().round_trips)?;
            join(&mut result, percentiles(&counted.borrow().latencies));
            counted.borrow_mut().is_over = true;
            for client in running {
                let ended = timeout(Duration::from_secs(10), client).await;
                ended.context("a reply did not come within 10 s")???;
            }
            Ok(result)
        })
        .await
}

/// Sends, waits for all replies, checks each byte of them, and sends again.
async fn talk(
    mut client: Client,
    batch: Rc<[u8]>,
    expected: Rc<[u8]>,
    depth: u64,
    counted: Rc<RefCell<Counted>>,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; expected.len().clamp(4096, 64 * 1024)];
    loop {
        let start = Instant::now();
        client.write_all(&batch).await?;
        let mut got = 0;
        while got < expected.len() {
            let n = client.read(&mut buffer).await?;
            if n == 0 {
                bail!("the server closed the connection");
            }
            if expected.get(got..got + n) != Some(&buffer[..n]) {
                bail!(
                    "another reply than expected: {}",
                    String::from_utf8_lossy(&buffer[..n])
                );
            }
            got += n;
        }
        let mut counted = counted.borrow_mut();
        if counted.is_measuring {
            counted.round_trips += depth;
            counted
                .latencies
                .record(start.elapsed().as_micros() as u64)?;
        }
        if counted.is_over {
            return Ok(());
        }
    }
}
