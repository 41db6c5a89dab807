//! Watching template and code.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
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
    sources: Arc<Mutex<Sources>>,
}

/// What is watched, in the words in which changes are told.
#[derive(Default)]
struct Sources {
    /// Everything in these matters.
    folders: HashSet<PathBuf>,
    /// Watched through their folders, since editors replace files; nothing else there matters.
    files: HashSet<PathBuf>,
}

impl Sources {
    fn contain(&self, path: &Path) -> bool {
        let ignored = path
            .components()
            .any(|part| IGNORED.iter().any(|ignored| part.as_os_str() == *ignored));
        !ignored
            && (self.files.contains(path)
                || path.ancestors().any(|folder| self.folders.contains(folder)))
    }
}

impl Watcher {
    /// Watches these files and folders.
    pub fn new(sources: &[PathBuf]) -> notify::Result<Self> {
        let (tell, changes) = mpsc::channel(1);
        let watched = Arc::new(Mutex::new(Sources::default()));
        let known = Arc::clone(&watched);
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_change = matches!(
                event.kind,
                EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
            );
            if is_change && event.paths.iter().any(|path| known.lock().contain(path)) {
                // A full queue already tells of a change.
                let _ = tell.try_send(());
            }
        })?;
        let mut watcher = Self {
            notify,
            changes,
            sources: watched,
        };
        watcher.watch(sources);
        Ok(watcher)
    }

    /// Watches these too.
    pub fn watch(&mut self, sources: &[PathBuf]) {
        for source in sources {
            // A folder that vanished meanwhile is named by the reload.
            if source.is_dir() {
                if self.sources.lock().folders.insert(source.clone()) {
                    let _ = self.notify.watch(source, RecursiveMode::Recursive);
                }
            } else if let Some(name) = source.file_name() {
                let folder = source
                    .parent()
                    .filter(|parent| !parent.as_os_str().is_empty())
                    .unwrap_or(Path::new("."));
                let file = folder.join(name);
                if self.sources.lock().files.insert(file) && !self.is_watched(folder) {
                    let _ = self.notify.watch(folder, RecursiveMode::NonRecursive);
                }
            }
        }
    }

    /// Whether a folder is watched whole: to watch it again would make that less.
    fn is_watched(&self, folder: &Path) -> bool {
        self.sources.lock().folders.contains(folder)
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
