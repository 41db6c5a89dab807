//! The runs of Gatepost on a store. While one takes over from another both write: each carries out the
//! `$disconnect` of its own connections, and what one leaves when it is gone the other takes on.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection as Database, TransactionBehavior};
use serde::{Deserialize, Serialize};

use super::{ReadError, Store, owed};
use crate::clock::now_ms;

/// From version 11 to version 12: whose connection it is, or who has its `$disconnect` in hand.
pub(super) const VERSION_12: &str = "ALTER TABLE connections ADD COLUMN run INTEGER;";

/// A run of Gatepost on a store; they are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run(i64);

impl Run {
    /// Its number, as it stands in the store.
    pub(super) fn number(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The run that works on the store beside this one, if there is one.
#[derive(Debug, Default)]
pub(super) struct Beside(AtomicI64);

impl Beside {
    pub fn new(run: Option<Run>) -> Self {
        Self(AtomicI64::new(run.map_or(0, Run::number)))
    }

    fn set(&self, run: Option<Run>) {
        self.0.store(run.map_or(0, Run::number), Ordering::Release);
    }

    /// Its number; 0, which no run has, when there is none.
    pub fn number(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Begins a run.
pub(super) fn begin(database: &Database) -> rusqlite::Result<Run> {
    database.query_row(
        "INSERT INTO meta (key, value) VALUES ('run', 1)
         ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value",
        [],
        |row| row.get(0).map(Run),
    )
}

impl Store {
    /// This run.
    pub fn run(&self) -> Run {
        self.run
    }

    /// Lets another run open the store beside this one: all that was recorded is on disk when this
    /// returns, and what calls make is refused from now on, since the other has read it. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]; then it goes on as before.
    pub fn hand_over(&self) -> Result<(), ReadError> {
        // Whoever changes something now is waited for.
        let control = self.control.lock();
        *self.is_handed_over.write() = true;
        if let Err(error) = control.pragma_update(None, "query_only", true) {
            *self.is_handed_over.write() = false;
            return Err(error.into());
        }
        drop(control);
        self.flush();
        Ok(())
    }

    /// The other run did not come: this one goes on alone.
    pub fn take_back(&self) {
        self.beside.set(None);
        // Switching it off writes nothing, and cannot fail.
        let _ = self.control.lock().pragma_update(None, "query_only", false);
        *self.is_handed_over.write() = false;
    }

    /// This run works on beside another, whose connections are not its own.
    pub fn works_beside(&self, run: Run) {
        self.beside.set(Some(run));
    }

    /// The run beside this one is gone: what it left open is lost, and the `$disconnect` events that it
    /// owed are due here. Blocks.
    ///
    /// # Errors
    /// [`ReadError`]; then nothing is taken on.
    pub fn take_on(&self, run: Run) -> Result<(), ReadError> {
        let mut database = self.control.lock();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        owed::note_lost(&transaction, owed::Whose::Of(run), now_ms())?;
        transaction.commit()?;
        self.beside.set(None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Lifecycle, StoreError, StoredConnection,
        tests::{RETENTION, opened},
    };
    use gatepost_model::{connection::CloseCause, connection_id::ConnectionId};

    fn cause(store: &Store, id: &ConnectionId) -> Option<CloseCause> {
        match store.connection(id)? {
            StoredConnection::Open => None,
            StoredConnection::Ended(tombstone) => match tombstone.end {
                crate::tombstones::End::Closed(cause) => Some(cause),
                crate::tombstones::End::Refused => None,
            },
        }
    }

    #[test]
    fn what_one_run_has_open_is_lost_only_when_that_run_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let old = Store::open(&path, RETENTION).unwrap();
        let id = old
            .connection_id_key()
            .issue(&"abcdef1234".into(), 0, [1; 7]);
        old.record(opened(id));
        old.hand_over().unwrap();
        let new = Store::open_beside(&path, RETENTION, Some(old.run())).unwrap();
        assert_ne!(new.run(), old.run());
        assert_eq!(cause(&new, &id), None);
        new.take_on(old.run()).unwrap();
        assert_eq!(cause(&new, &id), Some(CloseCause::NodeLost));
    }

    #[test]
    fn what_calls_make_is_refused_by_a_run_that_handed_over_and_not_if_it_took_that_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite"), RETENTION).unwrap();
        let made = |role: &str| crate::control::Made {
            cloudwatch_role_arn: Some(role.into()),
            ..crate::control::Made::default()
        };
        let keep = |role| store.keep_made(&crate::control::Made::default(), &made(role));
        keep("one").unwrap();
        store.hand_over().unwrap();
        assert!(keep("two").is_err());
        assert!(store.keep_function("f", Some("{}".into())).is_err());
        // What is owed to connections goes on.
        store.record(Lifecycle::Deployed {
            api_id: "abcdef1234".into(),
            name: "a".into(),
        });
        store.flush();
        assert_eq!(store.dropped(), 0);
        store.take_back();
        keep("three").unwrap();
        store.keep_function("f", Some("{}".into())).unwrap();
    }

    #[test]
    fn the_tables_of_a_store_in_use_are_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let old = Store::open(&path, RETENTION).unwrap();
        old.control
            .lock()
            .pragma_update(None, "user_version", 11)
            .unwrap();
        let refused = Store::open_beside(&path, RETENTION, Some(old.run())).unwrap_err();
        assert!(
            matches!(refused, StoreError::InUseByOlder { found: 11, .. }),
            "{refused}"
        );
    }
}
