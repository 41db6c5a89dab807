//! VPC links: where an integration with `ConnectionType: VPC_LINK` connects to. The integration's
//! URL gives the host header, the path and the name that a certificate is verified for, as on AWS.

use std::fmt;

use hyper::Uri;

/// Scheme, host and port that stand for a VPC link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VpcLink(Uri);

/// Text that is no address of a VPC link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not scheme, host and port: write http://127.0.0.1:8080")]
pub struct InvalidVpcLink(String);

/// An id that no VPC link is configured for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the VPC link `{0}` leads nowhere: write where, e.g. {key} = \"http://127.0.0.1:8080\" below \
     [integrations.vpc_links]",
    key = if .0.is_empty() { "ID" } else { .0 }
)]
pub struct UnknownVpcLink(pub String);

impl std::str::FromStr for VpcLink {
    type Err = InvalidVpcLink;

    fn from_str(text: &str) -> Result<Self, InvalidVpcLink> {
        let invalid = || InvalidVpcLink(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_user = uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'));
        if !is_http || has_user || uri.path() != "/" || uri.query().is_some() {
            return Err(invalid());
        }
        Ok(Self(uri))
    }
}

impl VpcLink {
    pub(super) fn uri(&self) -> Uri {
        self.0.clone()
    }
}

impl fmt::Display for VpcLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vpc_link_is_scheme_host_and_port_only() {
        for text in ["http://127.0.0.1:8080", "https://[::1]/", "http://backend"] {
            let link: VpcLink = text.parse().unwrap();
            assert_eq!(link.to_string(), text.trim_end_matches('/'));
        }
        for text in [
            "",
            "127.0.0.1:8080",
            "http://h/path",
            "http://h/?q",
            "ftp://h",
            "http://user@h",
        ] {
            assert!(text.parse::<VpcLink>().is_err(), "{text}");
        }
    }
}
