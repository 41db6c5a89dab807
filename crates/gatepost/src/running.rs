//! A Gatepost that runs, asked over its own paths. It leaves in its state folder where it listens; its
//! token is that of the configuration, or lies there too.

use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use gatepost_model::secret::Secret;
use gatepost_server::admin::INSTANCE;
use http::{
    Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, HOST},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{
    access::{AccessError, read_secret},
    commands::{dev::load_config, serve::state_path},
    config::{AdminConfig, Config},
    node::{STATE_FOLDER, StartError, is_held},
};

/// The file's name in the state folder.
pub const FILE: &str = "running.json";
/// The token's, when it is made at each start.
pub const TOKEN_FILE: &str = "admin-token";
/// The greatest answer that is read, bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which running Gatepost is meant.
#[derive(Args, Debug, Clone, Default)]
pub struct Which {
    /// Configuration of the running Gatepost [default: gatepost.toml in this folder, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// URL of its admin listener [default: the one that it left in its state folder]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// What a running Gatepost leaves in its state folder.
#[derive(Serialize, Deserialize)]
struct Announcement {
    /// Where its own paths are.
    url: String,
    /// `Server::instance`.
    instance: String,
}

/// A running Gatepost.
#[derive(Debug)]
pub struct Running {
    url: String,
    instance: Option<String>,
    token: Option<Secret>,
}

/// Why a running Gatepost does not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// None has announced itself.
    #[error(
        "no gatepost runs with the state in {}: start it, or say which one is meant with --config \
         or --url", or(.0)
    )]
    NotRunning(Vec<PathBuf>),
    /// The configuration is wrong.
    #[error("{0}")]
    Config(Box<StartError>),
    /// Its token cannot be read.
    #[error("{0}")]
    Token(#[from] AccessError),
    /// The URL is none.
    #[error("{0} is no URL such as http://127.0.0.1:4109")]
    Url(String),
    /// Nobody listens there, or what does is no Gatepost.
    #[error("no gatepost answers at {url}: {reason}; look whether it runs")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// The token is missing or wrong.
    #[error(
        "the gatepost at {0} wants its admin token: name its configuration with --config, or set \
         GATEPOST_ADMIN__TOKEN"
    )]
    Unauthorized(String),
    /// It refused.
    #[error("{message}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// What it says.
        message: String,
    },
}

impl Which {
    /// The Gatepost that is meant.
    ///
    /// # Errors
    /// [`AskError`], before anything is asked.
    pub fn find(&self) -> Result<Running, AskError> {
        let config = self.load()?;
        let folder = state_path(&config);
        if let Some(url) = &self.url {
            return Ok(Running {
                url: url.trim_end_matches('/').to_owned(),
                instance: None,
                token: token_of(&config.admin, &folder)?,
            });
        }
        if let Some(announced) = announced_in(&folder) {
            let token = token_of(&config.admin, &folder)?;
            return Ok(Running::of(announced, token));
        }
        let mut asked = vec![folder];
        if let Some(beside) = self.of_dev(&asked[0]) {
            if let Some(running) = Running::in_folder(&beside, self)? {
                return Ok(running);
            }
            asked.push(beside);
        }
        Err(AskError::NotRunning(asked))
    }

    /// The state folder of a `gatepost dev` here, when it is another than that of the configuration:
    /// `[store] path` is for `serve`. `None` when a configuration is named, whose Gatepost is meant.
    pub fn of_dev(&self, configured: &Path) -> Option<PathBuf> {
        let real = fs::canonicalize(STATE_FOLDER).ok()?;
        let is_other = fs::canonicalize(configured).ok() != Some(real);
        (self.config.is_none() && is_other).then(|| STATE_FOLDER.into())
    }

    /// Its configuration.
    ///
    /// # Errors
    /// [`AskError::Config`].
    pub fn load(&self) -> Result<Config, AskError> {
        let here = env::current_dir().unwrap_or_default();
        load_config(self.config.as_deref(), &here).map_err(|error| AskError::Config(error.into()))
    }
}

