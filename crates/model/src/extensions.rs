//! `[extensions]`: deliberate switches beside AWS, off by default, each for one stage.

/// What a stage does that a stage on AWS does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `permessage_deflate`: compress messages when the client offers it (RFC 7692).
    pub permessage_deflate: bool,
}
