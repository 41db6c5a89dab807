//! Writing the lives of connections, and the calls that were refused to reach them.

use gatepost_model::{connection_id::ConnectionId, request_context::ConnectionContext};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::{
    connection::client::ClientKey,
    disconnects::kept_context,
    lifecycle::{ActivityRecord, DisconnectRecord, HandshakeRecord, RefusedCall},
    store::{Opening, Past, lives::end_to_columns, runs::Run, sql_ms},
    tombstones::{End, Tombstone},
};

/// Of the refused calls for one id the first so many are kept, and as many of the latest.
const KEPT: i64 = 10;

pub(super) fn write_connecting(
    transaction: &Transaction<'_>,
    context: &ConnectionContext,
    run: Run,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO connections (id, api_id, opened_at_ms, context, run)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            context.connection_id.as_bytes().as_slice(),
            context.api_id.as_str(),
            sql_ms(context.connected_at_ms),
            kept_context::write(context),
            run.number(),
        ])?;
    Ok(())
}

pub(super) fn write_opened(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    client_key: Option<ClientKey>,
    replaces: Option<ClientKey>,
    opening: &Opening,
    run: Run,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO connections
             (id, api_id, client_key, opened_at_ms, established_at_ms, run)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET client_key = excluded.client_key,
             opened_at_ms = excluded.opened_at_ms,
             established_at_ms = excluded.established_at_ms",
        )?
        .execute(params![
            id.as_bytes().as_slice(),
            opening.api_id.as_str(),
            client_key.map(ClientKey::to_number),
            sql_ms(opening.began_at_ms),
            sql_ms(opening.established_at_ms),
            run.number(),
        ])?;
    write_handshake(transaction, id, &opening.handshake)?;
    if let Some(client_key) = replaces {
        transaction
            .prepare_cached(
                "UPDATE connections SET replaced_by = ?1 WHERE client_key = ?2
                 AND ended_at_ms IS NOT NULL AND replaced_by IS NULL",
            )?
            .execute(params![id.as_bytes().as_slice(), client_key.to_number()])?;
    }
    Ok(())
}

fn write_handshake(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    handshake: &HandshakeRecord,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE connections SET stage = ?2, connect_request_id = ?3, source_ip = ?4,
             user_agent = ?5, authorized_as = ?6, connect_status = ?7, connect_detail = ?8,
             connect_fault = ?9 WHERE id = ?1",
        )?
        .execute(params![
            id.as_bytes().as_slice(),
            handshake.stage.as_str(),
            handshake.request_id.as_str(),
            handshake.source_ip,
            handshake.user_agent,
            handshake.authorized_as,
            handshake.status,
            handshake.detail,
            handshake.fault,
        ])?;
    Ok(())
}

pub(super) fn write_ended(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    tombstone: &Tombstone,
    past: &Past,
) -> rusqlite::Result<()> {
    let (cause, code, reason) = end_to_columns(&tombstone.end);
    let replaced_by = tombstone.replaced_by.as_ref();
    transaction
        .prepare_cached(
            "INSERT INTO connections
             (id, api_id, client_key, ended_at_ms, cause, code, reason, replaced_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET ended_at_ms = excluded.ended_at_ms,
             cause = excluded.cause, code = excluded.code, reason = excluded.reason,
             replaced_by = excluded.replaced_by, client_key = excluded.client_key,
             context = CASE WHEN ?9 THEN NULL ELSE context END",
        )?
        .execute(params![
            id.as_bytes().as_slice(),
            tombstone.api_id.as_str(),
            tombstone.client_key.map(ClientKey::to_number),
            sql_ms(tombstone.at_ms),
            cause,
            code,
            reason,
            replaced_by.map(|by| by.as_bytes().as_slice()),
            // Refused, it has no `$disconnect`.
            matches!(tombstone.end, End::Refused),
        ])?;
    match past {
        Past::Established(activity) => write_activity(transaction, id, activity),
        Past::NeverEstablished {
            began_at_ms,
            handshake,
        } => {
            transaction
                .prepare_cached("UPDATE connections SET opened_at_ms = ?2 WHERE id = ?1")?
                .execute(params![id.as_bytes().as_slice(), sql_ms(*began_at_ms)])?;
            match handshake {
                Some(handshake) => write_handshake(transaction, id, handshake),
                None => Ok(()),
            }
        }
    }
}

fn write_activity(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    activity: &ActivityRecord,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE connections SET messages = ?2, last_message_at_ms = ?3, posts = ?4,
             last_post_at_ms = ?5 WHERE id = ?1",
        )?
        .execute(params![
            id.as_bytes().as_slice(),
            activity.messages,
            sql_ms(activity.last_message_at_ms),
            activity.posts,
            sql_ms(activity.last_post_at_ms),
        ])?;
    Ok(())
}

