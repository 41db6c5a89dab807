//! Why a backend could not be called, in words that say the mend.

use std::{error::Error, io};

use gatepost_model::fault::{Fault, FaultKind};
use rustls::{AlertDescription, CertificateError};

use super::connector::{Denied, Unresolved};

/// Why a backend could not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// `[egress]` forbids the address.
    #[error("{0}: name the address in [egress] allow if integrations may call it")]
    Denied(String),
    /// DNS knows no address.
    #[error("{host} has no address ({cause}): correct the host of the integration's URL")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver says.
        cause: String,
    },
    /// Nothing listens there, or nothing leads there.
    #[error("{backend} cannot be reached ({cause}): start the backend, or correct host and port")]
    Unreachable {
        /// Scheme, host and port.
        backend: String,
        /// What the system says.
        cause: String,
    },
    /// No connection within the time for one.
    #[error("{0} takes no connection in time: is a firewall between, or the host down?")]
    ConnectTimeout(String),
    /// The TLS handshake failed.
    #[error("{backend}: {what}")]
    Tls {
        /// Scheme, host and port.
        backend: String,
        /// What failed, and the mend.
        what: String,
    },
    /// The connection broke before the answer was whole, or the answer is no HTTP.
    #[error("{backend} broke off ({cause}): look into the backend's own log")]
    Broken {
        /// Scheme, host and port.
        backend: String,
        /// What happened.
        cause: String,
    },
    /// The answer is too big.
    #[error(
        "the answer is larger than {0} bytes: answer less, or raise [limits] \
         max_integration_response_bytes"
    )]
    TooBig(usize),
}

impl HttpError {
    /// What an error on the way to `backend` (scheme, host and port) means.
    pub(super) fn of(backend: &str, error: &(dyn Error + 'static)) -> Self {
        let backend = backend.to_owned();
        let chain: Vec<_> = causes(error).collect();
        let find = |wanted: fn(&&(dyn Error + 'static)) -> bool| chain.iter().copied().find(wanted);
        if let Some(denied) = find(|error| error.is::<Denied>()) {
            return Self::Denied(denied.to_string());
        }
        if let Some(unresolved) = find(|error| error.is::<Unresolved>()) {
            return Self::Unresolved {
                host: host_of(&backend).to_owned(),
                cause: unresolved.to_string(),
            };
        }
        let tls = chain
            .iter()
            .find_map(|error| error.downcast_ref::<rustls::Error>());
        if let Some(error) = tls {
            let what = explain_tls(error);
            return Self::Tls { backend, what };
        }
        let cause = chain.last().map_or_else(String::new, ToString::to_string);
        let is_connect = error
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect);
        if !is_connect {
            return Self::Broken { backend, cause };
        }
        let is_timeout = chain
            .iter()
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::TimedOut);
        if is_timeout {
            return Self::ConnectTimeout(backend);
        }
        Self::Unreachable { backend, cause }
    }
}

impl HttpError {
    /// Whether the backend surely got nothing, and may be there another time.
    pub(super) fn is_never_sent(&self) -> bool {
        match self {
            Self::Unresolved { .. }
            | Self::Unreachable { .. }
            | Self::ConnectTimeout(_)
            | Self::Tls { .. } => true,
            Self::Denied(_) | Self::Broken { .. } | Self::TooBig(_) => false,
        }
    }
}

/// AWS's line of the execution log, with what it leaves out behind it.
impl From<HttpError> for Fault {
    fn from(error: HttpError) -> Self {
        let (kind, line) = match &error {
            HttpError::ConnectTimeout(_) => (
                FaultKind::IntegrationTimeout,
                "Execution failed due to a timeout error",
            ),
            HttpError::Unreachable { .. } | HttpError::Broken { .. } => (
                FaultKind::IntegrationFailure,
                "Execution failed due to a network error communicating with endpoint",
            ),
            HttpError::Denied(_)
            | HttpError::Unresolved { .. }
            | HttpError::Tls { .. }
            | HttpError::TooBig(_) => (
                FaultKind::IntegrationFailure,
                "Execution failed due to configuration error",
            ),
        };
        let fault = Self::new(kind, format!("{line}: {error}"));
        if error.is_never_sent() {
            fault.never_sent()
        } else {
            fault
        }
    }
}

/// The error and all behind it. What an `io::Error` wraps is not its source but itself.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn host_of(backend: &str) -> &str {
    let authority = backend
        .split_once("://")
        .map_or(backend, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn explain_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => explain_certificate(error),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a client certificate: give the stage a ClientCertificateId".to_owned()
        }
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate),
        ) => format!(
            "it refuses the client certificate of the stage ({alert:?}): let it trust the \
             certificate, or configure another in [integrations.client_certificates]"
        ),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS there: write http:// or correct the port".to_owned()
        }
        error => format!("no TLS connection: {error}"),
    }
}

/// The names of a certificate, which rustls gives as `DnsName("example.com")`.
fn names(presented: &[String]) -> String {
    let name = |text: &String| match text.split_once('(') {
        Some((_, rest)) => rest.trim_end_matches(')').trim_matches('"').to_owned(),
        None => text.clone(),
    };
    presented.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn explain_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "its certificate is not for {} but for {}: call it by that name, or set \
             TlsConfig.ServerNameToVerify",
            expected.to_str(),
            names(presented)
        ),
        CertificateError::NotValidForName => "its certificate is for another name: set \
             TlsConfig.ServerNameToVerify"
            .to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired: renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: compare the clocks of both machines".to_owned()
        }
        CertificateError::UnknownIssuer => "its certificate comes from a CA that is not trusted: \
             name the CA's file in [integrations] ca_certificates"
            .to_owned(),
        error => format!("its certificate cannot be trusted: {error}"),
    }
}
