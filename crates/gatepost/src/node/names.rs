//! Under which names a node is reached.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use gatepost_model::ApiId;

/// The path of a stage: plain when there is one API only.
pub fn stage_path(api_id: &ApiId, stage: &str, several: bool) -> String {
    if several {
        format!("/_aws/execute-api/{api_id}/{stage}")
    } else {
        format!("/{stage}")
    }
}

/// Host and port where this machine's programs reach us: `localhost` wherever that does.
pub fn local_authority(listen: &[SocketAddr], port: u16) -> String {
    let is_localhost = |address: &SocketAddr| {
        let ip = address.ip();
        ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
    };
    match listen.first() {
        Some(address) if !listen.iter().any(is_localhost) => {
            SocketAddr::new(address.ip(), port).to_string()
        }
        _ => format!("localhost:{port}"),
    }
}
