//! Posts that wait for a connection to be established, on stages with `hold_posts`. On AWS a post
//! during `$connect` is 410.
//!
//! They are delivered in the order in which they came, before any later post finds the connection.
//! What waits is bounded in time, and in posts and bytes for each connection and in all.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatepost_model::{connection::GoneReason, limits::Limits};
use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    applied_posts::{AppliedPosts, Attempt},
    clock::Moment,
    connection::{Connection, message::Message, outbox::SendError},
    deployed::StageSlot,
};

/// Posts that may wait for one connection.
const MAX_PER_CONNECTION: usize = 64;

/// What came of a post.
type Sent = Result<(), SendError>;

/// The posts that wait for one connection.
#[derive(Debug)]
pub struct HeldPosts {
    /// The stage that it connects to.
    pub stage: Arc<StageSlot>,
    /// How long one may wait.
    wait: Duration,
    max_bytes: usize,
    all: Arc<HeldInAll>,
    /// `None` once the connection is established, or is not to be.
    line: Mutex<Option<Line>>,
}

/// A line of posts.
#[derive(Debug, Default)]
struct Line {
    posts: VecDeque<Held>,
    bytes: usize,
    next_ticket: u64,
}

/// What waits for all connections of a gateway.
#[derive(Debug)]
pub struct HeldInAll {
    max_posts: usize,
    max_bytes: usize,
    posts: AtomicUsize,
    bytes: AtomicUsize,
}

/// A post in line.
#[derive(Debug)]
struct Held {
    ticket: u64,
    message: Message<'static>,
    attempt: Option<Attempt>,
    sent: oneshot::Sender<Sent>,
    _permit: Permit,
}

/// The room that one post takes.
#[derive(Debug)]
struct Permit {
    all: Arc<HeldInAll>,
    bytes: usize,
}

/// How the wait of a post ended.
#[derive(Debug)]
pub enum Waited {
    /// The connection is established, and the post was put into its outbox, or not.
    Sent(Sent),
    /// The handshake ended before the post was in line: the connection may be found now.
    Settled,
    /// There was no room, or not in time.
    InVain,
}

/// A connection whose `$connect` route runs, on a stage that holds posts.
#[derive(Debug, Clone)]
pub struct Establishing {
    /// Where posts wait.
    pub held: Arc<HeldPosts>,
    /// Since when it handshakes, milliseconds since the epoch.
    pub since_ms: u64,
}

impl Establishing {
    /// What is told of it where nothing waits.
    pub fn gone(&self) -> GoneReason {
        GoneReason::NotEstablished {
            since_ms: self.since_ms,
        }
    }
}

impl HeldInAll {
    /// Room within the limits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            max_posts: limits.max_held_posts,
            max_bytes: limits.max_held_bytes,
            posts: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    /// How many posts wait.
    pub fn posts(&self) -> usize {
        self.posts.load(Ordering::Acquire)
    }

