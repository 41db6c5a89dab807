//! Who is in the chat and what they are told: no I/O, the posts are given back as tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const MAX_PEOPLE: usize = 100;
const MAX_NAME_CHARS: usize = 40;
const MAX_TEXT_CHARS: usize = 2_000;
const MAX_CONNECTION_ID_CHARS: usize = 128;

/// What the function needs of a proxy event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    request_context: RequestContext,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    event_type: EventType,
    connection_id: String,
    request_time_epoch: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum EventType {
    Connect,
    Message,
    Disconnect,
}

/// What the page asks for.
#[derive(Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum Action {
    Join { name: String },
    Say { text: String },
    PostToOld { connection_id: String },
}

/// What to do with `@connections`.
#[derive(Debug, PartialEq)]
pub enum Task {
    /// Post a message to a connection.
    Post { to: String, message: Value },
    /// Post to an id that the asker had before, and tell the asker how that went.
    PostToOld { asker: String, old: String },
}

/// The names of the people here, by connection id.
#[derive(Default, Deserialize, Serialize)]
pub struct Room {
    people: BTreeMap<String, String>,
}

impl Room {
    /// Takes an event in.
    pub fn handle(&mut self, event: &Event) -> Vec<Task> {
        let RequestContext {
            event_type,
            connection_id,
            request_time_epoch,
        } = &event.request_context;
        match event_type {
            EventType::Connect => Vec::new(),
            EventType::Disconnect => self.leave(connection_id),
            EventType::Message => match serde_json::from_str(&event.body) {
                Ok(Action::Join { name }) => self.join(connection_id, &name),
                Ok(Action::Say { text }) => self.say(connection_id, &text, *request_time_epoch),
                Ok(Action::PostToOld { connection_id: old })
                    if old.len() <= MAX_CONNECTION_ID_CHARS =>
                {
                    vec![Task::PostToOld {
                        asker: connection_id.clone(),
                        old,
                    }]
                }
                Ok(Action::PostToOld { .. }) => refuse(connection_id, "That is no connection id."),
                Err(_) => refuse(
                    connection_id,
                    r#"Send {"action":"join","name":…} or {"action":"say","text":…}."#,
                ),
            },
        }
    }

    /// Takes somebody out who closed or turned out to be gone.
    pub fn leave(&mut self, connection_id: &str) -> Vec<Task> {
        match self.people.remove(connection_id) {
            Some(name) => self
                .tell_all(&json!({ "type": "left", "connectionId": connection_id, "name": name })),
            None => Vec::new(),
        }
    }

    fn join(&mut self, connection_id: &str, name: &str) -> Vec<Task> {
        let name: String = name.trim().chars().take(MAX_NAME_CHARS).collect();
        if name.is_empty() {
            return refuse(connection_id, "Say your name.");
        }
        if self.people.len() >= MAX_PEOPLE && !self.people.contains_key(connection_id) {
            return refuse(connection_id, "The room is full.");
        }
        let before = self.people.insert(connection_id.to_owned(), name.clone());
        let roster: Vec<_> = self
            .people
            .iter()
            .map(|(connection_id, name)| json!({ "connectionId": connection_id, "name": name }))
            .collect();
        let you = json!({ "type": "you", "connectionId": connection_id, "name": name });
        let roster = json!({ "type": "roster", "people": roster });
        let mut tasks = vec![post(connection_id, you), post(connection_id, roster)];
        if before.as_ref() != Some(&name) {
            let joined = json!({ "type": "joined", "connectionId": connection_id, "name": name });
            tasks.extend(self.tell_all(&joined));
        }
        tasks
    }

    fn say(&self, connection_id: &str, text: &str, at: u64) -> Vec<Task> {
        let text: String = text.trim().chars().take(MAX_TEXT_CHARS).collect();
        match self.people.get(connection_id) {
            None => refuse(connection_id, "Join first."),
            Some(_) if text.is_empty() => refuse(connection_id, "Say something."),
            Some(name) => self.tell_all(&json!({
                "type": "said",
                "connectionId": connection_id,
                "name": name,
                "text": text,
                "at": at,
            })),
        }
    }

    fn tell_all(&self, message: &Value) -> Vec<Task> {
        self.people
            .keys()
            .map(|connection_id| post(connection_id, message.clone()))
            .collect()
    }
}

fn post(to: &str, message: Value) -> Task {
    Task::Post {
        to: to.to_owned(),
        message,
    }
}

fn refuse(connection_id: &str, text: &str) -> Vec<Task> {
    vec![post(
        connection_id,
        json!({ "type": "error", "text": text }),
    )]
}

