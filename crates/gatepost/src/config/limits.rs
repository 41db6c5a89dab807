//! `[limits]`, and those of them that a stage may have for itself.

use std::{ops::RangeInclusive, time::Duration};

use gatepost_model::{
    limits::{ACCOUNT_BURST_LIMIT, ACCOUNT_RATE_LIMIT, Limits, NEW_CONNECTIONS_PER_SECOND},
    throttle::ThrottleSettings,
};

use super::{GIB, HOUR, KIB, MILLISECOND, MINUTE, SECOND, YEAR, reader::Reader};

/// `[limits]`.
pub(super) fn limits(reader: &mut Reader) -> Limits {
    let aws = Limits::default();
    let own = stage_limits(reader, "limits", &aws);
    let up_to_minutes = 100 * MILLISECOND..=10 * MINUTE;
    let counts = 1..=100_000_000;
    let (account_throttle, new_connections_per_second) = rates(reader);
    Limits {
        handshake_timeout: reader.duration(
            "limits.handshake_timeout",
            aws.handshake_timeout,
            up_to_minutes.clone(),
        ),
        max_sockets: reader.number_or_none("limits.max_sockets", 16..=100_000_000),
        max_connections: reader.number_or_none("limits.max_connections", counts.clone()),
        max_connections_per_api: reader
            .number_or_none("limits.max_connections_per_api", counts.clone()),
        max_connections_per_address: reader
            .number_or_none("limits.max_connections_per_address", counts.clone()),
        max_handshakes: reader.number("limits.max_handshakes", aws.max_handshakes, counts),
        messages_per_second: reader.number_or_none("limits.messages_per_second", 1..=u32::MAX),
        bytes_per_second: reader.number_or_none("limits.bytes_per_second", 1..=u32::MAX),
        max_outbox_bytes: reader.size(
            "limits.max_outbox_bytes",
            aws.max_outbox_bytes,
            64 * KIB..=1024 * GIB,
        ),
        outbox_bytes: reader.size("limits.outbox_bytes", aws.outbox_bytes, KIB..=GIB),
        write_timeout: reader.duration(
            "limits.write_timeout",
            aws.write_timeout,
            up_to_minutes.clone(),
        ),
        close_timeout: reader.duration("limits.close_timeout", aws.close_timeout, up_to_minutes),
        in_flight_per_connection: reader.number(
            "limits.in_flight_per_connection",
            aws.in_flight_per_connection,
            1..=10_000,
        ),
        in_flight_per_integration: reader.number(
            "limits.in_flight_per_integration",
            aws.in_flight_per_integration,
            1..=1_000_000,
        ),
        waiting_per_integration: reader.number(
            "limits.waiting_per_integration",
            aws.waiting_per_integration,
            0..=1_000_000,
        ),
        idle_connections_per_backend: reader.number(
            "limits.idle_connections_per_backend",
            aws.idle_connections_per_backend,
            0..=100_000,
        ),
        max_integration_response_bytes: reader.size(
            "limits.max_integration_response_bytes",
            aws.max_integration_response_bytes,
            KIB..=GIB,
        ),
        max_frames_per_message: reader.number(
            "limits.max_frames_per_message",
            aws.max_frames_per_message,
            1..=1_000_000,
        ),
        drain: reader.duration("limits.drain", aws.drain, Duration::ZERO..=HOUR),
        drain_spread: reader.duration(
            "limits.drain_spread",
            aws.drain_spread,
            Duration::ZERO..=HOUR,
        ),
        disconnects_at_once: reader.number(
            "limits.disconnects_at_once",
            aws.disconnects_at_once,
            1..=1_000_000,
        ),
        disconnects_per_second: reader.number(
            "limits.disconnects_per_second",
            aws.disconnects_per_second,
            1..=1_000_000,
        ),
        disconnect_retry_age: reader.duration(
            "limits.disconnect_retry_age",
            aws.disconnect_retry_age,
            Duration::ZERO..=YEAR,
        ),
        max_url_bytes: reader.size("limits.max_url_bytes", aws.max_url_bytes, 256..=16 * KIB),
        max_authorizer_result_bytes: reader.size(
            "limits.max_authorizer_result_bytes",
            aws.max_authorizer_result_bytes,
            KIB..=1024 * KIB,
        ),
        max_held_posts: reader.number("limits.max_held_posts", aws.max_held_posts, 1..=1_000_000),
        max_held_bytes: reader.size("limits.max_held_bytes", aws.max_held_bytes, KIB..=GIB),
        max_applied_posts: reader.number(
            "limits.max_applied_posts",
            aws.max_applied_posts,
            0..=100_000_000,
        ),
        max_tombstones: reader.number("limits.max_tombstones", aws.max_tombstones, 1..=100_000_000),
        tombstone_age: reader.duration("limits.tombstone_age", aws.tombstone_age, SECOND..=YEAR),
        account_throttle,
        new_connections_per_second,
        ..own
    }
}

/// The rates of the account: none that is not set, unless all of AWS's are asked for.
fn rates(reader: &mut Reader) -> (ThrottleSettings, Option<u32>) {
    let aws_quotas = reader.flag("limits.aws_quotas", false);
    let throttle = ThrottleSettings {
        rate_limit: reader.rate("limits.account_rate_limit"),
        burst_limit: reader.number_or_none("limits.account_burst_limit", 1..=u32::MAX),
    };
    let new_connections = reader.number_or_none("limits.new_connections_per_second", 1..=u32::MAX);
    if !aws_quotas {
        return (throttle, new_connections);
    }
    let aws = ThrottleSettings {
        rate_limit: Some(ACCOUNT_RATE_LIMIT),
        burst_limit: Some(ACCOUNT_BURST_LIMIT),
    };
    (
        throttle.or(aws),
        new_connections.or(Some(NEW_CONNECTIONS_PER_SECOND)),
    )
}

/// The limits that AWS fixes for everybody, in `[limits]` or in the section of a stage, which
/// inherits the others.
pub(super) fn stage_limits(reader: &mut Reader, section: &str, inherited: &Limits) -> Limits {
    let key = |name: &str| format!("{section}.{name}");
    let lives: RangeInclusive<_> = SECOND..=YEAR;
    let sizes: RangeInclusive<_> = KIB..=GIB;
    Limits {
        idle_timeout: reader.duration(&key("idle_timeout"), inherited.idle_timeout, lives.clone()),
        max_connection_duration: reader.duration(
            &key("max_connection_duration"),
            inherited.max_connection_duration,
            lives,
        ),
        max_message_bytes: reader.size(
            &key("max_message_bytes"),
            inherited.max_message_bytes,
            sizes.clone(),
        ),
        max_frame_bytes: reader.size(&key("max_frame_bytes"), inherited.max_frame_bytes, sizes),
        integration_timeout: reader.duration(
            &key("integration_timeout"),
            inherited.integration_timeout,
            MILLISECOND..=HOUR,
        ),
        ..inherited.clone()
    }
}