/// The announcement in a state folder; `None` when whoever left it is gone: nobody else's port is to
/// get its token.
fn announced_in(folder: &Path) -> Option<Announcement> {
    if !is_held(folder) {
        return None;
    }
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// The configured token, else the one that was made at the start.
fn token_of(config: &AdminConfig, folder: &Path) -> Result<Option<Secret>, AccessError> {
    match &config.token {
        Some(source) => {
            let environment = env::vars().collect();
            read_secret(source, "[admin] token", &environment).map(Some)
        }
        None => Ok(fs::read_to_string(folder.join(TOKEN_FILE))
            .ok()
            .map(Secret::new)),
    }
}

impl Running {
    fn of(announced: Announcement, token: Option<Secret>) -> Self {
        Self {
            url: announced.url,
            instance: Some(announced.instance),
            token,
        }
    }

    /// The Gatepost that announced itself in this folder, with the token of the configuration that
    /// `which` names, or else the one that lies there, or else that of the configuration here; `None`
    /// when none did.
    ///
    /// # Errors
    /// [`AskError`] when the configuration that has its token cannot be read.
    pub fn in_folder(folder: &Path, which: &Which) -> Result<Option<Self>, AskError> {
        let Some(announced) = announced_in(folder) else {
            return Ok(None);
        };
        let made = fs::read_to_string(folder.join(TOKEN_FILE));
        let token = match (made, &which.config) {
            (Ok(token), None) => Some(Secret::new(token)),
            _ => token_of(&which.load()?.admin, folder)?,
        };
        Ok(Some(Self::of(announced, token)))
    }

    /// Asks for what is at this path, and its query, under `/_gatepost/`. Blocks.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn get(&self, path: &str) -> Result<Value, AskError> {
        self.ask(Method::GET, path, Bytes::new(), TIMEOUT)
    }

    /// Asks, with a body. Blocks.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Value, AskError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let unreachable = |reason: String| AskError::Unreachable {
            url: self.url.clone(),
            reason,
        };
        let runtime = runtime.map_err(|error| unreachable(error.to_string()))?;
        let exchange = self.exchange(method, path, body);
        let answered = runtime.block_on(async { tokio::time::timeout(timeout, exchange).await });
        let (status, body) =
            answered.map_err(|_| unreachable("it does not answer in time".into()))??;
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(document);
        }
        match status {
            StatusCode::UNAUTHORIZED => Err(AskError::Unauthorized(self.url.clone())),
            // Another program has its port by now.
            StatusCode::MISDIRECTED_REQUEST => Err(unreachable("another one listens there".into())),
            status => Err(AskError::Refused {
                status,
                message: match document["message"].as_str() {
                    Some(message) => message.to_owned(),
                    None => format!("{} answered {status}", self.url),
                },
            }),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), AskError> {
        let no_url = || AskError::Url(self.url.clone());
        let unreachable = |reason: String| AskError::Unreachable {
            url: self.url.clone(),
            reason,
        };
        let uri: Uri = self.url.parse().map_err(|_| no_url())?;
        let authority = uri.authority().ok_or_else(no_url)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(no_url());
        }
        let host = authority.host().trim_matches(['[', ']']);
        let place = (host, authority.port_u16().unwrap_or(80));
        let socket = TcpStream::connect(place).await;
        let socket = socket.map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        // It ends with the answer.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/_gatepost/{path}"))
            .header(HOST, authority.as_str());
        if let Some(instance) = &self.instance {
            request = request.header(INSTANCE, instance);
        }
        if let Some(token) = &self.token {
            let token = token.reveal().trim_end();
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| unreachable(error.to_string()))?;
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| unreachable(error.to_string()))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| unreachable(error.to_string()))?;
        Ok((parts.status, body.to_bytes()))
    }
}

/// What a Gatepost leaves that answers at this address.
pub fn announcement(address: SocketAddr, instance: &str) -> String {
    let announcement = Announcement {
        url: format!("http://{}", reachable(address)),
        instance: instance.to_owned(),
    };
    // A structure of texts always serialises.
    serde_json::to_string(&announcement).unwrap_or_default()
}

/// Folders of which any is meant.
fn or(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders.iter().map(|it| it.display().to_string()).collect();
    names.join(" or in ")
}

/// An address that this machine can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
