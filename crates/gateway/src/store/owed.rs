//! The journal of `$disconnect` in the store: what is owed, and when it is due. A row is in hand, and
//! not due, while somebody carries it out; after a crash all are due.

use std::sync::Arc;

use gatepost_model::{
    ApiId, connection::CloseCause, connection_id::ConnectionId, request_context::ConnectionContext,
};
use rusqlite::{Connection as Database, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{
    Command, Lifecycle, Store,
    runs::{Beside, Run},
    sql_ms,
};
use crate::disconnects::LONGEST_PAUSE_MS;

/// A `$disconnect` that waited in the store.
#[derive(Debug)]
pub struct OwedDisconnect {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Its API.
    pub api_id: ApiId,
    /// Its context, as `disconnects::kept_context` writes it.
    pub context: String,
    /// How it ended.
    pub cause: CloseCause,
    /// When, milliseconds since the epoch.
    pub ended_at_ms: u64,
    /// How often it was tried.
    pub tries: u32,
}

/// What is due, and when the next will be.
#[derive(Debug, Default)]
pub struct OwedDisconnects {
    /// Taken: whoever has them carries them out.
    pub taken: Vec<OwedDisconnect>,
    /// When there is more to do, milliseconds since the epoch.
    pub next_due_ms: Option<u64>,
}

/// The disk does not take the journal.
#[derive(Debug, thiserror::Error)]
#[error("the store does not take the connection: make room on its disk")]
pub struct NotJournalled;

/// A question for what is due.
#[derive(Debug)]
pub(super) struct Asked {
    pub now_ms: u64,
    pub at_most: usize,
    pub done: oneshot::Sender<OwedDisconnects>,
}

impl Store {
    /// Notes that the `$connect` route of a connection is about to run, and waits until that is on
    /// disk: from then on its `$disconnect` comes, whatever happens.
    ///
    /// # Errors
    /// [`NotJournalled`].
    pub async fn journal(&self, context: &Arc<ConnectionContext>) -> Result<(), NotJournalled> {
        let (written, wait) = oneshot::channel();
        let change = Lifecycle::Connecting(Arc::clone(context));
        self.change(change, Some(written));
        wait.await.map_err(|_| NotJournalled)
    }

    /// Connections of earlier runs whose `$disconnect` was owed when the store was opened.
    pub fn owed_at_start(&self) -> u64 {
        self.owed_at_start
    }

    /// Takes what is due, behind all that was recorded before.
    pub async fn take_owed(&self, now_ms: u64, at_most: usize) -> OwedDisconnects {
        let (done, wait) = oneshot::channel();
        let asked = Asked {
            now_ms,
            at_most,
            done,
        };
        // Where the queue is full, or the disk does not take it, nothing is taken: it is asked again.
        let later = OwedDisconnects {
            taken: Vec::new(),
            next_due_ms: Some(now_ms.saturating_add(1000)),
        };
        match self.tell(Command::TakeOwed(asked)) {
            Ok(()) => wait.await.unwrap_or(later),
            Err(_) => later,
        }
    }
}

/// Runs that are gone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    /// All of them; the one beside this is not.
    AllBut(Option<Run>),
    /// This one.
    Of(Run),
}

/// Notes what runs left open as lost, and what they owe as due; gives how many `$disconnect` events
/// that are.
pub(super) fn note_lost(database: &Database, whose: Whose, now_ms: u64) -> rusqlite::Result<u64> {
    let now = sql_ms(now_ms);
    let lost = CloseCause::NodeLost.slug();
    let (theirs, run) = match whose {
        Whose::AllBut(run) => ("run IS NOT ?1", run.map_or(0, Run::number)),
        Whose::Of(run) => ("run IS ?1", run.number()),
    };
    database.execute(
        &format!(
            "UPDATE connections SET ended_at_ms = ?2, cause = ?3
             WHERE ended_at_ms IS NULL AND {theirs}"
        ),
        params![run, now, lost],
    )?;
    database.execute(
        &format!(
            "UPDATE connections SET disconnect_due_ms = ?2
             WHERE context IS NOT NULL AND disconnect_due_ms IS NULL AND {theirs}"
        ),
        params![run, now],
    )?;
    let owed = format!("SELECT COUNT(*) FROM connections WHERE context IS NOT NULL AND {theirs}");
    database.query_row(&owed, [run], |row| {
        row.get::<_, i64>(0).map(i64::cast_unsigned)
    })
}

/// Takes what is due out of the journal's waiting line; it stays owed. What belongs to the run
/// `beside` this one is its own.
pub(super) fn take(
    database: &Database,
    asked: &Asked,
    run: Run,
    beside: &Beside,
) -> rusqlite::Result<OwedDisconnects> {
    let now = sql_ms(asked.now_ms);
    // None is put off for longer than that: the clock was set back meanwhile.
    let never = sql_ms(asked.now_ms.saturating_add(LONGEST_PAUSE_MS));
    let mut due = database.prepare_cached(
        "SELECT id, api_id, context, cause, code, reason, ended_at_ms, disconnect_tries
         FROM connections WHERE context IS NOT NULL
         AND (disconnect_due_ms <= ?1 OR disconnect_due_ms > ?2)
         AND run IS NOT ?4 ORDER BY disconnect_due_ms LIMIT ?3",
    )?;
    let at_most = i64::try_from(asked.at_most).unwrap_or(i64::MAX);
    let parameters = params![now, never, at_most, beside.number()];
    let taken = due.query_map(parameters, |row| {
        let slug = row.get::<_, Option<String>>(3)?.unwrap_or_default();
        Ok(OwedDisconnect {
            connection_id: ConnectionId::from_bytes(row.get(0)?),
            api_id: ApiId::from(row.get::<_, String>(1)?),
            context: row.get(2)?,
            cause: CloseCause::from_parts(&slug, row.get(4)?, row.get(5)?),
            ended_at_ms: row.get::<_, Option<i64>>(6)?.unwrap_or(now).cast_unsigned(),
            tries: row.get(7)?,
        })
    })?;
    let taken: Vec<_> = taken.collect::<rusqlite::Result<_>>()?;
    let mut in_hand = database.prepare_cached(
        "UPDATE connections SET disconnect_due_ms = NULL, run = ?2 WHERE id = ?1",
    )?;
    for owed in &taken {
        let id = owed.connection_id.as_bytes().as_slice();
        in_hand.execute(params![id, run.number()])?;
    }
    let next = database
        .prepare_cached(
            "SELECT disconnect_due_ms FROM connections
             WHERE context IS NOT NULL AND disconnect_due_ms IS NOT NULL AND run IS NOT ?1
             ORDER BY disconnect_due_ms LIMIT 1",
        )?
        .query_row([beside.number()], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(OwedDisconnects {
        taken,
        next_due_ms: next.map(i64::cast_unsigned),
    })
}
