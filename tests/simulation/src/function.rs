//! The function behind the routes.

use std::{sync::Arc, time::Duration};

use gatepost_gateway::integration::invoke_function::{Invocation, InvokeFunction};
use gatepost_model::invocation::{InvokeError, InvokeRequest, InvokeResponse};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    story::Answer,
    world::{Shared, World},
};

/// Longer than any integration may take.
const HANGS: Duration = Duration::from_secs(100);

/// The function.
pub(crate) struct Function(pub Shared);

/// What it does with an event.
struct Doing {
    /// Of which client's `$connect` it is.
    connects: Option<usize>,
    works: Duration,
    /// `None` when it fails.
    answers: Option<Value>,
}

impl InvokeFunction for Function {
    fn invoke(&self, request: InvokeRequest) -> Invocation<'_> {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            let way = world.lock().called(&request.payload);
            sleep(way).await;
            let doing = world.lock().invoked(&request.payload);
            let Some(Doing {
                connects,
                works,
                answers,
            }) = doing
            else {
                return Err(failed("the backend is down", true));
            };
            let mut unanswered = Unanswered {
                world: &world,
                connects,
            };
            sleep(works).await;
            unanswered.connects = None;
            if let Some(client) = connects {
                let accepts = answers.as_ref().is_some_and(|it| it["statusCode"] == 200);
                world.lock().connect_answered(client, accepts);
            }
            let Some(answer) = answers else {
                return Err(failed("the backend broke off", false));
            };
            Ok(InvokeResponse {
                status: 200,
                request_id: "simulated".into(),
                executed_version: "$LATEST".into(),
                function_error: None,
                payload: answer.to_string().into_bytes(),
                log_tail: None,
            })
        })
    }
}

fn failed(message: &str, never_sent: bool) -> InvokeError {
    InvokeError {
        status: 500,
        error_type: "ServiceException".into(),
        message: message.into(),
        reason: None,
        never_sent,
    }
}

/// A call that nobody may wait for any more.
struct Unanswered<'a> {
    world: &'a Shared,
    connects: Option<usize>,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.connects {
            self.world.lock().connect_abandoned(client);
        }
    }
}

impl World {
    /// It is called; how long the call is on its way.
    fn called(&mut self, payload: &[u8]) -> Duration {
        let event: Value = serde_json::from_slice(payload).unwrap_or_default();
        let context = &event["requestContext"];
        if let ("CONNECT", Some(id)) = (
            context["eventType"].as_str().unwrap_or_default(),
            context["connectionId"].as_str(),
        ) {
            let life = self.life_number();
            self.called.insert(id.to_owned(), life);
        }
        Duration::from_millis(self.random.within(0..=self.plan.function_ms / 4))
    }

    /// An event reaches the function; `None` when that is down.
    fn invoked(&mut self, payload: &[u8]) -> Option<Doing> {
        self.collect();
        if !self.backend_is_up {
            return None;
        }
        let event: Value = serde_json::from_slice(payload).unwrap_or_default();
        let context = &event["requestContext"];
        let text = |name: &str| context[name].as_str().unwrap_or_default().to_owned();
        let id = text("connectionId");
        let chances = self.plan.clients.clone();
        let mut doing = Doing {
            connects: None,
            works: Duration::from_millis(self.random.within(0..=self.plan.function_ms)),
            answers: Some(json!({ "statusCode": 200 })),
        };
        if self.random.percent(chances.hang) {
            doing.works = HANGS;
        }
        if self.random.percent(chances.fail) {
            doing.answers = None;
        }
        match &*text("eventType") {
            "CONNECT" => {
                let client = event["queryStringParameters"]["n"].as_str();
                let client = client.and_then(|n| n.parse().ok()).unwrap_or_default();
                self.connect_invoked(client, id);
                doing.connects = Some(client);
                if self.random.percent(chances.refuse) {
                    doing.answers = Some(json!({ "statusCode": 403 }));
                }
            }
            "MESSAGE" => {
                let body = event["body"].as_str().unwrap_or_default();
                let message: Value = serde_json::from_str(body).unwrap_or_default();
                let reply = format!("r{} ", message["nth"]);
                let client = self.clients.get(&id).copied();
                self.note(format_args!(
                    "message {} of client {client:?}",
                    message["nth"]
                ));
                if doing.answers.is_some() {
                    doing.answers = Some(json!({ "statusCode": 200, "body": reply }));
                }
            }
            "DISCONNECT" => {
                let code = context["disconnectStatusCode"].as_u64();
                self.disconnect_invoked(&id, text("requestId"), code);
            }
            other => self.breaks("D1", format_args!("there is an event {other:?}")),
        }
        Some(doing)
    }

    fn connect_invoked(&mut self, client: usize, id: String) {
        self.note(format_args!("$connect of client {client}: {id}"));
        let order = self.order();
        if self.clients.insert(id.clone(), client).is_some() {
            self.breaks("P1", format_args!("the id {id} is given a second time"));
        }
        let story = &mut self.stories[client];
        story.invoked = Some(order);
        story.id = Some(id);
    }

    fn connect_answered(&mut self, client: usize, accepts: bool) {
        let life = self.life_number();
        self.note(format_args!(
            "$connect of client {client} accepts: {accepts}"
        ));
        self.stories[client].answer = Some(if accepts {
            Answer::Accepted
        } else {
            Answer::Refused { life }
        });
    }

    /// Gatepost does not wait any more.
    fn connect_abandoned(&mut self, client: usize) {
        let life = self.life_number();
        self.stories[client].answer = Some(match self.life().ended {
            Some(_) => Answer::Crashed,
            None => Answer::Refused { life },
        });
    }
}
