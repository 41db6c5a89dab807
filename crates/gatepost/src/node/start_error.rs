//! Why a node does not start.

use std::{io, path::PathBuf};

use gatepost_gateway::{deployed::CompileError, store::StoreError};
use gatepost_server::{lambda::MadeFunctionsError, template::TemplateErrors, tls::TlsError};

use super::{ports::PortError, state::StateError, take_over::TakeOverError};
use crate::{access::AccessError, config::ConfigErrors, outward::OutwardError, sinks::SinkError};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// There is no such template or configuration file.
    #[error("{0}")]
    NoFile(String),
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// An access key or a policy cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Integrations could reach nothing.
    #[error(transparent)]
    Outward(#[from] OutwardError),
    /// A sink of logs cannot be used.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The template is wrong.
    #[error("{0}")]
    Template(TemplateErrors),
    /// The templates do not fit together, or what they are given.
    #[error("{0}")]
    Templates(String),
    /// A port is taken.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The state folder is in use or cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The running Gatepost does not let itself be taken over.
    #[error(transparent)]
    TakeOver(#[from] TakeOverError),
    /// The store is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The functions of an earlier run cannot be served.
    #[error(transparent)]
    MadeFunctions(#[from] MadeFunctionsError),
    /// The local CA is damaged.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What is served was refused.
    #[error("{}", compile_lines(.0).join("\n"))]
    Deploy(Vec<CompileError>),
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something of the system.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// A line for each refusal.
pub fn compile_lines(errors: &[CompileError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
