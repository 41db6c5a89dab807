//! The opening handshake: TCP, TLS, and the upgrade of an HTTP request.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use gatepost_wire::websocket::handshake::{InvalidUpgradeResponse, check_response, request_key};
use http::{HeaderValue, Request, header, response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    Arguments,
    target::Target,
    tls::{self, TlsError},
};

/// Longer than the 29 s that a `$connect` integration may take.
const TIMEOUT: Duration = Duration::from_secs(40);
/// What is shown of a refusal's body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// What the server made of the handshake.
pub enum Answer {
    /// It switched protocols.
    Open {
        stream: TokioIo<Upgraded>,
        head: response::Parts,
        subprotocol: Option<String>,
    },
    /// It answered like any HTTP server.
    Refused { head: response::Parts, body: Bytes },
}

/// Why there is no answer to show.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens, or the name is unknown.
    #[error("cannot reach {authority}: {source}; is it running there?")]
    Unreachable {
        authority: String,
        source: io::Error,
    },
    /// The certificate or TLS itself.
    #[error(
        "TLS with {authority}: {source}; trust a local certificate authority with --ca FILE \
         (that of Gatepost is ca.pem in its state folder, .gatepost), or use ws://"
    )]
    Tls {
        authority: String,
        source: io::Error,
    },
    /// The host cannot be that of a certificate.
    #[error("`{0}` is neither a name nor an address")]
    ServerName(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    TlsSetup(#[from] TlsError),
    /// No HTTP came back.
    #[error("the server did not answer with HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The 101 is not one.
    #[error(transparent)]
    Upgrade(#[from] InvalidUpgradeResponse),
    /// The request cannot be written.
    #[error("the handshake cannot be written: {0}")]
    Request(#[from] http::Error),
    /// The system has no randomness.
    #[error("there is no randomness for the handshake: {0}")]
    Randomness(#[from] getrandom::Error),
    /// It took too long.
    #[error("there was no answer in {} s", TIMEOUT.as_secs())]
    Timeout,
}

/// Connects as the arguments say.
pub async fn connect(arguments: &Arguments) -> Result<Answer, ConnectError> {
    timeout(TIMEOUT, try_to_connect(arguments))
        .await
        .map_err(|_| ConnectError::Timeout)?
}

async fn try_to_connect(arguments: &Arguments) -> Result<Answer, ConnectError> {
    let target = &arguments.target;
    let stream = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .map_err(|source| ConnectError::Unreachable {
            authority: target.authority.clone(),
            source,
        })?;
    // Lines are short, and somebody waits for each.
    let _ = stream.set_nodelay(true);
    if !target.tls {
        return upgrade(stream, arguments).await;
    }
    let config = tls::client_config(arguments.ca.as_ref(), arguments.insecure)?;
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| ConnectError::ServerName(target.host.clone()))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|source| ConnectError::Tls {
            authority: target.authority.clone(),
            source,
        })?;
    upgrade(stream, arguments).await
}

async fn upgrade<S>(stream: S, arguments: &Arguments) -> Result<Answer, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(connection.with_upgrades());

    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let key = request_key(random);
    let mut response = sender.send_request(request(arguments, &key)?).await?;

    let subprotocols: Vec<_> = arguments.subprotocols.iter().map(String::as_str).collect();
    match check_response(response.status(), response.headers(), &key, &subprotocols) {
        Ok(subprotocol) => {
            let stream = TokioIo::new(hyper::upgrade::on(&mut response).await?);
            Ok(Answer::Open {
                stream,
                head: response.into_parts().0,
                subprotocol: subprotocol.map(str::to_owned),
            })
        }
        Err(InvalidUpgradeResponse::Refused(_)) => {
            let (head, body) = response.into_parts();
            let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::from_static(b"(the body is cut or too long to show)"),
            };
            Ok(Answer::Refused { head, body })
        }
        Err(invalid) => Err(invalid.into()),
    }
}

/// The request: the handshake's own headers, then the user's, which may replace `Host`.
fn request(arguments: &Arguments, key: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
    let Target {
        authority, path, ..
    } = &arguments.target;
    let mut request = Request::get(path.as_str())
        .header(header::HOST, authority)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header(
            header::USER_AGENT,
            concat!("gatepost/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::new())?;
    let headers = request.headers_mut();
    if !arguments.subprotocols.is_empty() {
        let offer = HeaderValue::try_from(arguments.subprotocols.join(", "))?;
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offer);
    }
    for replaceable in [header::HOST, header::USER_AGENT] {
        if arguments
            .headers
            .iter()
            .any(|(name, _)| *name == replaceable)
        {
            headers.remove(replaceable);
        }
    }
    headers.extend(arguments.headers.iter().cloned());
    Ok(request)
}
