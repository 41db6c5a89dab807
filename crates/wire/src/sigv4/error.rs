//! Why a signature is refused, in AWS's words.

use std::fmt;

use super::amz_date::AmzDate;

/// Why a signature is refused. Its text is what the client is told: nothing secret is in it, and
/// of what the client sent no more than AWS repeats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// The request is not signed.
    #[error("Missing Authentication Token")]
    MissingAuthenticationToken,
    /// The request is signed in its headers and in its query.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
         query string parameter or the Authorization header should be specified"
    )]
    TwoCarriers,
    /// The `Authorization` header is of another kind, such as `Bearer`.
    #[error(
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 \
         and encoded with Base64): '{hash}'."
    )]
    NotKeyValue {
        /// The header's SHA-256 in Base64.
        hash: String,
    },
    /// Parts of the `Authorization` header, or the date, are missing.
    #[error("{}", missing_in_header(missing, *date, hash))]
    MissingInHeader {
        /// The parameters that are missing.
        missing: Vec<&'static str>,
        /// Whether there is no date.
        date: bool,
        /// The header's SHA-256 in Base64.
        hash: String,
    },
    /// A query parameter of the signature is missing.
    #[error(
        "AWS query-string parameters must include '{0}'. Re-examine the query-string parameters."
    )]
    MissingInQuery(&'static str),
    /// A part of the signature is there twice.
    #[error("'{0}' must not be there more than once.")]
    Repeated(&'static str),
    /// Another algorithm.
    #[error("Unsupported AWS 'algorithm': '{0}' (only AWS4-HMAC-SHA256 for now). ")]
    Algorithm(String),
    /// The date is none.
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{0}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    Date(String),
    /// The credential is none.
    #[error(
        "Credential must have exactly 5 slash-delimited elements, e.g. \
         keyid/date/region/service/term, got '{0}'"
    )]
    Credential(String),
    /// `X-Amz-Expires` is no number.
    #[error("X-Amz-Expires should be a number")]
    ExpiresNotANumber,
    /// `X-Amz-Expires` is more than a week.
    #[error(
        "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
         must be less than 604800 seconds"
    )]
    ExpiresTooLong,
    /// The signature is too old.
    #[error("Signature expired: {signed} is now earlier than {earliest} ({now} - {minutes} min.)")]
    Expired {
        /// When it was signed.
        signed: String,
        /// The earliest that would do.
        earliest: String,
        /// The time here.
        now: String,
        /// How long a signature is good for, minutes.
        minutes: u64,
    },
    /// The signature is of the future.
    #[error(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {minutes} min.)"
    )]
    NotYetCurrent {
        /// When it was signed.
        signed: String,
        /// The latest that would do.
        latest: String,
        /// The time here.
        now: String,
        /// How far clocks may be apart, minutes.
        minutes: u64,
    },
    /// The credential is for something else.
    #[error("{0}")]
    Scope(ScopeMismatch),
    /// A header that must be signed is not.
    #[error("'{}' must be a 'SignedHeader' in the AWS Authorization.", signed_header(.0))]
    NotSigned(String),
    /// The access key is unknown, or its session token is another.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
    /// The signature is another.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details."
    )]
    SignatureDoesNotMatch,
}

/// What of a credential scope is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeMismatch {
    /// The region.
    pub(super) region: bool,
    /// The service; what it should be.
    pub(super) service: Option<String>,
    /// The terminator; what stands there.
    pub(super) terminator: Option<String>,
    /// The date; what stands there, and when the request was signed.
    pub(super) date: Option<(String, AmzDate)>,
}

impl ScopeMismatch {
    pub(super) fn is_any(&self) -> bool {
        self.region || self.service.is_some() || self.terminator.is_some() || self.date.is_some()
    }
}

impl fmt::Display for ScopeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts = Vec::new();
        if self.region {
            texts.push("Credential should be scoped to a valid region.".to_owned());
        }
        if let Some(service) = &self.service {
            texts.push(format!(
                "Credential should be scoped to correct service: '{service}'."
            ));
        }
        if let Some(terminator) = &self.terminator {
            texts.push(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not \
                 '{terminator}'."
            ));
        }
        if let Some((scoped, signed)) = &self.date {
            texts.push(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{scoped}' != '{}', from '{}'.",
                signed.day(),
                signed.basic_format()
            ));
        }
        f.write_str(&texts.join(" "))
    }
}

impl SigV4Error {
    pub(super) fn expired(signed: &AmzDate, now: u64, valid: u64) -> Self {
        let time = |seconds| AmzDate::of(seconds).basic_format().to_owned();
        Self::Expired {
            signed: signed.basic_format().to_owned(),
            earliest: time(now.saturating_sub(valid)),
            now: time(now),
            minutes: valid / 60,
        }
    }

    pub(super) fn not_yet_current(signed: &AmzDate, now: u64, skew: u64) -> Self {
        let time = |seconds| AmzDate::of(seconds).basic_format().to_owned();
        Self::NotYetCurrent {
            signed: signed.basic_format().to_owned(),
            latest: time(now + skew),
            now: time(now),
            minutes: skew / 60,
        }
    }

    /// `x-amzn-ErrorType` (data-plane spec 8.4).
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::TwoCarriers
            | Self::NotKeyValue { .. }
            | Self::MissingInHeader { .. }
            | Self::MissingInQuery(_)
            | Self::Repeated(_)
            | Self::Algorithm(_)
            | Self::Date(_)
            | Self::Credential(_)
            | Self::ExpiresNotANumber
            | Self::ExpiresTooLong => "IncompleteSignatureException",
            Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::Scope(_)
            | Self::NotSigned(_)
            | Self::SignatureDoesNotMatch => "InvalidSignatureException",
        }
    }
}

fn missing_in_header(missing: &[&str], date: bool, hash: &str) -> String {
    let missing: Vec<String> = missing
        .iter()
        .map(|parameter| format!("Authorization header requires '{parameter}' parameter. "))
        .collect();
    let missing = missing.concat();
    let date = if date {
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
    } else {
        ""
    };
    format!("{missing}{date}(Hashed with SHA-256 and encoded with Base64) Authorization={hash}")
}

fn signed_header(name: &str) -> &str {
    if name == "Host" {
        "Host' or ':authority"
    } else {
        name
    }
}
