//! Waking the one task of a connection: a flag and a waker, smaller than any channel or semaphore.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

/// Wakes that come while the task runs are kept as one.
#[derive(Debug, Default)]
pub(super) struct Wake {
    is_due: AtomicBool,
    task: AtomicWaker,
}

impl Wake {
    /// Wakes the task, now or when it next waits.
    pub(super) fn wake(&self) {
        self.is_due.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Ready when somebody woke the task since it was last ready.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        self.task.register(context.waker());
        // Looked at after registering, so that no wake falls between.
        if self.is_due.swap(false, Ordering::AcqRel) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
