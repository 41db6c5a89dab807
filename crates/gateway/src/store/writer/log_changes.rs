//! Making changes of log groups.

use rusqlite::{OptionalExtension, Transaction, params};

use super::log_entries::LogGroups;
use crate::{
    clock::now_ms,
    store::{
        DeclaredRetention, LogChange, LogChangeError, NewLogEvent, NewLogGroup, ReadError,
        log_changes::MAX_TAGS, logs, sql_ms,
    },
};

type Done = Result<(), LogChangeError>;

impl From<rusqlite::Error> for LogChangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(ReadError::from(error))
    }
}

impl LogGroups {
    /// Makes a change, all of it or nothing.
    pub(super) fn change(
        &mut self,
        transaction: &Transaction<'_>,
        log_group: &str,
        change: &LogChange,
    ) -> Done {
        transaction.execute_batch("SAVEPOINT change")?;
        let done = self.apply(transaction, log_group, change);
        if done.is_err() {
            self.forget();
            transaction.execute_batch("ROLLBACK TO change")?;
        }
        transaction.execute_batch("RELEASE change")?;
        done
    }

    fn apply(
        &mut self,
        transaction: &Transaction<'_>,
        log_group: &str,
        change: &LogChange,
    ) -> Done {
        let existing = logs::group_id(transaction, log_group)?;
        let id = match (change, existing) {
            (LogChange::CreateGroup(_), Some(_)) => return Err(LogChangeError::GroupExists),
            (LogChange::CreateGroup(group), None) => {
                let id = self.number(transaction, log_group)?;
                return create_group(transaction, id, group);
            }
            (LogChange::Declare(retention), _) => {
                let id = self.number(transaction, log_group)?;
                return match retention {
                    Some(DeclaredRetention(days)) => set_retention(transaction, id, *days),
                    None => Ok(()),
                };
            }
            (_, None) => return Err(LogChangeError::NoSuchGroup),
            (_, Some(id)) => id,
        };
        match change {
            LogChange::CreateGroup(_) | LogChange::Declare(_) => Ok(()),
            LogChange::DeleteGroup => {
                delete_group(transaction, id)?;
                self.forget();
                Ok(())
            }
            LogChange::ProtectGroup(is_protected) => {
                let change = "UPDATE log_groups SET deletion_protection = ?2 WHERE id = ?1";
                transaction.execute(change, params![id, is_protected])?;
                Ok(())
            }
            LogChange::SetRetention(days) => set_retention(transaction, id, *days),
            LogChange::Tag(tags) => tag(transaction, id, tags.iter()),
            LogChange::Untag(keys) => {
                for key in keys {
                    transaction
                        .prepare_cached(
                            "DELETE FROM log_group_tags WHERE log_group = ?1 AND key = ?2",
                        )?
                        .execute(params![id, key])?;
                }
                Ok(())
            }
            LogChange::CreateStream(stream) => {
                if logs::has_stream(transaction, id, log_group, stream)? {
                    return Err(LogChangeError::StreamExists);
                }
                transaction.execute(
                    "INSERT INTO log_streams (log_group, name, created_at_ms) VALUES (?1, ?2, ?3)",
                    params![id, stream, sql_ms(now_ms())],
                )?;
                Ok(())
            }
            LogChange::DeleteStream(stream) => {
                if !logs::has_stream(transaction, id, log_group, stream)? {
                    return Err(LogChangeError::NoSuchStream);
                }
                delete_stream(transaction, id, log_group, stream)
            }
            LogChange::PutEvents(stream, events) => {
                if !logs::has_stream(transaction, id, log_group, stream)? {
                    return Err(LogChangeError::NoSuchStream);
                }
                put_events(transaction, id, stream, events)
            }
        }
    }
}

fn create_group(transaction: &Transaction<'_>, id: i64, group: &NewLogGroup) -> Done {
    transaction.execute(
        "UPDATE log_groups SET class = ?2, kms_key_id = ?3, deletion_protection = ?4 WHERE id = ?1",
        params![
            id,
            group.class.as_deref().unwrap_or("STANDARD"),
            group.kms_key_id,
            group.deletion_protection
        ],
    )?;
    tag(transaction, id, group.tags.iter())
}

