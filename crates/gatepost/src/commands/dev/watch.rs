//! Watching template and code.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Changes that come together are one: an editor writes a file in several steps.
const SETTLE: Duration = Duration::from_millis(120);
/// Folders whose changes are nobody's code.
const IGNORED: [&str; 6] = [
    ".gatepost",
    ".git",
    "__pycache__",
    ".pytest_cache",
    ".aws-sam-temp",
    "node_modules/.cache",
];

/// Tells when watched files change.
pub struct Watcher {
    notify: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
    watched: HashSet<PathBuf>,
}

impl Watcher {
    /// Watches these files and folders.
    pub fn new(sources: &[PathBuf]) -> notify::Result<Self> {
        let (tell, changes) = mpsc::channel(1);
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_change = matches!(
                event.kind,
                EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
            );
            if is_change && !event.paths.iter().all(|path| is_ignored(path)) {
                // A full queue already tells of a change.
                let _ = tell.try_send(());
            }
        })?;
        let mut watcher = Self {
            notify,
            changes,
            watched: HashSet::new(),
        };
        watcher.watch(sources);
        Ok(watcher)
    }

    /// Watches these too. A file is watched through its folder, since editors replace files.
    pub fn watch(&mut self, sources: &[PathBuf]) {
        for source in sources {
            let (folder, mode) = if source.is_dir() {
                (source.as_path(), RecursiveMode::Recursive)
            } else {
                (
                    source.parent().unwrap_or(Path::new(".")),
                    RecursiveMode::NonRecursive,
                )
            };
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            }
            .to_owned();
            if self.watched.insert(folder.clone()) {
                // A folder that vanished meanwhile is named by the reload.
                let _ = self.notify.watch(&folder, mode);
            }
        }
    }

    /// Waits for a change and until it has settled.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while tokio::time::timeout(SETTLE, self.changes.recv())
            .await
            .is_ok()
        {}
    }
}

fn is_ignored(path: &Path) -> bool {
    path.components()
        .any(|part| IGNORED.iter().any(|ignored| part.as_os_str() == *ignored))
}
