//! What logs of an API at AWS tell of an id: files that a tool printed, or CloudWatch Logs itself.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use gatepost_gateway::explanation::from_logs::{LogExplanation, explain};
use gatepost_server::error_pages;
use gatepost_wire::aws_logs::printed_events;

use super::{Arguments, cloudwatch};

/// The greatest file, bytes, after it is unpacked.
const MAX_FILE: u64 = 1 << 30;

/// Explains the id from the files and log groups of the command line.
///
/// # Errors
/// What to say: a file cannot be read, or CloudWatch Logs refuses.
pub(super) fn explained(arguments: &Arguments, id: &str) -> Result<LogExplanation, String> {
    let mut events = Vec::new();
    for file in &arguments.log_file {
        let text = read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        events.extend(printed_events(&text));
    }
    if !arguments.cloudwatch.is_empty() {
        events.extend(cloudwatch::events(arguments, id)?);
    }
    let mut explained = explain(id, &events);
    let explanation = &mut explained.explanation;
    if explanation.mend.is_none()
        && let Some((_, mend)) = error_pages::mend(explanation.slug)
    {
        explanation.mend = Some(mend.trim_end_matches('.').to_owned());
    }
    Ok(explained)
}

/// A file as text, `-` being stdin; what an export to S3 packed is unpacked.
fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().take(MAX_FILE).read_to_end(&mut bytes)?;
    } else {
        fs::File::open(file)?
            .take(MAX_FILE)
            .read_to_end(&mut bytes)?;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .take(MAX_FILE)
            .read_to_end(&mut unpacked)?;
        bytes = unpacked;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
