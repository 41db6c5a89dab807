//! Well-behaved clients at a steady pace, and how long each of their round trips takes.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{
    task::LocalSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    client::open_many,
    measure::{join, percentiles},
    target::Target,
};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Milliseconds between two messages of a connection
    #[arg(long, default_value_t = 100)]
    every: u64,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value = r#"{"action":"echo","n":1}"#)]
    message: String,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let clients = open_many(&arguments.url, None, arguments.connections, 16).await?;
    let took = Rc::new(RefCell::new(Histogram::<u64>::new(3)?));
    let lost = Rc::new(RefCell::new(0));
    LocalSet::new()
        .run_until(async {
            for mut client in clients {
                let (took, lost) = (Rc::clone(&took), Rc::clone(&lost));
                let message = arguments.message.clone();
                let every = Duration::from_millis(arguments.every);
                tokio::task::spawn_local(async move {
                    let mut ticks = interval(every);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    loop {
                        ticks.tick().await;
                        let sent = Instant::now();
                        if client.ask(&message).await.is_err() {
                            *lost.borrow_mut() += 1;
                            return;
                        }
                        // What is longer than can be counted is as bad.
                        let _ = took.borrow_mut().record(sent.elapsed().as_micros() as u64);
                    }
                });
            }
            // The clients beat for as long as they are measured.
            sleep(Duration::from_secs_f64(arguments.seconds)).await;
        })
        .await;
    let mut result = json!({"round_trips": took.borrow().len(), "lost": *lost.borrow()});
    join(&mut result, percentiles(&took.borrow()));
    Ok(result)
}
