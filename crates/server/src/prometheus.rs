//! What Gatepost counts, as Prometheus reads it (text format 0.0.4).

use std::{
    fmt::{Display, Write},
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use gatepost_gateway::{
    connection::outbox::waiting_bytes,
    observe::{
        LogLoad, Logs,
        metrics::{
            Counted, FunctionSeries, Histogram, LabelledCount, Metric, RouteSeries, SeriesKey,
        },
    },
};
use http_body_util::Full;
use hyper::{Response, header::CONTENT_TYPE, header::HeaderValue};

use crate::server::Server;

/// The bounds of latencies: 1 ms to 32 s, doubling.
const LATENCY_BOUNDS: u32 = 16;

/// AWS's counts and what they tell.
const COUNTS: [(Metric, &str, &str); 5] = [
    (
        Metric::ConnectCount,
        "gatepost_connect_count_total",
        "Handshakes, as ConnectCount of CloudWatch.",
    ),
    (
        Metric::MessageCount,
        "gatepost_message_count_total",
        "Messages from and to clients, as MessageCount of CloudWatch.",
    ),
    (
        Metric::IntegrationError,
        "gatepost_integration_error_total",
        "Errors that integrations answered, as IntegrationError of CloudWatch.",
    ),
    (
        Metric::ClientError,
        "gatepost_client_error_total",
        "Requests refused for what the client did, as ClientError of CloudWatch.",
    ),
    (
        Metric::ExecutionError,
        "gatepost_execution_error_total",
        "Integrations that could not be called, as ExecutionError of CloudWatch.",
    ),
];

/// Answers a scrape.
pub fn response(server: &Server) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(render(server)));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

fn render(server: &Server) -> String {
    let gateway = &*server.gateway;
    let (metrics, store) = (gateway.metrics(), gateway.store());
    let mut page = Page::default();
    let series = metrics.all_series();
    for (metric, name, help) in COUNTS {
        page.begin(name, "counter", help);
        for (key, series) in &series {
            page.sample(name, &labels_of(key), series.total(metric).1);
        }
    }
    page.latencies(&series);
    for (name, help, histogram) in [
        (
            "gatepost_handshake_duration_seconds",
            "How long handshakes took until they were answered.",
            &metrics.handshakes,
        ),
        (
            "gatepost_message_duration_seconds",
            "How long messages took, with their integrations and replies.",
            &metrics.messages,
        ),
        (
            "gatepost_connections_call_duration_seconds",
            "How long calls of @connections took until they were answered.",
            &metrics.call_durations,
        ),
    ] {
        page.begin(name, "histogram", help);
        page.histogram(name, &[], histogram);
    }
    page.functions(&metrics.functions.all());
    page.single(
        "gatepost_connections",
        "gauge",
        "Connections that handshake, are open or close.",
        gateway.connections(),
    );
    page.single(
        "gatepost_connects_total",
        "counter",
        "Connections that were established.",
        metrics.connects.load(Ordering::Relaxed),
    );
    page.labelled(
        "gatepost_closes_total",
        "Connections that ended, by cause.",
        ["cause", ""],
        &metrics.closes,
    );
    page.labelled(
        "gatepost_connections_calls_total",
        "Calls of @connections, by operation and outcome.",
        ["operation", "outcome"],
        &metrics.calls,
    );
    page.labelled(
        "gatepost_gone_total",
        "Calls of @connections that were answered 410, by reason and operation.",
        ["reason", "operation"],
        &metrics.gone,
    );
    page.labelled(
        "gatepost_faults_total",
        "Handshakes and messages that failed, by error.",
        ["error", "request"],
        &metrics.faults,
    );
    page.labelled(
        "gatepost_limits_total",
        "What was refused or cut off for a limit, by its key in [limits].",
        ["limit", ""],
        &metrics.limits,
    );
    page.single(
        "gatepost_handshakes",
        "gauge",
        "Handshakes under way.",
        gateway.admission.handshakes(),
    );
    page.single(
        "gatepost_outbox_bytes",
        "gauge",
        "Bytes that wait for clients.",
        waiting_bytes(),
    );
    page.of_sinks(
        "gatepost_dropped_log_entries_total",
        "counter",
        "Log entries that the store or another sink did not take.",
        gateway.logs(),
        |load| load.dropped,
    );
    page.of_sinks(
        "gatepost_log_queue_entries",
        "gauge",
        "Log entries that wait for the store or another sink.",
        gateway.logs(),
        |load| load.waiting as u64,
    );
    page.begin(
        "gatepost_queue_entries",
        "gauge",
        "What waits in each bounded queue.",
    );
    let (calls_under_way, waiting_calls) = gateway.outward().bulkheads.calls();
    for (queue, waiting) in [
        ("events", gateway.observer().waiting()),
        ("changes", store.waiting_changes()),
        ("held-posts", gateway.held_posts()),
        ("integrations", waiting_calls),
        (
            "asynchronous-invocations",
            server.functions.waiting_invocations(),
        ),
    ] {
        page.sample("gatepost_queue_entries", &[("queue", queue)], waiting);
    }
    page.single(
        "gatepost_integrations_under_way",
        "gauge",
        "Calls of integrations and authorizers that are under way.",
        calls_under_way,
    );
    page.single(
        "gatepost_disconnects_under_way",
        "gauge",
        "$disconnect routes that run.",
        gateway.disconnects.running(),
    );
    page.labelled(
        "gatepost_evictions_total",
        "What was forgotten since it was older, or more, than is kept.",
        ["kind", ""],
        store.evictions(),
    );
    page.sample(
        "gatepost_evictions_total",
        &[("kind", "applied-posts")],
        gateway.applied_posts.forgotten(),
    );
    page.single(
        "gatepost_dropped_changes_total",
        "counter",
        "Changes of connections' lives that the disk did not take.",
        store.dropped(),
    );
    page.single(
        "gatepost_dropped_events_total",
        "counter",
        "Events that who follows them did not take in time.",
        gateway.observer().dropped(),
    );
    page.0
}

