use super::*;

const OWN: &str = "gbgBH8-ydQAYKEjZQA==";
/// 2026-09-25T00:01:48.000Z
const T: u64 = 1_790_294_508_000;

/// Lines as AWS writes them (control-and-observability spec A, B).
#[derive(Default)]
struct Log(Vec<PrintedEvent>);

impl Log {
    fn line(mut self, at_ms: u64, message: impl Into<String>) -> Self {
        self.0.push(PrintedEvent {
            at_ms: Some(at_ms),
            log_group: None,
            log_stream: None,
            message: message.into(),
        });
        self
    }

    fn begun(self, at_ms: u64, rid: &str, route: &str) -> Self {
        self.line(at_ms, format!("({rid}) Extended Request Id: {rid}"))
            .line(at_ms, format!("({rid}) Verifying Usage Plan for request: {rid}. API Key:  API Stage: abcdef1234/dev"))
            .line(at_ms, format!("({rid}) Starting execution for request: {rid}"))
            .line(at_ms, format!("({rid}) WebSocket Request Route: [{route}]"))
    }

    fn connecting(self, at_ms: u64) -> Self {
        self.begun(at_ms, "C=", "$connect").line(
            at_ms,
            "(C=) Client [UserAgent: null, SourceIp: 203.0.113.7] is connecting to WebSocket API [abcdef1234].",
        )
    }

    fn connected(self, at_ms: u64) -> Self {
        self.connecting(at_ms)
            .line(
                at_ms + 50,
                "(C=) AWS Integration Endpoint RequestId : 5f8c5b6e-0000-4000-8000-1b9c00000000",
            )
            .line(
                at_ms + 50,
                format!(
                    "(C=) Client [Connection Id: {OWN}] connected to API [abcdef1234] successfully."
                ),
            )
    }

    fn message(self, at_ms: u64, rid: &str) -> Self {
        self.begun(at_ms, rid, "echo")
            .line(at_ms, format!("({rid}) WebSocket API [abcdef1234] received message from client [Connection Id: {OWN}]."))
            .line(at_ms + 9, format!("({rid}) Message from client [Connection Id: {OWN}] sent to API [abcdef1234] with response status code [200]."))
    }

    fn disconnected(self, at_ms: u64, close: &str) -> Self {
        self.begun(at_ms, "D=", "$disconnect").line(
            at_ms + 30,
            format!("(D=) Client [Connection Id: {OWN}] disconnected from API [abcdef1234] with integration response status code [200]. Close reason: [{close}]"),
        )
    }

    fn call(self, at_ms: u64, method: &str, status: u16) -> Self {
        self.line(
            at_ms,
            format!(
                r#"{{"requestId":"7778a3c2-0000-4000-8000-000000000000","eventType":"CONNECTION_API","routeKey":"{method} /@connections/{{connectionId}}","connectionId":"{OWN}","status":"{status}","error.responseType":"-","userArn":"arn:aws:sts::1:assumed-role/send/Send"}}"#
            ),
        )
    }

    fn verdict(&self) -> (&'static str, Certainty) {
        let explained = explain(OWN, &self.0);
        (explained.explanation.slug, explained.certainty)
    }
}

