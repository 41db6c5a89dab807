//! The world around Gatepost: clients, callers, the function, and what happens by itself.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use gatepost_gateway::simulation::{self, Network, Variant};
use gatepost_server::server::Server;
use parking_lot::Mutex;

use crate::{
    clients::Act,
    links::Link,
    plan::{Crash, Happening, Plan},
    random::Random,
    story::{Call, Ended, Life, Order, Post, Story},
};

/// The world, which clients, callers and the function share.
pub(crate) type Shared = Arc<Mutex<World>>;

/// Everything but Gatepost.
pub(crate) struct World {
    pub plan: Plan,
    pub random: Random,
    pub variant: Option<Variant>,
    pub network: Arc<Network>,
    pub lives: Vec<Life>,
    pub stories: Vec<Story>,
    /// Whose id it is.
    pub clients: BTreeMap<String, usize>,
    /// In which process the `$connect` of an id was called, whether or not it came.
    pub called: BTreeMap<String, usize>,
    pub posts: Vec<Post>,
    pub links: BTreeMap<usize, Link>,
    pub calls: BTreeMap<usize, Call>,
    pub next_link: usize,
    pub backend_is_up: bool,
    /// The disk was full at some time: it may have lost what it was to keep.
    pub disk_was_full: bool,
    pub disk_is_full: bool,
    pub clock_set_ms: i64,
    /// When the latest process ended, milliseconds.
    pub ended_at_ms: u64,
    /// The schedule is over: the process stops, and is started once more.
    pub is_ending: bool,
    pub is_last: bool,
    events: BinaryHeap<Reverse<Scheduled>>,
    next_event: u64,
    /// What happened, a line each.
    pub trace: Vec<String>,
    /// The promises that were broken.
    pub broken: Vec<String>,
}

/// What will happen.
#[derive(Debug)]
pub(crate) enum Event {
    Happens(Happening),
    /// Bytes of a link reach Gatepost.
    Arrives {
        link: usize,
        bytes: Vec<u8>,
    },
    /// A link's other end has ended its direction, or is gone.
    Finishes {
        link: usize,
    },
    Resets {
        link: usize,
    },
    /// What was written counts as under way.
    Flushes {
        link: usize,
    },
    /// What was written is with the client.
    Delivered {
        link: usize,
    },
    /// A client does something.
    Acts {
        client: usize,
        act: Act,
    },
    /// A backend posts to a client that has just connected, or does not read.
    Posts {
        client: usize,
        times: u64,
    },
    /// A caller makes its call once more.
    Retries {
        post: usize,
    },
    /// The disk has written.
    DiskStep,
    /// What is owed has come by now; those who are still connected get a post each.
    BecomesQuiet,
    /// The schedule is over.
    Ends,
}

#[derive(Debug)]
struct Scheduled {
    at_ms: u64,
    nth: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.nth).cmp(&(other.at_ms, other.nth))
    }
}

/// What the process must do that the world asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Crash(Crash),
    Terminate,
    Hurry,
    DiskStep,
    DiskIsFull(bool),
}

