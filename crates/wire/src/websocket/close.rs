//! Close frames: their codes and reasons (RFC 6455 §5.5.1, §7.4).

use std::borrow::Cow;

use gatepost_model::connection::CloseCause;

use super::Violation;

/// Code and reason of a close frame that has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The close code.
    pub code: u16,
    /// The reason, at most 123 bytes.
    pub reason: Cow<'a, str>,
}

impl<'a> CloseFrame<'a> {
    /// Reads the payload of a close frame; `None` when it is empty.
    pub(super) fn parse(payload: Cow<'a, [u8]>) -> Result<Option<Self>, Violation> {
        let code = match *payload {
            [] => return Ok(None),
            [_] => return Err(Violation::TruncatedCloseCode),
            [high, low, ..] => u16::from_be_bytes([high, low]),
        };
        if !is_valid_close_code(code) {
            return Err(Violation::CloseCode(code));
        }
        let reason = match payload {
            Cow::Borrowed(payload) => str::from_utf8(&payload[2..]).map(Cow::Borrowed),
            Cow::Owned(payload) => str::from_utf8(&payload[2..]).map(|s| s.to_owned().into()),
        };
        let reason = reason.map_err(|_| Violation::InvalidUtf8)?;
        Ok(Some(Self { code, reason }))
    }

    /// The cause to record for a connection whose client sent this close frame, or one without
    /// code.
    pub fn close_cause(frame: Option<Self>) -> CloseCause {
        match frame {
            Some(Self { code, reason }) => CloseCause::ClientClosed {
                code: Some(code),
                reason: reason.into_owned(),
            },
            None => CloseCause::ClientClosed {
                code: None,
                reason: String::new(),
            },
        }
    }
}

/// Whether a close frame may carry this code: those that RFC 6455 §7.4.1 and the IANA registry
/// define for frames, and the ranges of libraries and applications. 1004, 1005, 1006 and 1015 must
/// never be sent.
pub fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_are_valid_as_rfc_6455_and_the_iana_registry_say() {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
            4000, 4999,
        ] {
            assert!(is_valid_close_code(code), "{code}");
        }
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ] {
            assert!(!is_valid_close_code(code), "{code}");
        }
    }

    #[test]
    fn a_close_payload_is_a_code_and_a_utf8_reason() {
        let parse = |payload: &'static [u8]| {
            let owned = CloseFrame::parse(Cow::Owned(payload.to_vec()));
            let borrowed = CloseFrame::parse(Cow::Borrowed(payload));
            assert_eq!(owned, borrowed);
            borrowed
        };
        let frame = |code, reason| {
            Ok(Some(CloseFrame {
                code,
                reason: Cow::Borrowed(reason),
            }))
        };
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03\xe8"), frame(1000, ""));
        assert_eq!(parse(b"\x03\xe8bye"), frame(1000, "bye"));
        assert_eq!(parse(b"\x03"), Err(Violation::TruncatedCloseCode));
        assert_eq!(parse(b"\x03\xed"), Err(Violation::CloseCode(1005)));
        assert_eq!(parse(b"\x03\xe8\xce"), Err(Violation::InvalidUtf8));
    }

    #[test]
    fn the_close_cause_keeps_the_clients_code_and_reason() {
        let frame = CloseFrame {
            code: 4001,
            reason: "bye".into(),
        };
        assert_eq!(
            CloseFrame::close_cause(Some(frame)).disconnect_status(),
            (4001, "bye")
        );
        assert_eq!(
            CloseFrame::close_cause(None).disconnect_status(),
            (1005, "Client-side close frame status not set")
        );
    }
}
