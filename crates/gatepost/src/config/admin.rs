//! `[admin]`: where `serve` answers Gatepost's own paths, and to whom.

use std::net::{Ipv4Addr, SocketAddr};

use super::{
    auth::{SecretSource, secret_source},
    reader::Reader,
};

/// `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminConfig {
    /// `listen`.
    pub listen: SocketAddr,
    /// `token`, `token_file` or `token_env`; one is made when none is set.
    pub token: Option<SecretSource>,
}

pub(super) fn read(reader: &mut Reader) -> AdminConfig {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 4109));
    let listen = reader.take(
        "admin.listen",
        default,
        "\"127.0.0.1:4109\"",
        "an address and a port such as \"127.0.0.1:4109\"",
        |value, _| value.as_str()?.parse().ok(),
    );
    let token = secret_source(reader, "admin.token").unwrap_or_else(|()| {
        reader.needs(
            "admin",
            "no more than one of token, token_file and token_env",
        );
        None
    });
    AdminConfig { listen, token }
}
