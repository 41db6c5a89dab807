//! Posts while clients and callers fail: what was accepted must arrive, once and in its order.

use std::{cell::RefCell, rc::Rc, time::Duration};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::LocalSet,
    time::{sleep, timeout},
};

use crate::{
    client::Client,
    frame,
    random::Random,
    requests::{Answer, answer},
    target::Target,
};

/// How long an answer may take, with everything that fails meanwhile.
const NO_ANSWER: Duration = Duration::from_secs(15);
const ATTEMPTS: usize = 50;

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    /// URL of a post; `{id}` is the connection's id
    #[arg(long)]
    post: Target,
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    #[arg(long, default_value_t = 8)]
    callers: usize,
    /// Posts to be accepted
    #[arg(long, default_value_t = 1_000_000)]
    posts: u64,
    /// Milliseconds between two faults of clients
    #[arg(long, default_value_t = 50)]
    fault_every: u64,
    /// Of so many posts the caller of one breaks off before it reads the answer
    #[arg(long, default_value_t = 50)]
    break_off: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A connection, and what was accepted for it and arrived at it.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "faults overlap: a connection may be paused, closing and closed at once"
)]
struct Line {
    id: String,
    /// One post at a time, so that there is one order.
    is_busy: bool,
    accepted: u64,
    received: u64,
    /// Its client has gone, and by itself.
    is_closed: bool,
    must_close: bool,
    is_paused: bool,
}

#[derive(Default)]
struct Counted {
    acknowledged: u64,
    posts: u64,
    duplicated: u64,
    missing: u64,
    changed: u64,
    broken_off: u64,
    retried: u64,
    refused: u64,
    unanswered: u64,
    wrongly_gone: u64,
    lost_clients: u64,
    closed: u64,
}

type Lines = Rc<RefCell<Vec<Rc<RefCell<Line>>>>>;
type Shared<T> = Rc<RefCell<T>>;

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let arguments = Rc::new(arguments);
    let counted: Shared<Counted> = Rc::default();
    let lines: Lines = Rc::default();
    let all: Lines = Rc::default();
    LocalSet::new()
        .run_until(async {
            for _ in 0..arguments.connections {
                let line = open(&arguments, &counted).await?;
                all.borrow_mut().push(Rc::clone(&line));
                lines.borrow_mut().push(line);
            }
            let faults = {
                let (arguments, counted) = (Rc::clone(&arguments), Rc::clone(&counted));
                let (lines, all) = (Rc::clone(&lines), Rc::clone(&all));
                tokio::task::spawn_local(async move {
                    fail_clients(&arguments, &counted, &lines, &all).await
                })
            };
            let callers: Vec<_> = (0..arguments.callers)
                .map(|number| {
                    let (arguments, counted) = (Rc::clone(&arguments), Rc::clone(&counted));
                    let lines = Rc::clone(&lines);
                    tokio::task::spawn_local(async move {
                        call(number as u64, &arguments, &counted, &lines).await
                    })
                })
                .collect();
            for caller in callers {
                caller.await??;
            }
            faults.abort();
            for line in all.borrow().iter() {
                line.borrow_mut().is_paused = false;
            }
            // What is under way arrives.
            sleep(Duration::from_secs(3)).await;
            let survivors = all
                .borrow()
                .iter()
                .filter(|it| !it.borrow().is_closed)
                .count();
            let lost: u64 = all
                .borrow()
                .iter()
                .map(|line| line.borrow())
                .filter(|line| !line.is_closed)
                .map(|line| line.accepted.saturating_sub(line.received))
                .sum();
            let counted = counted.borrow();
            Ok(json!({
                "acknowledged": counted.acknowledged,
                "lost": lost,
                "duplicated": counted.duplicated,
                "missing_or_reordered": counted.missing,
                "changed": counted.changed,
                "survivors": survivors,
                "closed": counted.closed,
                "broken_off": counted.broken_off,
                "retried": counted.retried,
                "refused": counted.refused,
                "unanswered": counted.unanswered,
                "wrongly_gone": counted.wrongly_gone,
                "lost_clients": counted.lost_clients,
            }))
        })
        .await
}

