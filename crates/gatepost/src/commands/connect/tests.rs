use clap::{CommandFactory, Parser};
use tokio::{io::DuplexStream, net::TcpListener};

use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Arguments {
    Command::parse_from(["connect"].into_iter().chain(arguments)).arguments
}

/// A server that answers one request with these bytes; its address, and the request.
async fn serve(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer).await.unwrap();
        String::from_utf8(request).unwrap()
    });
    (address, request)
}

#[test]
fn the_arguments_are_consistent() {
    Command::command().debug_assert();
}

#[test]
fn headers_of_the_handshake_itself_are_usage_errors() {
    assert_eq!(
        header("Authorization: Bearer a:b"),
        Ok((
            "authorization".parse().unwrap(),
            "Bearer a:b".parse().unwrap()
        ))
    );
    for text in [
        "nothing",
        "b ad: x",
        "Upgrade: x",
        "Sec-WebSocket-Protocol: x",
        "a: \u{1}",
    ] {
        assert!(header(text).is_err(), "{text}");
    }
    assert!(subprotocol("chat.v1").is_ok());
    assert!(subprotocol("two words").is_err());
}

#[tokio::test]
async fn the_request_is_a_handshake_with_the_users_headers() {
    let (address, request) = serve(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let url = format!("ws://{address}/prod?a=1");
    let arguments = arguments([
        &*url,
        "-H",
        "Host: a1.execute-api.example",
        "-H",
        "X-A: 1",
        "-H",
        "X-A: 2",
        "-s",
        "v1",
        "-s",
        "v2",
    ]);
    let Ok(Answer::Refused { head, body }) = handshake::connect(&arguments).await else {
        panic!("the server refuses");
    };
    assert_eq!((head.status.as_u16(), &*body), (403, &b"no"[..]));

    let request = request.await.unwrap();
    let mut lines = request.lines();
    assert_eq!(lines.next(), Some("GET /prod?a=1 HTTP/1.1"));
    for line in [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-Websocket-Version: 13",
        "Sec-Websocket-Protocol: v1, v2",
        "Host: a1.execute-api.example",
        "X-A: 1",
        "X-A: 2",
    ] {
        assert!(
            request.lines().any(|sent| sent == line),
            "{line} in {request}"
        );
    }
    assert_eq!(request.matches("Host: ").count(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_match_the_key_is_no_connection() {
    let (address, _request) = serve(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    )
    .await;
    let arguments = arguments([&*format!("ws://{address}/prod")]);
    let Err(error) = handshake::connect(&arguments).await else {
        panic!("the key is another");
    };
    assert!(
        error
            .to_string()
            .starts_with("Sec-WebSocket-Accept does not match"),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_listening_is_said_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let Err(error) = handshake::connect(&arguments([&*format!("ws://{address}/x")])).await else {
        panic!("nobody listens");
    };
    let beginning = format!("cannot reach {address}: ");
    assert!(error.to_string().starts_with(&beginning), "{error}");
}

/// Talks to the other end of the pipe; the lines are typed, then the input ends.
fn talk_to(
    stream: DuplexStream,
    typed: &[&str],
    wait: Duration,
) -> tokio::task::JoinHandle<(End, String)> {
    let (sender, lines) = mpsc::channel(typed.len().max(1));
    for line in typed {
        sender.try_send((*line).to_owned()).unwrap();
    }
    let interrupts = signal(SignalKind::user_defined1()).unwrap();
    tokio::spawn(async move {
        let (mut screen, shown) = Screen::recording(false);
        let end = talk(stream, lines, interrupts, wait, &mut screen).await;
        (end, shown.out())
    })
}

/// The next frame of the client: its first byte and payload.
async fn frame(server: &mut DuplexStream) -> (u8, Vec<u8>) {
    let first = server.read_u8().await.unwrap();
    let length = usize::from(server.read_u8().await.unwrap() & 0x7f);
    let mut mask = [0; 4];
    server.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; length];
    server.read_exact(&mut payload).await.unwrap();
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    (first, payload)
}

#[tokio::test(start_paused = true)]
async fn piped_lines_are_sent_and_answers_awaited_before_it_closes() {
    let (client, mut server) = tokio::io::duplex(1024);
    let talk = talk_to(client, &["one", "two"], Duration::from_secs(2));
    assert_eq!(frame(&mut server).await, (0x81, b"one".to_vec()));
    assert_eq!(frame(&mut server).await, (0x81, b"two".to_vec()));
    tokio::time::sleep(Duration::from_millis(1900)).await;
    server.write_all(b"\x81\x06answer").await.unwrap();
    assert_eq!(frame(&mut server).await, (0x88, b"\x03\xe8".to_vec()));
    server.write_all(b"\x88\x02\x03\xe8").await.unwrap();
    let (end, shown) = talk.await.unwrap();
    assert_eq!(
        end,
        End::Closed {
            code: Some(1000),
            reason: String::new()
        }
    );
    assert_eq!(shown, "answer\n");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_the_close_is_left() {
    let (client, mut server) = tokio::io::duplex(1024);
    let talk = talk_to(client, &[], Duration::ZERO);
    assert_eq!(frame(&mut server).await, (0x88, b"\x03\xe8".to_vec()));
    assert_eq!(talk.await.unwrap().0, End::Unanswered);
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_from_one_that_closes() {
    let (client, server) = tokio::io::duplex(1024);
    let talk = talk_to(client, &[], Duration::from_secs(60));
    drop(server);
    assert_eq!(talk.await.unwrap().0, End::Vanished);
}
