//! What can be wrong in a configuration, in words that say where and how to mend it.

use std::{fmt, io, path::PathBuf};

use super::layers::Source;

/// One mistake.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("{path}: cannot read it: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is no TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Source,
        /// What the TOML parser says.
        message: String,
    },
    /// A section or key that does not exist.
    #[error("{place}: unknown key {key}{}", did_you_mean(suggestion.as_deref()))]
    UnknownKey {
        /// Where.
        place: Source,
        /// The key, with its section.
        key: String,
        /// A key that it resembles.
        suggestion: Option<String>,
    },
    /// A variable that would set nothing.
    #[error("{place}: write {meant}: two underscores stand between section and key")]
    OneUnderscore {
        /// Where.
        place: Source,
        /// The variable that sets the key.
        meant: String,
    },
    /// A value of the wrong type or outside its range.
    #[error("{place}: {key}: expected {expected}, found {found}")]
    Expected {
        /// Where.
        place: Source,
        /// The key, with its section.
        key: String,
        /// What it takes.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A key that needs another.
    #[error("{place}: {key} needs {other}: set both or none")]
    Lacks {
        /// Where.
        place: Source,
        /// The key that is set.
        key: String,
        /// The key that is not.
        other: String,
    },
    /// A section that is not whole.
    #[error("{place}: [{section}] needs {what}")]
    Needs {
        /// Where.
        place: Source,
        /// The section.
        section: String,
        /// What it lacks.
        what: String,
    },
    /// A section for a stage that is not there.
    #[error("{place}: extensions.stages: there is no stage {stage}{}", did_you_mean(suggestion.as_deref()))]
    UnknownStage {
        /// Where.
        place: Source,
        /// What the section names.
        stage: String,
        /// The stage that it resembles most.
        suggestion: Option<String>,
    },
    /// Two sections for one stage.
    #[error("{place}: extensions.stages: another section is for the stage {stage} too: join them")]
    TwoSections {
        /// Where the second is.
        place: Source,
        /// What it names.
        stage: String,
    },
    /// A key or value that is planned.
    #[error("{place}: {what} is not there yet in Gatepost: remove it")]
    NotThereYet {
        /// Where.
        place: Source,
        /// The key, perhaps with its value.
        what: String,
    },
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |key| format!("; did you mean {key}?"))
}

/// All that is wrong, one line each.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}
