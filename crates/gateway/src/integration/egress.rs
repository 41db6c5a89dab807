//! Where integrations may call: link-local addresses and instance metadata are denied, unless
//! allowed. `connector` asks for each address that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

impl Egress {
    /// No address is denied: for what no client's data leads to.
    pub fn everywhere() -> Self {
        let all = Prefix {
            address: Ipv6Addr::UNSPECIFIED,
            length: 0,
        };
        Self {
            allow: vec![all],
            deny: Vec::new(),
        }
    }

    /// Whether an integration may call this address.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = as_ipv6(address);
        if self.allow.iter().any(|prefix| prefix.contains(address)) {
            return true;
        }
        !is_metadata(address) && !self.deny.iter().any(|prefix| prefix.contains(address))
    }
}

/// Whether an address is link-local or that of a cloud's instance metadata.
fn is_metadata(address: Ipv6Addr) -> bool {
    match address.to_ipv4_mapped() {
        Some(v4) => {
            v4.is_link_local()
                || v4 == Ipv4Addr::new(100, 100, 100, 200)
                || v4 == Ipv4Addr::new(192, 0, 0, 192)
        }
        None => {
            address.is_unicast_link_local()
                // AWS's instance metadata on IPv6.
                || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// An address without what the network would strip from it: IPv4 as its IPv4-in-IPv6 form, also
/// out of NAT64 (`64:ff9b::/96`), 6to4 (`2002::/16`) and the deprecated `::a.b.c.d`, so that one
/// spelling of an address is checked.
fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    let address = match address {
        IpAddr::V4(address) => return address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d).to_ipv6_mapped()
    };
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => v4(high, low),
        // Not the unspecified address and the loopback one.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        _ => address,
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
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
            "192.0.0.192",
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
        assert!(!egress.permits("64:ff9b::10.1.2.3".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
    }
}