#[test]
fn the_close_code_and_the_times_tell_the_cause() {
    use Certainty::{Certain, Likely, Possible};
    let minutes = |count: u64| T + count * 60_000;
    for (ended_at, close, slug, certainty) in [
        (
            T + 5_000,
            "1000: probe-complete",
            "closed-by-client",
            Certain,
        ),
        (T + 5_000, "1001: ", "closed-by-client", Certain),
        (
            T + 5_000,
            "1005: Client-side close frame status not set",
            "closed-by-client",
            Certain,
        ),
        (
            T + 5_000,
            "1006: Connection closed abnormally",
            "client-vanished",
            Certain,
        ),
        (
            T + 5_000,
            "1003: Binary is not supported",
            "binary-refused",
            Likely,
        ),
        (
            T + 5_000,
            "1009: Message too big",
            "message-too-big",
            Likely,
        ),
        (
            T + 5_000,
            "1000: Connection Closed Normally",
            "deleted",
            Likely,
        ),
        (
            minutes(10) + 4_000,
            "1001: Going away",
            "idle-timeout",
            Likely,
        ),
        (
            minutes(120) + 1_000,
            "1001: Going away",
            "max-duration",
            Likely,
        ),
        (minutes(3), "1001: Going away", "draining", Possible),
    ] {
        let log = Log::default()
            .connected(T)
            .message(T + 100, "M=")
            .disconnected(ended_at, close);
        assert_eq!(log.verdict(), (slug, certainty), "{close}");
    }
}

#[test]
fn a_delete_that_the_access_log_shows_is_certain() {
    let log = Log::default().connected(T).call(T + 900, "DELETE", 204);
    let log = log.disconnected(T + 901, "1000: Connection Closed Normally");
    assert_eq!(log.verdict(), ("deleted", Certainty::Certain));
}

#[test]
fn the_timeline_stands_in_the_order_of_time_whatever_the_files_were() {
    let mut log = Log::default()
        .connected(T)
        .message(T + 100, "M=")
        .message(T + 200, "N=")
        .call(T + 300, "POST", 200)
        .disconnected(T + 400, "1001: ")
        .call(T + 500, "POST", 410);
    log.0.reverse();
    // Lines of one millisecond stay in the order of their file.
    let explained = explain(OWN, &log.0);
    let kinds: Vec<_> = explained
        .explanation
        .timeline
        .iter()
        .map(|it| it.kind.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "handshake",
            "established",
            "last-message",
            "last-post",
            "ended",
            "disconnect",
            "refused-call"
        ]
    );
    assert_eq!(
        explained.explanation.timeline[2].text,
        "the last of 2 messages from the client"
    );
    assert_eq!(
        explained.explanation.timeline[6].text,
        "PostToConnection by arn:aws:sts::1:assumed-role/send/Send was answered 410 (request \
         7778a3c2-0000-4000-8000-000000000000)"
    );
    assert_eq!(explained.place, Some(("abcdef1234".into(), "dev".into())));
    assert_eq!(explained.refused, 1);
}

#[test]
fn a_post_before_the_connection_was_open_is_told_by_the_times() {
    let log = Log::default().connected(T).call(T + 20, "POST", 410);
    assert_eq!(log.verdict(), ("not-established", Certainty::Certain));
}

#[test]
fn where_the_logs_cannot_tell_they_say_what_would_have() {
    let log = Log::default().call(T, "POST", 410);
    assert_eq!(log.verdict(), ("unknown", Certainty::Unknown));
    let missing = explain(OWN, &log.0).missing;
    assert!(missing[0].contains("loggingLevel INFO"), "{missing:?}");
    let log = Log::default().connected(T).call(T + 900, "POST", 410);
    assert_eq!(log.verdict(), ("unknown", Certainty::Unknown));
    let nothing = explain(OWN, &[]);
    assert!(!nothing.found);
    assert!(nothing.missing.iter().any(|it| it.contains("access log")));
    let at_error = Log::default().line(T, "(C=) Execution failed due to a timeout error");
    let missing = explain(OWN, &at_error.0).missing;
    assert!(missing[0].contains("INFO"), "{missing:?}");
}

