//! Reading the lives of connections, and the calls that were refused to reach them. Everything here
//! blocks.

use std::path::Path;

use gatepost_model::{
    ApiId, RequestId, StageName,
    connection::CloseCause,
    connection_id::{ConnectionId, ConnectionIdKey},
};
use rusqlite::{Connection as Database, OpenFlags, OptionalExtension, Row};

use super::{ReadError, Store, StoreError, schema};
use crate::{
    connection::client::ClientKey,
    lifecycle::{ActivityRecord, DisconnectRecord, HandshakeRecord, Life, RefusedCall},
    tombstones::{End, Tombstone},
};

/// What the store knows of a connection.
#[derive(Debug, Clone)]
pub enum StoredConnection {
    /// It opened and did not end.
    Open,
    /// It ended.
    Ended(Tombstone),
}

/// The refused calls for one id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedCalls {
    /// How many there were.
    pub total: u64,
    /// The first and the latest of them, oldest first.
    pub kept: Vec<RefusedCall>,
}

impl Store {
    /// What is known of a connection.
    pub fn connection(&self, id: &ConnectionId) -> Option<StoredConnection> {
        let reader = self.reader.lock();
        let mut statement = reader
            .prepare_cached(
                "SELECT api_id, ended_at_ms, cause, code, reason, replaced_by, client_key
                 FROM connections WHERE id = ?1",
            )
            .ok()?;
        statement
            .query_row([id.as_bytes().as_slice()], |row| {
                let Some(at_ms) = row.get::<_, Option<i64>>(1)? else {
                    return Ok(StoredConnection::Open);
                };
                let slug: String = row.get(2)?;
                let code: Option<u16> = row.get(3)?;
                let reason: Option<String> = row.get(4)?;
                let replaced_by: Option<[u8; 13]> = row.get(5)?;
                let client_key: Option<i64> = row.get(6)?;
                Ok(StoredConnection::Ended(Tombstone {
                    api_id: ApiId::from(row.get::<_, String>(0)?),
                    end: end_from_columns(&slug, code, reason),
                    at_ms: at_ms.cast_unsigned(),
                    replaced_by: replaced_by.map(ConnectionId::from_bytes),
                    client_key: client_key.map(ClientKey::from_number),
                }))
            })
            .optional()
            .ok()?
    }
}

/// The lives in a store's file, read beside the Gatepost that writes it, or of one that is stopped.
/// Nothing is made or changed.
#[derive(Debug)]
pub struct LifeReader {
    pub(super) database: Database,
    key: ConnectionIdKey,
}

impl LifeReader {
    /// Opens the file of a store.
    ///
    /// # Errors
    /// [`StoreError`]: it is no store, or one of another version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let damaged = |source| StoreError::Damaged {
            path: path.to_owned(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Database::open_with_flags(path, flags).map_err(damaged)?;
        schema::check_readable(&database, path)?;
        let key = "SELECT value FROM meta WHERE key = 'connection_id_key'";
        let key = database
            .query_row(key, [], |row| row.get(0))
            .map_err(damaged)?;
        Ok(Self {
            database,
            key: ConnectionIdKey::new(key),
        })
    }

    /// The API that this id was issued for; `None` when it was not issued here.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn issuer(&self, id: &ConnectionId) -> Result<Option<(ApiId, String)>, ReadError> {
        let mut apis = self.deployed_apis()?.into_iter();
        Ok(apis.find(|(api_id, _)| self.key.is_issued_for(id, api_id)))
    }

    /// The whole record of a connection.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn life(&self, id: &ConnectionId) -> Result<Option<Life>, ReadError> {
        let mut statement = self
            .database
            .prepare_cached(&format!("SELECT {LIFE} FROM connections WHERE id = ?1"))?;
        let life = statement.query_row([id.as_bytes().as_slice()], read_life);
        Ok(life.optional()?)
    }

    /// The connection whose handshake was refused in this request.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refused_in(&self, request_id: &str) -> Result<Option<Life>, ReadError> {
        let mut statement = self.database.prepare_cached(&format!(
            "SELECT {LIFE} FROM connections WHERE cause = 'refused' AND connect_request_id = ?1"
        ))?;
        Ok(statement.query_row([request_id], read_life).optional()?)
    }

    /// The refused calls for an id, as callers wrote it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refused_calls(&self, connection_id: &str) -> Result<RefusedCalls, ReadError> {
        let mut statement = self.database.prepare_cached(&format!(
            "SELECT {REFUSED_CALL}, nth FROM refused_calls WHERE connection_id = ?1 ORDER BY nth"
        ))?;
        let mut rows = statement.query([connection_id])?;
        let mut calls = RefusedCalls::default();
        while let Some(row) = rows.next()? {
            calls.total = row.get::<_, i64>(8)?.cast_unsigned();
            calls.kept.push(read_refused_call(row)?);
        }
        Ok(calls)
    }

    /// The refused call that was answered with this request id.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn refused_call(&self, request_id: &str) -> Result<Option<RefusedCall>, ReadError> {
        let mut statement = self.database.prepare_cached(&format!(
            "SELECT {REFUSED_CALL} FROM refused_calls WHERE request_id = ?1"
        ))?;
        let call = statement.query_row([request_id], read_refused_call);
        Ok(call.optional()?)
    }

    /// The APIs that were ever deployed, with their names: whose ids were issued here.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn deployed_apis(&self) -> Result<Vec<(ApiId, String)>, ReadError> {
        let mut statement = self
            .database
            .prepare_cached("SELECT api_id, name FROM apis")?;
        let apis = statement.query_map([], |row| {
            Ok((ApiId::from(row.get::<_, String>(0)?), row.get(1)?))
        })?;
        Ok(apis.collect::<Result<_, _>>()?)
    }
}

