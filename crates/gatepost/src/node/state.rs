//! The folder of what survives a restart, `.gatepost/` beside the template.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

/// The state folder, held by one Gatepost at a time.
pub struct StateFolder {
    path: PathBuf,
    _lock: Flock<File>,
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
    /// Opens or makes the folder, and takes it. With `fresh` what was kept is removed.
    pub fn open(path: PathBuf, fresh: bool) -> Result<Self, StateError> {
        let unusable = |source| StateError::Unusable {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|_| StateError::InUse(path.clone()))?;
        if fresh {
            forget(&path).map_err(unusable)?;
        }
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n").map_err(unusable)?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes everything but the lock, which is held.
fn forget(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == "lock" {
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
