//! Every limit in one place, with AWS's value, its source, and whether a user may raise it.

use std::time::Duration;

use crate::throttle::ThrottleSettings;

/// The limits that the data plane enforces. All may be changed in `[limits]`; the defaults are
/// AWS's quotas ("Quotas for configuring and running a WebSocket API") unless said.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Nothing sent or received for this long closes the connection. AWS: 10 minutes, fixed.
    pub idle_timeout: Duration,
    /// The greatest age of a connection. AWS: 2 hours, fixed.
    pub max_connection_duration: Duration,
    /// The greatest message, bytes, also for `PostToConnection`. AWS: 128 KB, fixed.
    pub max_message_bytes: usize,
    /// The greatest frame from a client, bytes. AWS: 32 KB, fixed.
    pub max_frame_bytes: usize,
    /// The greatest time an integration may take, see [`Limits::timeout_of`]. AWS: 29 seconds.
    pub integration_timeout: Duration,
    /// From accepting the socket to the last header of the handshake. Gatepost's own.
    pub handshake_timeout: Duration,
    /// Sockets that may be open at once, over all listeners; one more is closed at once. Unset: 95 %
    /// of the file descriptors that the system allows. Gatepost's own.
    pub max_sockets: Option<usize>,
    /// Connections at once; a handshake beyond them is answered 429. Gatepost's own.
    pub max_connections: Option<usize>,
    /// Those of one API.
    pub max_connections_per_api: Option<usize>,
    /// Those from one address, or from one IPv6 network of 64 bits.
    pub max_connections_per_address: Option<usize>,
    /// Handshakes that may be under way at once, from their last header to their answer; one more is
    /// answered 429. Gatepost's own.
    pub max_handshakes: usize,
    /// Messages of one connection in a second; one more gets the frame of a throttled one. Gatepost's
    /// own.
    pub messages_per_second: Option<u32>,
    /// Bytes of messages of one connection in a second, or one message. Gatepost's own.
    pub bytes_per_second: Option<u32>,
    /// Bytes that may wait for all clients together. Gatepost's own.
    pub max_outbox_bytes: usize,
    /// Bytes that may wait for one client before posts to it answer 429. Gatepost's own.
    pub outbox_bytes: usize,
    /// How long a full socket may stay full before the client counts as a slow consumer.
    /// Gatepost's own.
    pub write_timeout: Duration,
    /// How long Gatepost waits for the client's close frame after sending its own.
    pub close_timeout: Duration,
    /// Messages of one connection that may be in integrations at once. Gatepost's own.
    pub in_flight_per_connection: u16,
    /// Calls of one integration or authorizer of a stage that may be under way at once. Gatepost's own, as many
    /// as AWS's concurrent executions of an account.
    pub in_flight_per_integration: usize,
    /// Calls that may wait, within their timeout, for those to end; `$disconnect` always may, and
    /// as long as it takes. Gatepost's own.
    pub waiting_per_integration: usize,
    /// Connections to one backend that may wait for their next request. Gatepost's own.
    pub idle_connections_per_backend: usize,
    /// The greatest answer of a backend, bytes. AWS: 10 MB, fixed.
    pub max_integration_response_bytes: usize,
    /// Frames that one message may consist of. Gatepost's own, against fragment floods.
    pub max_frames_per_message: u32,
    /// Time for connections to close on shutdown. Gatepost's own.
    pub drain: Duration,
    /// Over how much of that time the closes of many connections are spread, so that not all
    /// clients come back at once. Gatepost's own.
    pub drain_spread: Duration,
    /// `$disconnect` routes that run at once; more wait on the disk. Gatepost's own.
    pub disconnects_at_once: usize,
    /// Of those that waited on the disk, after a crash too, so many begin in a second.
    /// Gatepost's own.
    pub disconnects_per_second: u32,
    /// How long after the end of its connection a `$disconnect` whose backend cannot be reached is
    /// tried again. Gatepost's own.
    pub disconnect_retry_age: Duration,
    /// The greatest handshake URL, characters. AWS: 4096.
    pub max_url_bytes: usize,
    /// The greatest authorizer result, bytes. AWS: 8 KB.
    pub max_authorizer_result_bytes: usize,
    /// Posts that may wait, in all, for connections that are being established. Gatepost's own.
    pub max_held_posts: usize,
    /// Their greatest size, bytes. Gatepost's own.
    pub max_held_bytes: usize,
    /// Posts of SDKs that are remembered, 8 bytes each, so that a retry does not send them again.
    /// Gatepost's own.
    pub max_applied_posts: usize,
    /// Ended connections that are remembered, so that a 410 has its reason. Gatepost's own.
    pub max_tombstones: usize,
    /// How long ended connections are remembered. Gatepost's own.
    pub tombstone_age: Duration,
    /// Requests of all APIs: handshakes, messages and calls of `@connections`. Unlimited by
    /// default; AWS: [`ACCOUNT_RATE_LIMIT`] and [`ACCOUNT_BURST_LIMIT`], the rate may be raised.
    pub account_throttle: ThrottleSettings,
    /// Handshakes of all APIs per second. Unlimited by default; AWS:
    /// [`NEW_CONNECTIONS_PER_SECOND`], may be raised.
    pub new_connections_per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(600),
            max_connection_duration: Duration::from_secs(7200),
            max_message_bytes: 131_072,
            max_frame_bytes: 32_768,
            integration_timeout: Duration::from_secs(29),
            handshake_timeout: Duration::from_secs(10),
            max_sockets: None,
            max_connections: None,
            max_connections_per_api: None,
            max_connections_per_address: None,
            max_handshakes: 10_000,
            messages_per_second: None,
            bytes_per_second: None,
            max_outbox_bytes: 1 << 30,
            outbox_bytes: 262_144,
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            in_flight_per_connection: 16,
            in_flight_per_integration: 1000,
            waiting_per_integration: 1000,
            idle_connections_per_backend: 256,
            max_integration_response_bytes: 10_485_760,
            max_frames_per_message: 1024,
            drain: Duration::from_secs(30),
            drain_spread: Duration::from_secs(10),
            disconnects_at_once: 10_000,
            disconnects_per_second: 500,
            disconnect_retry_age: Duration::from_secs(6 * 3600),
            max_url_bytes: 4096,
            max_authorizer_result_bytes: 8192,
            max_held_posts: 1000,
            max_held_bytes: 16_777_216,
            max_applied_posts: 65_536,
            max_tombstones: 1_000_000,
            tombstone_age: Duration::from_secs(86_400),
            account_throttle: ThrottleSettings::default(),
            new_connections_per_second: None,
        }
    }
}

