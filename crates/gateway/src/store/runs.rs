//! The processes that use one store at a time, e.g. while one takes over from another. Each has a
//! number, which is that of the node in the connection ids that it issues, and holds the lock of a
//! file with that number. The system drops the lock when a process ends, however it ends: what it
//! left may then be taken over, and never sooner.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// A process that uses the store, while this is kept.
#[derive(Debug)]
pub(super) struct Run {
    node: u16,
    path: PathBuf,
    _lock: File,
}

impl Run {
    /// A run with the smallest number that is free.
    pub fn begin(store: &Path) -> io::Result<Self> {
        for node in 0..=u16::MAX {
            if let Some(lock) = lock(store, node)? {
                return Ok(Self {
                    node,
                    path: store.to_owned(),
                    _lock: lock,
                });
            }
        }
        Err(io::Error::other("65536 processes use it already"))
    }

    /// Its number.
    pub fn node(&self) -> u16 {
        self.node
    }

    /// Does something for each run that has ended, while no other can.
    pub fn for_each_ended<E: From<io::Error>>(
        &self,
        mut take_over: impl FnMut(u16) -> Result<(), E>,
    ) -> Result<(), E> {
        for node in earlier_runs(&self.path)? {
            if node != self.node
                && let Some(_lock) = lock(&self.path, node)?
            {
                take_over(node)?;
            }
        }
        Ok(())
    }
}

fn file_of(store: &Path, node: u16) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!("-run-{node}"));
    name.into()
}

/// The lock of a run, unless another holds it.
fn lock(store: &Path, node: u16) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true);
    let file = file.open(file_of(store, node))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The numbers of all runs that there were.
fn earlier_runs(store: &Path) -> io::Result<Vec<u16>> {
    let folder = store.parent().filter(|it| !it.as_os_str().is_empty());
    let prefix = file_of(store, 0);
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy();
    let prefix = prefix.trim_end_matches('0');
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix));
        numbers.extend(number.and_then(|number| number.parse::<u16>().ok()));
    }
    Ok(numbers)
}