impl World {
    pub(crate) fn new(seed: u64, variant: Option<Variant>) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let mut world = Self {
            random,
            variant,
            network: Arc::default(),
            lives: Vec::new(),
            stories: Vec::new(),
            clients: BTreeMap::new(),
            called: BTreeMap::new(),
            posts: Vec::new(),
            links: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_link: 0,
            backend_is_up: true,
            disk_was_full: false,
            disk_is_full: false,
            clock_set_ms: 0,
            ended_at_ms: 0,
            is_ending: false,
            is_last: false,
            events: BinaryHeap::new(),
            next_event: 0,
            trace: Vec::new(),
            broken: Vec::new(),
            plan,
        };
        for (at_ms, happening) in std::mem::take(&mut world.plan.happenings) {
            world.schedule_at(at_ms, Event::Happens(happening));
        }
        world
    }

    /// Milliseconds since the schedule began.
    pub(crate) fn now_ms(&self) -> u64 {
        let monotonic_ms = simulation::moment().map_or(0, |moment| moment.monotonic_ms);
        self.life().began_at_ms + monotonic_ms
    }

    pub(crate) fn order(&self) -> Order {
        self.network.next_order()
    }

    /// The number of the process that runs.
    pub(crate) fn life_number(&self) -> usize {
        self.lives.len().saturating_sub(1)
    }

    pub(crate) fn life(&self) -> &Life {
        &self.lives[self.life_number()]
    }

    pub(crate) fn life_mut(&mut self) -> &mut Life {
        let number = self.life_number();
        &mut self.lives[number]
    }

    pub(crate) fn note(&mut self, what: impl std::fmt::Display) {
        let now_ms = self.now_ms();
        self.trace.push(format!("{now_ms:>7} ms  {what}"));
    }

    /// A promise is broken.
    pub(crate) fn breaks(&mut self, promise: &str, how: impl std::fmt::Display) {
        let line = format!("BROKEN {promise}: {how}");
        self.note(&line);
        self.broken.push(line);
    }

    pub(crate) fn schedule(&mut self, in_ms: u64, event: Event) {
        self.schedule_at(self.now_ms() + in_ms, event);
    }

    pub(crate) fn schedule_at(&mut self, at_ms: u64, event: Event) {
        let nth = self.next_event;
        self.next_event += 1;
        self.events.push(Reverse(Scheduled { at_ms, nth, event }));
    }

    /// When something happens next.
    pub(crate) fn next_at_ms(&self) -> Option<u64> {
        self.events.peek().map(|Reverse(next)| next.at_ms)
    }

    /// Lets the next thing happen, if its time has come; gives what the process has to do.
    pub(crate) fn step(&mut self, server: &Arc<Server>) -> Option<Command> {
        if self.next_at_ms()? > self.now_ms() {
            return None;
        }
        let Reverse(Scheduled { event, .. }) = self.events.pop()?;
        self.collect();
        match event {
            Event::Happens(happening) => self.happens(server, happening),
            Event::Arrives { link, bytes } => self.arrives(link, &bytes),
            Event::Finishes { link } => self.on_link(link, |link| link.end.finish()),
            Event::Resets { link } => {
                self.on_link(link, |link| link.end.reset());
                self.links.remove(&link);
                None
            }
            Event::Flushes { link } => self.on_link(link, |link| link.end.hold_flush(false)),
            Event::Delivered { link } => self.delivered(link),
            Event::Acts { client, act } => self.acts(client, act),
            Event::Posts { client, times } => {
                for _ in 0..times {
                    self.posts_to(server, client);
                }
                None
            }
            Event::Retries { post } => self.attempts(server, post),
            Event::DiskStep => Some(Command::DiskStep),
            Event::BecomesQuiet => {
                self.becomes_quiet(server);
                None
            }
            Event::Ends => {
                self.is_ending = true;
                self.check_all_received();
                Some(Command::Terminate)
            }
        }
    }

    fn happens(&mut self, server: &Arc<Server>, happening: Happening) -> Option<Command> {
        match happening {
            Happening::Connect => self.connects(server),
            Happening::Post { times } => self.posts_to_some(server, times),
            Happening::Delete => self.deletes_some(server),
            Happening::Backend { is_up } => {
                self.note(if is_up { "backend up" } else { "backend down" });
                self.backend_is_up = is_up;
            }
            Happening::Disk { is_full } => {
                self.note(if is_full {
                    "disk full"
                } else {
                    "disk has room"
                });
                self.disk_is_full = is_full;
                self.disk_was_full |= is_full;
                return Some(Command::DiskIsFull(is_full));
            }
            Happening::SetClock { by_ms } => {
                self.note(format_args!("clock set by {by_ms} ms"));
                self.clock_set_ms += by_ms;
                simulation::set_clock(by_ms);
            }
            Happening::Crash(crash) => return Some(Command::Crash(crash)),
            Happening::Terminate => return Some(Command::Terminate),
            Happening::Hurry => return Some(Command::Hurry),
        }
        None
    }

    fn becomes_quiet(&mut self, server: &Arc<Server>) {
        // What a full disk did not take is owed at the next start.
        if !self.disk_was_full {
            self.check_all_heard("long after it ended");
        }
        for client in 0..self.stories.len() {
            if self.stories[client].is_live() {
                self.posts_to(server, client);
            }
        }
    }

    /// All that a process held is gone with it.
    pub(crate) fn process_ended(&mut self, ended: Ended) {
        self.collect();
        self.note(format_args!("process ended: {ended:?}"));
        self.life_mut().ended = Some(ended);
        self.ended_at_ms = self.now_ms();
        let order = self.order();
        for (_, link) in std::mem::take(&mut self.links) {
            link.end.reset();
            if let Some(client) = link.client {
                let story = &mut self.stories[client];
                if story.server_ended.is_none() {
                    story.server_ended = Some(order);
                    story.crashed = story.client_ended.is_none();
                }
            }
        }
        for (_, call) in std::mem::take(&mut self.calls) {
            self.lost(call);
        }
    }
}
