//! A WebSocket client, plain or TLS.

use std::{io, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{frame, target::Target};

/// An established connection.
pub enum Client {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Client {
    /// Connects and shakes hands.
    pub async fn open(target: &Target, tls: Option<&Arc<ClientConfig>>) -> anyhow::Result<Self> {
        let stream = target.connect().await?;
        let mut client = match tls.filter(|_| target.tls) {
            None => Self::Plain(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                let connector = TlsConnector::from(Arc::clone(config));
                Self::Tls(Box::new(connector.connect(name, stream).await?))
            }
        };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            target.path, target.authority
        );
        client.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(512);
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0; 512];
            let n = client.read(&mut byte).await?;
            if n == 0 {
                bail!("the server closed: {}", String::from_utf8_lossy(&answer));
            }
            answer.extend_from_slice(&byte[..n]);
        }
        if !answer.starts_with(b"HTTP/1.1 101") {
            bail!("the server refused: {}", String::from_utf8_lossy(&answer));
        }
        Ok(client)
    }

    /// Sends a message and returns the text of the first reply.
    pub async fn ask(&mut self, message: &str) -> anyhow::Result<String> {
        self.write_all(&frame::masked_text(message.as_bytes(), usize::MAX))
            .await?;
        let mut bytes = Vec::new();
        loop {
            if let Some((payload, _)) = frame::first_frame(&bytes) {
                return Ok(String::from_utf8_lossy(payload).into_owned());
            }
            let mut more = [0; 1024];
            let n = self.read(&mut more).await?;
            if n == 0 {
                bail!("the server closed before it replied");
            }
            bytes.extend_from_slice(&more[..n]);
        }
    }

    /// Writes all.
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => stream.write_all(bytes).await,
        }
    }

    /// Reads what is there.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Tls(stream) => stream.read(buffer).await,
        }
    }

    /// Ends without a word, at once.
    pub fn reset(self) {
        if let Self::Plain(stream) = self {
            // One that is gone already needs no reset.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// The socket in two halves.
    pub fn split(self) -> (Box<dyn AsyncRead + Unpin>, Box<dyn AsyncWrite + Unpin>) {
        match self {
            Self::Plain(stream) => {
                let (read, write) = stream.into_split();
                (Box::new(read), Box::new(write))
            }
            Self::Tls(stream) => {
                let (read, write) = tokio::io::split(stream);
                (Box::new(read), Box::new(write))
            }
        }
    }
}

/// Opens `count` connections, `at_once` of them at a time.
pub async fn open_many(
    target: &Target,
    tls: Option<&Arc<ClientConfig>>,
    count: usize,
    at_once: usize,
) -> anyhow::Result<Vec<Client>> {
    let mut opening = tokio::task::JoinSet::new();
    let mut clients = Vec::with_capacity(count);
    for number in 0..count {
        if opening.len() == at_once {
            let opened = opening.join_next().await.context("nothing was opening")??;
            clients.push(opened?);
        }
        // A client that chooses its id is called by its number.
        let (mut target, tls) = (target.clone(), tls.cloned());
        target.path = target.path.replace("{id}", &number.to_string());
        opening.spawn(async move { Client::open(&target, tls.as_ref()).await });
    }
    while let Some(opened) = opening.join_next().await {
        clients.push(opened??);
    }
    Ok(clients)
}