    fn take(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let posts = self.posts.fetch_add(1, Ordering::AcqRel);
        let bytes_before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        // Dropped, it gives back what it took too much.
        let permit = Permit {
            all: Arc::clone(self),
            bytes,
        };
        let fits = posts < self.max_posts && bytes_before.saturating_add(bytes) <= self.max_bytes;
        fits.then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.all.posts.fetch_sub(1, Ordering::AcqRel);
        self.all.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl HeldPosts {
    /// A line for a connection that handshakes; `None` on a stage that holds no posts.
    pub fn new(stage: &Arc<StageSlot>, all: &Arc<HeldInAll>) -> Option<Arc<Self>> {
        let settings = stage.settings.load();
        Some(Arc::new(Self {
            stage: Arc::clone(stage),
            wait: settings.extensions.hold_posts?,
            max_bytes: settings.limits.outbox_bytes,
            all: Arc::clone(all),
            line: Mutex::new(Some(Line::default())),
        }))
    }

    /// Waits in line with a message, which is an `attempt` of an SDK's call. A caller that goes away
    /// leaves the line.
    pub async fn wait(&self, message: Message<'static>, attempt: Option<Attempt>) -> Waited {
        let deadline = Instant::now() + self.wait;
        let mut post = match self.enter(message, attempt) {
            Ok(post) => post,
            Err(waited) => return waited,
        };
        match tokio::time::timeout_at(deadline, &mut post.sent).await {
            Ok(Ok(sent)) => Waited::Sent(sent),
            Ok(Err(_)) => Waited::Settled,
            // Who is not in line any more is being delivered.
            Err(_) if !post.leave() => match (&mut post.sent).await {
                Ok(sent) => Waited::Sent(sent),
                Err(_) => Waited::Settled,
            },
            Err(_) => Waited::InVain,
        }
    }

    fn enter(
        &self,
        message: Message<'static>,
        attempt: Option<Attempt>,
    ) -> Result<Waiting<'_>, Waited> {
        let bytes = message.bytes().len();
        let (sender, sent) = oneshot::channel();
        let mut line = self.line.lock();
        let Some(line) = &mut *line else {
            return Err(Waited::Settled);
        };
        let fits = line.posts.len() < MAX_PER_CONNECTION && line.bytes + bytes <= self.max_bytes;
        let Some(permit) = fits.then(|| self.all.take(bytes)).flatten() else {
            return Err(Waited::InVain);
        };
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        line.bytes += bytes;
        line.posts.push_back(Held {
            ticket,
            message,
            attempt,
            sent: sender,
            _permit: permit,
        });
        Ok(Waiting {
            held: self,
            ticket,
            sent,
        })
    }

    /// The connection is established: what waits is put into its outbox in order, and nobody waits
    /// any more. What was delivered is noted here, since its caller may have gone away; an attempt of
    /// the same call behind it is not delivered again.
    pub(crate) fn deliver(
        &self,
        connection: &Connection,
        limits: &Limits,
        applied_posts: &AppliedPosts,
    ) {
        // Taken out first: a post that is being delivered does not leave.
        let line = self.line.lock().take();
        for held in line.into_iter().flat_map(|line| line.posts) {
            let sent = applied_posts.once(held.attempt, || {
                let now = Moment::now();
                connection.send(&held.message, limits, now)?;
                connection.activity.posted(now);
                Ok(())
            });
            // The caller may have gone away meanwhile.
            let _ = held.sent.send(sent);
        }
    }

    /// The connection is not to be: whoever waits looks for it, and learns why.
    pub(crate) fn refuse(&self) {
        drop(self.line.lock().take());
    }
}

/// The caller of a post in line.
struct Waiting<'a> {
    held: &'a HeldPosts,
    ticket: u64,
    sent: oneshot::Receiver<Sent>,
}

