//! Lambda's Runtime API with nothing around it: whoever asks gets the event at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
};

/// Starts the processes, counts what they answer, and prints the rate as JSON.
pub async fn run(
    listener: TcpListener,
    processes: usize,
    seconds: u64,
    event: String,
    command: &[String],
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let (program, arguments) = command.split_first().context("no command")?;
    let mut handlers = Vec::new();
    for _ in 0..processes {
        let handler = Command::new(program)
            .args(arguments)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .kill_on_drop(true)
            .spawn()?;
        handlers.push(handler);
    }
    let answered = Arc::new(AtomicU64::new(0));
    let next: Arc<str> = format!(
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n\
         Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    )
    .into();
    let counted = Arc::clone(&answered);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream, Arc::clone(&next), Arc::clone(&counted)));
        }
    });
    while answered.load(Ordering::Relaxed) < processes as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, start) = (answered.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let invocations = answered.load(Ordering::Relaxed) - before;
    let rate = invocations as f64 / start.elapsed().as_secs_f64();
    println!("{}", json!({"invocations": invocations, "rate": rate}));
    serving.abort();
    Ok(())
}

/// Serves one process: `GET …/next` gets the event, `POST …/response` a 202.
async fn serve(
    mut stream: TcpStream,
    next: Arc<str>,
    answered: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0);
        let is_next = head.starts_with("get");
        while buffer.len() < end + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        buffer.drain(..end + length);
        if is_next {
            stream.write_all(next.as_bytes()).await?;
        } else {
            answered.fetch_add(1, Ordering::Relaxed);
            stream
                .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n")
                .await?;
        }
    }
}
