//! The changes that wait for the disk. None is dropped for want of room: there are at most a few for
//! each connection, and each is smaller than the connection that it is about.

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Lifecycle;

/// A change, and who waits until it is on disk.
#[derive(Debug)]
pub(super) struct Change {
    pub lifecycle: Lifecycle,
    pub written: Option<oneshot::Sender<()>>,
}

/// What waits, in its order.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<Vec<Change>>);

impl Changes {
    /// Adds a change; `true` when it is the first that waits.
    pub fn push(&self, lifecycle: Lifecycle, written: Option<oneshot::Sender<()>>) -> bool {
        let mut waiting = self.0.lock();
        waiting.push(Change { lifecycle, written });
        waiting.len() == 1
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// All that waits.
    pub fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.0.lock())
    }
}
