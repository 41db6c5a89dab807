//! Watching template and code.

use std::{
    collections::BTreeMap,
    fs, io,
    os::{fd::AsFd, unix::fs::MetadataExt},
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
const IGNORED: [&str; 4] = [".gatepost", ".git", "__pycache__", ".pytest_cache"];

/// What an app is made of.
pub struct Watched {
    /// Files and folders whose changes matter.
    pub sources: Vec<PathBuf>,
    /// The folders of templates, absolute: below them code may be made anew.
    pub folders: Vec<PathBuf>,
}

/// Tells when what the app is made of changes.
pub struct Watcher {
    notify: RecommendedWatcher,
    changes: mpsc::Receiver<()>,
    sources: Arc<Mutex<Vec<PathBuf>>>,
}

impl Watcher {
    /// Watches what the app is made of.
    pub fn new(watched: &Watched) -> notify::Result<Self> {
        let (tell, changes) = mpsc::channel(1);
        let sources = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&sources);
        let outputs = [identity_of(io::stdout()), identity_of(io::stderr())];
        // What we print into the app's folder would make us print again.
        let is_output = move |path: &PathBuf| {
            let identity = fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
            identity.is_some() && outputs.contains(&identity)
        };
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_change = matches!(
                event.kind,
                EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
            );
            let is_source = |path: &PathBuf| matters(path, &known.lock()) && !is_output(path);
            if is_change && event.paths.iter().any(is_source) {
                // A full queue already tells of a change.
                let _ = tell.try_send(());
            }
        })?;
        let mut watcher = Self {
            notify,
            changes,
            sources,
        };
        watcher.watch(watched);
        Ok(watcher)
    }

    /// Watches what the app is made of now. A file is watched through its folder, since editors
    /// replace files; so is every folder between the template and the code, since builds remove
    /// and make them anew.
    pub fn watch(&mut self, watched: &Watched) {
        let mut wanted: BTreeMap<PathBuf, RecursiveMode> = BTreeMap::new();
        let mut sources = Vec::new();
        for source in &watched.sources {
            let source = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
            if source.is_dir() {
                wanted.insert(source.clone(), RecursiveMode::Recursive);
            }
            let between = source.ancestors().skip(1);
            let is_of_app = |folder: &&Path| {
                let mut folders = watched.folders.iter();
                folders.any(|of_app| folder.starts_with(of_app))
            };
            let between = between.take_while(is_of_app);
            for folder in source.parent().into_iter().chain(between) {
                let mode = wanted.entry(folder.to_owned());
                mode.or_insert(RecursiveMode::NonRecursive);
            }
            sources.push(source);
        }
        *self.sources.lock() = sources;
        for (folder, mode) in wanted {
            // A folder that vanished meanwhile is named by the reload.
            let _ = self.notify.watch(&folder, mode);
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

/// Which file an output goes to.
fn identity_of(output: impl AsFd) -> Option<(u64, u64)> {
    let file = output.as_fd().try_clone_to_owned().ok().map(fs::File::from);
    let metadata = file?.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Whether a changed path is a source, lies in one, or holds one.
fn matters(path: &Path, sources: &[PathBuf]) -> bool {
    let is_ignored = path
        .components()
        .any(|part| IGNORED.iter().any(|ignored| part.as_os_str() == *ignored));
    !is_ignored
        && sources
            .iter()
            .any(|source| path.starts_with(source) || source.starts_with(path))
}