/// Opens a connection and follows what comes.
async fn open(arguments: &Arguments, counted: &Shared<Counted>) -> anyhow::Result<Shared<Line>> {
    let mut client = Client::open(&arguments.url, None).await?;
    let line = Rc::new(RefCell::new(Line {
        id: client.ask(r#"{"action":"id"}"#).await?,
        ..Line::default()
    }));
    tokio::task::spawn_local(follow(client, Rc::clone(&line), Rc::clone(counted)));
    Ok(line)
}

/// Checks each message of a client until it closes.
async fn follow(mut client: Client, line: Shared<Line>, counted: Shared<Counted>) {
    let mut bytes = Vec::with_capacity(4096);
    let mut buffer = [0; 4096];
    loop {
        if line.borrow().must_close {
            line.borrow_mut().is_closed = true;
            counted.borrow_mut().closed += 1;
            client.reset();
            return;
        }
        if line.borrow().is_paused {
            // The fault that paused it ends by the clock.
            sleep(Duration::from_millis(20)).await;
            continue;
        }
        let Ok(read) = timeout(Duration::from_millis(200), client.read(&mut buffer)).await else {
            continue;
        };
        let Ok(read @ 1..) = read else {
            // It did not close by itself.
            line.borrow_mut().is_closed = true;
            counted.borrow_mut().lost_clients += 1;
            return;
        };
        bytes.extend_from_slice(&buffer[..read]);
        while let Some((payload, length)) = frame::first_frame(&bytes) {
            let text = String::from_utf8_lossy(payload);
            let number = text.split(' ').next().and_then(|it| it.parse::<u64>().ok());
            let mut line = line.borrow_mut();
            let mut counted = counted.borrow_mut();
            match number {
                Some(number) if number == line.received + 1 => line.received = number,
                Some(number) if number <= line.received => counted.duplicated += 1,
                Some(number) => {
                    counted.missing += 1;
                    line.received = number;
                }
                None => counted.changed += 1,
            }
            bytes.drain(..length);
        }
    }
}

/// Clients vanish, and others come for them; some do not read for a while.
async fn fail_clients(
    arguments: &Arguments,
    counted: &Shared<Counted>,
    lines: &Lines,
    all: &Lines,
) -> anyhow::Result<()> {
    let mut random = Random::new(arguments.seed);
    loop {
        // The pace of the faults.
        sleep(Duration::from_millis(arguments.fault_every)).await;
        let nth = random.below(lines.borrow().len() as u64) as usize;
        if random.below(2) == 0 {
            let line = Rc::clone(&lines.borrow()[nth]);
            line.borrow_mut().is_paused = true;
            let pause = Duration::from_millis(random.below(500));
            tokio::task::spawn_local(async move {
                // The client reads nothing for so long.
                sleep(pause).await;
                line.borrow_mut().is_paused = false;
            });
        } else if let Ok(line) = open(arguments, counted).await {
            all.borrow_mut().push(Rc::clone(&line));
            let before = std::mem::replace(&mut lines.borrow_mut()[nth], line);
            before.borrow_mut().must_close = true;
        }
    }
}

/// Posts until so many are accepted.
async fn call(
    caller: u64,
    arguments: &Arguments,
    counted: &Shared<Counted>,
    lines: &Lines,
) -> anyhow::Result<()> {
    let mut random = Random::new(arguments.seed.wrapping_mul(1_000_003) + caller);
    let mut stream: Option<TcpStream> = None;
    let mut buffer = Vec::new();
    loop {
        if counted.borrow().acknowledged >= arguments.posts {
            return Ok(());
        }
        let nth = random.below(lines.borrow().len() as u64) as usize;
        let line = Rc::clone(&lines.borrow()[nth]);
        if line.borrow().is_busy || line.borrow().must_close {
            tokio::task::yield_now().await;
            continue;
        }
        line.borrow_mut().is_busy = true;
        let number = line.borrow().accepted + 1;
        let call = {
            let mut counted = counted.borrow_mut();
            counted.posts += 1;
            format!("call-{}", counted.posts)
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            if attempt > ATTEMPTS {
                counted.borrow_mut().unanswered += 1;
                // Nobody knows whether it was accepted: the order is not known any more.
                line.borrow_mut().must_close = true;
                break;
            }
            if attempt > 1 {
                counted.borrow_mut().retried += 1;
            }
            let breaks_off = random.below(arguments.break_off) == 0;
            let request = post(arguments, &line.borrow().id, number, &call, attempt);
            let status = timeout(
                NO_ANSWER,
                ask(arguments, &mut stream, &request, breaks_off, &mut buffer),
            );
            match status.await {
                Ok(Ok(Some(200))) => {
                    line.borrow_mut().accepted = number;
                    counted.borrow_mut().acknowledged += 1;
                    break;
                }
                Ok(Ok(Some(429))) => {
                    counted.borrow_mut().refused += 1;
                    // As a backend would: the client does not keep up just now.
                    sleep(Duration::from_millis(20)).await;
                }
                Ok(Ok(Some(410))) => {
                    let mut line = line.borrow_mut();
                    if !line.must_close && !line.is_closed {
                        counted.borrow_mut().wrongly_gone += 1;
                    }
                    line.must_close = true;
                    break;
                }
                Ok(Ok(Some(status))) => {
                    bail!(
                        "a post was answered {status}: {}",
                        String::from_utf8_lossy(&buffer)
                    )
                }
                Ok(Ok(None)) => counted.borrow_mut().broken_off += 1,
                Ok(Err(_)) | Err(_) => stream = None,
            }
        }
        line.borrow_mut().is_busy = false;
    }
}

fn post(arguments: &Arguments, id: &str, number: u64, call: &str, attempt: usize) -> Vec<u8> {
    let path = arguments.post.path.replace("{id}", &id.replace('=', "%3D"));
    let body = format!("{number} {}", "x".repeat((number % 500) as usize));
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\namz-sdk-invocation-id: {call}\r\n\
         amz-sdk-request: attempt={attempt}; max={ATTEMPTS}\r\nContent-Length: {}\r\n\r\n{body}",
        arguments.post.authority,
        body.len()
    )
    .into_bytes()
}

/// Makes a call; `None` when its caller broke off.
async fn ask(
    arguments: &Arguments,
    stream: &mut Option<TcpStream>,
    request: &[u8],
    breaks_off: bool,
    buffer: &mut Vec<u8>,
) -> anyhow::Result<Option<u16>> {
    if stream.is_none() {
        *stream = Some(arguments.post.connect().await?);
    }
    let open = stream.as_mut().context("no connection")?;
    open.write_all(request).await?;
    if breaks_off {
        // Perhaps it was applied already, perhaps not.
        tokio::task::yield_now().await;
        *stream = None;
        return Ok(None);
    }
    let Answer { status, is_last } = answer(open, buffer).await?;
    if is_last {
        *stream = None;
    }
    Ok(Some(status))
}
