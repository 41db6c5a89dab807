//! The instructions that a message and a post cost in this crate, counted under valgrind by
//! `bench/instructions`. Inputs are made before the count begins; system calls are counted up to
//! the kernel.
#![expect(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macros write functions of their own, and inputs are known to be good"
)]

use std::{hint::black_box, sync::Arc};

use gatepost_gateway::{
    auth::{AccessKey, AccessKeys, Auth, AuthMode, RequestFacts},
    clock::Moment,
    connection::{Connection, transport::Transport},
    deployed::{DeployedAuthorization, DeployedRoute, DeployedStage, LogSettings, StageSlot},
    pipeline::{
        select_route::{ReceivedMessage, RoutedRequest},
        throttle::AccountThrottle,
    },
    registry::{Entry, Registry},
};
use gatepost_model::{
    ApiId,
    connection_id::{ConnectionId, ConnectionIdKey},
    limits::Limits,
    principal::{Principal, PrincipalKind},
    request_context::{ConnectionContext, Identity},
    route::RouteKey,
    secret::Secret,
    stage::LoggingLevel,
    throttle::{RateLimit, ThrottleSettings, TokenBucket},
};
use gatepost_wire::{
    expression::selection::SelectionExpression, iam_policy::Permissions, sigv4::SignedRequest,
};
use gungraun::{library_benchmark, library_benchmark_group, main};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION as AUTHORIZATION_HEADER, HOST, HeaderName},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

const MESSAGE: &str =
    r#"{"action":"sendMessage","room":"lobby","data":{"text":"Grüß Gott","n":7}}"#;
const NOW: Moment = Moment {
    epoch_ms: 1_790_294_508_123,
    monotonic_ms: 5_000,
};
const NO_LOGS: LogSettings = LogSettings {
    logging_level: LoggingLevel::Off,
    data_trace: false,
    access_log: None,
};

fn route(route_key: &str) -> Arc<DeployedRoute> {
    Arc::new(DeployedRoute {
        series: Arc::default(),
        route_key: RouteKey::parse(route_key).unwrap(),
        two_way: true,
        throttle: None,
        api_key_required: false,
        authorization: DeployedAuthorization::None,
        required_parameters: Vec::new(),
        request_validation: None,
        integration: None,
        log_settings: NO_LOGS,
    })
}

fn stage() -> Arc<StageSlot> {
    let api_id = ApiId::from("abcdef1234");
    let custom = ["sendMessage", "join", "leave"].map(|key| (key.into(), route(key)));
    let deployed = DeployedStage {
        unrouted_series: Arc::default(),
        connections_series: Arc::default(),
        api_id: api_id.clone(),
        stage_name: "prod".into(),
        stage_variables: Arc::default(),
        route_selection_expression: SelectionExpression::parse("$request.body.action").unwrap(),
        api_key_source: None,
        disable_execute_api_endpoint: false,
        log_settings: NO_LOGS,
        connect: None,
        disconnect: None,
        default: None,
        custom: custom.into(),
    };
    let slot = StageSlot::new(api_id, "prod".into(), Arc::default());
    slot.deployed.store(Some(Arc::new(deployed)));
    Arc::new(slot)
}

/// A connection whose socket takes writes, its client, and the runtime that both live on.
struct Live {
    connection: Arc<Connection>,
    _client: TcpStream,
    _runtime: Runtime,
}

fn live() -> Live {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (socket, client) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let client = client.await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        socket.writable().await.unwrap();
        (socket, client)
    });
    let context = ConnectionContext {
        connection_id: id(0),
        api_id: "abcdef1234".into(),
        stage: "prod".into(),
        connected_at_ms: NOW.epoch_ms,
        domain_name: "localhost".into(),
        identity: Identity::anonymous("127.0.0.1", None),
        authorizer: None,
    };
    let transport = Transport::Plain(socket);
    let connection = Connection::new(context.into(), stage(), None, None, transport, NOW);
    Live {
        connection: Arc::new(connection),
        _client: client,
        _runtime: runtime,
    }
}

fn id(n: u32) -> ConnectionId {
    let spread = n.wrapping_mul(0x9E37_79B9).to_le_bytes();
    ConnectionId::from_bytes(std::array::from_fn(|at| spread[at % spread.len()]))
}

#[library_benchmark]
#[bench::of_a_message(live())]
fn route_selection(live: Live) -> (Live, Option<RoutedRequest>) {
    let received = ReceivedMessage::new(&live.connection, &black_box(MESSAGE).into(), NOW.epoch_ms);
    let routed = received.and_then(|message| message.select_route().ok());
    (live, routed)
}

fn post() -> (Live, Limits) {
    let live = live();
    // The first write of a thread pays for what all others share.
    let limits = Limits::default();
    live.connection.send(&"first".into(), &limits, NOW).unwrap();
    (live, limits)
}

#[library_benchmark]
#[bench::of_73_bytes(post())]
fn posting((live, limits): (Live, Limits)) -> (Live, Limits) {
    let sent = live
        .connection
        .send(&black_box(MESSAGE).into(), &limits, NOW);
    assert!(black_box(sent).is_ok());
    (live, limits)
}

