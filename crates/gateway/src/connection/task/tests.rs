//! What a connection costs, and what the clocks and the end of others do to it.

use std::{sync::Arc, time::Duration};

use gatepost_model::{
    ApiId, StageName,
    connection::GoneReason,
    request_context::{ConnectionContext, Identity},
    stage_settings::StageSettings,
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    connection::{due::Due, transport::Transport},
    deployed::StageSlot,
    gateway::{FoundConnection, for_tests},
    observe::Observer,
};

fn gateway(folder: &tempfile::TempDir) -> Arc<Gateway> {
    for_tests::gateway(folder, Observer::none())
}

fn api() -> ApiId {
    ApiId::from("abcdef1234")
}

fn handshake(connection: &Connection) -> HandshakeRecord {
    HandshakeRecord::new(&connection.context, &"EP5yqFByIAMElXw=".into(), 200)
}

/// A connection of a stage that is not deployed, and its client's end.
async fn connection(gateway: &Gateway, now: Moment) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await;
    let (socket, _) = listener.accept().await.unwrap();
    let stage_name = StageName::from("prod");
    let context = ConnectionContext {
        connection_id: gateway.begin_handshake(&api(), now.epoch_ms, None),
        api_id: api(),
        stage: stage_name.clone(),
        connected_at_ms: now.epoch_ms,
        domain_name: "localhost".into(),
        identity: Identity::anonymous("127.0.0.1", None),
        authorizer: None,
    };
    let stage = StageSlot::new(api(), stage_name, Arc::default());
    let transport = Transport::Plain(socket);
    let connection = Connection::new(context.into(), stage.into(), None, None, transport, now);
    (connection, client.unwrap())
}

async fn cause(gateway: &Gateway, connection: &ConnectionContext) -> CloseCause {
    let recognised = gateway.recognise(&api(), connection.connection_id);
    match gateway.find(recognised.unwrap()).await {
        FoundConnection::Gone(GoneReason::Closed { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_idle_connection_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let (connection, _client) = connection(&gateway, Moment::now()).await;
    let record = size_of::<Connection>();
    let live = Live {
        gateway: Arc::clone(&gateway),
        connection: Arc::new(connection),
    };
    let task = size_of_val(&serve(live, Vec::new()));
    assert!(record <= 288, "the record has {record} bytes");
    assert!(task <= 400, "the task has {task} bytes");
}

#[tokio::test]
async fn timers_do_not_follow_the_wall_clock() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let at = |epoch_ms, monotonic_ms| Moment {
        epoch_ms,
        monotonic_ms,
    };
    let (connection, _client) = connection(&gateway, at(1_800_000_000_000, 5_000)).await;
    // Set forward by a year, or back to 1970: nobody has been idle for it.
    for epoch_ms in [1_831_536_000_000, 0] {
        assert_eq!(connection.due(5_000, at(epoch_ms, 6_000)), None);
    }
    assert_eq!(connection.due(5_000, at(0, 604_999)), None);
    let idle = Due::Close(CloseCause::IdleTimeout);
    assert_eq!(connection.due(5_000, at(0, 605_000)), Some(idle));
    connection.touch(at(1_800_000_600_000, 604_999));
    assert_eq!(connection.due(5_000, at(0, 605_000)), None);
    assert_eq!(connection.last_active_ms(), 1_800_000_600_000);
}

#[tokio::test]
async fn a_ping_is_due_once_for_each_interval_of_silence() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let at = |monotonic_ms| Moment {
        epoch_ms: 0,
        monotonic_ms,
    };
    let (connection, _client) = connection(&gateway, at(1_000)).await;
    assert_eq!(connection.due(1_000, at(100_000)), None);
    let mut settings = StageSettings::default();
    settings.extensions.server_pings = Some(Duration::from_secs(30));
    connection.stage.settings.store(Arc::new(settings));
    assert_eq!(connection.due(1_000, at(30_999)), None);
    assert_eq!(connection.due(30_999, at(31_000)), Some(Due::Ping));
    assert_eq!(connection.due(31_000, at(60_999)), None);
    assert_eq!(connection.due(60_999, at(61_005)), Some(Due::Ping));
    // The client answers.
    connection.touch(at(62_000));
    assert_eq!(connection.due(61_005, at(91_500)), None);
    assert_eq!(connection.due(91_500, at(92_000)), Some(Due::Ping));
}

#[tokio::test]
async fn a_connection_of_a_stage_that_is_gone_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let (connection, _client) = connection(&gateway, Moment::now()).await;
    let context = Arc::clone(&connection.context);
    let handshake = handshake(&connection);
    start(&gateway, connection, Box::new(handshake), Vec::new());
    assert_eq!(cause(&gateway, &context).await, CloseCause::StageDeleted);
}

#[tokio::test]
async fn a_connection_that_is_established_during_a_drain_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let (connection, _client) = connection(&gateway, Moment::now()).await;
    let context = Arc::clone(&connection.context);
    // It does not wait longer than it may for what still handshakes.
    gateway.drain().await;
    let handshake = handshake(&connection);
    start(&gateway, connection, Box::new(handshake), Vec::new());
    assert_eq!(cause(&gateway, &context).await, CloseCause::Draining);
}

#[tokio::test]
async fn a_handshake_whose_task_is_lost_leaves_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let stage = StageSlot::new(api(), "prod".into(), Arc::default());
    let issued = pipeline::IssuedId::new(&gateway, &Arc::new(stage), "192.0.2.1").unwrap();
    let id = issued.connection_id;
    let lost = tokio::spawn(async move {
        let _issued = issued;
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(lost.await.is_err());
    assert_eq!(gateway.connections(), 0);
    let recognised = gateway.recognise(&api(), id).unwrap();
    let found = gateway.find(recognised).await;
    assert!(matches!(
        found,
        FoundConnection::Gone(GoneReason::Refused { .. })
    ));
}

#[tokio::test]
async fn a_task_that_panics_closes_its_own_connection_with_1011_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = gateway(&folder);
    let mut clients = Vec::new();
    for is_broken in [true, false] {
        let (connection, client) = connection(&gateway, Moment::now()).await;
        let connection = Arc::new(connection);
        gateway.registry.establish(Arc::clone(&connection));
        let live = Live {
            gateway: Arc::clone(&gateway),
            connection: Arc::clone(&connection),
        };
        clients.push((connection, client));
        let task = tokio::spawn(async move {
            if is_broken {
                let _live = live;
                std::panic::resume_unwind(Box::new(()));
            }
            serve(live, Vec::new()).await;
        });
        if is_broken {
            assert!(task.await.is_err());
        }
    }
    let (broken, mut client) = clients.remove(0);
    let mut received = Vec::new();
    client.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"\x88\x10\x03\xf3Internal error");
    assert_eq!(
        cause(&gateway, &broken.context).await,
        CloseCause::InternalError
    );
    let (other, _client) = &clients[0];
    assert!(other.ending().is_none());
}
