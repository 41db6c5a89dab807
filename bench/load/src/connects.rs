//! Connects as fast as the server takes them, then all close at once.

use std::{
    net::Shutdown,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    client::{Client, open_many},
    frame,
    measure::{Server, join},
    target::Target,
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Handshakes under way at a time
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Times that so many connect and leave
    #[arg(long, default_value_t = 1)]
    times: usize,
    #[arg(long)]
    pid: Vec<u32>,
    #[arg(long)]
    other_pid: Vec<u32>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let server = Server::new(&arguments.pid, &arguments.other_pid);
    let count = arguments.connections as u64;
    let mut memory = vec![server.memory()?];
    let mut results = Vec::new();
    for _ in 0..arguments.times {
        let measured = server.begin()?;
        let mut clients = open_many(
            &arguments.url,
            None,
            arguments.connections,
            arguments.at_once,
        )
        .await?;
        let mut result = measured.end(count)?;
        let held = server.memory()?;
        let measured = server.begin()?;
        let start = Instant::now();
        let close = frame::masked_close();
        for client in &mut clients {
            client.write_all(&close).await?;
        }
        for client in clients {
            gone(client).await?;
        }
        let closed = start.elapsed().as_secs_f64();
        let cost_of_closes = measured.end(count)?;
        // What is freed is freed behind the last byte.
        tokio::time::sleep(Duration::from_millis(500)).await;
        memory.push(server.memory()?);
        join(
            &mut result,
            json!({
                "closes_rate": count as f64 / closed,
                "closes_cpu_us": cost_of_closes["cpu_us"],
                "memory_held": held,
            }),
        );
        results.push(result);
    }
    let mut result = results.pop().unwrap_or_default();
    join(&mut result, json!({"memory": memory}));
    Ok(result)
}

/// Waits until the server has closed.
async fn gone(mut client: Client) -> anyhow::Result<()> {
    let mut buffer = [0; 256];
    let all = async { while client.read(&mut buffer).await.is_ok_and(|n| n > 0) {} };
    timeout(Duration::from_secs(30), all).await?;
    if let Client::Plain(stream) = client {
        let _ = socket2::SockRef::from(&stream).shutdown(Shutdown::Both);
    }
    Ok(())
}
