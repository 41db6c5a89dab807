//! The URL of a WebSocket.

use std::{fmt, str::FromStr};

use http::{Uri, uri::PathAndQuery};

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether to speak TLS.
    pub tls: bool,
    /// Name or address, without the brackets of an IPv6 address.
    pub host: String,
    /// Port; 80 or 443 where the URL has none.
    pub port: u16,
    /// The `Host` header.
    pub authority: String,
    /// The request target.
    pub path: PathAndQuery,
}

/// Why a text is not the URL of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// Not a URL with `ws` or `wss`.
    #[error("write it as ws://HOST:PORT/STAGE or wss://HOST/STAGE")]
    NotWebSocket,
    /// `user:password@host`.
    #[error("send credentials with --header 'Authorization: …' instead of in the URL")]
    Credentials,
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let uri: Uri = text.parse().map_err(|_| InvalidTarget::NotWebSocket)?;
        let tls = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(InvalidTarget::NotWebSocket),
        };
        let authority = uri.authority().ok_or(InvalidTarget::NotWebSocket)?;
        if authority.as_str().contains('@') {
            return Err(InvalidTarget::Credentials);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(InvalidTarget::NotWebSocket);
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri
                .path_and_query()
                .cloned()
                .unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how_to_connect() {
        for (text, tls, host, port, path) in [
            (
                "ws://localhost:4100/prod",
                false,
                "localhost",
                4100,
                "/prod",
            ),
            (
                "wss://example.com/prod?a=1&b=2",
                true,
                "example.com",
                443,
                "/prod?a=1&b=2",
            ),
            ("ws://example.com", false, "example.com", 80, "/"),
            (
                "https://example.com/prod",
                true,
                "example.com",
                443,
                "/prod",
            ),
            ("ws://[::1]:4100/prod", false, "::1", 4100, "/prod"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(
                (target.tls, &*target.host, target.port, target.path.as_str()),
                (tls, host, port, path),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_says_how_to_write_it() {
        for text in [
            "",
            "localhost:4100/prod",
            "/prod",
            "ftp://localhost/prod",
            "ws://",
            "ws:///prod",
        ] {
            assert_eq!(
                text.parse::<Target>(),
                Err(InvalidTarget::NotWebSocket),
                "{text}"
            );
        }
        assert_eq!(
            "ws://me:secret@localhost/prod".parse::<Target>(),
            Err(InvalidTarget::Credentials)
        );
    }
}
