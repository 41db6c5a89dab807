//! Work that waits for the disk.

/// Runs it beside the threads of the runtime; `None` when it panicked.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_on() {
        // A simulated disk makes nobody wait.
        return Some(work());
    }
    tokio::task::spawn_blocking(work).await.ok()
}
