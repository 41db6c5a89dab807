//! The Lambda functions that were made by calls: a row each, which one transaction replaces, so that
//! a kill leaves a function as it was before a change or after it.

use std::sync::mpsc;

use rusqlite::{Connection as Database, Transaction, params};

use super::{Command, ReadError, Store};

pub(super) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS functions (name TEXT PRIMARY KEY, document TEXT NOT NULL)
        WITHOUT ROWID;
";

/// A function as it shall be from now on, and who waits for that.
pub(super) struct FunctionChange {
    pub(super) name: String,
    /// `None` deletes it.
    pub(super) document: Option<String>,
    pub(super) done: mpsc::SyncSender<()>,
}

/// The disk did not take a change.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store did not take the change: ask again if another Gatepost takes over, else look at its disk"
)]
pub struct FunctionNotKept;

impl Store {
    /// Keeps a function as this document, or forgets it without one, and waits until that is on
    /// disk. Blocks.
    ///
    /// # Errors
    /// [`FunctionNotKept`]; it is then kept as it was.
    pub fn keep_function(
        &self,
        name: &str,
        document: Option<String>,
    ) -> Result<(), FunctionNotKept> {
        let (done, wait) = mpsc::sync_channel(1);
        let change = FunctionChange {
            name: name.to_owned(),
            document,
            done,
        };
        let is_handed_over = self.is_handed_over.read();
        if *is_handed_over {
            return Err(FunctionNotKept);
        }
        let sent = self.queue.send(Command::ChangeFunction(Box::new(change)));
        drop(is_handed_over);
        sent.map_err(|_| FunctionNotKept)?;
        // Whoever does not write lets go of the sender.
        wait.recv().map_err(|_| FunctionNotKept)
    }

    /// All functions, name and document, by name. Blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn functions(&self) -> Result<Vec<(String, String)>, ReadError> {
        Ok(read(&self.reader.lock())?)
    }
}

pub(super) fn read(database: &Database) -> rusqlite::Result<Vec<(String, String)>> {
    database
        .prepare("SELECT name, document FROM functions ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

impl FunctionChange {
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match &self.document {
            Some(document) => transaction.execute(
                "INSERT OR REPLACE INTO functions (name, document) VALUES (?1, ?2)",
                params![self.name, document],
            ),
            None => transaction.execute("DELETE FROM functions WHERE name = ?1", [&self.name]),
        }
        .map(drop)
    }

    /// Tells whoever waits that it is on disk.
    pub(super) fn is_written(&self) {
        let _ = self.done.send(());
    }
}
