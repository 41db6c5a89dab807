//! `gatepost connect`: an interactive WebSocket client that shows what browsers hide.

mod conversation;
mod handshake;
mod input;
mod screen;
mod target;
mod tls;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use http::{HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use self::{
    conversation::{Conversation, End},
    handshake::Answer,
    screen::Screen,
    target::Target,
};

/// How long the server may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long piped input waits for what comes back before it closes.
const PIPED_WAIT: Duration = Duration::from_secs(2);

/// Talk to a WebSocket API: lines in, frames out. A refused handshake is shown whole.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost connect ws://localhost:4100/prod\n  gatepost connect \
                  'wss://localhost:4100/prod?token=abc' --ca .gatepost/ca.pem\n  echo \
                  '{\"action\":\"ping\"}' | gatepost connect ws://localhost:4100/prod --json\n\n\
                  Exit status: 0 closed normally, 1 refused or failed, 2 usage"
)]
pub struct Arguments {
    /// Where to connect: ws://HOST:PORT/STAGE or wss://…
    #[arg(value_name = "URL")]
    target: Target,
    /// Header of the handshake; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Subprotocol to offer; may be repeated
    #[arg(long = "subprotocol", short = 's', value_name = "NAME", value_parser = subprotocol)]
    subprotocols: Vec<String>,
    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
    /// Trust this certificate authority, as well as the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long)]
    insecure: bool,
    /// Listen so long after the end of the input [default: 0 at a terminal, else 2]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u32>,
}

impl Arguments {
    fn wait(&self) -> Duration {
        match self.wait {
            Some(seconds) => Duration::from_secs(seconds.into()),
            None if std::io::stdin().is_terminal() => Duration::ZERO,
            None => PIPED_WAIT,
        }
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'NAME: VALUE'")?;
    let name: HeaderName = name
        .parse()
        .map_err(|_| format!("`{name}` is not a header name"))?;
    if name == "sec-websocket-protocol" {
        return Err("use --subprotocol".into());
    }
    if ["connection", "upgrade"].contains(&name.as_str())
        || name.as_str().starts_with("sec-websocket-")
    {
        return Err(format!("{name} belongs to the handshake itself"));
    }
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("the value of {name} is not one that a header may have"))?;
    Ok((name, value))
}

fn subprotocol(text: &str) -> Result<String, String> {
    match text.parse::<HeaderName>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a subprotocol is one word".into()),
    }
}

/// Connects, and talks until either side closes.
pub async fn run(arguments: Arguments) -> ExitCode {
    let mut screen = Screen::new(arguments.json);
    match handshake::connect(&arguments).await {
        Ok(Answer::Open {
            stream,
            head,
            subprotocol,
        }) => {
            screen.opened(&arguments.target, &head, subprotocol.as_deref());
            let interrupts = match signal(SignalKind::interrupt()) {
                Ok(interrupts) => interrupts,
                Err(error) => {
                    screen.failed(&error);
                    return ExitCode::FAILURE;
                }
            };
            let end = talk(
                stream,
                input::lines(),
                interrupts,
                arguments.wait(),
                &mut screen,
            )
            .await;
            screen.ended(&end);
            end.exit_code()
        }
        Ok(Answer::Refused { head, body }) => {
            screen.refused(&head, &body);
            ExitCode::FAILURE
        }
        Err(error) => {
            screen.failed(&error);
            ExitCode::FAILURE
        }
    }
}

/// Carries lines out and frames in until the connection ends.
async fn talk(
    stream: impl AsyncRead + AsyncWrite,
    mut lines: mpsc::Receiver<String>,
    mut interrupts: Signal,
    wait: Duration,
    screen: &mut Screen,
) -> End {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut conversation = Conversation::default();
    let mut read = vec![0; 64 << 10];
    let mut unsent = Vec::new();
    let mut input_ended = false;
    // When to close by ourselves, and after that when to stop waiting for the server's answer.
    let mut deadline = None;
    loop {
        tokio::select! {
            received = reader.read(&mut read) => {
                let Ok(length @ 1..) = received else {
                    return End::Vanished;
                };
                if let Some(end) = conversation.receive(&mut read[..length], &mut unsent, screen) {
                    // The answer to a close frame; whether it arrives changes nothing.
                    let _ = tokio::time::timeout(CLOSE_TIMEOUT, writer.write_all(&unsent)).await;
                    return end;
                }
                if screen.is_unread() && !conversation.is_closing() {
                    input_ended = true;
                    deadline = Some(Instant::now());
                }
            }
            written = writer.write(&unsent), if !unsent.is_empty() => {
                let Ok(length @ 1..) = written else {
                    return End::Vanished;
                };
                unsent.drain(..length);
                if unsent.is_empty() && writer.flush().await.is_err() {
                    return End::Vanished;
                }
            }
            // One line after the other, so that no more than one waits here.
            line = lines.recv(), if unsent.is_empty() && !input_ended => {
                if let Some(line) = line {
                    conversation.say(&line, &mut unsent);
                } else {
                    input_ended = true;
                    deadline = Some(Instant::now() + wait);
                }
            }
            _ = interrupts.recv() => {
                if conversation.is_closing() {
                    return End::Interrupted;
                }
                input_ended = true;
                deadline = Some(Instant::now());
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                if conversation.is_closing() {
                    return End::Unanswered;
                }
                conversation.close(&mut unsent);
                deadline = Some(Instant::now() + CLOSE_TIMEOUT);
            }
        }
    }
}

#[cfg(test)]
mod tests;
