//! Where integrations may call. Link-local addresses and instance metadata are denied, unless
//! allowed; names are resolved once and the checked address is the one that is connected to.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::dns::Name;

/// `[egress]`: address prefixes that integrations may and may not call.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    /// Allowed although denied by default or by `deny`.
    pub allow: Vec<Prefix>,
    /// Denied besides the defaults.
    pub deny: Vec<Prefix>,
}

/// An address prefix in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    address: Ipv6Addr,
    length: u8,
}

/// Text that is no address prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address prefix: write 10.0.0.0/8, ::1 or 192.0.2.7")]
pub struct InvalidPrefix(String);

impl std::str::FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let invalid = || InvalidPrefix(text.to_owned());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => {
                (address, Some(length.parse::<u8>().map_err(|_| invalid())?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let (bits, offset) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        let length = length.unwrap_or(bits);
        if length > bits {
            return Err(invalid());
        }
        Ok(Self {
            address: as_ipv6(address),
            length: length + offset,
        })
    }
}

impl Prefix {
    fn contains(&self, address: Ipv6Addr) -> bool {
        let shift = 128 - u32::from(self.length);
        let top = |address: Ipv6Addr| u128::from(address).checked_shr(shift).unwrap_or(0);
        top(self.address) == top(address)
    }
}

/// IPv4 as its IPv4-in-IPv6 form, so that one spelling of an address is checked.
fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

impl Egress {
    /// Whether an integration may call this address.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = as_ipv6(address);
        if self.allow.iter().any(|prefix| prefix.contains(address)) {
            return true;
        }
        let is_link_local = match address.to_ipv4_mapped() {
            Some(v4) => v4.is_link_local() || v4 == Ipv4Addr::new(100, 100, 100, 200),
            None => {
                address.is_unicast_link_local()
                    // AWS's instance metadata on IPv6.
                    || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
            }
        };
        !is_link_local && !self.deny.iter().any(|prefix| prefix.contains(address))
    }
}

/// A resolver that gives only permitted addresses.
#[derive(Debug, Clone)]
pub struct EgressResolver(pub Arc<Egress>);

type Resolving = Pin<Box<dyn Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + Send>>;

impl tower_service::Service<Name> for EgressResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        let egress = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let resolved =
                tokio::task::spawn_blocking(move || (host.as_str(), 0).to_socket_addrs())
                    .await
                    .map_err(io::Error::other)??;
            let permitted: Vec<_> = resolved
                .filter(|address| egress.permits(address.ip()))
                .collect();
            if permitted.is_empty() {
                let text = format!("{name} may not be called: [egress] denies its addresses");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
            }
            Ok(permitted.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_link_local_addresses_are_denied_in_every_spelling_unless_allowed() {
        let egress = Egress::default();
        for denied in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
        ] {
            assert!(!egress.permits(denied.parse().unwrap()), "{denied}");
        }
        for permitted in ["127.0.0.1", "10.0.0.1", "::1", "93.184.216.34"] {
            assert!(egress.permits(permitted.parse().unwrap()), "{permitted}");
        }
        let egress = Egress {
            allow: vec!["169.254.169.254".parse().unwrap()],
            deny: vec!["10.0.0.0/8".parse().unwrap()],
        };
        assert!(egress.permits("169.254.169.254".parse().unwrap()));
        assert!(!egress.permits("10.1.2.3".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
    }
}
