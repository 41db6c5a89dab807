//! `gatepost check`: find mistakes before they run.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use gatepost_server::{
    check::{Finding, Report, Severity, Slug, check},
    endpoint::Endpoint,
    template::{Configured, LoadOptions, ValuesFrom},
};
use serde_json::json;

use super::dev::{Style, find_template, folder_of, key_value, load_config, printable};
use crate::config::integrations::IntegrationsConfig;

/// The version of the shape that `--json` prints.
const JSON_VERSION: u32 = 1;

/// Find mistakes before they run: reads a SAM or CloudFormation template and the Python, JavaScript
/// and TypeScript source of its functions.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  gatepost check\n  gatepost check chat/template.yaml --allow \
                        no-ttl\n  gatepost check cdk.out/Chat.template.json --json\n\nExit status: \
                        0 nothing found, 1 something found, 2 the command line is wrong.\nA comment \
                        `gatepost:ignore SLUG` silences a finding on its line and the next."
)]
pub struct Arguments {
    /// The template [default: template.yaml, template.yml or template.json in this folder]
    pub template: Option<PathBuf>,
    /// Value of a template parameter; may be repeated
    #[arg(long = "parameter", value_name = "K=V", value_parser = key_value)]
    pub parameters: Vec<(String, String)>,
    /// The configuration, for the VPC links and certificates that it has [default: gatepost.toml
    /// beside the template, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A kind of finding that is meant so; may be repeated
    #[arg(long = "allow", value_name = "SLUG", value_parser = slug)]
    pub allowed: Vec<Slug>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

fn slug(name: &str) -> Result<Slug, String> {
    name.parse()
        .map_err(|error: gatepost_server::check::UnknownSlug| error.to_string())
}

/// Checks the template, and prints what was found.
pub fn run(arguments: &Arguments) -> ExitCode {
    let template = match find_template(arguments.template.as_deref()) {
        Ok(template) => template,
        Err(error) => {
            eprintln!("gatepost: {error}");
            return ExitCode::from(2);
        }
    };
    let configured = match load_config(arguments.config.as_deref(), &folder_of(&template)) {
        Ok(config) => configured(&config.integrations),
        Err(error) => {
            eprintln!("gatepost: {error}");
            return ExitCode::from(2);
        }
    };
    let mut report = match check(&template, &options(arguments, configured)) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("gatepost: the source cannot be walked through: {error}");
            return ExitCode::FAILURE;
        }
    };
    let found = report.findings.len();
    report
        .findings
        .retain(|finding| !arguments.allowed.contains(&finding.slug));
    report.silenced += found - report.findings.len();
    relative(&mut report);
    let text = if arguments.json {
        as_json(&template, &report)
    } else {
        for line in &report.not_judged {
            eprintln!("gatepost: not checked: {}", printable(line));
        }
        as_text(&report, Style::of_stdout())
    };
    // Not `print!`, which panics when nobody reads.
    let _ = io::stdout().write_all(text.as_bytes());
    if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What of the configuration a template may name.
fn configured(integrations: &IntegrationsConfig) -> Configured {
    Configured {
        vpc_links: integrations.vpc_links.keys().cloned().collect(),
        client_certificates: integrations.client_certificates.keys().cloned().collect(),
    }
}

fn options(arguments: &Arguments, configured: Configured) -> LoadOptions {
    let region = env::var("AWS_REGION")
        .ok()
        .filter(|region| !region.is_empty());
    LoadOptions {
        region: region.unwrap_or_else(|| "us-east-1".into()),
        account_id: "000000000000".into(),
        stack_name: None,
        parameters: arguments.parameters.iter().cloned().collect(),
        values_from: ValuesFrom::Flags,
        import_values: BTreeMap::new(),
        now_ms: 0,
        // Nothing is served: URLs that the template builds stay as they are seen on AWS.
        endpoint: Endpoint::default(),
        configured,
    }
}

/// Names files of this folder by their place in it.
fn relative(report: &mut Report) {
    let here = env::current_dir().unwrap_or_default();
    for finding in &mut report.findings {
        let file = fs::canonicalize(&finding.file).unwrap_or_else(|_| finding.file.clone());
        if let Ok(file) = file.strip_prefix(&here) {
            finding.file = file.into();
        }
    }
    report.findings.sort();
}

fn as_json(template: &Path, report: &Report) -> String {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "slug": finding.slug.as_str(),
                "severity": finding.slug.severity().as_str(),
                "file": finding.file.to_string_lossy(),
                "line": finding.line,
                "message": finding.message,
                "consequence": finding.slug.consequence(),
                "mend": finding.mend,
            })
        })
        .collect();
    let report = json!({
        "version": JSON_VERSION,
        "template": template.to_string_lossy(),
        "findings": findings,
        "silenced": report.silenced,
        "notChecked": report.not_judged,
    });
    format!("{report:#}\n")
}

/// The findings under the headings of their subjects.
fn as_text(report: &Report, style: Style) -> String {
    let subjects = report.findings.iter();
    let subjects: BTreeSet<_> = subjects.map(|finding| finding.slug.subject()).collect();
    let mut text = String::new();
    for subject in subjects {
        text.extend([style.bold(subject.heading()), "\n".to_owned()]);
        let findings = report.findings.iter();
        let findings = findings.filter(|finding| finding.slug.subject() == subject);
        text.extend(findings.map(|finding| lines(finding, style)));
        text.push('\n');
    }
    let counted = |severity: Severity| {
        let findings = report.findings.iter();
        let count = findings
            .filter(|finding| finding.slug.severity() == severity)
            .count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {}{plural}", severity.as_str()))
    };
    let mut parts: Vec<String> = [Severity::Error, Severity::Warning]
        .into_iter()
        .filter_map(counted)
        .collect();
    if parts.is_empty() {
        parts.push("Nothing found".to_owned());
    }
    if report.silenced > 0 {
        parts.push(format!("{} silenced", report.silenced));
    }
    text + &parts.join(", ") + ".\n"
}

fn lines(finding: &Finding, style: Style) -> String {
    let slug = finding.slug;
    let severity = match slug.severity() {
        Severity::Error => style.bad("error"),
        Severity::Warning => style.bold("warning"),
    };
    let place = format!("{}:{}:", finding.file.display(), finding.line);
    let mend = match finding.mend.trim_end_matches('.') {
        "" => String::new(),
        mend => format!("    To mend it: {}.\n", printable(mend)),
    };
    format!(
        "  {} {severity}: {} {}\n    {}.\n{mend}",
        printable(&place),
        printable(&finding.message),
        style.dim(&format!("[{}]", slug.as_str())),
        slug.consequence(),
    )
}