/// Takes a group out of sight; `prune` removes what it had.
fn delete_group(transaction: &Transaction<'_>, id: i64) -> Done {
    let is_protected: bool = transaction.query_row(
        "SELECT deletion_protection FROM log_groups WHERE id = ?1",
        [id],
        |row| row.get(0),
    )?;
    if is_protected {
        return Err(LogChangeError::Protected);
    }
    for statement in [
        "DELETE FROM log_groups WHERE id = ?1",
        "DELETE FROM log_streams WHERE log_group = ?1",
        "DELETE FROM log_group_tags WHERE log_group = ?1",
        "INSERT INTO deleted_log_groups (id) VALUES (?1)",
    ] {
        transaction.execute(statement, [id])?;
    }
    Ok(())
}

fn set_retention(transaction: &Transaction<'_>, id: i64, days: Option<u32>) -> Done {
    let change = "UPDATE log_groups SET retention_days = ?2 WHERE id = ?1";
    transaction.execute(change, params![id, days])?;
    Ok(())
}

fn tag<'t>(
    transaction: &Transaction<'_>,
    id: i64,
    tags: impl Iterator<Item = (&'t String, &'t String)> + Clone,
) -> Done {
    let mut has_tag = transaction
        .prepare_cached("SELECT 1 FROM log_group_tags WHERE log_group = ?1 AND key = ?2")?;
    let mut count: i64 = transaction.query_row(
        "SELECT COUNT(*) FROM log_group_tags WHERE log_group = ?1",
        [id],
        |row| row.get(0),
    )?;
    for (key, _) in tags.clone() {
        count += i64::from(!has_tag.exists(params![id, key])?);
    }
    if usize::try_from(count).unwrap_or(usize::MAX) > MAX_TAGS {
        return Err(LogChangeError::TooManyTags(MAX_TAGS));
    }
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO log_group_tags (log_group, key, value) VALUES (?1, ?2, ?3)",
    )?;
    for (key, value) in tags {
        insert.execute(params![id, key, value])?;
    }
    Ok(())
}

fn delete_stream(transaction: &Transaction<'_>, id: i64, log_group: &str, stream: &str) -> Done {
    for statement in [
        "DELETE FROM log_streams WHERE log_group = ?1 AND name = ?2",
        "DELETE FROM log_events WHERE log_group = ?1 AND stream = ?2",
    ] {
        transaction.execute(statement, params![id, stream])?;
    }
    // The stream of a request is drawn by its id.
    let mut select = transaction
        .prepare_cached("SELECT rowid, request_id FROM execution_logs WHERE log_group = ?1")?;
    let mut rows = select.query([id])?;
    let mut of_stream: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let request_id = row.get_ref(1)?.as_str().unwrap_or_default();
        if logs::stream_of(log_group, request_id) == stream {
            of_stream.push(row.get(0)?);
        }
    }
    let mut delete = transaction.prepare_cached("DELETE FROM execution_logs WHERE rowid = ?1")?;
    for rowid in of_stream {
        delete.execute([rowid])?;
    }
    Ok(())
}

fn put_events(
    transaction: &Transaction<'_>,
    id: i64,
    stream: &str,
    events: &[NewLogEvent],
) -> Done {
    let created = transaction
        .query_row(
            "SELECT 1 FROM log_streams WHERE log_group = ?1 AND name = ?2",
            params![id, stream],
            |_| Ok(()),
        )
        .optional()?;
    let now = sql_ms(now_ms());
    if created.is_none() {
        // A stream that lives by its events alone stays when they are gone.
        transaction.execute(
            "INSERT INTO log_streams (log_group, name, created_at_ms) VALUES (?1, ?2, ?3)",
            params![id, stream, now],
        )?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO log_events (log_group, stream, timestamp_ms, message, ingested_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for event in events {
        insert.execute(params![id, stream, event.timestamp_ms, event.message, now])?;
    }
    Ok(())
}