/// Requests per second of an account in a region, over all its APIs ("Quotas for …").
pub const ACCOUNT_RATE_LIMIT: f64 = 10_000.0;
/// Requests that an account's bucket holds.
pub const ACCOUNT_BURST_LIMIT: u32 = 5_000;
/// New connections per second of an account in a region.
pub const NEW_CONNECTIONS_PER_SECOND: u32 = 500;
impl Limits {
    /// How long an integration with this `timeoutInMillis` may take. One with AWS's greatest, which
    /// is also what an unset one has, may take as long as is allowed here.
    pub fn timeout_of(&self, timeout: Duration) -> Duration {
        let greatest = Duration::from_millis(*INTEGRATION_TIMEOUT_MILLIS.end());
        if timeout >= greatest {
            self.integration_timeout
        } else {
            timeout.min(self.integration_timeout)
        }
    }
}

/// `timeoutInMillis` of an integration: 50 ms to 29 s.
pub const INTEGRATION_TIMEOUT_MILLIS: std::ops::RangeInclusive<u64> = 50..=29_000;
/// The greatest API mapping key, characters.
pub const API_MAPPING_KEY_LENGTH: usize = 300;
/// Stage variables of a stage.
pub const STAGE_VARIABLES: usize = 100;
/// The greatest name of a stage variable, characters.
pub const STAGE_VARIABLE_NAME_LENGTH: usize = 64;
/// The greatest value of a stage variable, characters.
pub const STAGE_VARIABLE_VALUE_LENGTH: usize = 512;
/// Client certificates of an account in a region ("Quotas for …").
pub const CLIENT_CERTIFICATES: usize = 60;
/// VPC links of an account in a region ("Quotas for …", of `apigateway`'s), of both kinds together.
pub const VPC_LINKS: usize = 20;
/// APIs that calls may make. Gatepost's own; AWS's quota is 600 in a region, and may be raised.
pub const APIS: usize = 1000;
/// Stages of an API that calls may make. Gatepost's own; AWS's quota is 10, and may be raised.
pub const STAGES: usize = 100;
/// Deployments of an API that calls may make. Gatepost's own: each is a copy of the whole API.
pub const DEPLOYMENTS: usize = 200;
/// Routes, integrations, integration responses, authorizers or models that calls may give an API.
/// Gatepost's own; AWS's quotas are 300 routes, 300 integrations and 10 authorizers, and may be raised.
pub const RESOURCES_OF_A_KIND: usize = 1000;
/// The size of all those of an API together, as JSON, bytes. Gatepost's own.
pub const DEFINITION_BYTES: usize = 16 * 1024 * 1024;
/// The size of what all deployments of an API freeze, as JSON, bytes; what several freeze alike counts
/// once. Gatepost's own.
pub const DEPLOYED_BYTES: usize = 64 * 1024 * 1024;
/// Of the deployments that `autoDeploy` makes, and no stage serves, the latest so many are kept, or as
/// many as [`DEPLOYED_BYTES`] leave room for. Gatepost's own.
pub const AUTOMATIC_DEPLOYMENTS: usize = 10;
/// Tags of a resource. AWS's, fixed.
pub const TAGS: usize = 50;
/// The greatest stage name, characters.
pub const STAGE_NAME_LENGTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_awss_greatest_timeout_is_stretched() {
        let seconds = Duration::from_secs;
        for (limit, timeout, allowed) in [
            (29, 29, 29),
            (60, 29, 60),
            (60, 28, 28),
            (5, 29, 5),
            (5, 3, 3),
        ] {
            let limits = Limits {
                integration_timeout: seconds(limit),
                ..Limits::default()
            };
            assert_eq!(limits.timeout_of(seconds(timeout)), seconds(allowed));
        }
    }
}
