//! The promises of SPECIFICATION.md, checked while it happens and at the end.

use crate::{
    story::{Answer, Call, Disconnect, Ended, Order, Story},
    wire::Item,
    world::World,
};

/// How much later than its time something may be noticed, milliseconds.
const SLACK_MS: u64 = 1_100;

fn is_behind(limit: std::time::Duration, since_ms: u64, now_ms: u64) -> bool {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    now_ms.saturating_sub(since_ms).saturating_add(SLACK_MS) >= limit_ms
}

impl World {
    /// Gatepost wrote this to a client.
    pub(crate) fn written_to_client(&mut self, client: usize, item: &Item, order: Order) {
        let story = &mut self.stories[client];
        match item {
            Item::Answer { status: 101, .. } => story.switched = Some(order),
            Item::Close(code) => {
                story.server_ended.get_or_insert(order);
                story.close_code = *code;
            }
            Item::Text(text) => {
                if story.server_ended.is_some() {
                    let how = format!("client {client} is sent {text:?} behind its end");
                    self.breaks("G3", how);
                    return;
                }
                let post = text
                    .strip_prefix('p')
                    .and_then(|text| text.split(' ').next());
                let post: Option<usize> = post.and_then(|number| number.parse().ok());
                let gone = story.first_gone;
                let arrived = post.and_then(|post| self.posts.get(post)?.arrived);
                if gone.is_some_and(|gone| arrived.is_some_and(|arrived| arrived > gone)) {
                    let how = format!("client {client} is sent {text:?}, which came behind a 410");
                    self.breaks("G3", how);
                }
            }
            Item::Answer { .. } | Item::Control | Item::Garbage(_) => {}
        }
    }

    /// Gatepost wrote the answer to a call.
    pub(crate) fn check_answer(
        &mut self,
        call: Call,
        status: u16,
        reason: Option<&str>,
        order: Order,
    ) {
        match (status, call.post) {
            (200, Some(post)) => {
                self.check_accepted(call, post, order);
                self.posts[post].accepted.get_or_insert(order);
            }
            (410, _) => self.check_gone(call, reason.unwrap_or_default(), order),
            (200 | 204, None) | (429, Some(_)) => {}
            _ => self.breaks("G4", format_args!("{call} is answered {status} {reason:?}")),
        }
    }

    fn check_accepted(&mut self, call: Call, post: usize, order: Order) {
        let story = &self.stories[call.client];
        let ended_before = match (story.server_ended, call.arrived) {
            (Some(ended), Some(arrived)) => ended < arrived,
            _ => false,
        };
        if ended_before {
            let how = format!("post {post} is 200, and its connection had ended before it came");
            self.breaks("P1", how);
        }
        if self.stories[call.client]
            .switched
            .is_none_or(|at| at > order)
        {
            self.breaks(
                "P1",
                format_args!("post {post} is 200 for what was never connected"),
            );
        }
    }

    fn check_gone(&mut self, call: Call, reason: &str, order: Order) {
        let now_ms = self.now_ms();
        let story = &self.stories[call.client];
        let had_its_101 = story.opened.is_some_and(|(opened, _)| opened < call.sent);
        let limits = &self.plan.settings.limits;
        let since =
            |at_ms: Option<u64>, limit| at_ms.is_some_and(|at_ms| is_behind(limit, at_ms, now_ms));
        let opened_ms = story.opened.map(|(_, at_ms)| at_ms);
        // Where what it was sent waits, its end has begun before the close frame is written.
        let is_true = match reason {
            "deleted" => story.deleted,
            "idle-timeout" => since(Some(story.active_at_ms), limits.idle_timeout),
            "max-duration" => since(opened_ms, limits.max_connection_duration),
            "slow-consumer" => since(story.stalled_at_ms, limits.write_timeout),
            "draining" => self.life().terminated_at_ms.is_some(),
            _ => false,
        };
        if story.is_live() && had_its_101 && !is_true {
            let how = format!("{call} is 410 {reason}, and its connection lives");
            self.breaks("G1", how);
        }
        let story = &self.stories[call.client];
        if let Some(wrong) = self.wrong_reason(story, reason) {
            self.breaks("G2", format_args!("{call} is 410 {reason}: {wrong}"));
        }
        // Whose `$connect` still runs is not gone for good.
        if reason != "not-established" {
            self.stories[call.client].first_gone.get_or_insert(order);
        }
    }

