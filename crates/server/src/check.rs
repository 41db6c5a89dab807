//! `gatepost check`: what would fail, found before it runs.
//!
//! The template is read as the loader reads it, every resource with the places of its values
//! (`template::inspect`), and made an `app`: APIs with what belongs to them, functions with their
//! handlers. The handlers' `source` is parsed and walked (`trace`) once for each route that invokes
//! them. Each subject then has a file that compares both with what AWS does.

mod app;
mod authorizers;
mod connections;
mod deployment;
mod endpoints;
mod finding;
mod iam;
mod integrations;
mod messages;
mod permissions;
mod routes;
mod silence;
mod slug;
mod source;
mod trace;

use std::{io, path::Path, thread};

pub use finding::Finding;
pub use slug::{Severity, Slug, Subject, UnknownSlug};

use app::App;
use finding::Findings;
use silence::Silences;

use crate::template::{
    DiagnosticKind, LoadOptions,
    document::Position,
    inspect::{self, Inspection},
};

/// The stack of the walk, bytes: source may nest deeply.
const STACK: usize = 128 << 20;

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The findings, by file and line.
    pub findings: Vec<Finding>,
    /// How many more were silenced by comments.
    pub silenced: usize,
    /// What could not be judged, and why.
    pub not_judged: Vec<String>,
}

/// Checks a template with the source of its functions. What cannot be read is a finding too.
///
/// # Errors
/// There is no memory to walk the source in.
pub fn check(template: &Path, options: &LoadOptions) -> io::Result<Report> {
    thread::scope(|scope| {
        let walk = || run(template, options);
        let walk = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, walk);
        let report = walk?.join();
        Ok(report.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn run(template: &Path, options: &LoadOptions) -> Report {
    let inspection = inspect::inspect(template, options);
    let app = App::new(&inspection, template);
    let findings = Findings::new(template);
    connections::check(&app, &findings);
    messages::check(&app, &findings);
    permissions::check(&app, &findings);
    iam::check(&app, &findings);
    endpoints::check(&app, &findings);
    routes::check(&app, &findings);
    integrations::check(&app, &findings);
    authorizers::check(&app, &findings);
    deployment::check(&app, &findings);
    warned(&inspection, &findings);
    let mut not_judged = refused(&inspection, &findings);
    not_judged.extend(unread(&app));
    let silences = silences(&app, template);
    let all = findings.into_sorted();
    let found = all.len();
    let findings: Vec<Finding> = all
        .into_iter()
        .filter(|finding| !silences.silences(finding))
        .collect();
    Report {
        silenced: found - findings.len(),
        findings,
        not_judged,
    }
}

/// The loader's warnings of what AWS takes in vain, where no check said more.
fn warned(inspection: &Inspection, findings: &Findings) {
    let warnings = inspection.warnings.iter();
    for warning in warnings.filter(|warning| warning.kind == DiagnosticKind::Template) {
        let at = Position {
            line: warning.line,
            column: warning.column,
        };
        if !findings.has(at) {
            let message = warning.message.clone();
            findings.template(Slug::WithoutEffect, at, message, warning.mend.clone());
        }
    }
}

/// The loader's errors: findings where the template is at fault and no check said more.
fn refused(inspection: &Inspection, findings: &Findings) -> Vec<String> {
    let mut not_judged = Vec::new();
    for error in &inspection.errors {
        let at = Position {
            line: error.line,
            column: error.column,
        };
        match error.kind {
            DiagnosticKind::Template if findings.has(at) => {}
            DiagnosticKind::Template => {
                let message = error.message.clone();
                findings.template(Slug::Template, at, message, error.mend.clone());
            }
            DiagnosticKind::NotYet => {}
            DiagnosticKind::NotHere => not_judged.push(error.to_string()),
        }
    }
    not_judged
}

/// Functions whose source was not found or not understood.
fn unread(app: &App<'_>) -> Vec<String> {
    let functions = app.functions.iter();
    functions
        .filter_map(|function| {
            let runtime = function.resource.text("Runtime")?;
            let is_source = runtime.starts_with("python") || runtime.starts_with("nodejs");
            let logical_id = &function.resource.logical_id;
            if is_source && function.traces.is_empty() {
                return Some(format!(
                    "{logical_id}: the source of its handler was not found"
                ));
            }
            let is_partial = function.traces.iter().any(|(_, trace)| trace.is_partial);
            is_partial.then(|| format!("{logical_id}: its source was followed in part only"))
        })
        .collect()
}

fn silences(app: &App<'_>, template: &Path) -> Silences {
    let mut silences = Silences::default();
    silences.add(template, &app.inspection.text);
    for function in &app.functions {
        for (_, trace) in &function.traces {
            for effect in &trace.effects {
                silences.add(&effect.place.file.path, &effect.place.file.text);
            }
            if let Some(handler) = &trace.handler {
                silences.add(&handler.file.path, &handler.file.text);
            }
        }
    }
    silences
}
