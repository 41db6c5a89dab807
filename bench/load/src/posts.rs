//! POSTs to connections: how many, and how long until the client has them.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, task::LocalSet, time::timeout};

use crate::{
    client::{Client, open_many},
    frame,
    measure::{Server, join, percentiles},
    requests::{Answer, answer, request},
    target::Target,
};
use tokio::io::AsyncWriteExt;

#[derive(Args)]
pub struct Arguments {
    /// Where clients connect
    #[arg(long)]
    url: Target,
    /// Where posts go: `{id}` stands for the connection's
    #[arg(long)]
    post: Target,
    /// What a client sends to be told its id [default: ids are 0, 1, 2, …]
    #[arg(long)]
    ask: Option<String>,
    /// Clients
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Handshakes under way at a time
    #[arg(long, default_value_t = 64)]
    at_once: usize,
    /// Callers, each with one post at a time
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// Bytes of a post
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    /// Each post reaches every client
    #[arg(long)]
    fanout: bool,
    /// `{id}` is part of a JSON body: the body, with `{id}` and `{text}`
    #[arg(long)]
    body: Option<String>,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long)]
    pid: Vec<u32>,
    #[arg(long)]
    other_pid: Vec<u32>,
}

/// A client that has not been told its id by then never will be.
const ANSWERED: Duration = Duration::from_secs(5);

/// An accepted post that has not arrived by then is lost.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// A caller's present post.
#[derive(Clone, Copy)]
struct Post {
    number: u64,
    sent: Instant,
    accepted: Option<Instant>,
    /// Clients that have it.
    received: usize,
}

struct Counted {
    posts: Vec<Post>,
    accepted: u64,
    deliveries: u64,
    /// Accepted posts that did not arrive in time.
    lost: u64,
    /// From the call to its answer.
    calls: Histogram<u64>,
    /// From the answer to the client, 0 when the client was first.
    behind: Histogram<u64>,
    /// From the call to the client.
    whole: Histogram<u64>,
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let server = Server::new(&arguments.pid, &arguments.other_pid);
    let mut clients = open_many(
        &arguments.url,
        None,
        arguments.connections,
        arguments.at_once,
    )
    .await?;
    let mut ids = Vec::with_capacity(clients.len());
    for (number, client) in clients.iter_mut().enumerate() {
        ids.push(match &arguments.ask {
            Some(question) => timeout(ANSWERED, client.ask(question))
                .await
                .context("a client was not told its id within 5 s")??,
            None => number.to_string(),
        });
    }
    let nobody = Post {
        number: 0,
        sent: Instant::now(),
        accepted: None,
        received: 0,
    };
    let counted = Rc::new(RefCell::new(Counted {
        posts: vec![nobody; arguments.callers],
        accepted: 0,
        deliveries: 0,
        lost: 0,
        calls: Histogram::new(3)?,
        behind: Histogram::new(3)?,
        whole: Histogram::new(3)?,
    }));
    let local = LocalSet::new();
    for client in clients {
        local.spawn_local(receive(client, Rc::clone(&counted)));
    }
    let ids: Rc<[String]> = ids.into();
    let arguments = Rc::new(arguments);
    let mut callers = Vec::new();
    for caller in 0..arguments.callers {
        let (arguments, ids) = (Rc::clone(&arguments), Rc::clone(&ids));
        callers.push(local.spawn_local(call(caller, arguments, ids, Rc::clone(&counted))));
    }
    local
        .run_until(async {
            tokio::time::sleep(Duration::from_secs_f64(arguments.seconds / 5.0)).await;
            {
                let mut counted = counted.borrow_mut();
                counted.accepted = 0;
                counted.deliveries = 0;
                counted.calls.reset();
                counted.behind.reset();
                counted.whole.reset();
            }
            let measured = server.begin()?;
            tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
            if let Some(ended) = callers
                .into_iter()
                .find(tokio::task::JoinHandle::is_finished)
            {
                ended.await??;
            }
            let counted = counted.borrow();
            let operations = if arguments.fanout {
                counted.deliveries
            } else {
                counted.accepted
            };
            let mut result = measured.end(operations)?;
            join(&mut result, percentiles(&counted.calls));
            join(
                &mut result,
                json!({
                    "deliveries": counted.deliveries,
                    "lost": counted.lost,
                    "behind_p50_us": counted.behind.value_at_quantile(0.5),
                    "behind_p99_us": counted.behind.value_at_quantile(0.99),
                    "whole_p50_us": counted.whole.value_at_quantile(0.5),
                    "whole_p99_us": counted.whole.value_at_quantile(0.99),
                }),
            );
            Ok(result)
        })
        .await
}