impl Waiting<'_> {
    /// Leaves the line; `false` when the post is not in it any more.
    fn leave(&self) -> bool {
        let mut line = self.held.line.lock();
        let Some(line) = &mut *line else {
            return false;
        };
        let place = line
            .posts
            .iter()
            .position(|held| held.ticket == self.ticket);
        let Some(held) = place.and_then(|place| line.posts.remove(place)) else {
            return false;
        };
        line.bytes -= held.message.bytes().len();
        true
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use gatepost_model::{
        request_context::{ConnectionContext, Identity},
        stage_settings::StageSettings,
    };
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::connection::transport::Transport;

    fn line(wait: Duration, limits: Limits) -> Arc<HeldPosts> {
        let all = Arc::new(HeldInAll::new(&limits));
        let mut settings = StageSettings {
            limits,
            ..StageSettings::default()
        };
        settings.extensions.hold_posts = Some(wait);
        let stage = StageSlot::new("abcdef1234".into(), "prod".into(), settings.into());
        HeldPosts::new(&stage.into(), &all).unwrap()
    }

    fn text(text: &str) -> Message<'static> {
        text.to_owned().into()
    }

    /// A connection and its client's end.
    async fn connection(line: &HeldPosts) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let client = client.await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        socket.writable().await.unwrap();
        let context = ConnectionContext {
            connection_id: "gbgBH8-ydQAYKEjZQA==".parse().unwrap(),
            api_id: "abcdef1234".into(),
            stage: "prod".into(),
            connected_at_ms: 0,
            domain_name: "localhost".into(),
            identity: Identity::anonymous("127.0.0.1", None),
            authorizer: None,
        };
        let stage = Arc::clone(&line.stage);
        let transport = Transport::Plain(socket);
        let connection =
            Connection::new(context.into(), stage, None, None, transport, Moment::now());
        (connection, client)
    }

    /// Waits until so many posts are in line.
    async fn in_line(line: &HeldPosts, count: usize) {
        let length = || line.line.lock().as_ref().map_or(0, |line| line.posts.len());
        while length() != count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_waits_is_delivered_in_its_order_and_nothing_waits_after() {
        let line = line(Duration::from_secs(60), Limits::default());
        let mut waiting = Vec::new();
        for number in 0..5_usize {
            let held = Arc::clone(&line);
            let message = text(&number.to_string());
            waiting.push(tokio::spawn(async move { held.wait(message, None).await }));
            in_line(&line, number + 1).await;
        }
        // A caller that goes away takes its post along.
        waiting.remove(2).abort();
        in_line(&line, 4).await;
        let (connection, mut client) = connection(&line).await;
        let applied_posts = AppliedPosts::new(10);
        line.deliver(&connection, &Limits::default(), &applied_posts);
        for post in waiting {
            assert!(matches!(post.await.unwrap(), Waited::Sent(Ok(()))));
        }
        let mut frames = [0; 12];
        client.read_exact(&mut frames).await.unwrap();
        assert_eq!(&frames, b"\x81\x010\x81\x011\x81\x013\x81\x014");
        assert!(matches!(
            line.wait(text("late"), None).await,
            Waited::Settled
        ));
        assert_eq!(line.all.posts.load(Ordering::Acquire), 0);
        assert_eq!(line.all.bytes.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn of_two_attempts_of_a_call_in_line_one_is_delivered() {
        let applied_posts = AppliedPosts::new(10);
        let id = "gbgBH8-ydQAYKEjZQA==".parse().unwrap();
        let attempt = |is_retry| Attempt {
            invocation: applied_posts.invocation(&id, b"call", 4),
            is_retry,
        };
        let line = line(Duration::from_secs(60), Limits::default());
        let mut waiting = Vec::new();
        for number in 0..2 {
            let held = Arc::clone(&line);
            let post = Some(attempt(number > 0));
            waiting.push(tokio::spawn(
                async move { held.wait(text("once"), post).await },
            ));
            in_line(&line, number + 1).await;
        }
        let (connection, mut client) = connection(&line).await;
        line.deliver(&connection, &Limits::default(), &applied_posts);
        for post in waiting {
            assert!(matches!(post.await.unwrap(), Waited::Sent(Ok(()))));
        }
        // A later attempt is known too.
        let late = applied_posts.once(Some(attempt(true)), || Err(()));
        assert_eq!(late, Ok(()));
        drop(connection);
        let mut frames = Vec::new();
        client.read_to_end(&mut frames).await.unwrap();
        assert_eq!(&frames, b"\x81\x04once");
    }

    #[tokio::test]
    async fn a_refused_handshake_sends_all_who_wait_to_look_for_it() {
        let line = line(Duration::from_secs(60), Limits::default());
        let held = Arc::clone(&line);
        let post = tokio::spawn(async move { held.wait(text("x"), None).await });
        in_line(&line, 1).await;
        line.refuse();
        assert!(matches!(post.await.unwrap(), Waited::Settled));
    }

    #[tokio::test]
    async fn a_post_waits_no_longer_than_its_time() {
        let line = line(Duration::from_millis(50), Limits::default());
        let began = Instant::now();
        assert!(matches!(line.wait(text("x"), None).await, Waited::InVain));
        assert!(began.elapsed() >= Duration::from_millis(50));
        in_line(&line, 0).await;
        assert_eq!(line.all.posts.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_posts_and_bytes_only() {
        let cases = [
            ("posts in all", 2, 1000, 1000),
            ("bytes in all", 100, 2, 1000),
            ("bytes of one connection", 100, 1000, 2),
        ];
        for (what, max_held_posts, max_held_bytes, outbox_bytes) in cases {
            let limits = Limits {
                max_held_posts,
                max_held_bytes,
                outbox_bytes,
                ..Limits::default()
            };
            let line = line(Duration::from_secs(60), limits);
            let mut waiting = Vec::new();
            for number in 1..=2 {
                let held = Arc::clone(&line);
                waiting.push(tokio::spawn(
                    async move { held.wait(text("x"), None).await },
                ));
                in_line(&line, number).await;
            }
            let third = line.wait(text("x"), None).await;
            assert!(matches!(third, Waited::InVain), "{what}");
            waiting.remove(0).abort();
            in_line(&line, 1).await;
            let held = Arc::clone(&line);
            tokio::spawn(async move { held.wait(text("x"), None).await });
            in_line(&line, 2).await;
        }
    }
}
