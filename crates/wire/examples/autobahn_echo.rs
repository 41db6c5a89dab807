//! Echoes whatever a client sends, with limits lifted and permessage-deflate on: the server that
//! the Autobahn cases drive to test the codec. `autobahn_echo [PORT]`, 0 for any free port.
//! Every answer of a connection with permessage-deflate is compressed: the fuzzing client cannot
//! judge plain answers to its compression cases, which are legal.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use gatepost_wire::websocket::{
    Decoder, Deflate, Event, FrameLimits, Role, encode_binary, encode_close, encode_empty_close,
    encode_pong, encode_text, handshake,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

const LIMITS: FrameLimits = FrameLimits {
    max_frame_bytes: 64 << 20,
    max_message_bytes: 64 << 20,
    max_frames_per_message: 1 << 20,
    accept_binary: true,
};

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let headers = read_request_headers(&mut stream)?;
    let key = handshake::check_request(&Method::GET, Version::HTTP_11, &headers)
        .map_err(io::Error::other)?;
    let deflate = Deflate::negotiate(&headers).map(Deflate::compress_all);
    let extensions = deflate.map_or_else(String::new, |deflate| {
        format!(
            "Sec-WebSocket-Extensions: {}\r\n",
            deflate.response_header()
        )
    });
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{extensions}\r\n",
        handshake::accept_key(key)
    )?;

    let mut decoder = Decoder::new(Role::Server);
    if deflate.is_some() {
        decoder = decoder.with_deflate();
    }
    let mut scratch = vec![0; 64 * 1024];
    let mut out = Vec::new();
    while !decoder.is_ended() {
        let length = stream.read(&mut scratch)?;
        if length == 0 {
            break;
        }
        let mut input = &mut scratch[..length];
        loop {
            match decoder.decode(&LIMITS, &mut input) {
                Ok(Some(event)) => echo(&event, deflate, &mut out),
                Ok(None) => break,
                Err(violation) => {
                    encode_close(violation.close_code(), &violation.to_string(), &mut out);
                }
            }
        }
        stream.write_all(&out)?;
        out.clear();
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    // Closing with unread input would reset the connection and take the close frame with it.
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}

fn echo(event: &Event<'_>, deflate: Option<Deflate>, out: &mut Vec<u8>) {
    match (event, deflate) {
        (Event::Text(text), Some(deflate)) => deflate.encode_text(text.as_bytes(), out),
        (Event::Text(text), None) => encode_text(text.as_bytes(), out),
        (Event::Binary(bytes), Some(deflate)) => deflate.encode_binary(bytes, out),
        (Event::Binary(bytes), None) => encode_binary(bytes, out),
        (Event::Ping(payload), _) => encode_pong(payload, out),
        (Event::Pong(_), _) => {}
        (Event::Close(Some(frame)), _) => encode_close(frame.code, &frame.reason, out),
        (Event::Close(None), _) => encode_empty_close(out),
    }
}

/// Reads up to the empty line, byte by byte: what follows it belongs to the decoder.
fn read_request_headers(stream: &mut TcpStream) -> io::Result<HeaderMap> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 * 1024 {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let mut sides = line.trim_ascii().splitn(2, |byte| *byte == b':');
        let name = sides.next().map(HeaderName::from_bytes);
        let value = sides
            .next()
            .map(|value| HeaderValue::from_bytes(value.trim_ascii()));
        if let (Some(Ok(name)), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}
