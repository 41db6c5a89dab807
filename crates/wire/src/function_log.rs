//! Lambda's own lines in a function's log (control-and-observability spec F.5). Every line ends
//! with the newline that is part of its log event.

use std::time::Duration;

use gatepost_model::request_context::iso_time;

/// What a `REPORT` line tells about an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The invocation's request id.
    pub request_id: &'a str,
    /// How long the handler ran.
    pub duration: Duration,
    /// `MemorySize`.
    pub memory_size_mb: u32,
    /// The greatest memory in use.
    pub max_memory_used_mb: u32,
    /// How long the process took to start, when this invocation started it.
    pub init_duration: Option<Duration>,
}

/// The line before an invocation's output.
pub fn start_line(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

/// The line after an invocation's output.
pub fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

/// The line that ends an invocation. The billed duration includes the start of the process.
pub fn report_line(report: &Report<'_>) -> String {
    let Report {
        request_id,
        duration,
        memory_size_mb,
        max_memory_used_mb,
        init_duration,
    } = *report;
    let billed = duration.saturating_add(init_duration.unwrap_or_default());
    let billed_ms = billed.as_nanos().div_ceil(1_000_000);
    let init = match init_duration {
        Some(init_duration) => format!("Init Duration: {:.2} ms\t", millis(init_duration)),
        None => String::new(),
    };
    format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {billed_ms} ms\t\
         Memory Size: {memory_size_mb} MB\tMax Memory Used: {max_memory_used_mb} MB\t{init}\n",
        millis(duration)
    )
}

/// The line of an invocation that was killed at its timeout; `at_ms` is milliseconds since the
/// epoch.
pub fn timeout_line(at_ms: u64, request_id: &str, timeout: Duration) -> String {
    format!(
        "{} {request_id} Task timed out after {:.2} seconds\n",
        iso_time(at_ms),
        timeout.as_secs_f64()
    )
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6b1a4f0e-3c1d-4f55-9a57-0d2b7f1e9c11";

    #[test]
    fn an_invocation_begins_and_ends_with_its_request_id() {
        assert_eq!(
            start_line(ID, "$LATEST"),
            "START RequestId: 6b1a4f0e-3c1d-4f55-9a57-0d2b7f1e9c11 Version: $LATEST\n"
        );
        assert_eq!(
            end_line(ID),
            "END RequestId: 6b1a4f0e-3c1d-4f55-9a57-0d2b7f1e9c11\n"
        );
    }

    #[test]
    fn a_report_bills_the_start_of_the_process() {
        let mut report = Report {
            request_id: "r",
            duration: Duration::from_micros(28_050),
            memory_size_mb: 128,
            max_memory_used_mb: 36,
            init_duration: Some(Duration::from_micros(83_670)),
        };
        assert_eq!(
            report_line(&report),
            "REPORT RequestId: r\tDuration: 28.05 ms\tBilled Duration: 112 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 83.67 ms\t\n"
        );
        report.init_duration = None;
        assert_eq!(
            report_line(&report),
            "REPORT RequestId: r\tDuration: 28.05 ms\tBilled Duration: 29 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 36 MB\t\n"
        );
    }

    #[test]
    fn a_timeout_has_time_id_and_seconds() {
        assert_eq!(
            timeout_line(1_790_294_508_123, "r", Duration::from_secs(3)),
            "2026-09-25T00:01:48.123Z r Task timed out after 3.00 seconds\n"
        );
    }
}
