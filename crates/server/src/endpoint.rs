//! Where clients reach Gatepost.

use std::str::FromStr;

use http::uri::Authority;

use crate::target::host_of;

/// A host, perhaps with a port, and whether clients speak TLS with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// `localhost:4100`, or what a reverse proxy is called.
    pub authority: String,
    /// Whether URLs begin with `wss` and `https`.
    pub is_tls: bool,
}

/// Text that names no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no host such as ws.example.com, perhaps with a port, or with https:// before it")]
pub struct InvalidEndpoint;

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let (scheme, authority) = text.split_once("://").unwrap_or(("http", text));
        let is_tls = match scheme {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(InvalidEndpoint),
        };
        let is_host = |authority: Authority| !authority.host().is_empty();
        if authority.contains('@') || !authority.parse().is_ok_and(is_host) {
            return Err(InvalidEndpoint);
        }
        Ok(Self {
            authority: authority.to_owned(),
            is_tls,
        })
    }
}

impl Endpoint {
    /// An endpoint in plaintext.
    pub fn plain(authority: impl Into<String>) -> Self {
        Self {
            authority: authority.into(),
            is_tls: false,
        }
    }

    /// For WebSocket clients, without a slash at the end: `ws://localhost:4100`.
    pub fn ws_base(&self) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        format!("{scheme}://{}", self.authority)
    }

    /// For HTTP clients: `http://localhost:4100`.
    pub fn http_base(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_whether_it_speaks_tls() {
        for (text, http_base, ws_base) in [
            (
                "ws.example.com",
                "http://ws.example.com",
                "ws://ws.example.com",
            ),
            ("https://h:8443", "https://h:8443", "wss://h:8443"),
            ("wss://[::1]:1", "https://[::1]:1", "wss://[::1]:1"),
            ("http://h", "http://h", "ws://h"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(
                (&*endpoint.http_base(), &*endpoint.ws_base()),
                (http_base, ws_base)
            );
        }
        for text in [
            "",
            "https://",
            "ftp://h",
            "h/path",
            "https://h/",
            "me@h",
            "a b",
            ":80",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(InvalidEndpoint), "{text}");
        }
    }
}
