//! Frames that break the protocol, each on a connection of its own, and what they are answered.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    task::{JoinSet, LocalSet},
    time::timeout,
};

use crate::{client::Client, measure::Server, random::Random, target::Target};

#[derive(Args)]
pub struct Arguments {
    #[arg(long)]
    url: Target,
    #[arg(long, default_value_t = 1_000_000)]
    frames: u64,
    #[arg(long, default_value_t = 32)]
    at_once: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long)]
    pid: Vec<u32>,
}

/// The codes of RFC 6455, and of API Gateway where it is stricter.
const PROTOCOL: u16 = 1002;
const BINARY: u16 = 1003;
const NOT_UTF8: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// A frame, its head as given and its payload masked with nothing, and the code it must be answered.
fn malformed(random: &mut Random) -> (Vec<u8>, u16) {
    let length = random.below(100) as usize;
    let with = |head: &[u8], payload: &[u8]| {
        let mut frame = head.to_vec();
        frame.extend([0x80 | payload.len() as u8, 0, 0, 0, 0]);
        frame.extend(payload);
        frame
    };
    let text = vec![b'a'; length];
    let reserved = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15][random.below(10) as usize];
    let bits = [0x40, 0x20, 0x10, 0x70][random.below(4) as usize];
    match random.below(11) {
        0 => (with(&[0x81 | bits], &text), PROTOCOL),
        1 => (with(&[0x80 | reserved], &text), PROTOCOL),
        // Not masked.
        2 => ([&[0x81, length as u8][..], &text].concat(), PROTOCOL),
        // A ping in pieces, and one that is too long.
        3 => (with(&[0x09], &text), PROTOCOL),
        4 => (vec![0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0], PROTOCOL),
        // The rest of nothing, and a new message in another.
        5 => (with(&[0x80], &text), PROTOCOL),
        6 => (
            [with(&[0x01], &text), with(&[0x81], &text)].concat(),
            PROTOCOL,
        ),
        // Close frames.
        7 => (with(&[0x88], &[3]), PROTOCOL),
        8 => (with(&[0x81], &[b'a', 0xc3, 0x28]), NOT_UTF8),
        9 => (with(&[0x82], &text), BINARY),
        _ => (
            vec![
                0x81,
                0xff,
                0,
                0,
                0,
                1,
                random.below(256) as u8,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ],
            TOO_BIG,
        ),
    }
}

pub async fn run(arguments: Arguments) -> anyhow::Result<Value> {
    let server = Server::new(&arguments.pid, &[]);
    let before = server.memory()?;
    let arguments = Rc::new(arguments);
    let local = LocalSet::new();
    let (counts, peak) = local
        .run_until(async {
            let mut senders = JoinSet::new();
            for number in 0..arguments.at_once {
                let arguments = Rc::clone(&arguments);
                senders.spawn_local(async move { send(number, &arguments).await });
            }
            let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
            let mut peak = before;
            loop {
                match timeout(Duration::from_millis(500), senders.join_next()).await {
                    Ok(None) => break,
                    Ok(Some(sent)) => {
                        for (name, count) in sent?? {
                            *counts.entry(name).or_default() += count;
                        }
                    }
                    Err(_) => peak = peak.max(server.memory()?),
                }
            }
            Ok::<_, anyhow::Error>((counts, peak))
        })
        .await?;
    // The server may free what they had before its memory is read.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let of = |name: &str| counts.get(name).copied().unwrap_or_default();
    let sent = of("right") + of("wrong") + of("silent");
    Ok(json!({
        "sent": sent,
        "right": of("right"),
        "wrong": of("wrong"),
        "silent": of("silent"),
        "right_share": of("right") as f64 / sent.max(1) as f64,
        "memory_before": before,
        "memory_peak": peak,
        "memory_after": server.memory()?,
    }))
}

/// One of those who send.
async fn send(number: u64, arguments: &Arguments) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let mut random = Random::new(arguments.seed + number);
    let (mut right, mut wrong, mut silent) = (0, 0, 0);
    for _ in 0..arguments.frames / arguments.at_once {
        let mut client = Client::open(&arguments.url, None).await?;
        let (frame, expected) = malformed(&mut random);
        // It may be answered before all of it is sent.
        let _ = client.write_all(&frame).await;
        let code = timeout(Duration::from_secs(5), close_code(&mut client)).await;
        match code {
            Ok(Some(code)) if code == expected => right += 1,
            Ok(Some(_)) => wrong += 1,
            Ok(None) | Err(_) => silent += 1,
        }
        // Ports are few, and a closed one rests for a minute.
        client.reset();
    }
    Ok(vec![("right", right), ("wrong", wrong), ("silent", silent)])
}

/// The code of the close frame that comes.
async fn close_code(client: &mut Client) -> Option<u16> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 256];
    loop {
        match client.read(&mut buffer).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
        if let [0x88, _, high, low, ..] = bytes[..] {
            return Some(u16::from_be_bytes([high, low]));
        }
    }
}
