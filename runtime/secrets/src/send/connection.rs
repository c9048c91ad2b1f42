//! A connection that was agreed on, and what carries requests over it.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;
use std::{io, net};

use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::exchange::{Upload, in_our_words};
use super::pool::Home;
use super::response::{HEAD_BYTES, HEAD_HEADERS};
use crate::error::Trouble;

/// How much of a reply's body may be under way before the guest has read it, in bytes: enough to
/// keep a fast connection busy, little enough for many calls at once.
const WINDOW: u32 = 1 << 20;

/// The most exchanges at once over one HTTP/2 connection; an upstream may allow fewer. Each has a
/// whole window, so that a reply that a guest leaves unread does not hold up its neighbours, and
/// this many windows are what one connection can cost.
const STREAMS: u32 = 8;

/// How long an HTTP/1.1 connection may take to be done with its last exchange. The reply's end has
/// been read by then, so it is a matter of being scheduled.
const DONE: Duration = Duration::from_millis(100);

/// A connection, or one share of an HTTP/2 connection.
pub(super) struct Connection {
    pub(super) requests: Requests,
    wire: Arc<Wire>,
    /// Whether this is one of those that are counted.
    counted: bool,
}

pub(super) enum Requests {
    Http1(http1::SendRequest<Upload>),
    Http2(http2::SendRequest<Upload>),
}

/// What all shares of a connection have in common. When the last of them goes, it closes.
struct Wire {
    address: SocketAddr,
    since: Instant,
    tasks: Tasks,
    /// The socket once more, only ever looked at.
    socket: net::TcpStream,
    /// How many exchanges the upstream takes at once, as far as is known.
    streams: Box<dyn Fn() -> usize + Send + Sync>,
    exchanges: AtomicUsize,
    /// When the last exchange ended.
    rested: Mutex<Instant>,
    /// No other exchange may begin: one has failed, or was left before its end.
    spent: AtomicBool,
    /// It was put in its pool while it was in use.
    shared: AtomicBool,
}

/// A stream that is ready for HTTP, and what is known of it.
pub(super) struct Agreed<S> {
    pub(super) stream: S,
    pub(super) address: SocketAddr,
    pub(super) socket: net::TcpStream,
}

/// A second handle on the socket to `address`, to look at what has arrived without taking it.
pub(super) fn second(stream: &TcpStream, address: SocketAddr) -> Result<net::TcpStream, Trouble> {
    let socket = stream.as_fd().try_clone_to_owned();
    socket
        .map(net::TcpStream::from)
        .map_err(|cause| Trouble::Connect { address, cause })
}

