//! What clients do, and what they are told.

use std::sync::Arc;

use gatepost_server::server::Server;

use crate::{
    story::{Order, Story},
    wire::{self, Item},
    world::{Command, Event, World},
};

/// What a client does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// It sends a message.
    Message,
    /// It sends a close frame.
    Close,
    /// It ends its direction, and is gone a moment later.
    Finish,
    /// It is gone without a word.
    Vanish,
    /// It stops reading, or reads on.
    Stall,
    ReadOn,
}

impl World {
    pub(crate) fn connects(&mut self, server: &Arc<Server>) {
        let client = self.stories.len();
        let life = self.life_number();
        self.stories.push(Story {
            life,
            active_at_ms: self.now_ms(),
            ..Story::default()
        });
        self.note(format_args!("client {client} connects"));
        let link = self.opens(server, Some(client));
        self.sends_bytes(link, wire::handshake(client));
        if self.random.percent(self.plan.clients.leave_early) {
            let in_ms = self.random.within(0..=self.plan.function_ms + 50);
            let act = Act::Vanish;
            self.schedule(in_ms, Event::Acts { client, act });
        }
    }

    fn link_of(&self, client: usize) -> Option<usize> {
        let mut links = self.links.iter();
        let of = links.find(|(_, link)| link.client == Some(client));
        of.map(|(number, _)| *number)
    }

    pub(crate) fn acts(&mut self, client: usize, act: Act) -> Option<Command> {
        let link = self.link_of(client)?;
        if self.stories[client].client_ended.is_some() {
            return None;
        }
        match act {
            Act::Message => {
                let story = &mut self.stories[client];
                let nth = story.messages_sent;
                story.messages_sent += 1;
                let message = format!(r#"{{"action":"say","nth":{nth}}}"#);
                self.note(format_args!("client {client} sends message {nth}"));
                self.sends_bytes(link, wire::text(&message));
            }
            Act::Close => {
                self.note(format_args!("client {client} closes"));
                self.ends(client);
                self.stories[client].client_closed = true;
                self.sends_bytes(link, wire::close(1000));
            }
            Act::Finish => {
                self.note(format_args!("client {client} ends its socket"));
                self.ends(client);
                self.sends(link, Event::Finishes { link });
            }
            Act::Vanish => {
                self.note(format_args!("client {client} vanishes"));
                self.ends(client);
                self.sends(link, Event::Resets { link });
            }
            Act::Stall => {
                self.note(format_args!("client {client} stops reading"));
                self.stories[client].stalled_at_ms = Some(self.now_ms());
                self.on_link(link, |link| link.is_stalled = true);
            }
            Act::ReadOn => {
                self.note(format_args!("client {client} reads on"));
                self.reads_on(link);
            }
        }
        None
    }

    fn ends(&mut self, client: usize) {
        let order = self.order();
        self.stories[client].client_ended.get_or_insert(order);
    }

    /// The client reads what Gatepost wrote.
    pub(crate) fn client_gets(&mut self, client: usize, link: usize, item: Item, order: Order) {
        match item {
            Item::Answer { status: 101, .. } => {
                let order = self.order();
                let now_ms = self.now_ms();
                self.stories[client].opened = Some((order, now_ms));
                self.note(format_args!("client {client} is connected"));
                self.plans_its_life(client);
            }
            Item::Answer { status, .. } => {
                self.note(format_args!("client {client} is refused with {status}"));
                self.ends(client);
                self.sends(link, Event::Finishes { link });
            }
            Item::Text(text) => self.client_gets_text(client, &text),
            Item::Close(code) => {
                self.note(format_args!("client {client} is told {code:?}"));
                if self.stories[client].client_ended.is_none() {
                    self.ends(client);
                    if self.random.percent(80) {
                        self.sends_bytes(link, wire::close(code.unwrap_or(1000)));
                    }
                }
                self.sends(link, Event::Finishes { link });
            }
            Item::Control => {}
            Item::Garbage(garbage) => {
                self.breaks(
                    "P1",
                    format_args!("client {client} gets {garbage:?} ({order})"),
                );
            }
        }
    }

    fn client_gets_text(&mut self, client: usize, text: &str) {
        let number = |text: &str| text.split(' ').next().and_then(|it| it.parse().ok());
        if let Some(post) = text.strip_prefix('p').and_then(number) {
            self.note(format_args!("client {client} gets post {post}"));
            self.received(client, post);
        } else if let Some(reply) = text.strip_prefix('r').and_then(number) {
            self.note(format_args!("client {client} gets reply {reply}"));
            self.replied(client, reply);
        } else if !text.starts_with(r#"{"message":"#) {
            self.breaks("P1", format_args!("client {client} gets {text:?}"));
        }
    }

    fn plans_its_life(&mut self, client: usize) {
        let left_ms = self.plan.calm_at_ms.saturating_sub(self.now_ms());
        let acts = |world: &mut Self, act, within_ms: u64| {
            let in_ms = world.random.within(0..=within_ms);
            world.schedule(in_ms, Event::Acts { client, act });
        };
        if self.random.percent(30) {
            self.schedule(0, Event::Posts { client, times: 1 });
        }
        for _ in 0..self.random.within(0..=6) {
            acts(self, Act::Message, left_ms);
        }
        if self.random.percent(self.plan.clients.stall) {
            let begin_ms = self.random.within(0..=left_ms);
            let end_ms = self.random.within(begin_ms..=left_ms);
            let times = self.random.within(0..=20);
            self.schedule(begin_ms, Event::Posts { client, times });
            for (in_ms, act) in [(begin_ms, Act::Stall), (end_ms, Act::ReadOn)] {
                self.schedule(in_ms, Event::Acts { client, act });
            }
        }
        if !self.random.percent(self.plan.clients.stay) {
            let ways = [Act::Close, Act::Close, Act::Finish, Act::Vanish];
            let way = self.random.pick(&ways).unwrap_or(Act::Close);
            acts(self, way, left_ms);
        }
    }

    /// Gatepost has ended the socket.
    pub(crate) fn client_is_left(&mut self, client: usize, link: usize) {
        self.note(format_args!("client {client} is left"));
        self.ends(client);
        self.on_link(link, |link| link.end.reset());
        self.links.remove(&link);
    }
}
