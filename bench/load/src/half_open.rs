//! Sockets that say nothing, or a byte now and then, and how long others wait meanwhile.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::LocalSet,
    time::{sleep, timeout},
};

use crate::{client::Client, target::Target};

/// Sockets that are not cut by then count as never cut.
const AT_LATEST: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    #[arg(long, default_value_t = 5000)]
    sockets: usize,
    /// Seconds of handshakes before, for comparison
    #[arg(long, default_value_t = 4.0)]
    before: f64,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    LocalSet::new()
        .run_until(async {
            let alone = handshakes(&arguments.url, || false, arguments.before).await?;
            let cut: Rc<RefCell<Vec<f64>>> = Rc::default();
            let mut open = Vec::new();
            for number in 0..arguments.sockets {
                let (target, cut) = (arguments.url.clone(), Rc::clone(&cut));
                let mut stream = target.connect().await?;
                open.push(tokio::task::spawn_local(async move {
                    let began = Instant::now();
                    // The other half drips a request, a byte a second.
                    let drips = number % 2 == 1;
                    let mut bytes = b"GET /prod HTTP/1.1\r\nHost: localhost".iter();
                    loop {
                        let mut byte = [0];
                        match timeout(Duration::from_secs(1), stream.read(&mut byte)).await {
                            Ok(Ok(1)) => {}
                            Ok(_) => break cut.borrow_mut().push(began.elapsed().as_secs_f64()),
                            Err(_) if began.elapsed() > AT_LATEST => break,
                            Err(_) if drips => {
                                if let Some(byte) = bytes.next() {
                                    let _ = stream.write_all(&[*byte]).await;
                                }
                            }
                            Err(_) => {}
                        }
                    }
                }));
            }
            let is_over = || cut.borrow().len() == arguments.sockets;
            let beside = handshakes(&arguments.url, is_over, AT_LATEST.as_secs_f64()).await?;
            for task in open {
                task.await?;
            }
            let cut = cut.borrow();
            let least = cut.iter().copied().fold(f64::INFINITY, f64::min);
            let most = cut.iter().copied().fold(0.0, f64::max);
            Ok(json!({
                "sockets": arguments.sockets,
                "cut": cut.len(),
                "cut_first_s": least,
                "cut_last_s": most,
                "handshake_p99_alone_us": alone.value_at_quantile(0.99),
                "handshake_p99_us": beside.value_at_quantile(0.99),
                "handshakes": beside.len(),
            }))
        })
        .await
}

/// Handshakes one behind the other, until something is over.
async fn handshakes(
    target: &Target,
    is_over: impl Fn() -> bool,
    seconds: f64,
) -> anyhow::Result<Histogram<u64>> {
    let mut took = Histogram::<u64>::new(3)?;
    let began = Instant::now();
    while !is_over() && began.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        let client = Client::open(target, None).await?;
        took.record(start.elapsed().as_micros() as u64)?;
        client.reset();
        // Handshakes come one by one: what is timed is each, not how they wait for each other.
        sleep(Duration::from_millis(5)).await;
    }
    Ok(took)
}
