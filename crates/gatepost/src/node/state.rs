//! The folder of what survives a restart, `.gatepost/` beside the template.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use gatepost_gateway::store::Run;

use crate::running;

/// Whoever looks whether the folder is held, holds it for a moment.
const LOCK_ATTEMPTS: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const LOCK_FILE: &str = "lock";
/// What comes before the number of a run in the name of its socket for calls.
const CALLS: &str = "calls-";
/// Its name, where nobody gave it another.
pub const STATE_FOLDER: &str = ".gatepost";

/// The state folder, held by one Gatepost at a time, or by two while one takes over from the other.
pub struct StateFolder {
    path: PathBuf,
    /// The folder itself, through which sockets in it are reached, however long its path is.
    folder: File,
    /// Locked as long as anybody has it open.
    lock: File,
    is_announced: AtomicBool,
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process holds it.
    #[error(
        "another gatepost runs with the state in {0}: stop it first, or copy the app elsewhere"
    )]
    InUse(PathBuf),
    /// It cannot be written.
    #[error(
        "the state folder {path} cannot be used: {source}; let this user write there, or move what \
         is in its place"
    )]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateFolder {
    /// Opens or makes the folder, and takes it. With `fresh` what was kept is removed. A new folder
    /// is for this user only, since secrets lie in it; an existing one is as somebody meant it.
    pub fn open(path: PathBuf, fresh: bool) -> Result<Self, StateError> {
        let unusable = |source| StateError::Unusable {
            path: path.clone(),
            source,
        };
        make(&path).map_err(unusable)?;
        let lock = File::create(path.join(LOCK_FILE)).map_err(unusable)?;
        if !hold(&lock) {
            return Err(StateError::InUse(path));
        }
        if fresh {
            forget(&path).map_err(unusable)?;
        }
        forget_calls(&path);
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n").map_err(unusable)?;
        }
        Self::taken_over(path, lock)
    }

    /// The folder that is held with `lock`, by another Gatepost too.
    pub fn taken_over(path: PathBuf, lock: File) -> Result<Self, StateError> {
        match File::open(&path) {
            Ok(folder) => Ok(Self {
                path,
                folder,
                lock,
                is_announced: AtomicBool::new(false),
            }),
            Err(source) => Err(StateError::Unusable { path, source }),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a socket in it, as long as this lives.
    pub fn socket(&self, name: &str) -> PathBuf {
        socket(&self.folder, name)
    }

    /// With what another process holds the folder too.
    pub fn lock(&self) -> io::Result<OwnedFd> {
        self.lock.try_clone().map(OwnedFd::from)
    }

    /// Leaves this for programs that ask, until the end.
    pub fn announce(&self, text: &str) -> io::Result<()> {
        self.is_announced.store(true, Ordering::Relaxed);
        self.write(running::FILE, text).map(drop)
    }

    /// What is announced from now on is another's.
    pub fn hand_over(&self) {
        self.is_announced.store(false, Ordering::Relaxed);
    }

    /// Writes a file of the folder, whole or not at all, for its user only; where it is.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let new = self.path.join(format!("{name}.new"));
        let _ = fs::remove_file(&new);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new);
        file?.write_all(text.as_bytes())?;
        fs::rename(&new, &path)?;
        Ok(path)
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        if self.is_announced.load(Ordering::Relaxed) {
            // One that stays is not believed, since nobody holds the folder.
            let _ = fs::remove_file(self.path.join(running::FILE));
        }
    }
}

/// The path of a socket in an open folder: that of a socket may have no more than 107 bytes.
pub fn socket(folder: &File, name: &str) -> PathBuf {
    format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()).into()
}

fn hold(lock: &File) -> bool {
    for _ in 1..LOCK_ATTEMPTS {
        if lock.try_lock().is_ok() {
            return true;
        }
        thread::sleep(LOCK_PAUSE);
    }
    lock.try_lock().is_ok()
}

/// Whether a Gatepost holds the folder.
pub fn is_held(path: &Path) -> bool {
    let Ok(lock) = File::open(path.join(LOCK_FILE)) else {
        return false;
    };
    lock.try_lock_shared().is_err()
}

fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)
}

/// The name of the socket where calls for connections of a run arrive, from another Gatepost.
pub fn calls_socket(run: Run) -> String {
    format!("{CALLS}{run}.sock")
}

/// Removes such sockets of runs that were killed. One that stays does no harm: nobody listens there.
fn forget_calls(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let is_of_calls = entry.file_name().to_string_lossy().starts_with(CALLS);
        if is_of_calls && entry.file_type().is_ok_and(|kind| kind.is_socket()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes everything but the lock, which is held.
fn forget(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK_FILE {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_held_while_it_is_open_and_by_one_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".gatepost");
        assert!(!is_held(&path));
        let held = StateFolder::open(path.clone(), false).unwrap();
        assert!(is_held(&path));
        assert!(matches!(
            StateFolder::open(path.clone(), false),
            Err(StateError::InUse(_))
        ));
        drop(held);
        assert!(!is_held(&path));
    }

    #[test]
    fn a_new_folder_is_this_users_only_and_an_existing_one_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("parent/.gatepost");
        drop(StateFolder::open(new.clone(), false).unwrap());
        assert_eq!(mode(&new), 0o700);
        fs::set_permissions(&new, fs::Permissions::from_mode(0o750)).unwrap();
        drop(StateFolder::open(new.clone(), false).unwrap());
        assert_eq!(mode(&new), 0o750);
    }
}
