//! A POST becomes a write to one connection, or to each.

use std::{cell::RefCell, convert::Infallible, io, rc::Rc, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::LocalSet,
};

use crate::{codec::encode_text, socket, upgrade::upgrade};

/// Whom a POST reaches.
#[derive(Clone, Copy)]
pub enum To {
    /// The connection whose number ends the path.
    One,
    /// All.
    All,
}

type Connections = Rc<RefCell<Vec<Arc<TcpStream>>>>;

/// Serves sockets, which tell their number when they are asked, and POSTs.
pub async fn serve(listener: TcpListener, to: To) -> anyhow::Result<()> {
    let local = LocalSet::new();
    local.run_until(accept(listener, to)).await
}

async fn accept(listener: TcpListener, to: To) -> anyhow::Result<()> {
    let connections = Connections::default();
    let (opened, mut newcomers) = mpsc::unbounded_channel();
    let known = Rc::clone(&connections);
    tokio::task::spawn_local(async move {
        while let Some(stream) = newcomers.recv().await {
            let stream = Arc::new(stream);
            known.borrow_mut().push(Arc::clone(&stream));
            let number = known.borrow().len() - 1;
            tokio::task::spawn_local(tell_number(stream, number));
        }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (connections, opened) = (Rc::clone(&connections), opened.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (connections, opened) = (Rc::clone(&connections), opened.clone());
            async move {
                if request.method() != Method::POST {
                    return Ok::<_, Infallible>(upgrade(request, move |stream| {
                        let _ = opened.send(stream);
                    }));
                }
                let number = request
                    .uri()
                    .path()
                    .rsplit('/')
                    .next()
                    .map(str::parse::<usize>);
                let body = request.into_body().collect().await;
                let body = body
                    .map(http_body_util::Collected::to_bytes)
                    .unwrap_or_default();
                Ok(post(
                    &connections.borrow(),
                    to,
                    number.and_then(Result::ok),
                    &body,
                ))
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::task::spawn_local(connection.with_upgrades());
    }
}

fn post(
    connections: &[Arc<TcpStream>],
    to: To,
    number: Option<usize>,
    body: &[u8],
) -> Response<Empty<Bytes>> {
    let mut frame = Vec::with_capacity(body.len() + 10);
    encode_text(body, &mut frame);
    let targets = match to {
        To::One => number
            .and_then(|number| connections.get(number..=number))
            .unwrap_or_default(),
        To::All => connections,
    };
    for stream in targets {
        // Whoever went gets nothing.
        let _ = socket::write(stream, &frame);
    }
    let mut response = Response::new(Empty::new());
    if targets.is_empty() {
        *response.status_mut() = hyper::StatusCode::GONE;
    }
    response
}

/// Answers every message with the connection's number, which is its id here.
async fn tell_number(stream: Arc<TcpStream>, number: usize) -> io::Result<()> {
    let mut frame = Vec::new();
    encode_text(number.to_string().as_bytes(), &mut frame);
    let mut partial = Vec::new();
    let mut read = [0; 256];
    loop {
        stream.readable().await?;
        let mut asked = false;
        if !socket::receive(&stream, &mut read, &mut partial, |_| asked = true)? {
            return Ok(());
        }
        if asked {
            socket::write(&stream, &frame)?;
        }
    }
}
