//! hyper with nothing behind it, and hyper-util's client with nothing before it.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, Uri, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

/// Answers each request with its body.
pub async fn hello(listener: TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(async |request: Request<hyper::body::Incoming>| {
            let body = request.into_body().collect().await;
            let body = body.map(http_body_util::Collected::to_bytes);
            Ok::<_, Infallible>(Response::new(Full::new(body.unwrap_or_default())))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// A backend behind a keep-alive pool.
pub struct Backend {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
}

impl Backend {
    /// The backend at an address.
    pub fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            uri: Uri::builder()
                .scheme("http")
                .authority(address.to_string())
                .path_and_query("/")
                .build()
                .unwrap_or_default(),
        }
    }

    /// Posts `body` and returns the answer's.
    pub async fn post(&self, body: Bytes) -> anyhow::Result<Bytes> {
        let request = Request::post(self.uri.clone()).body(Full::new(body))?;
        let response = self.client.request(request).await?;
        Ok(response.into_body().collect().await?.to_bytes())
    }
}