fn labels_of(key: &SeriesKey) -> [(&'static str, &str); 3] {
    [
        ("api_id", &*key.api_id),
        ("stage", &*key.stage),
        ("route", &*key.route),
    ]
}

/// A page in Prometheus' text format.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: impl Display) {
        // A `String` takes everything.
        let _ = writeln!(self.0, "{line}");
    }

    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let mut text = String::new();
        for (label, value) in labels.iter().filter(|(label, _)| !label.is_empty()) {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma}{label}=\"{}\"", escaped(value));
        }
        if text.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{text}}} {value}"));
        }
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.sample(name, &[], value);
    }

    fn labelled(&mut self, name: &str, help: &str, labels: [&str; 2], count: &LabelledCount) {
        self.begin(name, "counter", help);
        for ((first, second), count) in count.all() {
            self.sample(name, &[(labels[0], first), (labels[1], second)], count);
        }
    }

    fn of_sinks(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        logs: &Logs,
        value: fn(LogLoad) -> u64,
    ) {
        self.begin(name, kind, help);
        for load in logs.loads() {
            self.sample(name, &[("sink", load.name)], value(load));
        }
    }

    /// A function's durations and cold starts.
    fn functions(&mut self, functions: &[(Box<str>, Arc<FunctionSeries>)]) {
        const DURATION: &str = "gatepost_function_duration_seconds";
        const ERRORS: &str = "gatepost_function_errors_total";
        const INIT: &str = "gatepost_function_init_duration_seconds";
        self.begin(
            DURATION,
            "histogram",
            "How long invocations of functions that run here took.",
        );
        for (name, series) in functions {
            self.histogram(DURATION, &[("function", name)], &series.durations);
        }
        self.begin(
            ERRORS,
            "counter",
            "Invocations of functions that run here that failed.",
        );
        for (name, series) in functions {
            let errors = series.errors.load(Ordering::Relaxed);
            self.sample(ERRORS, &[("function", name)], errors);
        }
        self.begin(
            INIT,
            "histogram",
            "How long cold starts took: processes, until they asked for their first event.",
        );
        for (name, series) in functions {
            self.histogram(INIT, &[("function", name)], &series.inits);
        }
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let Counted { until, count, sum } = histogram.counted();
        let bounds = until.into_iter().map(|(bound, counted)| {
            let bound = bound.as_secs_f64().to_string();
            (bound, counted)
        });
        let bucket = format!("{name}_bucket");
        for (bound, counted) in bounds.chain([("+Inf".to_owned(), count)]) {
            let labels = [labels, &[("le", &*bound)]].concat();
            self.sample(&bucket, &labels, counted);
        }
        self.sample(&format!("{name}_sum"), labels, sum.as_secs_f64());
        self.sample(&format!("{name}_count"), labels, count);
    }

    fn latencies(&mut self, series: &[(SeriesKey, Arc<RouteSeries>)]) {
        const NAME: &str = "gatepost_integration_latency_seconds";
        let help = "How long integrations took, as IntegrationLatency of CloudWatch.";
        self.begin(NAME, "histogram", help);
        for (key, series) in series {
            let (samples, sum_ms) = series.total(Metric::IntegrationLatency);
            if samples == 0 {
                continue;
            }
            let [api_id, stage, route] = labels_of(key);
            let mut bucket = |bound: &str, count: u64| {
                let labels = [api_id, stage, route, ("le", bound)];
                self.sample(&format!("{NAME}_bucket"), &labels, count);
            };
            for power in 0..LATENCY_BOUNDS {
                let bound_ms = 1_u64 << power;
                let below = series.latencies_below(bound_ms).min(samples);
                bucket(&seconds(bound_ms), below);
            }
            bucket("+Inf", samples);
            let labels = [api_id, stage, route];
            self.sample(&format!("{NAME}_sum"), &labels, seconds(sum_ms));
            self.sample(&format!("{NAME}_count"), &labels, samples);
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A value as it stands between quotes: route keys are the template's, whatever they hold.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_quotes_or_its_line() {
        let mut page = Page::default();
        page.sample("a", &[("route", "x\"} 1\n\\"), ("", "")], 2);
        assert_eq!(page.0, "a{route=\"x\\\"} 1\\n\\\\\"} 2\n");
    }

    #[test]
    fn milliseconds_are_seconds() {
        assert_eq!(seconds(32_768), "32.768");
        assert_eq!(seconds(1), "0.001");
    }
}
