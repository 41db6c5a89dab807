//! Fresh, unguessable identifiers in AWS's shapes (data-plane spec §2).

use std::cell::RefCell;

use base64::{Engine, engine::general_purpose::URL_SAFE};
use gatepost_model::{DeploymentId, MessageId, RequestId, api::Api};

/// Randomness taken from the operating system at once: a call for every id would cost as much as
/// the rest of a short message.
const POOL_BYTES: usize = 1024;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

/// Unpredictable bytes, each given out once.
struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

/// Unpredictable bytes from the operating system; `N` is at most 1024.
///
/// # Panics
/// When the operating system has no randomness to give, since then no id is safe to issue.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= POOL_BYTES) };
    #[cfg(feature = "simulation")]
    if let Some(bytes) = crate::simulation::random_bytes() {
        return bytes;
    }
    POOL.with_borrow_mut(|pool| {
        if pool.used + N > POOL_BYTES {
            // Linux's getrandom does not fail once the system is up; going on without it would
            // make guessable ids.
            #[allow(clippy::expect_used)]
            getrandom::fill(&mut pool.bytes).expect("the operating system gives random bytes");
            pool.used = 0;
        }
        let mut bytes = [0; N];
        let taken = &mut pool.bytes[pool.used..pool.used + N];
        bytes.copy_from_slice(taken);
        taken.fill(0);
        pool.used += N;
        bytes
    })
}

/// A `requestId`: 16 characters, base64url of 11 bytes.
pub fn request_id() -> RequestId {
    RequestId::new(URL_SAFE.encode(random_bytes::<11>()))
}

/// A `messageId`: 20 characters, base64url of 13 bytes.
pub fn message_id() -> MessageId {
    MessageId::new(URL_SAFE.encode(random_bytes::<13>()))
}

/// An `x-amzn-RequestId`: a UUID of version 4.
pub fn uuid() -> String {
    let mut bytes = random_bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut uuid = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        push_hex(&mut uuid, byte);
    }
    uuid
}

/// Appends two hexadecimal digits: ids have many, and `format!` takes its time for each number.
fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(DIGITS[usize::from(digit)]));
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        push_hex(&mut text, *byte);
    }
    text
}

/// An id of the control plane: `N` lower-case letters and digits.
pub fn resource_id<const N: usize>() -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // Of 256 values the first four letters come up one time oftener in 36: these are no secrets.
    random_bytes::<N>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// A `deploymentId` that no other deployment of the API has.
pub fn deployment_id(api: &Api) -> DeploymentId {
    unused_deployment_id(api, || DeploymentId::new(resource_id::<6>()))
}

fn unused_deployment_id(api: &Api, mut new: impl FnMut() -> DeploymentId) -> DeploymentId {
    loop {
        let id = new();
        let mut deployments = api.deployments.iter();
        if deployments.all(|deployment| deployment.deployment_id != id) {
            return id;
        }
    }
}

/// An `X-Amzn-Trace-Id`: `Root=1-{8 hex}-{24 hex}`, the first being the time in seconds.
pub fn trace_id(now_ms: u64) -> String {
    let [.., a, b, c, d] = (now_ms / 1000).to_be_bytes();
    let mut trace_id = String::with_capacity("Root=1-5759e988-bd862e3fe1be46a994272793".len());
    trace_id.push_str("Root=1-");
    for byte in [a, b, c, d] {
        push_hex(&mut trace_id, byte);
    }
    trace_id.push('-');
    for byte in random_bytes::<12>() {
        push_hex(&mut trace_id, byte);
    }
    trace_id
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use gatepost_model::{
        api::{ApiDefinition, IpAddressType},
        deployment::Deployment,
    };

    use super::*;

    #[test]
    fn a_deployment_gets_an_id_that_no_other_has() {
        let definition = Arc::new(ApiDefinition {
            route_selection_expression: "$request.body.action".to_owned(),
            api_key_selection_expression: "$request.header.x-api-key".to_owned(),
            disable_execute_api_endpoint: false,
            disable_schema_validation: false,
            routes: Vec::new(),
            integrations: Vec::new(),
            authorizers: Vec::new(),
            models: Vec::new(),
        });
        let deployments = ["aaaaaa", "bbbbbb"].map(|id| Deployment {
            deployment_id: id.into(),
            description: None,
            created_at_ms: 0,
            auto_deployed: false,
            definition: Arc::clone(&definition),
        });
        let api = Api {
            api_id: "abcdef0123".into(),
            name: "chat".to_owned(),
            description: None,
            version: None,
            ip_address_type: IpAddressType::Ipv4,
            tags: BTreeMap::new(),
            created_at_ms: 0,
            definition,
            deployments: deployments.into(),
            stages: Vec::new(),
        };
        let mut drawn = ["bbbbbb", "aaaaaa", "cccccc", "dddddd"].into_iter();
        let id = unused_deployment_id(&api, || drawn.next().unwrap().into());
        assert_eq!(id.as_str(), "cccccc");
    }

    #[test]
    fn ids_have_awss_shapes() {
        let request_id = request_id();
        assert_eq!(request_id.as_str().len(), 16);
        assert!(request_id.as_str().ends_with('=') && !request_id.as_str().ends_with("=="));
        assert_eq!(message_id().as_str().len(), 20);
        let uuid = uuid();
        assert_eq!(uuid.len(), 36, "{uuid}");
        assert_eq!(&uuid[14..15], "4", "{uuid}");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        let trace_id = trace_id(1_790_294_508_123);
        assert!(trace_id.starts_with("Root=1-6ab"), "{trace_id}");
        assert_eq!(
            trace_id.len(),
            "Root=1-65d2f0c0-0123456789abcdef01234567".len()
        );
    }
}