    /// Why this cannot be the reason.
    fn wrong_reason(&self, story: &Story, reason: &str) -> Option<&'static str> {
        let earlier = &self.lives[..self.life_number()];
        let crashes = |from: usize| {
            let mut since = earlier.iter().skip(from);
            since.any(|life| !matches!(life.ended, Some(Ended::Stopped { in_time: true })))
        };
        let wrong = match reason {
            "not-established" => story.opened.is_some() && !crashes(story.life),
            "closed-by-client" => !story.client_closed && story.close_code.is_none(),
            "client-vanished" => story.client_ended.is_none(),
            "deleted" => !story.deleted,
            "draining" => !self
                .lives
                .iter()
                .any(|life| life.terminated_at_ms.is_some()),
            "slow-consumer" => story.stalled_at_ms.is_none() && self.plan.network_ms < 20,
            "node-lost" => !crashes(story.life),
            "forgotten" => !crashes(story.life) && !self.disk_was_full,
            "idle-timeout" | "max-duration" => false,
            _ => return Some("there is no such reason here"),
        };
        wrong.then_some("it is not what happened")
    }

    /// A client got a post.
    pub(crate) fn received(&mut self, client: usize, post: usize) {
        let is_its_own = self.posts.get(post).is_some_and(|it| it.client == client);
        if !is_its_own {
            self.breaks("P1", format_args!("post {post} is with client {client}"));
            return;
        }
        if self.stories[client].received.contains(&post) {
            self.breaks("P1", format_args!("post {post} comes twice"));
        }
        // What was accepted before this one came is there.
        let arrived = self.posts[post].arrived;
        let overtaken = |number: &usize| {
            let other = &self.posts[*number];
            let before = other
                .accepted
                .zip(arrived)
                .is_some_and(|(it, this)| it < this);
            other.client == client && before && !self.stories[client].received.contains(number)
        };
        let missing: Vec<usize> = (0..self.posts.len()).filter(overtaken).collect();
        if !missing.is_empty() {
            self.breaks(
                "P1",
                format_args!("post {post} comes without or before {missing:?}"),
            );
        }
        self.stories[client].received.push(post);
    }

    /// A client got a reply.
    pub(crate) fn replied(&mut self, client: usize, reply: usize) {
        let story = &mut self.stories[client];
        let is_known = reply < story.messages_sent && !story.replies.contains(&reply);
        story.replies.push(reply);
        if !is_known {
            self.breaks(
                "P1",
                format_args!("reply {reply} comes twice, or to nothing"),
            );
        }
    }

    /// `$disconnect` reached the function.
    pub(crate) fn disconnect_invoked(&mut self, id: &str, request_id: String, code: Option<u64>) {
        let life = self.life_number();
        let Some(client) = self.clients.get(id).copied() else {
            // Whether the call came nobody knew when the process ended.
            let called = self.called.get(id);
            if called.is_none_or(|life| !self.may_repeat(*life)) {
                let how = format!("$disconnect of {id}, whose $connect never came");
                self.breaks("D1", how);
            }
            return;
        };
        self.note(format_args!(
            "$disconnect of client {client}, code {code:?}"
        ));
        let story = &self.stories[client];
        let mut wrong = Vec::new();
        if story.is_live() {
            wrong.push("D1: its connection lives".to_owned());
        }
        if let Some(Answer::Refused { life: refused }) = story.answer
            && !self.may_repeat(refused)
        {
            wrong.push("D1: it was refused".to_owned());
        }
        for earlier in &story.disconnects {
            if earlier.request_id != request_id {
                wrong.push("D2: it came before with another request id".to_owned());
            }
            if !self.may_repeat(earlier.life) {
                wrong.push(format!("D2: it came before, in process {}", earlier.life));
            }
        }
        if story.crashed
            && code != Some(1006)
            && story.close_code.is_none()
            && !self.may_have_ended(story)
        {
            wrong.push(format!("D3: it was lost, and its code is {code:?}"));
        }
        for wrong in wrong {
            self.breaks(&wrong, format_args!("$disconnect of client {client}"));
        }
        let disconnect = Disconnect { life, request_id };
        self.stories[client].disconnects.push(disconnect);
    }

    /// Whether what was done in a process may be done again: it ended before all was on disk.
    fn may_repeat(&self, life: usize) -> bool {
        let ended = self.lives[life].ended;
        let in_time = matches!(ended, None | Some(Ended::Stopped { in_time: true }));
        !in_time || self.disk_was_full && life < self.life_number()
    }

    /// Whether Gatepost may have begun to end it without a word on the wire, which was full.
    fn may_have_ended(&self, story: &Story) -> bool {
        let limits = &self.plan.settings.limits;
        story.deleted
            || story.stalled_at_ms.is_some()
            || self.lives[story.life].terminated_at_ms.is_some()
            || limits.idle_timeout.as_secs() < 60
            || limits.max_connection_duration.as_secs() < 60
    }

    /// The process stopped by itself: everybody was told, and all was delivered.
    pub(crate) fn check_stop(&mut self, in_time: bool) {
        let limits = &self.plan.settings.limits;
        let drain_ms = u64::try_from(limits.drain.as_millis()).unwrap_or(u64::MAX);
        let took_ms = self
            .life()
            .terminated_at_ms
            .map_or(0, |at_ms| self.now_ms() - at_ms);
        if took_ms > drain_ms + SLACK_MS {
            self.breaks("S1", format_args!("the stop took {took_ms} ms"));
        }
        if !in_time {
            return;
        }
        let is_left = |story: &Story| story.is_live();
        let left: Vec<usize> = (0..self.stories.len())
            .filter(|client| is_left(&self.stories[*client]))
            .collect();
        if !left.is_empty() {
            self.breaks(
                "S1",
                format_args!("clients {left:?} were not told of the stop"),
            );
        }
    }

    /// Of what had not ended before it was calm, each has had its `$disconnect` once it ended.
    pub(crate) fn check_all_heard(&mut self, when: &str) {
        for client in 0..self.stories.len() {
            let story = &self.stories[client];
            let has_ended = !story.is_live();
            if story.is_owed() && has_ended && story.disconnects.is_empty() {
                self.breaks(
                    "D1",
                    format_args!("client {client} has had no $disconnect {when}"),
                );
            }
        }
    }

    /// What was accepted is with all clients that are still connected.
    pub(crate) fn check_all_received(&mut self) {
        for post in 0..self.posts.len() {
            let Some(story) = self.stories.get(self.posts[post].client) else {
                continue;
            };
            let is_there = story.received.contains(&post);
            if self.posts[post].accepted.is_some() && story.is_live() && !is_there {
                let client = self.posts[post].client;
                self.breaks(
                    "P1",
                    format_args!("post {post} is not with client {client}"),
                );
            }
            if !self.posts[post].is_answered {
                self.breaks("P1", format_args!("post {post} has no answer"));
            }
        }
    }
}
