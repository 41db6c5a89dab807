//! Reverse proxies whose word about the client is taken: `X-Forwarded-For`, `-Proto`, `-Host` and
//! `-Port` of requests from the configured networks, and of nobody else's.
//!
//! Proxies append to what they were sent. So lists are read from the right, and what stands left of
//! the first address that is no trusted proxy's was written by the client itself.

use std::net::{IpAddr, SocketAddr};

use gatepost_model::network::Network;
use http::{HeaderMap, HeaderValue, Request, Uri, header::HOST};

use crate::{endpoint::Endpoint, server::Peer};

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_PORT: &str = "x-forwarded-port";

/// `[server] trusted_proxies`.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// The proxies of these networks.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who sent a request that came from `peer`, when that is a proxy; the request's `Host` becomes
    /// the one that the client used. `None`: the peer is the client.
    pub fn client<B>(&self, peer: &Peer, request: &mut Request<B>) -> Option<Peer> {
        if !self.has(peer.address.ip()) {
            return None;
        }
        let (address, hop) = self.outermost(peer.address, request.headers());
        let said = |name| value_of_hop(request.headers(), name, hop);
        let proto = said(FORWARDED_PROTO).and_then(is_tls);
        let host = said(FORWARDED_HOST).and_then(|host| host.parse::<HeaderValue>().ok());
        let port = said(FORWARDED_PORT).and_then(|port| port.parse().ok());
        if let Some(host) = host {
            put_host(request, host);
        }
        let port = port.or_else(|| port_of_host(request.headers(), proto?));
        Some(Peer {
            address,
            local_port: port.unwrap_or(peer.local_port),
            is_tls: proto.unwrap_or(peer.is_tls),
            door: peer.door.clone(),
        })
    }

    /// The right-most address that is no trusted proxy's, and as the how manieth from the right it
    /// stands; the left-most known one when all are trusted. An address that cannot be read ends
    /// what is known.
    fn outermost(&self, peer: SocketAddr, headers: &HeaderMap) -> (SocketAddr, usize) {
        let mut known = (peer, 1);
        for (index, text) in values(headers, FORWARDED_FOR).iter().rev().enumerate() {
            let Some(address) = parse_address(text) else {
                break;
            };
            known = (address, index + 1);
            if !self.has(address.ip()) {
                break;
            }
        }
        known
    }
}

/// The values of a list that may stand in several headers, in their order.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    // One that is no text hides what stands left of it.
    let texts = values.map(|value| value.to_str().unwrap_or_default());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .collect()
}

/// What the proxy said that named the client: the `hop`th from the right, or the left-most where
/// proxies replace what they were sent.
fn value_of_hop<'a>(headers: &'a HeaderMap, name: &str, hop: usize) -> Option<&'a str> {
    let values = values(headers, name);
    let index = values.len().saturating_sub(hop);
    values.get(index).copied().filter(|value| !value.is_empty())
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn parse_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address: IpAddr = bare.unwrap_or(text).parse().ok()?;
    Some(SocketAddr::new(address, 0))
}