pub(super) fn write_disconnected(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    record: &DisconnectRecord,
) -> rusqlite::Result<()> {
    let request_id = record.request_id.as_ref();
    transaction
        .prepare_cached(
            "UPDATE connections SET disconnect_at_ms = ?2, disconnect_request_id = ?3,
             disconnect_status = ?4, disconnect_error = ?5, disconnect_tries = ?6,
             context = NULL, disconnect_due_ms = NULL WHERE id = ?1",
        )?
        .execute(params![
            id.as_bytes().as_slice(),
            sql_ms(record.at_ms),
            request_id.map(gatepost_model::RequestId::as_str),
            record.status,
            record.error,
            record.tries,
        ])?;
    Ok(())
}

/// The `$disconnect` stays owed, and is due at `due_ms`.
pub(super) fn write_delayed(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    record: &DisconnectRecord,
    due_ms: u64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE connections SET disconnect_at_ms = ?2, disconnect_request_id = ?3,
             disconnect_status = ?4, disconnect_error = ?5, disconnect_tries = ?6,
             disconnect_due_ms = ?7 WHERE id = ?1",
        )?
        .execute(params![
            id.as_bytes().as_slice(),
            sql_ms(record.at_ms),
            record
                .request_id
                .as_ref()
                .map(gatepost_model::RequestId::as_str),
            record.status,
            record.error,
            record.tries,
            sql_ms(due_ms),
        ])?;
    Ok(())
}

pub(super) fn write_due(
    transaction: &Transaction<'_>,
    id: &ConnectionId,
    due_ms: u64,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("UPDATE connections SET disconnect_due_ms = ?2 WHERE id = ?1")?
        .execute(params![id.as_bytes().as_slice(), sql_ms(due_ms)])?;
    Ok(())
}

/// Keeps the first and the latest calls for an id, and how many there were, also of those that found
/// no connection.
pub(super) fn write_refused_call(
    transaction: &Transaction<'_>,
    call: &RefusedCall,
) -> rusqlite::Result<()> {
    let before = transaction
        .prepare_cached(
            "SELECT nth, gone FROM refused_calls WHERE connection_id = ?1
             ORDER BY nth DESC LIMIT 1",
        )?
        .query_row([&call.connection_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (nth, gone): (i64, i64) = before.unwrap_or_default();
    let nth = nth + 1;
    let gone = gone + i64::from(call.is_gone());
    transaction
        .prepare_cached(
            "INSERT INTO refused_calls (connection_id, nth, at_ms, operation, caller, request_id,
             status, reason, text, gone) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            call.connection_id,
            nth,
            sql_ms(call.at_ms),
            call.operation,
            call.caller,
            call.request_id,
            call.status,
            call.reason,
            call.text,
            gone,
        ])?;
    if nth > 2 * KEPT {
        transaction
            .prepare_cached("DELETE FROM refused_calls WHERE connection_id = ?1 AND nth = ?2")?
            .execute(params![call.connection_id, nth - KEPT])?;
    }
    Ok(())
}
