//! Handing over to the Gatepost that takes over, and working beside it; see [`super::take_over`].

use std::{
    fs::{self, Permissions},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    sync::Arc,
    thread,
    time::Duration,
};

use gatepost_server::{
    connections_api::neighbour,
    server::{Door, Server},
};
use parking_lot::Mutex;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
};

use super::{
    Node, StartError,
    inherited::Purpose,
    state::{StateFolder, calls_socket},
    take_over::{Link, Predecessor, SOCKET, Said, VERSION},
};

/// A listening socket that is served.
pub struct Served {
    socket: Option<OwnedFd>,
    door: Door,
    task: JoinHandle<()>,
}

impl Served {
    /// Serves a socket with a task of its own.
    pub fn new<F>(
        listener: TcpListener,
        door: Door,
        serve: impl FnOnce(TcpListener, Door) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            // Without it everything is served all the same, but not handed over.
            socket: listener.as_fd().try_clone_to_owned().ok(),
            door: door.clone(),
            task: tokio::spawn(serve(listener, door)),
        }
    }
}

/// The sockets are another Gatepost's now. As long as this is kept, that one knows that this one runs.
pub struct HandedOver {
    _link: Link,
}

/// What is handed over, and what for.
struct Giving {
    server: Arc<Server>,
    state: Arc<StateFolder>,
    served: Arc<Mutex<Vec<Served>>>,
    runtime: Handle,
}

impl Node {
    /// Hands over to the Gatepost that asks for it; of which the receiver is told.
    ///
    /// # Errors
    /// The socket in the state folder cannot be made.
    pub fn await_successor(&self) -> io::Result<mpsc::Receiver<HandedOver>> {
        let listener = bind(&self.state, SOCKET)?;
        let (handed_over, receiver) = mpsc::channel(1);
        let giving = Giving {
            server: Arc::clone(&self.server),
            state: Arc::clone(&self.state),
            served: Arc::clone(&self.served),
            runtime: Handle::current(),
        };
        let give = move || {
            for asking in listener.incoming() {
                match asking.map(|asking| giving.give(asking)) {
                    Ok(Ok(given)) => {
                        let _ = handed_over.blocking_send(given);
                        return;
                    }
                    // It was told why, or is gone: another may ask.
                    Ok(Err(_)) => {}
                    // Out of file descriptors: there may be some soon.
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                }
            }
        };
        thread::Builder::new()
            .name("take-over".into())
            .spawn(give)?;
        Ok(receiver)
    }

    /// Takes the sockets of `predecessor`; answers what that asks about connections of this Gatepost,
    /// with the task that is given back, and asks it about its own.
    ///
    /// # Errors
    /// [`StartError`]: the socket in the state folder cannot be made, or the other one serves on.
    pub fn take_over(&self, predecessor: &mut Predecessor) -> Result<AbortHandle, StartError> {
        let answering = answer_neighbour(&self.server, &self.state, &Handle::current())?;
        let socket = self.state.socket(&calls_socket(predecessor.run));
        self.server.neighbours.set(Some(socket));
        let run = self.server.gateway.store().run();
        if let Err(error) = predecessor.go(run) {
            let _ = fs::remove_file(self.state.socket(&calls_socket(run)));
            return Err(error.into());
        }
        Ok(answering)
    }