fn is_tls(proto: &str) -> Option<bool> {
    match proto.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

/// A request with two hosts is left as it is, to be refused.
fn put_host<B>(request: &mut Request<B>, host: HeaderValue) {
    if request.headers().get_all(HOST).iter().count() > 1 {
        return;
    }
    request.headers_mut().insert(HOST, host);
    if request.uri().authority().is_some()
        && let Some(path) = request.uri().path_and_query().cloned()
    {
        *request.uri_mut() = Uri::from(path);
    }
}

fn port_of_host(headers: &HeaderMap, is_tls: bool) -> Option<u16> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let endpoint: Endpoint = host.parse().ok()?;
    let port = endpoint.authority.strip_prefix(endpoint.host())?;
    match port.strip_prefix(':') {
        Some(port) => port.parse().ok(),
        None => Some(if is_tls { 443 } else { 80 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Door;

    /// Source, port, whether TLS, and host of a request from 10.0.0.1 with these headers, when
    /// `10.0.0.0/8` and `2001:db8::/32` are trusted.
    fn client(headers: &[(&str, &str)]) -> (String, u16, bool, String) {
        let proxies = ["10.0.0.0/8", "2001:db8::/32"].map(|it| it.parse().unwrap());
        let proxies = TrustedProxies::new(proxies.into());
        let peer = Peer {
            address: "10.0.0.1:5".parse().unwrap(),
            local_port: 4100,
            is_tls: false,
            door: Door::Public,
        };
        let mut request = Request::builder().uri("/prod").header(HOST, "inner:4100");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let client = proxies.client(&peer, &mut request).unwrap();
        let host = request.headers()[HOST].to_str().unwrap().to_owned();
        (client.source_ip(), client.local_port, client.is_tls, host)
    }

    fn source(forwarded_for: &[&str]) -> String {
        let headers: Vec<_> = forwarded_for
            .iter()
            .map(|it| (FORWARDED_FOR, *it))
            .collect();
        client(&headers).0
    }

    #[test]
    fn the_source_is_the_right_most_address_that_is_no_proxys() {
        assert_eq!(source(&[]), "10.0.0.1");
        assert_eq!(source(&["203.0.113.7"]), "203.0.113.7");
        assert_eq!(source(&["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(
            source(&["198.51.100.1, 203.0.113.7,10.9.9.9"]),
            "203.0.113.7"
        );
        assert_eq!(
            source(&["198.51.100.1", "203.0.113.7", "10.9.9.9"]),
            "203.0.113.7"
        );
        assert_eq!(source(&["10.2.0.1, 10.3.0.1"]), "10.2.0.1");
        assert_eq!(source(&["203.0.113.7, 2001:db8::5"]), "203.0.113.7");
    }

    #[test]
    fn addresses_may_have_brackets_and_ports() {
        for text in ["2001:db9::7", "[2001:db9::7]", "[2001:db9::7]:4711"] {
            assert_eq!(source(&[text]), "2001:db9::7");
        }
        assert_eq!(source(&["203.0.113.7:4711"]), "203.0.113.7");
        assert_eq!(source(&["::ffff:203.0.113.7"]), "203.0.113.7");
    }

    #[test]
    fn what_is_no_address_hides_what_stands_left_of_it() {
        for text in ["unknown", "", "_hidden", "203.0.113.7 x", "\u{e9}"] {
            assert_eq!(source(&["203.0.113.8", text]), "10.0.0.1", "{text}");
            assert_eq!(
                source(&["203.0.113.8", text, "10.5.5.5"]),
                "10.5.5.5",
                "{text}"
            );
        }
    }

    #[test]
    fn the_other_words_are_those_of_the_proxy_that_named_the_client() {
        let of_one = [
            (FORWARDED_FOR, "203.0.113.7"),
            (FORWARDED_PROTO, "https"),
            (FORWARDED_HOST, "ws.example.com"),
        ];
        let told = |port| {
            (
                "203.0.113.7".to_owned(),
                port,
                true,
                "ws.example.com".to_owned(),
            )
        };
        assert_eq!(client(&of_one), told(443));
        assert_eq!(
            client(&[&of_one[..], &[(FORWARDED_PORT, "8443")]].concat()),
            told(8443)
        );
        // What the client itself wrote stands left.
        let appended = [
            (FORWARDED_FOR, "198.51.100.1, 203.0.113.7, 10.0.0.2"),
            (FORWARDED_PROTO, "http, https, http"),
            (FORWARDED_HOST, "forged, ws.example.com, inner"),
        ];
        assert_eq!(client(&appended), told(443));
        // The inner proxy passes on what the outer one said.
        let replaced = [
            (FORWARDED_FOR, "203.0.113.7, 10.0.0.2"),
            (FORWARDED_PROTO, "HTTPS"),
            (FORWARDED_HOST, "ws.example.com"),
        ];
        assert_eq!(client(&replaced), told(443));
    }

    #[test]
    fn what_a_proxy_does_not_say_is_as_it_is_here() {
        let (source, port, is_tls, host) = client(&[(FORWARDED_PROTO, "gopher")]);
        assert_eq!(
            (&*source, port, is_tls, &*host),
            ("10.0.0.1", 4100, false, "inner:4100")
        );
    }

    #[test]
    fn nobody_else_is_believed() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let peer = Peer {
            address: "192.0.2.1:5".parse().unwrap(),
            local_port: 4100,
            is_tls: false,
            door: Door::Public,
        };
        let mut request = Request::builder().header(HOST, "here");
        for name in [FORWARDED_FOR, FORWARDED_HOST] {
            request = request.header(name, "203.0.113.7");
        }
        let mut request = request.body(()).unwrap();
        assert!(proxies.client(&peer, &mut request).is_none());
        assert_eq!(request.headers()[HOST], "here");
    }
}