/// One caller: `{caller} {number} ` begins each of its payloads.
async fn call(
    caller: usize,
    arguments: Rc<Arguments>,
    ids: Rc<[String]>,
    counted: Rc<RefCell<Counted>>,
) -> anyhow::Result<()> {
    let target = &arguments.post;
    let mut stream = target.connect().await?;
    let mut buffer = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        // A step that is prime to the count visits all.
        let id = &ids[(caller * 7919 + number * 104_729) % ids.len()];
        let text = format!("{caller} {number} ");
        let text = format!("{text:x<width$}", width = arguments.bytes);
        let body = match &arguments.body {
            Some(body) => body.replace("{id}", id).replace("{text}", &text),
            None => text,
        };
        let path = target.path.replace("{id}", &id.replace('=', "%3D"));
        let request = request(target, &path, body.as_bytes());
        counted.borrow_mut().posts[caller] = Post {
            number: number as u64,
            sent: Instant::now(),
            accepted: None,
            received: 0,
        };
        stream.write_all(&request).await?;
        let Answer { status, is_last } = answer(&mut stream, &mut buffer).await?;
        if !(200..300).contains(&status) {
            bail!(
                "a post was answered {status}: {}",
                String::from_utf8_lossy(&buffer)
            );
        }
        {
            let mut counted = counted.borrow_mut();
            let post = &mut counted.posts[caller];
            let now = Instant::now();
            post.accepted = Some(now);
            let (sent, received) = (post.sent, post.received);
            counted.accepted += 1;
            counted.calls.record((now - sent).as_micros() as u64)?;
            if received > 0 {
                counted.behind.record(0)?;
            }
        }
        // The next post waits until this one has arrived, so that each is timed.
        let everybody = if arguments.fanout { ids.len() } else { 1 };
        let accepted = Instant::now();
        while counted.borrow().posts[caller].received < everybody {
            if accepted.elapsed() > GIVEN_UP {
                counted.borrow_mut().lost += 1;
                break;
            }
            tokio::task::yield_now().await;
        }
        if is_last {
            stream = target.connect().await?;
        }
    }
}

/// Takes what a client gets.
async fn receive(client: Client, counted: Rc<RefCell<Counted>>) -> anyhow::Result<()> {
    let (mut stream, _write) = client.split();
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            bail!("the server closed a connection");
        }
        while let Some((payload, length)) = frame::first_frame(&bytes) {
            let text = std::str::from_utf8(payload)?;
            let mut words = text.split(' ');
            let caller: usize = words.next().context("no caller")?.parse()?;
            let number: u64 = words.next().context("no number")?.parse()?;
            bytes.drain(..length);
            let mut counted = counted.borrow_mut();
            let now = Instant::now();
            let post = &mut counted.posts[caller];
            if post.number != number {
                // It was given up.
                continue;
            }
            post.received += 1;
            let (sent, accepted) = (post.sent, post.accepted);
            counted.deliveries += 1;
            counted.whole.record((now - sent).as_micros() as u64)?;
            if let Some(accepted) = accepted {
                counted.behind.record((now - accepted).as_micros() as u64)?;
            }
        }
    }
}