impl Connection {
    pub(super) async fn http1<S>(agreed: Agreed<S>) -> Result<Self, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let tasks = Tasks::default();
        let (requests, connection) = http1::Builder::new()
            .max_headers(HEAD_HEADERS)
            .max_header_size(HEAD_BYTES as usize)
            .handshake(TokioIo::new(agreed.stream))
            .await
            .map_err(|error| in_our_words(&error))?;
        // What becomes of it shows in the reply.
        tasks.execute(async { drop(connection.await) });
        let wire = Wire::new(agreed.address, agreed.socket, tasks, Box::new(|| 1));
        Ok(Self::over(wire, Requests::Http1(requests)))
    }

    pub(super) async fn http2<S>(agreed: Agreed<S>) -> Result<Self, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let tasks = Tasks::default();
        let (requests, connection) = http2::Builder::new(tasks.clone())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW * STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .handshake(TokioIo::new(agreed.stream))
            .await
            .map_err(|error| in_our_words(&error))?;
        // It is asked how many streams the upstream takes, so it is within reach of both; and is
        // gone when it is over, since that is how those who wait for it learn of its end.
        let connection = Arc::new(Mutex::new(Some(connection)));
        let asked = Arc::clone(&connection);
        tasks.execute(poll_fn(move |context| {
            let mut connection = lock(&connection);
            if let Some(running) = connection.as_mut() {
                drop(ready!(Pin::new(running).poll(context)));
                *connection = None;
            }
            Poll::Ready(())
        }));
        let streams = move || {
            let connection = lock(&asked);
            let taken = connection.as_ref().map(|c| c.current_max_send_streams());
            taken.unwrap_or(0).min(STREAMS as usize)
        };
        let wire = Wire::new(agreed.address, agreed.socket, tasks, Box::new(streams));
        Ok(Self::over(wire, Requests::Http2(requests)))
    }

    fn over(wire: Wire, requests: Requests) -> Self {
        let wire = Arc::new(wire);
        wire.exchanges.fetch_add(1, Ordering::Relaxed);
        Self {
            requests,
            wire,
            counted: true,
        }
    }

    /// The address that was dialled.
    pub(super) fn address(&self) -> SocketAddr {
        self.wire.address
    }

    /// Lets other calls share the connection, if its protocol can: it answers, so it is known how
    /// many at once.
    pub(super) fn answered(&self, home: &Home) {
        if let Requests::Http2(requests) = &self.requests
            && !self.wire.shared.swap(true, Ordering::Relaxed)
        {
            home.keep(Self {
                requests: Requests::Http2(requests.clone()),
                wire: Arc::clone(&self.wire),
                counted: false,
            });
        }
    }

    /// The connection for a pool, its exchange being over; none for what shares a connection that
    /// was put there already.
    pub(super) fn rest(mut self) -> Option<Self> {
        if !self.counted {
            return Some(self);
        }
        self.counted = false;
        self.wire.end();
        (!self.wire.shared.load(Ordering::Relaxed)).then_some(self)
    }

    /// Begins another exchange: on this connection, or on another share of it that stays. `None`
    /// when there is no room for one.
    pub(super) fn share(&self) -> Option<Self> {
        let Requests::Http2(requests) = &self.requests else {
            return None;
        };
        let room = (self.wire.streams)();
        let begin = |exchanges| (exchanges < room).then_some(exchanges + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.wire.exchanges.fetch_update(set, fetch, begin).ok()?;
        Some(Self {
            requests: Requests::Http2(requests.clone()),
            wire: Arc::clone(&self.wire),
            counted: true,
        })
    }

    /// Begins another exchange on this connection, which is nobody else's.
    pub(super) fn take(mut self) -> Self {
        self.counted = true;
        self.wire.exchanges.fetch_add(1, Ordering::Relaxed);
        self
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self.requests, Requests::Http2(_))
    }

    /// Whether no further exchange may begin, for a connection that is at most so old, and at most
    /// so long without an exchange.
    pub(super) fn is_over(&self, age: Duration, idle: Duration) -> bool {
        let closed = match &self.requests {
            Requests::Http1(requests) => requests.is_closed(),
            Requests::Http2(requests) => requests.is_closed(),
        };
        let rests = self.wire.exchanges.load(Ordering::Relaxed) == 0;
        closed
            || self.wire.spent.load(Ordering::Relaxed)
            || self.wire.since.elapsed() > age
            || (rests && lock(&self.wire.rested).elapsed() > idle)
    }

    /// Waits until the last exchange is done, and makes sure that nothing has come after it: what
    /// an upstream says unasked must not be taken for the answer to the next request.
    pub(super) async fn is_quiet(&mut self) -> bool {
        match &mut self.requests {
            Requests::Http1(requests) => {
                let ready = timeout(DONE, requests.ready()).await;
                ready.is_ok_and(|ready| ready.is_ok()) && self.wire.is_silent()
            }
            // What comes there says which exchange it is of.
            Requests::Http2(requests) => requests.is_ready(),
        }
    }
}

impl Drop for Connection {
    /// What goes while an exchange is under way leaves something of it behind.
    fn drop(&mut self) {
        if self.counted {
            self.wire.spent.store(true, Ordering::Relaxed);
            self.wire.end();
        }
    }
}

impl Wire {
    fn new(
        address: SocketAddr,
        socket: net::TcpStream,
        tasks: Tasks,
        streams: Box<dyn Fn() -> usize + Send + Sync>,
    ) -> Self {
        Self {
            address,
            since: Instant::now(),
            tasks,
            socket,
            streams,
            exchanges: AtomicUsize::new(0),
            rested: Mutex::new(Instant::now()),
            spent: AtomicBool::new(false),
            shared: AtomicBool::new(false),
        }
    }

    fn end(&self) {
        *lock(&self.rested) = Instant::now();
        self.exchanges.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether nothing has arrived, not even the end. The system is asked: the library learns of
    /// it only when it gets to run.
    fn is_silent(&self) -> bool {
        let arrived = self.socket.peek(&mut [0]);
        arrived.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut running = lock(&self.tasks.0);
        running.over = true;
        for task in running.tasks.drain(..) {
            task.abort();
        }
    }
}

/// Runs the tasks of one connection.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    tasks: Vec<AbortHandle>,
    over: bool,
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut running = lock(&self.0);
        if !running.over {
            // Those of exchanges that have ended are of no more use.
            running.tasks.retain(|task| !task.is_finished());
            running.tasks.push(tokio::spawn(task).abort_handle());
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
