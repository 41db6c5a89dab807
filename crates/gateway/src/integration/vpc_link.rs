//! VPC links: where an integration with `ConnectionType: VPC_LINK` connects to. The integration's
//! URL gives the host header, the path and the name that a certificate is verified for, as on AWS.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use gatepost_model::vpc_link as kept;
use hyper::Uri;

/// Scheme, host and port that stand for a VPC link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VpcLink(Uri);

/// Text that is no address of a VPC link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not scheme, host and port: write http://127.0.0.1:8080")]
pub struct InvalidVpcLink(String);

/// A VPC link that the configuration says nothing of, by its id or name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the VPC link `{0}` leads nowhere: write where, e.g. {key} = \"http://127.0.0.1:8080\" below \
     [integrations.vpc_links]",
    key = toml_key(.0)
)]
pub struct UnknownVpcLink(pub String);

fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match name {
        "" => "ID".to_owned(),
        name if name.chars().all(is_bare) => name.to_owned(),
        name => format!("{name:?}"),
    }
}

/// Where VPC links lead: the configuration says it by id, or by the name of one that a call made.
#[derive(Debug, Default)]
pub struct VpcLinks {
    configured: BTreeMap<String, VpcLink>,
    made: ArcSwap<Vec<kept::VpcLink>>,
}

impl VpcLinks {
    /// Those of the configuration.
    pub fn new(configured: BTreeMap<String, VpcLink>) -> Self {
        Self {
            configured,
            made: ArcSwap::default(),
        }
    }

    /// The ids and names of the configuration.
    pub fn configured(&self) -> impl Iterator<Item = &String> {
        self.configured.keys()
    }

    /// Those that calls made.
    pub fn made(&self) -> Arc<Vec<kept::VpcLink>> {
        self.made.load_full()
    }

    /// Where one that a call made leads.
    ///
    /// # Errors
    /// [`UnknownVpcLink`] when the configuration does not say it.
    pub fn address(&self, made: &kept::VpcLink) -> Result<&VpcLink, UnknownVpcLink> {
        let configured = self.configured.get(&made.vpc_link_id);
        configured
            .or_else(|| self.configured.get(&made.name))
            .ok_or_else(|| UnknownVpcLink(made.name.clone()))
    }

    /// Whether a call made one of this id.
    pub(crate) fn is_made(&self, id: &str) -> bool {
        self.made.load().iter().any(|made| made.vpc_link_id == id)
    }

    /// Where the link of this id leads.
    ///
    /// # Errors
    /// [`UnknownVpcLink`].
    pub(crate) fn get(&self, id: &str) -> Result<VpcLink, UnknownVpcLink> {
        if let Some(configured) = self.configured.get(id) {
            return Ok(configured.clone());
        }
        let made = self.made.load();
        let mut links = made.iter();
        match links.find(|made| made.vpc_link_id == id) {
            Some(made) => self.address(made).cloned(),
            None => Err(UnknownVpcLink(id.to_owned())),
        }
    }

    /// Has these in place of the ones that calls made before.
    pub(crate) fn replace_made(&self, made: &[kept::VpcLink]) {
        self.made.store(Arc::new(made.to_vec()));
    }
}

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
    fn a_link_that_a_call_made_leads_where_its_id_or_else_its_name_is_configured() {
        let link = |text: &str| text.parse::<VpcLink>().unwrap();
        let links = VpcLinks::new(BTreeMap::from([
            ("abc123".to_owned(), link("http://by-id")),
            ("my link".to_owned(), link("http://by-name")),
        ]));
        let made = |id: &str, name: &str| kept::VpcLink {
            vpc_link_id: id.to_owned(),
            name: name.to_owned(),
            target: kept::VpcLinkTarget::Subnets {
                subnet_ids: Vec::new(),
                security_group_ids: Vec::new(),
            },
            tags: BTreeMap::new(),
            created_at_ms: 0,
        };
        links.replace_made(&[made("one111", "my link"), made("two222", "far away")]);
        assert_eq!(links.get("abc123"), Ok(link("http://by-id")));
        assert_eq!(links.get("one111"), Ok(link("http://by-name")));
        assert_eq!(links.get("zzz999"), Err(UnknownVpcLink("zzz999".into())));
        assert_eq!(
            links.get("two222").unwrap_err().to_string(),
            "the VPC link `far away` leads nowhere: write where, e.g. \"far away\" = \
             \"http://127.0.0.1:8080\" below [integrations.vpc_links]"
        );
    }

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
