//! Clients that do not read: how soon their posters are told, and when they are evicted.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, LocalSet},
    time::sleep,
};

use crate::{
    client::Client,
    measure::Server,
    requests::{Answer, answer, request},
    target::Target,
};

const GIVEN_UP: Duration = Duration::from_mins(1);

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    /// URL of a post; `{id}` is the connection's id
    #[arg(long)]
    post: Target,
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    #[arg(long)]
    pid: Vec<u32>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let server = Server::new(&arguments.pid, &[]);
    let mut clients = Vec::new();
    for _ in 0..arguments.connections {
        let mut client = Client::open(&arguments.url, None).await?;
        let id = client.ask(r#"{"action":"id"}"#).await?;
        clients.push((client, id));
    }
    // What the handshakes took is freed before the memory is read that all is compared with.
    sleep(Duration::from_secs(2)).await;
    let before = server.memory()?;
    let post = Rc::new(arguments.post);
    let (ends, peak, held) = LocalSet::new()
        .run_until(async {
            let mut posting = JoinSet::new();
            let mut held = Vec::new();
            for (client, id) in clients {
                // It stays open, and is never read from.
                held.push(client);
                let post = Rc::clone(&post);
                posting.spawn_local(async move { fill(&post, &id).await });
            }
            let mut ends = Vec::new();
            let mut peak = before;
            while !posting.is_empty() {
                peak = peak.max(server.memory()?);
                // So often is the memory's peak looked for.
                sleep(Duration::from_millis(200)).await;
                while let Some(end) = posting.try_join_next() {
                    ends.push(end??);
                }
            }
            Ok::<_, anyhow::Error>((ends, peak, held))
        })
        .await?;
    drop(held);
    // R14: memory is back so long after they are gone.
    sleep(Duration::from_secs(5)).await;
    let count = |it: fn(&End) -> bool| ends.iter().filter(|end| it(end)).count();
    let longest = ends
        .iter()
        .filter_map(|end| end.evicted)
        .fold(0.0, f64::max);
    Ok(json!({
        "slow": ends.len(),
        "told_429": count(|end| end.was_refused),
        "evicted": count(|end| end.evicted.is_some()),
        "evicted_last_s": longest,
        "memory_before": before,
        "memory_peak": peak,
        "memory_after": server.memory()?,
        "peak_per_client": peak.saturating_sub(before) / ends.len().max(1) as u64,
    }))
}

struct End {
    was_refused: bool,
    /// Seconds from the first 429 to the 410.
    evicted: Option<f64>,
}

/// Posts 32 KiB three times a second, which is 100 KB/s, until the connection is gone.
async fn fill(post: &Target, id: &str) -> anyhow::Result<End> {
    let path = post.path.replace("{id}", &id.replace('=', "%3D"));
    let request = request(post, &path, &vec![b'x'; 32 * 1024]);
    let mut stream: Option<TcpStream> = None;
    let mut buffer = Vec::new();
    let mut refused_at: Option<Instant> = None;
    let began = Instant::now();
    while began.elapsed() < GIVEN_UP {
        let mut open = match stream.take() {
            Some(open) => open,
            None => post.connect().await?,
        };
        open.write_all(&request).await?;
        let Answer { status, is_last } = answer(&mut open, &mut buffer).await?;
        match status {
            410 => {
                let evicted = refused_at.map(|at| at.elapsed().as_secs_f64());
                let was_refused = refused_at.is_some();
                return Ok(End {
                    was_refused,
                    evicted,
                });
            }
            429 => {
                refused_at.get_or_insert_with(Instant::now);
            }
            _ => {}
        }
        if !is_last {
            stream = Some(open);
        }
        // A caller that goes on trying, and is not in the way of others.
        sleep(Duration::from_millis(300)).await;
    }
    Ok(End {
        was_refused: refused_at.is_some(),
        evicted: None,
    })
}
