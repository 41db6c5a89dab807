//! The disk: a folder for each process, with what was on it when the one before ended.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use gatepost_gateway::{
    simulation,
    store::{Retention, Store},
};

use crate::{plan::Crash, process};

const NAME: &str = "store.sqlite";

/// How much the store keeps: all.
pub(crate) const RETENTION: Retention = Retention {
    max_tombstones: 100_000,
    tombstone_age: Duration::from_secs(86_400),
    log_age: Duration::from_secs(86_400),
    max_bytes: 1 << 40,
};

/// The disk of a machine.
pub(crate) struct Disk {
    folder: tempfile::TempDir,
    number: usize,
    /// So many bytes of the log of writes outlive a loss of power.
    synced: u64,
}

impl Disk {
    /// A disk with an empty store, in memory where the machine lets us.
    pub(crate) fn new() -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        let disk = Self {
            folder,
            number: 0,
            synced: 0,
        };
        fs::create_dir(disk.process())?;
        fs::write(disk.store(), empty_store()?)?;
        Ok(disk)
    }

    /// The folder of the process that runs.
    pub(crate) fn process(&self) -> PathBuf {
        self.folder.path().join(self.number.to_string())
    }

    /// The store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.process().join(NAME)
    }

    fn log(&self) -> PathBuf {
        self.process().join(format!("{NAME}-wal"))
    }

    fn log_bytes(&self) -> u64 {
        fs::metadata(self.log()).map_or(0, |log| log.len())
    }

    /// What is written by now outlives a loss of power.
    pub(crate) fn is_synced(&mut self) {
        self.synced = self.log_bytes();
    }

    /// The process ends; what it left is in the folder of the next.
    pub(crate) fn next(&mut self, crash: Option<Crash>) -> io::Result<()> {
        let (store, log) = (self.store(), self.log());
        let kept = match crash {
            Some(Crash::PowerLoss) => self.synced,
            Some(Crash::Killed) | None => self.log_bytes(),
        };
        self.number += 1;
        fs::create_dir(self.process())?;
        fs::copy(store, self.store())?;
        if log.exists() {
            fs::copy(log, self.log())?;
            fs::OpenOptions::new()
                .write(true)
                .open(self.log())?
                .set_len(kept)?;
        }
        self.synced = self.synced.min(kept);
        Ok(())
    }
}

/// The file of a store that was opened once.
fn empty_store() -> io::Result<&'static [u8]> {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = EMPTY.get() {
        return Ok(bytes);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(NAME);
    // Its secrets are the same each time.
    simulation::replace(process::replaced(0, 0, None));
    let opened = Store::open(&path, RETENTION);
    simulation::restore();
    drop(opened.map_err(io::Error::other)?);
    let bytes = fs::read(path)?;
    Ok(EMPTY.get_or_init(|| bytes))
}