/// A route, and the account, with these limits or without.
fn throttled(limit: Option<RateLimit>) -> (Arc<DeployedRoute>, AccountThrottle) {
    let throttle = limit.map(|limit| Arc::new(TokenBucket::new(limit)));
    let limits = Limits {
        account_throttle: limit.map_or_else(ThrottleSettings::default, |limit| ThrottleSettings {
            rate_limit: Some(limit.rate),
            burst_limit: Some(limit.burst),
        }),
        ..Limits::default()
    };
    let route = DeployedRoute {
        throttle,
        ..Arc::into_inner(route("sendMessage")).unwrap()
    };
    (Arc::new(route), AccountThrottle::new(&limits))
}

const LIMIT: RateLimit = RateLimit {
    rate: 10_000.0,
    burst: 5_000,
};

#[library_benchmark]
#[bench::of_a_message_without_limits(throttled(None))]
#[bench::of_a_message_of_a_limited_route_and_account(throttled(Some(LIMIT)))]
fn throttling(
    (route, account): (Arc<DeployedRoute>, AccountThrottle),
) -> (Arc<DeployedRoute>, AccountThrottle) {
    assert!(account.pass_message(black_box(Some(&*route))).is_ok());
    (route, account)
}

#[library_benchmark]
#[bench::of_an_id(ConnectionIdKey::new([7; 32]), ApiId::from("abcdef1234"))]
fn id_verification(key: ConnectionIdKey, api_id: ApiId) -> (ConnectionIdKey, ApiId) {
    assert!(!key.is_issued_for(&black_box(id(1)), &api_id));
    (key, api_id)
}

/// A post as boto3 signed it on 20261122T123053Z, and who verifies it: the key has signed today.
struct SignedPost {
    auth: Auth,
    headers: HeaderMap,
}

fn signed_post() -> SignedPost {
    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
        Credential=AKIDEXAMPLE/20261122/us-east-1/execute-api/aws4_request, \
        SignedHeaders=host;x-amz-date, \
        Signature=2bf21122e95a53c4832567d0469be636d612e9a790143b119242c6b193f75236";
    let access_keys = Arc::new(AccessKeys::default());
    access_keys.insert(AccessKey::new(
        "AKIDEXAMPLE",
        Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        None,
        Principal::new("000000000000", PrincipalKind::User("ann".into())),
        Arc::new(Permissions::everything()),
    ));
    let auth = Auth::new(AuthMode::SigV4, "us-east-1", "000000000000", access_keys);
    let headers = [
        (HOST, "127.0.0.1:19077"),
        (HeaderName::from_static("x-amz-date"), "20261122T123053Z"),
        (AUTHORIZATION_HEADER, AUTHORIZATION),
    ];
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    let post = SignedPost { auth, headers };
    assert!(post.verify());
    post
}

impl SignedPost {
    fn verify(&self) -> bool {
        let request = SignedRequest {
            method: "POST",
            path: black_box("/prod/@connections/L0SM9cOFvHcCIhw%3D"),
            query: "",
            authority: "127.0.0.1:19077",
            headers: &self.headers,
        };
        let facts = RequestFacts {
            source_ip: Some([127, 0, 0, 1].into()),
            user_agent: None,
            referer: None,
            secure_transport: false,
            region: "us-east-1",
            now_ms: NOW.epoch_ms,
        };
        let resource = "arn:aws:execute-api:us-east-1:000000000000:abcdef1234/prod/POST/\
                        @connections/{connectionId}";
        self.auth
            .identify(&request, "execute-api", 1_795_350_653)
            .and_then(|identified| identified.verify(&request, black_box(b"hello")))
            .is_ok_and(|caller| {
                let action = "execute-api:ManageConnections";
                caller.authorize(action, resource, &facts).is_ok()
            })
    }
}

#[library_benchmark]
#[bench::of_a_post(signed_post())]
fn signature_verification(post: SignedPost) -> SignedPost {
    assert!(black_box(&post).verify());
    post
}

/// So many that the random order of the maps, another in each process, evens out.
const IDS: u32 = 2000;

fn registry() -> Registry {
    let registry = Registry::new();
    for n in 0..IDS {
        registry.begin_handshake(id(n), NOW.epoch_ms, None);
    }
    registry
}

#[library_benchmark]
#[bench::of_2000_ids(registry())]
fn registry_find(registry: Registry) -> Registry {
    for n in 0..IDS {
        assert!(matches!(
            registry.get(&black_box(id(n))),
            Some(Entry::Handshaking { .. })
        ));
    }
    registry
}

#[library_benchmark]
#[bench::of_2000_ids(registry())]
fn registry_enter_and_remove(registry: Registry) -> Registry {
    for n in IDS..2 * IDS {
        assert!(registry.begin_handshake(black_box(id(n)), NOW.epoch_ms, None));
    }
    for n in IDS..2 * IDS {
        registry.remove(&black_box(id(n)));
    }
    registry
}

library_benchmark_group!(
    name = gateway;
    benchmarks = route_selection, throttling, id_verification, signature_verification, posting, registry_find, registry_enter_and_remove
);
main!(library_benchmark_groups = gateway);
