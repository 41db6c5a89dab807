//! The pages of `docs/errors`: one for each reason of a 410 or 400, and for each error that Gatepost
//! can answer. They are part of the binary, for who has no documentation at hand.

/// A page by the slug that is its name.
pub fn page(slug: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(name, _)| *name == slug)
        .map(|(_, page)| *page)
}

/// What a page says is to do, and the name of the page as it stands there.
pub fn mend(slug: &str) -> Option<(&'static str, &'static str)> {
    let (name, page) = PAGES.iter().find(|(name, _)| *name == slug)?;
    let (_, mend) = page.split_once("**What to do.** ")?;
    Some((name, mend.lines().next().unwrap_or_default()))
}

/// The names of all pages, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(name, _)| *name)
}

macro_rules! pages {
    ($($slug:literal,)*) => {
        [$((
            $slug,
            include_str!(concat!("../../../docs/errors/", $slug, ".md")),
        ),)*]
    };
}

const PAGES: [(&str, &str); 41] = pages![
    "access-denied",
    "api-configuration",
    "authorizer-configuration",
    "authorizer-failure",
    "bad-request-body",
    "bad-request-parameters",
    "binary-refused",
    "client-vanished",
    "closed-by-client",
    "cut",
    "deleted",
    "double-encoded",
    "draining",
    "explicit-deny",
    "forbidden",
    "forgotten",
    "idle-timeout",
    "implicit-deny",
    "integration-failure",
    "integration-timeout",
    "internal-error",
    "invalid-api-key",
    "invalid-signature",
    "limit-exceeded",
    "malformed",
    "max-duration",
    "message-too-big",
    "missing-authentication-token",
    "node-lost",
    "not-established",
    "not-issued-here",
    "other-api",
    "payload-too-large",
    "protocol-error",
    "quota-exceeded",
    "replaced",
    "slow-consumer",
    "stage-deleted",
    "throttled",
    "unauthorized",
    "unsupported-media-type",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gatepost_model::{
        connection::{CloseCause, GoneReason, InvalidConnectionId},
        connection_id::ConnectionId,
        fault::FaultKind,
    };

    use super::*;

    /// Every reason that a connection is gone, by its cause.
    fn causes() -> Vec<CloseCause> {
        let first = CloseCause::ClientClosed {
            code: None,
            reason: String::new(),
        };
        // A cause that is added here stands behind the last one.
        let next = |cause: &CloseCause| match cause {
            CloseCause::ClientClosed { .. } => Some(CloseCause::ClientVanished),
            CloseCause::ClientVanished => Some(CloseCause::IdleTimeout),
            CloseCause::IdleTimeout => Some(CloseCause::MaxDuration),
            CloseCause::MaxDuration => Some(CloseCause::Deleted),
            CloseCause::Deleted => Some(CloseCause::Draining),
            CloseCause::Draining => Some(CloseCause::SlowConsumer),
            CloseCause::SlowConsumer => Some(CloseCause::ProtocolError { code: 1002 }),
            CloseCause::ProtocolError { .. } => Some(CloseCause::MessageTooBig),
            CloseCause::MessageTooBig => Some(CloseCause::BinaryRefused),
            CloseCause::BinaryRefused => Some(CloseCause::StageDeleted),
            CloseCause::StageDeleted => Some(CloseCause::NodeLost),
            CloseCause::NodeLost => Some(CloseCause::InternalError),
            CloseCause::InternalError => None,
        };
        std::iter::successors(Some(first), next).collect()
    }

    fn reasons() -> Vec<GoneReason> {
        let first = GoneReason::NotEstablished { since_ms: 0 };
        let next = |reason: &GoneReason| match reason {
            GoneReason::NotEstablished { .. } => Some(GoneReason::Refused { at_ms: 0 }),
            GoneReason::Refused { .. } => Some(GoneReason::Closed {
                cause: CloseCause::Deleted,
                at_ms: 0,
            }),
            GoneReason::Closed { .. } => Some(GoneReason::Replaced {
                by: ConnectionId::from_bytes([0; 13]),
                cause: CloseCause::Deleted,
                at_ms: 0,
            }),
            GoneReason::Replaced { .. } => Some(GoneReason::OtherApi { api_id: "a".into() }),
            GoneReason::OtherApi { .. } => Some(GoneReason::Forgotten),
            GoneReason::Forgotten => None,
        };
        std::iter::successors(Some(first), next).collect()
    }

    fn invalid() -> Vec<InvalidConnectionId> {
        let next = |reason: &InvalidConnectionId| match reason {
            InvalidConnectionId::Malformed => Some(InvalidConnectionId::DoubleEncoded),
            InvalidConnectionId::DoubleEncoded => Some(InvalidConnectionId::Cut),
            InvalidConnectionId::Cut => Some(InvalidConnectionId::NotIssuedHere),
            InvalidConnectionId::NotIssuedHere => None,
        };
        std::iter::successors(Some(InvalidConnectionId::Malformed), next).collect()
    }

    #[test]
    fn each_reason_and_each_error_has_a_page_and_each_page_is_of_one() {
        let of_calls = ["payload-too-large", "limit-exceeded"];
        let wanted: BTreeSet<&str> = causes()
            .iter()
            .map(CloseCause::slug)
            .chain(reasons().iter().map(GoneReason::slug))
            .chain(invalid().into_iter().map(InvalidConnectionId::slug))
            .chain(FaultKind::ALL.map(FaultKind::slug))
            .chain(of_calls)
            .collect();
        let pages: BTreeSet<&str> = names().collect();
        assert_eq!(pages, wanted);
    }

    #[test]
    fn each_page_says_what_happened_how_to_tell_and_what_to_do() {
        for (slug, page) in PAGES {
            assert!(page.starts_with(&format!("# `{slug}`: ")), "{slug}");
            for part in ["**What happened.**", "**How to tell.**", "**What to do.**"] {
                assert_eq!(page.matches(part).count(), 1, "{slug}: {part}");
            }
        }
    }
}
