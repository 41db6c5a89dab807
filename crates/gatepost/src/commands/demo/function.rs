//! The demo's Lambda function: a `provided` runtime that is this very binary.
//!
//! It speaks the Lambda Runtime API and `@connections` like any function would, over blocking HTTP,
//! and keeps who is here in a file beside its folder.

mod http;
mod room;
mod room_file;

use std::{collections::VecDeque, convert::Infallible, env, io, path::Path, process::ExitCode};

use serde_json::json;

use self::{
    http::{Endpoint, HttpError, Response},
    room::{Event, Room, Task},
    room_file::RoomFile,
};

/// Why the demo's function ended.
#[derive(Debug, thiserror::Error)]
enum FunctionError {
    /// It was not started by a Lambda runtime.
    #[error("{0} is not set: this command is the function of `gatepost demo`, which starts it")]
    MissingVariable(&'static str),
    /// The Runtime API is not there or does not answer as it should.
    #[error("the Lambda Runtime API: {0}")]
    RuntimeApi(#[from] HttpError),
    /// The room cannot be read or written.
    #[error("the room's file: {0}")]
    Room(#[from] io::Error),
    /// `next` came without its `Lambda-Runtime-Aws-Request-Id`.
    #[error("the Lambda Runtime API gave an invocation without a request id")]
    MissingRequestId,
}

/// `gatepost __demo-function`.
pub fn main() -> ExitCode {
    let Err(error) = run();
    eprintln!("{error}");
    ExitCode::FAILURE
}

/// Answers invocations until the Runtime API is gone.
fn run() -> Result<Infallible, FunctionError> {
    let runtime_api = variable("AWS_LAMBDA_RUNTIME_API")?;
    let runtime = Endpoint::parse(&format!("http://{runtime_api}/2018-06-01/runtime"))?;
    let management_api = Endpoint::parse(&variable("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")?)?;
    // Not in the folder, whose changes would start the function anew.
    let room = RoomFile::new(Path::new(&variable("LAMBDA_TASK_ROOT")?).join("../room.json"));
    loop {
        let invocation = runtime.next_invocation()?;
        let request_id = invocation
            .header("Lambda-Runtime-Aws-Request-Id")
            .ok_or(FunctionError::MissingRequestId)?;
        let (path, answer) = match serde_json::from_slice::<Event>(&invocation.body) {
            Ok(event) => {
                // Posted while nobody else is let in: everyone hears of all in the same order.
                room.change(|room| carry_out(room.handle(&event), room, &management_api))?;
                ("response", json!({ "statusCode": 200 }))
            }
            Err(error) => {
                let message = format!("not an event of a WebSocket API: {error}");
                let document = json!({ "errorType": "InvalidEvent", "errorMessage": message });
                ("error", document)
            }
        };
        let path = format!("/invocation/{request_id}/{path}");
        runtime.post(&path, answer.to_string().as_bytes())?;
    }
}

fn variable(name: &'static str) -> Result<String, FunctionError> {
    env::var(name).map_err(|_| FunctionError::MissingVariable(name))
}

/// Posts what the room has to say; who turns out to be gone leaves the room, which it says in turn.
fn carry_out(tasks: Vec<Task>, room: &mut Room, management_api: &Endpoint) {
    let mut tasks = VecDeque::from(tasks);
    while let Some(task) = tasks.pop_front() {
        match task {
            Task::Post { to, message } => {
                match post_to_connection(management_api, &to, &message.to_string()) {
                    Ok(response) if response.status == 410 => tasks.extend(room.leave(&to)),
                    Ok(response) if response.status == 200 => {}
                    Ok(response) => eprintln!("a post to {to} was answered {}", response.status),
                    Err(error) => eprintln!("a post to {to} failed: {error}"),
                }
            }
            Task::PostToOld { asker, old } => {
                let outcome = post_to_connection(management_api, &old, r#"{"type":"stillThere"}"#);
                let message = match outcome {
                    Ok(response) => json!({
                        "type": "gone",
                        "connectionId": old,
                        "status": response.status,
                        "reason": response.header("x-gatepost-gone-reason"),
                    }),
                    Err(error) => json!({ "type": "error", "text": error.to_string() }),
                };
                tasks.push_back(Task::Post { to: asker, message });
            }
        }
    }
}

/// `PostToConnection`.
fn post_to_connection(
    management_api: &Endpoint,
    connection_id: &str,
    data: &str,
) -> Result<Response, HttpError> {
    let path = format!("/@connections/{}", http::percent_encode(connection_id));
    management_api.post(&path, data.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{http::tests::serve, *};

    #[test]
    fn whoever_is_gone_leaves_the_room_and_the_others_are_told() {
        let (endpoint, requests) = serve(|request| match request {
            request if request.starts_with("POST /demo/@connections/gone%3D%3D ") => {
                "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
            }
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        });
        let endpoint = Endpoint::parse(&format!("{endpoint}/demo")).unwrap();
        let mut room = Room::default();
        for (connection_id, name) in [("here==", "Ann"), ("gone==", "Ben")] {
            room.handle(&Event::message(
                connection_id,
                &json!({ "action": "join", "name": name }),
            ));
        }

        let said = Event::message("here==", &json!({ "action": "say", "text": "Ben?" }));
        let tasks = room.handle(&said);
        carry_out(tasks, &mut room, &endpoint);

        let bodies: Vec<_> = requests
            .try_iter()
            .map(|request| request.split_once("\r\n\r\n").unwrap().1.to_owned())
            .collect();
        assert_eq!(
            bodies[2..],
            [r#"{"type":"left","connectionId":"gone==","name":"Ben"}"#]
        );
        assert!(room.leave("gone==").is_empty(), "it left already");
    }

    #[test]
    fn the_asker_learns_status_and_reason_of_the_post_to_the_old_id() {
        let (endpoint, requests) = serve(|request| {
            if request.contains("old%3D%3D") {
                "HTTP/1.1 410 Gone\r\nx-gatepost-gone-reason: closed-by-client\r\n\
                 Content-Length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            }
        });
        let endpoint = Endpoint::parse(&endpoint).unwrap();
        let mut room = Room::default();

        let asked = json!({ "action": "postToOld", "connectionId": "old==" });
        let tasks = room.handle(&Event::message("new==", &asked));
        carry_out(tasks, &mut room, &endpoint);

        let requests: Vec<_> = requests.try_iter().collect();
        assert!(requests[0].starts_with("POST /@connections/old%3D%3D HTTP/1.1\r\n"));
        assert!(requests[1].starts_with("POST /@connections/new%3D%3D HTTP/1.1\r\n"));
        assert!(requests[1].ends_with(
            r#"{"type":"gone","connectionId":"old==","status":410,"reason":"closed-by-client"}"#
        ));
    }
}