#[test]
fn a_refused_handshake_is_told_by_what_refused_it() {
    let row = |more: &str| {
        format!(
            r#"{{"requestId":"C=","eventType":"CONNECT","routeKey":"$connect","connectionId":"{OWN}",{more}}}"#
        )
    };
    let by_function = Log::default()
        .connecting(T)
        .line(
            T + 1,
            "(C=) AWS Integration Endpoint RequestId : 5f8c5b6e-0000-4000-8000-1b9c00000000",
        )
        .line(T + 1, row(r#""status":"403""#));
    assert_eq!(
        by_function.verdict(),
        ("not-established", Certainty::Certain)
    );
    assert!(
        explain(OWN, &by_function.0)
            .explanation
            .verdict
            .contains("answered 403")
    );
    let by_authorizer = Log::default()
        .line(T, "(C=) Unauthorized request: C=")
        .line(
            T + 1,
            row(r#""status":"401","error.responseType":"UNAUTHORIZED""#),
        );
    assert_eq!(by_authorizer.verdict().0, "unauthorized");
}

#[test]
fn a_failed_request_is_told_with_the_functions_own_lines() {
    let invocation = "7f8c5b6e-0000-4000-8000-1b9c00000000";
    let log = Log::default()
        .connected(T)
        .begun(T + 100, "M=", "echo")
        .line(T + 100, format!("(M=) WebSocket API [abcdef1234] received message from client [Connection Id: {OWN}]."))
        .line(T + 110, format!("START RequestId: {invocation} Version: $LATEST"))
        .line(T + 111, "[ERROR] Exception: no table")
        .line(T + 112, format!("REPORT RequestId: {invocation}\tDuration: 1 ms"))
        .line(T + 120, format!("(M=) Lambda execution failed with status 200 due to customer function error: no table. Lambda request id: {invocation}"))
        .line(T + 120, format!("(M=) AWS Integration Endpoint RequestId : {invocation}"))
        .line(T + 120, format!("(M=) Message from client [Connection Id: {OWN}] sent to API [abcdef1234] with response status code [502]."));
    for id in ["M=", invocation] {
        let explained = explain(id, &log.0);
        assert_eq!(explained.connection_id.as_deref(), Some(OWN));
        assert_eq!(explained.explanation.slug, "integration-failure");
        assert!(
            explained
                .explanation
                .verdict
                .contains("customer function error: no table")
        );
        let function = explained.request.unwrap().function.unwrap();
        assert_eq!(function.lines[1].text, "[ERROR] Exception: no table");
        assert_eq!(function.lines.len(), 3);
    }
    // What went well says so.
    let fine = explain("C=", &log.0);
    assert_eq!(fine.explanation.slug, "open");
    assert!(
        fine.explanation
            .verdict
            .starts_with("nothing went wrong in this request; ")
    );
}

#[test]
fn an_id_that_is_none_is_told_how() {
    let log = Log::default().connected(T);
    let slug = |id: &str| explain(id, &log.0).explanation.slug;
    assert_eq!(slug("gbgBH8-ydQAYKEjZQA"), "cut");
    assert_eq!(slug("gbgBH8-ydQAYKEjZQA%3D%3D"), "double-encoded");
    assert_eq!(slug("zzzzH8-ydQAYKEjZQA=="), "unknown");
}

#[test]
fn an_answer_with_an_error_status_is_no_request_that_went_well() {
    let line = |status: u16| {
        format!(
            "(M=) Message from client [Connection Id: {OWN}] sent to API [abcdef1234] with response status code [{status}]."
        )
    };
    let row = |event_type: &str, id: &str, more: &str| {
        format!(
            r#"{{"requestId":"{id}","eventType":"{event_type}","routeKey":"echo","connectionId":"{OWN}","status":"503"{more}}}"#
        )
    };
    let told = |log: &Log, id: &str| {
        let explained = explain(id, &log.0);
        let explanation = explained.explanation;
        (explanation.slug, explained.certainty, explanation.verdict)
    };
    let failed = (
        "integration-failure",
        Certainty::Certain,
        "the integration answered 503".to_owned(),
    );
    let by_line = Log::default()
        .connected(T)
        .begun(T + 100, "M=", "echo")
        .line(T + 110, line(503));
    assert_eq!(told(&by_line, "M="), failed);
    // A function's own status has no error beside it (control-and-observability spec B.3).
    let no_error = r#","error.responseType":"-""#;
    let by_row = Log::default()
        .connected(T)
        .line(T + 110, row("MESSAGE", "M=", no_error));
    assert_eq!(told(&by_row, "M="), failed);
    let of_the_end = Log::default()
        .connected(T)
        .line(T + 110, row("DISCONNECT", "D=", no_error));
    assert_eq!(told(&of_the_end, "D="), failed);
    let without_the_column = Log::default()
        .connected(T)
        .line(T + 110, row("MESSAGE", "M=", ""));
    assert_eq!(
        told(&without_the_column, "M="),
        (
            "unknown",
            Certainty::Unknown,
            "the request was answered 503, the logs do not say why".to_owned()
        )
    );
}

#[test]
fn a_request_whose_connection_is_not_named_is_not_told_as_no_request() {
    let log = Log::default().begun(T, "M=", "echo");
    let explained = explain("M=", &log.0);
    assert_eq!(explained.explanation.slug, "unknown");
    assert_eq!(explained.certainty, Certainty::Unknown);
    assert_eq!(
        explained.explanation.verdict,
        "these logs do not say of which connection this request is"
    );
}

const FIRST: &str = "7f8c5b6e-0000-4000-8000-1b9c00000000";
const SECOND: &str = "8f8c5b6e-0000-4000-8000-1b9c00000000";

fn start(id: &str) -> String {
    format!("START RequestId: {id} Version: $LATEST")
}

fn report(id: &str) -> String {
    format!("REPORT RequestId: {id}\tDuration: 1 ms")
}

fn printed(log: &Log, id: &str) -> Vec<String> {
    let function = explain(id, &log.0).request.unwrap().function.unwrap();
    function.lines.into_iter().map(|line| line.text).collect()
}

#[test]
fn a_functions_own_line_that_names_an_event_stays_its_own() {
    let said = [
        "[ERROR] could not handle MESSAGE from client: no table".to_owned(),
        format!("2026-09-25T00:01:48.000Z\t{SECOND}\tERROR\tCONNECT failed"),
        // By its words alone this could be a row.
        format!("MESSAGE {OWN} 503 {SECOND}"),
    ];
    let mut log = Log::default().line(T, start(FIRST));
    for line in &said {
        log = log.line(T + 1, line.as_str());
    }
    let mut log = log.line(T + 2, report(FIRST));
    for event in &mut log.0 {
        event.log_stream = Some("2026/09/25/[$LATEST]a".into());
    }
    assert_eq!(printed(&log, FIRST)[1..4], said);
    assert!(!explain(SECOND, &log.0).found, "a phantom request");
}

#[test]
fn an_invocation_with_many_lines_ends_too() {
    let mut log = Log::default().line(T, start(FIRST));
    for _ in 0..300 {
        log = log.line(T + 1, "much");
    }
    let log = log
        .line(T + 2, report(FIRST))
        .line(T + 3, "between")
        .line(T + 4, start(SECOND))
        .line(T + 5, format!("again {FIRST}"))
        .line(T + 6, report(SECOND));
    assert_eq!(printed(&log, FIRST).len(), 200);
    let second = [start(SECOND), format!("again {FIRST}"), report(SECOND)];
    assert_eq!(printed(&log, SECOND), second);
}

#[test]
fn many_invocations_are_read_in_a_time_that_grows_with_their_lines() {
    let began = std::time::Instant::now();
    let mut log = Log::default();
    let id = |nth: u64| format!("{nth:08x}-0000-4000-8000-1b9c00000000");
    for nth in 0..20_000 {
        log = log
            .line(T + nth, start(&id(nth)))
            .line(T + nth, "said")
            .line(T + nth, report(&id(nth)));
    }
    let last = id(19_999);
    assert_eq!(printed(&log, &last).len(), 3);
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
}
