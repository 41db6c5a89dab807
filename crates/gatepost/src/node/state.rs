//! The folder of what survives a restart, `.gatepost/` beside the template.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
};

/// The state folder, held by one Gatepost at a time, or by two while one takes over from the other.
pub struct StateFolder {
    path: PathBuf,
    /// The folder itself, through which sockets in it are reached, however long its path is.
    folder: File,
    /// Locked as long as anybody has it open.
    lock: File,
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
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        lock.try_lock()
            .map_err(|_| StateError::InUse(path.clone()))?;
        if fresh {
            forget(&path).map_err(unusable)?;
        }
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n").map_err(unusable)?;
        }
        Self::taken_over(path, lock)
    }

    /// The folder that is held with `lock`, by another Gatepost too.
    pub fn taken_over(path: PathBuf, lock: File) -> Result<Self, StateError> {
        match File::open(&path) {
            Ok(folder) => Ok(Self { path, folder, lock }),
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
}

/// The path of a socket in an open folder: that of a socket may have no more than 107 bytes.
pub fn socket(folder: &File, name: &str) -> PathBuf {
    format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()).into()
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
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
