//! `[extensions]`: deliberate switches beside AWS, off by default, each for one stage.

use std::{fmt, str::FromStr, time::Duration};

/// What a stage does that a stage on AWS does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `permessage_deflate`: compress messages when the client offers it (RFC 7692).
    pub permessage_deflate: bool,
    /// `binary_frames`: clients may send and get binary messages, which backends see in base64.
    pub binary_frames: bool,
    /// `allowed_origins`: who may connect from a browser; empty is everybody.
    pub allowed_origins: Vec<OriginPattern>,
    /// `connect_response_headers`: headers of the `$connect` integration's answer that go on the
    /// `101`; lower case.
    pub connect_response_headers: Vec<String>,
    /// `server_pings`: a client that has been silent for so long is pinged.
    pub server_pings: Option<Duration>,
    /// `hold_posts`: a post for a connection that is being established waits so long for it.
    pub hold_posts: Option<Duration>,
}

/// An origin that may connect: `https://app.example.com`, `https://*.example.com` for all names
/// below it, `http://localhost:*` for all ports, `null` as sandboxed pages have it, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    text: String,
    origins: Origins,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    /// `*`.
    All,
    /// `null`.
    Null,
    /// Of web pages.
    Tuple {
        /// Lower case.
        scheme: String,
        /// Lower case; all names below it when `below`.
        host: String,
        /// Whether `*.` stands before the host.
        below: bool,
        /// `None` is any.
        port: Option<String>,
    },
}

/// A text that is no pattern of origins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write an origin such as https://app.example.com")]
pub struct InvalidOriginPattern;

impl Extensions {
    /// Whether a handshake with this `Origin` may go on. One without may: only browsers send it,
    /// and only they are kept from pretending another.
    pub fn allows_origin(&self, origin: Option<&str>) -> bool {
        let (patterns, Some(origin)) = (&self.allowed_origins, origin) else {
            return true;
        };
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(origin))
    }
}

/// Whether a header of the `$connect` integration's answer may go on the `101`. Those that frame
/// it, or that the handshake itself is made of, never do.
pub fn may_go_on_the_101(name: &str) -> bool {
    const NEVER: [&str; 9] = [
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    let name = name.to_ascii_lowercase();
    !NEVER.contains(&name.as_str())
        && !name.starts_with("sec-websocket-")
        && !name.starts_with("proxy-")
}

impl OriginPattern {
    /// Whether an origin, as browsers write it, is of this pattern.
    pub fn matches(&self, origin: &str) -> bool {
        let (scheme, host, below, port) = match &self.origins {
            Origins::All => return true,
            Origins::Null => return origin == "null",
            Origins::Tuple {
                scheme,
                host,
                below,
                port,
            } => (scheme, host, *below, port),
        };
        let Some(Origins::Tuple {
            scheme: of_scheme,
            host: of_host,
            below: false,
            port: Some(of_port),
        }) = Origins::parse(origin)
        else {
            return false;
        };
        let is_host = if below {
            let name = of_host.strip_suffix(host.as_str());
            name.is_some_and(|name| name.len() > 1 && name.ends_with('.'))
        } else {
            of_host == *host
        };
        of_scheme == *scheme && is_host && port.as_ref().is_none_or(|port| of_port == *port)
    }
}

impl Origins {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" | "ws" => "80",
            "https" | "wss" => "443",
            _ => "",
        };
        let is_v6 = authority.starts_with('[');
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !is_v6 || host.ends_with(']') => (host, port),
            _ => (authority, default_port),
        };
        let (host, below) = match host.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (host, false),
        };
        let is_host_char = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_host = if is_v6 {
            host.ends_with(']') && !host.contains(['/', '@'])
        } else {
            !host.is_empty() && host.chars().all(is_host_char)
        };
        let is_port = port == "*" || port.bytes().all(|c| c.is_ascii_digit());
        let is_scheme = !scheme.is_empty()
            && scheme
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
        (is_scheme && is_host && is_port).then(|| Self::Tuple {
            scheme,
            host: host.to_ascii_lowercase(),
            below,
            port: (port != "*").then(|| port.to_owned()),
        })
    }
}

impl FromStr for OriginPattern {
    type Err = InvalidOriginPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origins = match text {
            "*" => Some(Origins::All),
            "null" => Some(Origins::Null),
            text => Origins::parse(text),
        };
        Ok(Self {
            text: text.to_owned(),
            origins: origins.ok_or(InvalidOriginPattern)?,
        })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_browsers_have_them() {
        for (pattern, origin, is_match) in [
            ("https://app.example.com", "https://app.example.com", true),
            ("https://app.example.com", "https://APP.example.com", true),
            (
                "https://app.example.com:443",
                "https://app.example.com",
                true,
            ),
            ("https://app.example.com", "http://app.example.com", false),
            (
                "https://app.example.com",
                "https://app.example.com:8443",
                false,
            ),
            (
                "https://app.example.com",
                "https://app.example.com.evil.com",
                false,
            ),
            (
                "https://app.example.com",
                "https://evil.com/https://app.example.com",
                false,
            ),
            (
                "https://app.example.com",
                "https://user@app.example.com",
                false,
            ),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("https://*.example.com", "https://*.example.com", false),
            ("http://localhost:*", "http://localhost:5173", true),
            ("http://localhost:*", "http://localhost", true),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("null", "null", true),
            ("https://app.example.com", "null", false),
            ("*", "anything", true),
        ] {
            let parsed: OriginPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(origin), is_match, "{pattern} {origin}");
        }
        for text in [
            "",
            "example.com",
            "https://",
            "https://a/b",
            "https://a:b",
            "https://a b",
        ] {
            assert_eq!(
                text.parse::<OriginPattern>(),
                Err(InvalidOriginPattern),
                "{text}"
            );
        }
    }

    #[test]
    fn without_a_list_everybody_may_connect_and_without_an_origin_too() {
        let mut extensions = Extensions::default();
        assert!(extensions.allows_origin(Some("https://evil.com")));
        extensions.allowed_origins = vec!["https://a.com".parse().unwrap()];
        assert!(extensions.allows_origin(None));
        assert!(extensions.allows_origin(Some("https://a.com")));
        assert!(!extensions.allows_origin(Some("https://evil.com")));
    }
}