    /// Takes on what `predecessor` leaves, once it is gone; then there is nobody to answer.
    pub fn follow(&self, predecessor: Predecessor, answering: AbortHandle) {
        let (server, state) = (Arc::clone(&self.server), Arc::clone(&self.state));
        tokio::spawn(async move {
            let run = predecessor.run;
            // It does not panic; had it, there is nothing to wait for.
            let _ = tokio::task::spawn_blocking(|| predecessor.wait_for_its_end()).await;
            loop {
                let gateway = Arc::clone(&server.gateway);
                let taken_on = tokio::task::spawn_blocking(move || gateway.take_on(run)).await;
                if matches!(taken_on, Ok(Ok(()))) {
                    break;
                }
                // The disk is full. What is owed stays there.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            server.neighbours.set(None);
            answering.abort();
            for run in [run, server.gateway.store().run()] {
                let _ = fs::remove_file(state.socket(&calls_socket(run)));
            }
        });
    }
}

/// Answers what the other Gatepost asks about connections of this one.
fn answer_neighbour(
    server: &Arc<Server>,
    state: &StateFolder,
    runtime: &Handle,
) -> io::Result<AbortHandle> {
    let listener = bind(state, &calls_socket(server.gateway.store().run()))?;
    listener.set_nonblocking(true)?;
    let _runtime = runtime.enter();
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let serve = neighbour::serve(Arc::clone(server), listener);
    Ok(runtime.spawn(serve).abort_handle())
}

/// A socket in the state folder, for this user only.
fn bind(state: &StateFolder, name: &str) -> io::Result<UnixListener> {
    let path = state.socket(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Giving {
    /// Hands over to whoever asks. Blocks.
    fn give(&self, asking: UnixStream) -> io::Result<HandedOver> {
        if !neighbour::is_of_this_user(&asking) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut link = Link::new(asking)?;
        let Said::TakeOver { version } = link.hear()? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if version != VERSION {
            let why = format!(
                "it speaks version {VERSION} of the take-over, the new one version {version}: stop \
                 it, then start the new one"
            );
            return refuse(&mut link, why);
        }
        if self.server.neighbours.now().is_some() {
            let why = "it has taken over itself from one that still drains: try again when that has \
                       ended";
            return refuse(&mut link, why.into());
        }
        self.offer(&mut link)?;
        let Said::Prepared = link.hear()? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let answering = answer_neighbour(&self.server, &self.state, &self.runtime)?;
        if let Err(error) = self.give_up(&mut link) {
            answering.abort();
            self.server.neighbours.set(None);
            let store = self.server.gateway.store();
            store.take_back();
            let _ = fs::remove_file(self.state.socket(&calls_socket(store.run())));
            return Err(error);
        }
        Ok(HandedOver { _link: link })
    }

    fn offer(&self, link: &mut Link) -> io::Result<()> {
        let served = self.served.lock();
        let sockets = served.iter().filter_map(|served| {
            let purpose = match served.door {
                Door::Public => Purpose::Public,
                Door::Admin => Purpose::Admin,
                Door::Api(_) => return None,
            };
            Some((purpose, served.socket.as_ref()?.as_fd()))
        });
        let (purposes, sockets): (Vec<_>, Vec<_>) = sockets.unzip();
        let lock = self.state.lock()?;
        let descriptors = [&[lock.as_fd()], &*sockets].concat();
        let offer = Said::Offer {
            run: self.server.gateway.store().run(),
            sockets: purposes,
        };
        link.say_with(&offer, &descriptors)
    }

    /// Gives up what only one can have: what calls change, then the sockets. After an error the other
    /// serves nothing.
    fn give_up(&self, link: &mut Link) -> io::Result<()> {
        let Server {
            gateway,
            neighbours,
            ..
        } = &*self.server;
        if let Err(error) = gateway.store().hand_over() {
            return refuse(link, error.to_string());
        }
        link.say(&Said::Kept)?;
        let Said::Ready { run } = link.hear()? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        gateway.store().works_beside(run);
        neighbours.set(Some(self.state.socket(&calls_socket(run))));
        // For a moment both accept; were it the other way round, for a moment nobody might.
        link.say(&Said::Go)?;
        gateway.hand_over();
        self.state.hand_over();
        let served: Vec<Served> = self.served.lock().drain(..).collect();
        for served in served {
            served.task.abort();
            // What it still accepted is counted then.
            let _ = self.runtime.block_on(served.task);
        }
        Ok(())
    }
}

fn refuse<T>(link: &mut Link, why: String) -> io::Result<T> {
    link.say(&Said::Refused { why })?;
    Err(io::ErrorKind::InvalidInput.into())
}
