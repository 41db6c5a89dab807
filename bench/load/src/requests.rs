//! Plain HTTP POSTs, keep-alive.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

use crate::{
    measure::{Server, join, percentiles},
    target::Target,
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[arg(long, default_value = r#"{"action":"echo","n":1}"#)]
    body: String,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long)]
    pid: Vec<u32>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let server = Server::new(&arguments.pid, &[]);
    let target = &arguments.url;
    let request: Rc<[u8]> = request(target, &target.path, arguments.body.as_bytes()).into();
    let latencies = Rc::new(RefCell::new(Histogram::<u64>::new(3)?));
    let local = LocalSet::new();
    for _ in 0..arguments.connections {
        let stream = target.connect().await?;
        local.spawn_local(ask(stream, Rc::clone(&request), Rc::clone(&latencies)));
    }
    local
        .run_until(async {
            tokio::time::sleep(Duration::from_secs_f64(arguments.seconds / 5.0)).await;
            latencies.borrow_mut().reset();
            let measured = server.begin()?;
            tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
            let mut result = measured.end(latencies.borrow().len())?;
            join(&mut result, percentiles(&latencies.borrow()));
            Ok(result)
        })
        .await
}

/// Sends and waits for the answer, again and again.
async fn ask(
    mut stream: TcpStream,
    request: Rc<[u8]>,
    latencies: Rc<RefCell<Histogram<u64>>>,
) -> anyhow::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let start = Instant::now();
        stream.write_all(&request).await?;
        let Answer { status, .. } = answer(&mut stream, &mut buffer).await?;
        if status != 200 {
            bail!("status {status}");
        }
        let took = start.elapsed().as_micros() as u64;
        latencies.borrow_mut().record(took)?;
    }
}

/// A POST of `body`.
pub fn request(target: &Target, path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        target.authority,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// How a request was answered.
pub struct Answer {
    pub status: u16,
    /// The server takes no further request on this connection.
    pub is_last: bool,
}

/// Reads one answer.
pub async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Answer> {
    buffer.clear();
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed");
        }
    };
    let head = std::str::from_utf8(&buffer[..end])?;
    let status = head.get(9..12).context("no status")?.parse()?;
    let lower = head.to_ascii_lowercase();
    let chunked = lower.contains("transfer-encoding: chunked");
    let is_last = lower.contains("connection: close");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())?;
    while buffer.len() < end + length || chunked && !buffer.ends_with(b"0\r\n\r\n") {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed");
        }
    }
    Ok(Answer { status, is_last })
}