#[cfg(test)]
impl Event {
    /// The event of a message.
    pub fn message(connection_id: &str, body: &Value) -> Self {
        Self {
            request_context: RequestContext {
                event_type: EventType::Message,
                connection_id: connection_id.to_owned(),
                request_time_epoch: 1_790_294_510_456,
            },
            body: body.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(room: &mut Room, connection_id: &str, name: &str) -> Vec<Task> {
        room.handle(&Event::message(
            connection_id,
            &json!({ "action": "join", "name": name }),
        ))
    }

    fn say(room: &mut Room, connection_id: &str, text: &str) -> Vec<Task> {
        room.handle(&Event::message(
            connection_id,
            &json!({ "action": "say", "text": text }),
        ))
    }

    fn error(connection_id: &str, text: &str) -> Vec<Task> {
        vec![post(
            connection_id,
            json!({ "type": "error", "text": text }),
        )]
    }

    #[test]
    fn who_joins_learns_who_is_here_and_everyone_learns_of_it() {
        let mut room = Room::default();
        join(&mut room, "a==", "Ann");
        let joined = json!({ "type": "joined", "connectionId": "b==", "name": "Ben" });
        assert_eq!(
            join(&mut room, "b==", " Ben "),
            [
                post(
                    "b==",
                    json!({ "type": "you", "connectionId": "b==", "name": "Ben" })
                ),
                post(
                    "b==",
                    json!({ "type": "roster", "people": [
                        { "connectionId": "a==", "name": "Ann" },
                        { "connectionId": "b==", "name": "Ben" },
                    ] })
                ),
                post("a==", joined.clone()),
                post("b==", joined),
            ]
        );
    }

    #[test]
    fn joining_again_by_the_same_name_is_told_to_nobody_else() {
        let mut room = Room::default();
        join(&mut room, "a==", "Ann");
        join(&mut room, "b==", "Ben");
        assert_eq!(join(&mut room, "b==", "Ben").len(), 2);
    }

    #[test]
    fn what_is_said_reaches_everyone_with_its_time() {
        let mut room = Room::default();
        join(&mut room, "a==", "Ann");
        join(&mut room, "b==", "Ben");
        let said = json!({
            "type": "said",
            "connectionId": "b==",
            "name": "Ben",
            "text": "Hi!",
            "at": 1_790_294_510_456_u64,
        });
        assert_eq!(
            say(&mut room, "b==", "Hi!"),
            [post("a==", said.clone()), post("b==", said)]
        );
    }

    #[test]
    fn a_disconnect_event_takes_the_person_out() {
        let mut room = Room::default();
        join(&mut room, "a==", "Ann");
        join(&mut room, "b==", "Ben");
        let event = r#"{"headers":{"Host":"localhost:4100","x-api-key":"","X-Forwarded-For":"",
            "x-restapi":""},"requestContext":{"routeKey":"$disconnect","disconnectStatusCode":1001,
            "eventType":"DISCONNECT","connectionId":"b==","requestTimeEpoch":1790294521001,
            "connectedAt":1790294508123,"stage":"demo"},"isBase64Encoded":false}"#;
        assert_eq!(
            room.handle(&serde_json::from_str(event).unwrap()),
            [post(
                "a==",
                json!({ "type": "left", "connectionId": "b==", "name": "Ben" })
            )]
        );
    }

    #[test]
    fn mistakes_are_told_to_who_made_them() {
        let mut room = Room::default();
        assert_eq!(say(&mut room, "a==", "Hi!"), error("a==", "Join first."));
        assert_eq!(join(&mut room, "a==", "  "), error("a==", "Say your name."));
        join(&mut room, "a==", "Ann");
        assert_eq!(say(&mut room, "a==", " \n"), error("a==", "Say something."));
        let unknown = Event::message("a==", &json!({ "action": "dance" }));
        assert!(matches!(&room.handle(&unknown)[..], [Task::Post { to, .. }] if to == "a=="));
    }

    #[test]
    fn the_room_names_and_texts_are_bounded() {
        let mut room = Room::default();
        for number in 0..MAX_PEOPLE {
            join(&mut room, &format!("{number:018}=="), &"ä".repeat(99));
        }
        assert_eq!(
            join(&mut room, "late==", "Zoe"),
            error("late==", "The room is full.")
        );
        let first = format!("{:018}==", 0);
        let Task::Post { message, .. } = &say(&mut room, &first, &"x".repeat(3_000))[0] else {
            panic!("what is said is posted");
        };
        assert_eq!(
            message["name"].as_str().map(|name| name.chars().count()),
            Some(40)
        );
        assert_eq!(message["text"].as_str().map(str::len), Some(2_000));
        let long = json!({ "action": "postToOld", "connectionId": "x".repeat(129) });
        assert_eq!(
            room.handle(&Event::message("a==", &long)),
            error("a==", "That is no connection id.")
        );
    }
}
