//! What is sent to clients: text, of at most 128 KB, and awaited.

use super::{
    app::App,
    connections::returns,
    finding::Findings,
    slug::Slug,
    trace::{EffectKind, Place, Trace, Value},
};

/// The largest message, bytes (data-plane spec 10).
const MESSAGE_BYTES: usize = 128 * 1024;

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for function in &app.functions {
        for trace in function.traces_of(|_| true) {
            posts(trace, findings);
        }
    }
    for api in &app.apis {
        for (route, function) in app.handlers(api).filter(|(route, _)| route.is_two_way()) {
            if let Some(trace) = function.trace(route.key) {
                replies(trace, findings);
            }
        }
    }
}

fn posts(trace: &Trace, findings: &Findings) {
    for (effect, data) in trace.of(|kind| match kind {
        EffectKind::Post { data, .. } => Some(data),
        _ => None,
    }) {
        if effect.is_unawaited {
            let message = "nobody waits for the post";
            let mend = "await it, or all of them with `await Promise.all(…)`";
            findings.source(Slug::PostNotAwaited, &effect.place, message, mend);
        }
        payload(data, &effect.place, "the message", findings);
    }
}

fn replies(trace: &Trace, findings: &Findings) {
    for (effect, value) in returns(trace) {
        let encoded = value.member("isBase64Encoded");
        if matches!(encoded, Some(Value::Bool(true))) {
            let message = "the reply is marked as base64: it reaches the client as it is, encoded";
            let mend = "remove isBase64Encoded, and let the client decode the text";
            findings.source(Slug::BinaryPayload, &effect.place, message, mend);
        }
        if let Some(body) = value.member("body") {
            payload(&body, &effect.place, "the reply", findings);
        }
    }
}

fn payload(data: &Value, place: &Place, what: &str, findings: &Findings) {
    let bytes = data.least_bytes(0);
    if bytes > MESSAGE_BYTES {
        let message = format!("{what} has at least {bytes} bytes");
        let mend = "send parts, or a link to the whole";
        findings.source(Slug::MessageTooBig, place, message, mend);
    } else if matches!(data, Value::Bytes(_)) {
        let message = format!("{what} is bytes that are no text");
        let mend = "encode them, e.g. with base64";
        findings.source(Slug::BinaryPayload, place, message, mend);
    } else if let Value::Answer(path) = data
        && path.contains("get_object.Body")
    {
        let message = format!("{what} is a whole object of a bucket");
        let mend = "send a presigned URL of it, or parts";
        findings.source(Slug::MessageSizeUnbounded, place, message, mend);
    }
}
