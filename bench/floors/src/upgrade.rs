//! Handshakes: by hand on a bare socket, or behind hyper.

use std::{convert::Infallible, io, sync::Arc};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    codec::{accept, encode_text},
    http::Backend,
    socket,
};

/// What follows the handshake.
#[derive(Clone)]
pub enum Then {
    /// Echo.
    Echo,
    /// Each message is posted, its answer is the reply.
    Proxy(Arc<Backend>),
}

/// Echo behind a handshake that is answered without an HTTP library.
pub async fn by_hand(listener: TcpListener) -> anyhow::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await? == 0 {
                    return Ok(());
                }
            }
            let text = String::from_utf8_lossy(&request);
            let key = text
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
                .unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {}\r\n\r\n",
                accept(key)
            );
            stream.write_all(answer.as_bytes()).await?;
            // A task of its own, so that the handshake's state is gone.
            tokio::spawn(socket::echo(Arc::new(stream)));
            Ok::<_, io::Error>(())
        });
    }
}

/// Serves handshakes by hyper.
pub async fn serve(listener: TcpListener, then: Then) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let then = then.clone();
        let service = service_fn(move |request| {
            let then = then.clone();
            async move { Ok::<_, Infallible>(upgrade(request, move |stream| start(stream, then))) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

fn start(stream: TcpStream, then: Then) {
    let stream = Arc::new(stream);
    match then {
        Then::Echo => {
            tokio::spawn(socket::echo(stream));
        }
        Then::Proxy(backend) => {
            tokio::spawn(proxy(stream, backend));
        }
    }
}

/// Answers `101` and hands the bare socket to `then`.
pub fn upgrade(
    mut request: Request<Incoming>,
    then: impl FnOnce(TcpStream) + Send + 'static,
) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    let key = request.headers().get("sec-websocket-key");
    let Some(key) = key.and_then(|key| key.to_str().ok()).map(accept) else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(
        "connection",
        hyper::header::HeaderValue::from_static("upgrade"),
    );
    headers.insert(
        "upgrade",
        hyper::header::HeaderValue::from_static("websocket"),
    );
    if let Ok(key) = key.parse() {
        headers.insert("sec-websocket-accept", key);
    }
    tokio::spawn(async move {
        let parts = hyper::upgrade::on(&mut request)
            .await
            .ok()
            .map(Upgraded::downcast);
        if let Some(Ok(parts)) = parts {
            let io: TokioIo<TcpStream> = parts.io;
            then(io.into_inner());
        }
    });
    response
}

async fn proxy(stream: Arc<TcpStream>, backend: Arc<Backend>) -> io::Result<()> {
    let mut read = vec![0; 4096];
    let mut partial = Vec::new();
    loop {
        stream.readable().await?;
        let more = socket::receive(&stream, &mut read, &mut partial, |text| {
            let (stream, backend) = (Arc::clone(&stream), Arc::clone(&backend));
            let body = Bytes::copy_from_slice(text);
            tokio::spawn(async move {
                let reply = backend.post(body).await?;
                let mut frame = Vec::with_capacity(reply.len() + 10);
                encode_text(&reply, &mut frame);
                socket::write(&stream, &frame)?;
                Ok::<_, anyhow::Error>(())
            });
        })?;
        if !more {
            return Ok(());
        }
    }
}
