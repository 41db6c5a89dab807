//! The network: what clients and callers send is under way for a while, and so is what Gatepost writes.

use std::{collections::VecDeque, sync::Arc};

use gatepost_gateway::simulation::{ClientEnd, Socket, Written};
use gatepost_server::{
    listener::serve_simulated,
    server::{Door, Peer, Server},
};

use crate::{
    wire::{Item, Reader},
    world::{Command, Event, World},
};

/// A connection of a client or a caller.
pub(crate) struct Link {
    pub end: ClientEnd,
    /// Whose it is; `None` of a caller.
    pub client: Option<usize>,
    /// What Gatepost wrote, as it wrote it, and as it arrived.
    wire: Reader,
    arrived: Reader,
    under_way: VecDeque<Written>,
    /// What waits for a client that does not read.
    unread: VecDeque<Written>,
    pub is_stalled: bool,
    /// Until when something is under way to Gatepost, and from it.
    to_gatepost_at_ms: u64,
    from_gatepost_at_ms: u64,
}

impl World {
    /// Opens a link to Gatepost.
    pub(crate) fn opens(&mut self, server: &Arc<Server>, client: Option<usize>) -> usize {
        let room = client.map_or(usize::MAX / 2, |_| self.plan.room);
        let (socket, end) = Socket::new(&self.network, room);
        let peer = Peer {
            address: ([127, 0, 0, 1], 50_000).into(),
            local_port: 4100,
            is_tls: false,
            door: Door::Public,
        };
        tokio::spawn(serve_simulated(Arc::clone(server), socket, peer));
        let number = self.next_link;
        self.next_link += 1;
        // Of a client; it is let go a while after the first answer.
        end.hold_flush(client.is_some());
        let link = Link {
            end,
            client,
            wire: Reader::default(),
            arrived: Reader::default(),
            under_way: VecDeque::new(),
            unread: VecDeque::new(),
            is_stalled: false,
            to_gatepost_at_ms: 0,
            from_gatepost_at_ms: 0,
        };
        self.links.insert(number, link);
        number
    }

    pub(crate) fn on_link(&mut self, link: usize, act: impl FnOnce(&mut Link)) -> Option<Command> {
        if let Some(link) = self.links.get_mut(&link) {
            act(link);
        }
        None
    }

    /// Something is sent on a link, behind all that was sent before.
    pub(crate) fn sends(&mut self, number: usize, event: Event) {
        let at_ms = self.now_ms() + self.random.within(0..=self.plan.network_ms);
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        link.to_gatepost_at_ms = link.to_gatepost_at_ms.max(at_ms);
        let at_ms = link.to_gatepost_at_ms;
        self.schedule_at(at_ms, event);
    }

    /// Sends bytes, now and then in two pieces.
    pub(crate) fn sends_bytes(&mut self, link: usize, mut bytes: Vec<u8>) {
        if self.random.percent(10) && bytes.len() > 1 {
            let last = u64::try_from(bytes.len() - 1).unwrap_or(1);
            let at = usize::try_from(self.random.within(1..=last)).unwrap_or(1);
            let rest = bytes.split_off(at);
            self.sends(link, Event::Arrives { link, bytes });
            bytes = rest;
        }
        self.sends(link, Event::Arrives { link, bytes });
    }

    pub(crate) fn arrives(&mut self, number: usize, bytes: &[u8]) -> Option<Command> {
        let now_ms = self.now_ms();
        let link = self.links.get(&number)?;
        if let Some(client) = link.client {
            self.stories[client].active_at_ms = now_ms;
        } else {
            self.call_arrives(number);
        }
        let link = self.links.get(&number)?;
        link.end.send(bytes);
        None
    }

    /// Takes what Gatepost wrote, in the order in which it did, and sends it on its way.
    pub(crate) fn collect(&mut self) {
        let mut all = Vec::new();
        for (number, link) in &self.links {
            all.extend(
                link.end
                    .take()
                    .into_iter()
                    .map(|written| (*number, written)),
            );
        }
        all.sort_by_key(|(_, written)| written.order);
        let now_ms = self.now_ms();
        for (number, written) in all {
            let delay_ms = self.random.within(0..=self.plan.network_ms);
            let Some(link) = self.links.get_mut(&number) else {
                continue;
            };
            let (client, order) = (link.client, written.order);
            let is_end = written.bytes.is_empty();
            let items = link.wire.push(&written.bytes);
            link.under_way.push_back(written);
            link.from_gatepost_at_ms = link.from_gatepost_at_ms.max(now_ms + delay_ms);
            let at_ms = link.from_gatepost_at_ms;
            self.schedule_at(at_ms, Event::Delivered { link: number });
            let is_answer = |item: &Item| matches!(item, Item::Answer { .. });
            if client.is_some() && items.iter().any(is_answer) {
                let in_ms = self.random.pick(&[0, 0, 20]).unwrap_or(0);
                self.schedule(in_ms, Event::Flushes { link: number });
            }
            for item in items {
                match client {
                    Some(client) => self.written_to_client(client, &item, order),
                    None => self.written_to_caller(number, &item, order),
                }
            }
            if let Some(client) = client {
                let story = &mut self.stories[client];
                story.active_at_ms = now_ms;
                if is_end {
                    story.server_ended.get_or_insert(order);
                }
            }
        }
    }

    pub(crate) fn delivered(&mut self, number: usize) -> Option<Command> {
        let link = self.links.get_mut(&number)?;
        let written = link.under_way.pop_front()?;
        if link.is_stalled {
            link.unread.push_back(written);
        } else {
            self.reads(number, &written);
        }
        None
    }

    /// The client reads again.
    pub(crate) fn reads_on(&mut self, number: usize) {
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        link.is_stalled = false;
        for written in std::mem::take(&mut link.unread) {
            self.reads(number, &written);
        }
    }

    fn reads(&mut self, number: usize, written: &Written) {
        let Some(link) = self.links.get_mut(&number) else {
            return;
        };
        let client = link.client;
        link.end.give_room(written.bytes.len());
        let items: Vec<Item> = link.arrived.push(&written.bytes);
        for item in items {
            match client {
                Some(client) => self.client_gets(client, number, item, written.order),
                None => self.caller_gets(number, &item),
            }
        }
        if written.bytes.is_empty() {
            match client {
                Some(client) => self.client_is_left(client, number),
                None => self.caller_is_left(number),
            }
        }
    }
}
