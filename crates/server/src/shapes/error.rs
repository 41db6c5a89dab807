//! What is said of a request that does not have its operation's shape: the one place for the texts.
//!
//! They are those of Coral, the framework that AWS's services are built with.

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// `SerializationException`: no JSON, or of other types than the members have.
    #[error("{0}")]
    Serialization(String),
    /// The members violate the model: `BadRequestException` of API Gateway, `ValidationException`
    /// of Lambda.
    #[error("{0}")]
    Validation(String),
}

impl ShapeError {
    /// The body is no JSON object.
    pub(super) fn no_document(cause: &str) -> Self {
        Self::Serialization(format!("Could not parse request body into json: {cause}"))
    }

    /// A value of another type; `found` and `wanted` in Coral's words.
    pub(super) fn wrong_type(found: &str, wanted: &str) -> Self {
        Self::Serialization(match found {
            "structure" => "Start of structure or map found where not expected.".to_owned(),
            "list" => "Start of list found where not expected".to_owned(),
            _ if wanted == "list" || wanted == "map" => format!("Expected {wanted} or null"),
            _ => format!("{found} can not be converted to {wanted}"),
        })
    }

    /// The violations, of which there is at least one.
    pub(super) fn violated(violations: &[Violation]) -> Self {
        let count = violations.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let texts: Vec<&str> = violations.iter().map(|one| one.0.as_str()).collect();
        Self::Validation(format!(
            "{count} validation {errors} detected: {}",
            texts.join("; ")
        ))
    }
}

/// The most violations that are told of, and counted, at once.
pub(super) const MAX_VIOLATIONS: usize = 100;

/// The most characters of a value that are repeated to whoever sent it.
const MAX_SHOWN: usize = 256;

/// A member that violates the model.
#[derive(Debug)]
pub(super) struct Violation(String);

impl Violation {
    /// A required member is missing.
    pub(super) fn missing(path: &str) -> Self {
        Self(format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ))
    }

    /// A value is not as it must be; secret ones are not repeated.
    pub(super) fn of(path: &str, value: Option<&str>, demand: &str) -> Self {
        let shown = value.map_or_else(String::new, |value| {
            let mut shown: String = value.chars().take(MAX_SHOWN).collect();
            if shown.len() < value.len() {
                shown.push('…');
            }
            format!(" '{shown}'")
        });
        Self(format!(
            "Value{shown} at '{path}' failed to satisfy constraint: {demand}"
        ))
    }
}
