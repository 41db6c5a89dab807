//! What backends call: posts, made again as SDKs do when the answer is lost, and deletes.

use std::sync::Arc;

use gatepost_server::server::Server;

use crate::{
    story::{Call, Order, Post},
    wire::{self, Item},
    world::{Command, Event, World},
};

/// How often an SDK tries.
const ATTEMPTS: usize = 3;
/// How long it waits before it tries again, milliseconds.
const PAUSE_MS: u64 = 100;

impl World {
    /// The client of some id that a backend knows, of the later ones more often.
    fn some_client(&mut self) -> Option<usize> {
        let known: Vec<usize> = self.clients.values().copied().collect();
        let live: Vec<usize> = known
            .iter()
            .copied()
            .filter(|client| self.stories[*client].server_ended.is_none())
            .collect();
        if self.random.percent(75) {
            self.random.pick(&live)
        } else {
            self.random.pick(&known)
        }
    }

    pub(crate) fn posts_to_some(&mut self, server: &Arc<Server>, times: usize) {
        if let Some(client) = self.some_client() {
            for _ in 0..times {
                self.posts_to(server, client);
            }
        }
    }

    pub(crate) fn posts_to(&mut self, server: &Arc<Server>, client: usize) {
        let post = self.posts.len();
        self.posts.push(Post {
            client,
            attempts: 0,
            arrived: None,
            accepted: None,
            is_answered: false,
        });
        self.attempts(server, post);
    }

    pub(crate) fn attempts(&mut self, server: &Arc<Server>, number: usize) -> Option<Command> {
        let post = &mut self.posts[number];
        post.attempts += 1;
        let (client, attempt) = (post.client, post.attempts);
        let id = self.stories[client].id.clone()?;
        let padding = "x".repeat(number * 37 % 90);
        let body = format!("p{number} {padding}");
        self.note(format_args!(
            "post {number} to client {client}, attempt {attempt}"
        ));
        let call = format!("call-{number}");
        let request = wire::call("POST", &id, &body, Some((&call, attempt)));
        self.calls(server, client, Some(number), request);
        None
    }

    pub(crate) fn deletes_some(&mut self, server: &Arc<Server>) {
        let Some(client) = self.some_client() else {
            return;
        };
        let Some(id) = self.stories[client].id.clone() else {
            return;
        };
        self.note(format_args!("delete of client {client}"));
        self.calls(server, client, None, wire::call("DELETE", &id, "", None));
    }

    fn calls(
        &mut self,
        server: &Arc<Server>,
        client: usize,
        post: Option<usize>,
        request: Vec<u8>,
    ) {
        let link = self.opens(server, None);
        let call = Call {
            client,
            post,
            sent: self.order(),
            arrived: None,
            is_answered: false,
        };
        self.calls.insert(link, call);
        self.sends_bytes(link, request);
    }

    /// The call begins to reach Gatepost.
    pub(crate) fn call_arrives(&mut self, link: usize) {
        let order = self.order();
        let Some(call) = self.calls.get_mut(&link) else {
            return;
        };
        call.arrived.get_or_insert(order);
        match call.post {
            Some(post) => {
                self.posts[post].arrived.get_or_insert(order);
            }
            None => self.stories[call.client].deleted = true,
        }
    }

    /// Gatepost wrote an answer.
    pub(crate) fn written_to_caller(&mut self, link: usize, item: &Item, order: Order) {
        let Some(call) = self.calls.get_mut(&link) else {
            return;
        };
        call.is_answered = true;
        let call = *call;
        if let Item::Answer { status, reason } = item {
            self.check_answer(call, *status, reason.as_deref(), order);
        }
        if self.random.percent(self.plan.clients.lose_answer) {
            self.note(format_args!("the answer to {call} is lost"));
            self.on_link(link, |link| link.end.reset());
            self.links.remove(&link);
            self.calls.remove(&link);
            self.lost(call);
        }
    }

    /// The caller reads the answer.
    pub(crate) fn caller_gets(&mut self, link: usize, item: &Item) {
        let Some(call) = self.calls.remove(&link) else {
            return;
        };
        let Item::Answer { status, reason } = item else {
            self.breaks("G4", format_args!("{call} is answered {item:?}"));
            return;
        };
        let reason = reason.as_deref().unwrap_or_default();
        self.note(format_args!("{call} is answered {status} {reason}"));
        if *status >= 500 {
            self.lost(call);
        } else if let Some(post) = call.post {
            self.posts[post].is_answered = true;
        }
        self.sends(link, Event::Finishes { link });
    }

    pub(crate) fn caller_is_left(&mut self, link: usize) {
        if let Some(call) = self.calls.remove(&link) {
            self.lost(call);
        }
        self.links.remove(&link);
    }

    /// The caller does not know what came of it.
    pub(crate) fn lost(&mut self, call: Call) {
        let Some(post) = call.post else {
            return;
        };
        if self.posts[post].attempts < ATTEMPTS {
            self.schedule(PAUSE_MS, Event::Retries { post });
        } else {
            self.posts[post].is_answered = true;
        }
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.post {
            Some(post) => write!(f, "post {post} to client {}", self.client),
            None => write!(f, "the delete of client {}", self.client),
        }
    }
}
