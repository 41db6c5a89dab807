//! Memory of connections that are held.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::{
    client::{Client, open_many},
    frame,
    measure::Server,
    target::{self, Target},
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    /// Certificates to trust, for wss
    #[arg(long)]
    ca: Option<String>,
    /// Connections at which memory is read
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,10000,19000")]
    steps: Vec<usize>,
    /// Then each sends a message of so many bytes
    #[arg(long)]
    burst: Option<usize>,
    /// Seconds until memory is read again
    #[arg(long, default_value_t = 30)]
    settle: u64,
    /// Seconds to hold all at the end, so that others may look
    #[arg(long, default_value_t = 0)]
    linger: u64,
    #[arg(long)]
    pid: Vec<u32>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let tls = arguments.ca.as_deref().map(target::tls).transpose()?;
    let server = Server::new(&arguments.pid, &[]);
    let mut clients: Vec<Client> = Vec::new();
    let mut points = Vec::new();
    for &step in &arguments.steps {
        let more = step.saturating_sub(clients.len());
        clients.extend(open_many(&arguments.url, tls.as_ref(), more, 64).await?);
        // Handshakes leave their state a moment later.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        points.push((clients.len() as f64, server.memory()? as f64));
    }
    let slope = slope(&points);
    let mut result = json!({"points": points, "bytes_per_connection": slope});
    if let Some(bytes) = arguments.burst {
        let head = br#"{"action":"sink","text":""#;
        let mut message = head.to_vec();
        message.resize(bytes.saturating_sub(2), b'x');
        message.extend_from_slice(b"\"}");
        let message = frame::masked_text(&message, 32 * 1024);
        for client in &mut clients {
            client.write_all(&message).await?;
        }
        let right_after = server.memory()?;
        tokio::time::sleep(Duration::from_secs(arguments.settle)).await;
        let settled = server.memory()?;
        let (count, before) = *points.last().unwrap_or(&(1.0, 0.0));
        // What all of it is more, shared by the connections.
        let each = slope + (settled as f64 - before) / count;
        result["after_burst"] = json!(right_after);
        result["settled"] = json!(settled);
        result["bytes_per_connection_after_burst"] = json!(each);
    }
    tokio::time::sleep(Duration::from_secs(arguments.linger)).await;
    Ok(result)
}

/// The slope of a least-squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let above: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if below == 0.0 { 0.0 } else { above / below }
}
