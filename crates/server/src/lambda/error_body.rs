//! Lambda's own words for what goes wrong: error documents of functions and errors of the Invoke
//! API (control-and-observability spec F.1).

use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use gatepost_model::invocation::InvokeError;
use serde::Serialize;
use serde_json::{Value, json};

/// The greatest payload of a synchronous request or response, as Lambda's messages count it.
pub(super) const MAX_PAYLOAD: usize = 6_291_556;
/// The greatest payload of an asynchronous request.
pub(super) const MAX_EVENT_PAYLOAD: usize = 1_048_576;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDocument<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

fn document(error_type: &str, error_message: &str) -> Vec<u8> {
    let document = ErrorDocument {
        error_type,
        error_message,
    };
    // A struct of two strings always serialises.
    serde_json::to_vec(&document).unwrap_or_default()
}

/// The function ran longer than its `Timeout`.
pub(super) fn timed_out(request_id: &str, timeout: Duration) -> Vec<u8> {
    let seconds = timeout.as_secs_f64();
    document(
        "Sandbox.Timedout",
        &format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
    )
}

/// The process ended before it answered.
pub(super) fn exited(request_id: &str, status: Option<ExitStatus>) -> Vec<u8> {
    let cause = match status {
        Some(status) if !status.success() => {
            format!("Runtime exited with error: {}", describe(status))
        }
        _ => "Runtime exited without providing a reason".to_owned(),
    };
    document(
        "Runtime.ExitError",
        &format!("RequestId: {request_id} Error: {cause}"),
    )
}

fn describe(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit status {code}");
    }
    let signal = match status.signal().unwrap_or_default() {
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        15 => "terminated",
        other => return format!("signal: signal {other}"),
    };
    format!("signal: {signal}")
}

/// The answer is longer than Lambda takes.
pub(super) fn response_too_large() -> Vec<u8> {
    document(
        "Function.ResponseSizeTooLarge",
        &format!(
            "Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."
        ),
    )
}

fn error(status: u16, error_type: &str, message: impl Into<String>) -> InvokeError {
    InvokeError {
        status,
        error_type: error_type.to_owned(),
        message: message.into(),
        reason: None,
        never_sent: false,
    }
}

/// API Gateway may not invoke the function.
pub(super) fn not_permitted(function_arn: &str, source_arn: &str) -> InvokeError {
    error(
        403,
        "AccessDeniedException",
        format!(
            "no permission on {function_arn} lets apigateway.amazonaws.com invoke it for \
             {source_arn}: add one with AWS::Lambda::Permission or AddPermission"
        ),
    )
}

pub(super) fn function_not_found(arn: &str) -> InvokeError {
    error(
        404,
        "ResourceNotFoundException",
        format!("Function not found: {arn}"),
    )
}

/// Something that belongs to a function is not there.
pub(super) fn not_found(message: impl Into<String>) -> InvokeError {
    error(404, "ResourceNotFoundException", message)
}

pub(super) fn conflict(message: impl Into<String>) -> InvokeError {
    error(409, "ResourceConflictException", message)
}

/// The `RevisionId` of a request is not the present one.
pub(super) fn precondition_failed(read_by: &str) -> InvokeError {
    error(
        412,
        "PreconditionFailedException",
        format!(
            "The Revision Id provided does not match the latest Revision Id. Call the {read_by} API \
             to retrieve the latest Revision Id"
        ),
    )
}

/// `reason` is `ReservedFunctionConcurrentInvocationLimitExceeded` and the like.
pub(super) fn throttled(reason: &str) -> InvokeError {
    InvokeError {
        reason: Some(reason.to_owned()),
        never_sent: true,
        ..error(429, "TooManyRequestsException", "Rate Exceeded.")
    }
}

pub(super) fn request_too_large(bytes: usize, invocation_type: &str, limit: usize) -> InvokeError {
    error(
        413,
        "RequestTooLargeException",
        format!(
            "{bytes} byte payload is too large for the {invocation_type} invocation type (limit \
             {limit} bytes)"
        ),
    )
}

pub(super) fn invalid_request_content(cause: &str) -> InvokeError {
    error(
        400,
        "InvalidRequestContentException",
        format!(
            "Could not parse request body into json: Could not parse payload into json: {cause}"
        ),
    )
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> InvokeError {
    error(400, "InvalidParameterValueException", message)
}

pub(super) fn serialization(message: impl Into<String>) -> InvokeError {
    error(400, "SerializationException", message)
}

pub(super) fn validation(message: impl Into<String>) -> InvokeError {
    error(400, "ValidationException", message)
}

pub(super) fn invalid_runtime(message: impl Into<String>) -> InvokeError {
    error(502, "InvalidRuntimeException", message)
}

pub(super) fn invalid_zip_file(message: impl Into<String>) -> InvokeError {
    error(502, "InvalidZipFileException", message)
}

pub(super) fn service(message: impl Into<String>) -> InvokeError {
    error(500, "ServiceException", message)
}

pub(super) fn client_context(message: &str) -> InvokeError {
    error(400, "InvalidRequestContentException", message)
}

pub(super) fn not_implemented(operation: &str) -> InvokeError {
    error(
        501,
        "NotImplementedException",
        format!("Gatepost does not answer Lambda's {operation} yet"),
    )
}

/// The body of an error; whether it says `Message` or `message` depends on the exception's shape.
pub(super) fn of(error: &InvokeError) -> Value {
    let kind = if error.status < 500 {
        "User"
    } else {
        "Service"
    };
    let message = &error.message;
    match error.error_type.as_str() {
        "TooManyRequestsException" => {
            json!({"Reason": error.reason, "Type": kind, "message": message})
        }
        "ValidationException" => json!({"message": message}),
        // This one has both.
        "SerializationException" => json!({"Type": kind, "Message": message, "message": message}),
        "ResourceNotFoundException"
        | "ServiceException"
        | "InvalidRuntimeException"
        | "InvalidZipFileException"
        | "NotImplementedException" => json!({"Type": kind, "Message": message}),
        _ => json!({"Type": kind, "message": message}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn a_timeout_has_lambdas_body() {
        assert_eq!(
            text(timed_out("r-1", Duration::from_secs(1))),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 1.00 seconds"}"#
        );
    }

    #[test]
    fn an_exit_names_its_status_signal_or_no_reason() {
        for (wait_status, cause) in [
            (127 << 8, "Runtime exited with error: exit status 127"),
            (9, "Runtime exited with error: signal: killed"),
            (0, "Runtime exited without providing a reason"),
        ] {
            assert_eq!(
                text(exited("r-1", Some(ExitStatus::from_raw(wait_status)))),
                format!(
                    r#"{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: {cause}"}}"#
                )
            );
        }
    }

    #[test]
    fn too_large_a_response_has_lambdas_body() {
        assert_eq!(
            text(response_too_large()),
            r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#
        );
    }
}
