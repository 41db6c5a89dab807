//! Connections that come and go for long, with messages, and what memory and descriptors do.

use std::{
    cell::RefCell,
    fs,
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    task::LocalSet,
    time::{interval, sleep},
};

use crate::{client::Client, frame, measure::Server, random::Random, target::Target};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Connections that come in a second
    #[arg(long, default_value_t = 50)]
    connects: u64,
    /// Messages in a second, of all connections
    #[arg(long, default_value_t = 1000)]
    messages: u64,
    /// Seconds that a connection stays on average
    #[arg(long, default_value_t = 10)]
    stays: u64,
    #[arg(long)]
    pid: Vec<u32>,
}

#[derive(Default)]
struct Counted {
    connected: u64,
    round_trips: u64,
    failed: u64,
    live: u64,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let server = Server::new(&arguments.pid, &[]);
    let descriptors =
        |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let open = || arguments.pid.iter().map(descriptors).sum::<usize>();
    let open_before = open();
    let counted: Rc<RefCell<Counted>> = Rc::default();
    let mut random = Random::new(1);
    let mut samples = Vec::new();
    LocalSet::new()
        .run_until(async {
            let mut ticks = interval(Duration::from_secs(1) / arguments.connects as u32);
            let began = Instant::now();
            let mut latest = Duration::ZERO;
            // Each sends so often that all together send as many as asked for.
            let live = arguments.connects * arguments.stays;
            let pause = Duration::from_micros(live * 1_000_000 / arguments.messages.max(1));
            while began.elapsed() < Duration::from_secs(arguments.seconds) {
                ticks.tick().await;
                let stays = random.below(2 * arguments.stays * 1000);
                let (target, counted) = (arguments.url.clone(), Rc::clone(&counted));
                tokio::task::spawn_local(async move {
                    counted.borrow_mut().live += 1;
                    if talk(&target, Duration::from_millis(stays), pause, &counted)
                        .await
                        .is_err()
                    {
                        counted.borrow_mut().failed += 1;
                    }
                    counted.borrow_mut().live -= 1;
                });
                if began.elapsed().saturating_sub(latest) >= Duration::from_secs(5) {
                    latest = began.elapsed();
                    samples.push((latest.as_secs_f64(), server.memory()? as f64));
                }
            }
            while counted.borrow().live > 0 {
                // Their tasks only count: nobody tells when the last is gone.
                sleep(Duration::from_millis(100)).await;
            }
            // The server may free what they had before its memory is read.
            sleep(Duration::from_secs(2)).await;
            Ok::<_, anyhow::Error>(())
        })
        .await?;
    let counted = counted.borrow();
    Ok(json!({
        "connected": counted.connected,
        "round_trips": counted.round_trips,
        "failed": counted.failed,
        "samples": samples,
        "descriptors_before": open_before,
        "descriptors_after": open(),
        "memory_after": server.memory()?,
    }))
}

/// A connection from its beginning to its end.
async fn talk(
    target: &Target,
    stays: Duration,
    pause: Duration,
    counted: &RefCell<Counted>,
) -> anyhow::Result<()> {
    let mut client = Client::open(target, None).await?;
    counted.borrow_mut().connected += 1;
    let began = Instant::now();
    while began.elapsed() < stays {
        client.ask(r#"{"action":"echo","n":1}"#).await?;
        counted.borrow_mut().round_trips += 1;
        sleep(pause).await;
    }
    client.write_all(&frame::masked_close()).await?;
    let mut rest = [0; 64];
    while client.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    Ok(())
}