const REFUSED_CALL: &str =
    "connection_id, at_ms, operation, caller, request_id, status, reason, text";

fn read_refused_call(row: &Row<'_>) -> rusqlite::Result<RefusedCall> {
    let text = |column| Ok::<Box<str>, rusqlite::Error>(row.get::<_, String>(column)?.into());
    Ok(RefusedCall {
        connection_id: text(0)?,
        at_ms: row.get::<_, i64>(1)?.cast_unsigned(),
        operation: text(2)?,
        caller: text(3)?,
        request_id: text(4)?,
        status: row.get(5)?,
        reason: text(6)?,
        text: text(7)?,
    })
}

const LIFE: &str = "id, api_id, opened_at_ms, established_at_ms, stage, connect_request_id, \
    source_ip, user_agent, authorized_as, connect_status, connect_detail, messages, \
    last_message_at_ms, posts, last_post_at_ms, ended_at_ms, cause, code, reason, replaced_by, \
    disconnect_at_ms, disconnect_request_id, disconnect_status, disconnect_error, connect_fault, \
    disconnect_tries, disconnect_due_ms, context IS NOT NULL";

fn read_life(row: &Row<'_>) -> rusqlite::Result<Life> {
    let text = |column| row.get::<_, Option<String>>(column);
    let boxed = |column| Ok::<_, rusqlite::Error>(text(column)?.map(String::into_boxed_str));
    let ms = |column| {
        Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
    };
    let handshake = match (text(4)?, text(5)?, row.get::<_, Option<u16>>(9)?) {
        (Some(stage), Some(request_id), Some(status)) => Some(HandshakeRecord {
            stage: StageName::from(stage),
            request_id: RequestId::from(request_id),
            source_ip: text(6)?.unwrap_or_default().into(),
            user_agent: boxed(7)?,
            authorized_as: boxed(8)?,
            status,
            detail: boxed(10)?,
            fault: boxed(24)?,
        }),
        _ => None,
    };
    let end = match ms(15)? {
        None => None,
        Some(at_ms) => {
            let slug = text(16)?.unwrap_or_default();
            Some((end_from_columns(&slug, row.get(17)?, text(18)?), at_ms))
        }
    };
    let disconnect = match ms(20)? {
        None => None,
        Some(at_ms) => Some(DisconnectRecord {
            at_ms,
            request_id: text(21)?.map(RequestId::from),
            status: row.get(22)?,
            error: boxed(23)?,
            tries: row.get(25)?,
            next_try_ms: if row.get(27)? { ms(26)? } else { None },
        }),
    };
    Ok(Life {
        connection_id: ConnectionId::from_bytes(row.get(0)?),
        api_id: ApiId::from(row.get::<_, String>(1)?),
        handshake,
        began_at_ms: ms(2)?,
        established_at_ms: ms(3)?,
        activity: ActivityRecord {
            messages: row.get(11)?,
            last_message_at_ms: ms(12)?.unwrap_or_default(),
            posts: row.get(13)?,
            last_post_at_ms: ms(14)?.unwrap_or_default(),
        },
        end,
        replaced_by: row.get::<_, Option<_>>(19)?.map(ConnectionId::from_bytes),
        disconnect,
    })
}

const REFUSED: &str = "refused";

/// The columns `cause`, `code` and `reason` of an end.
pub(super) fn end_to_columns(end: &End) -> (&'static str, Option<u16>, Option<&str>) {
    match end {
        End::Refused => (REFUSED, None, None),
        End::Closed(cause) => cause.parts(),
    }
}

fn end_from_columns(slug: &str, code: Option<u16>, reason: Option<String>) -> End {
    match slug {
        REFUSED => End::Refused,
        _ => End::Closed(CloseCause::from_parts(slug, code, reason)),
    }
}
