//! Where a template is given values, and how a mend says so.

/// Where whoever serves a template gives it values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValuesFrom {
    /// Flags of a command for this one template, which refuses a parameter that it does not have.
    Flags,
    /// The configuration of several templates: what this one asked for is in
    /// [`App::parameters_used`](super::App::parameters_used).
    Configuration,
}

impl ValuesFrom {
    /// How to give a parameter `what`: a value.
    pub(super) fn mend(self, what: &str, name: &str) -> String {
        match self {
            Self::Flags => format!("give {what} with --parameter {name}=…"),
            Self::Configuration => format!("give {what} in [server.parameters]: {name} = \"…\""),
        }
    }

    /// How a function is told of something that runs here.
    pub(super) fn environment_mend(self) -> &'static str {
        match self {
            Self::Flags => "name what runs here: an API of this template, or a value of --env-file",
            Self::Configuration => {
                "name what runs here: an API of this template, or a parameter's value"
            }
        }
    }
}
