//! The guest's standard streams: pipes that the host empties, counts and bounds.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use agentbox_gate::Stop;
use agentbox_policy::{Amount, Bound, Code};
use bytes::Bytes;
use tokio::io::{AsyncWrite, sink};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};
use tokio::sync::watch;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Pieces of output that may wait for a slow reader before the guest has to.
const WAITING: usize = 16;

/// The largest piece a guest may write at once.
const PIECE: usize = 64 << 10;

/// Where a guest's standard input comes from.
#[derive(Debug)]
pub enum Input {
    /// The host's own standard input, read only when the guest reads.
    Inherit,
    /// These bytes, then the end.
    Bytes(Bytes),
}

/// Where the bytes of one output stream go.
pub struct Sink {
    /// Takes the bytes, in order, on a thread of its own.
    pub write: Box<dyn Write + Send>,
    /// What the guest is told when it asks whether the stream is a terminal.
    pub terminal: bool,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// Both output streams of a guest.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub stdout: Sink,
    /// Standard error.
    pub stderr: Sink,
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

/// Empties both streams through one thread, so that their order is kept.
pub(crate) struct Pump {
    thread: JoinHandle<()>,
    left: Arc<Left>,
}

impl Pump {
    /// Starts the thread; the two pipes are for the guest.
    pub(crate) fn start(
        output: Output,
        bytes: u64,
        stop: &Stop,
    ) -> std::io::Result<(Self, Pipe, Pipe)> {
        let (sender, receiver) = channel(WAITING);
        let left = Arc::new(Left {
            most: bytes,
            bytes: AtomicU64::new(bytes),
            stop: stop.clone(),
        });
        let sent = Arc::new(AtomicU64::new(0));
        let (passed_on, passed) = watch::channel(0);
        let closed: [Arc<AtomicBool>; 2] = Default::default();
        let pipe = |stream, terminal, closed: &Arc<AtomicBool>| Pipe {
            stream,
            closed: Arc::clone(closed),
            terminal,
            sender: sender.clone(),
            sent: Arc::clone(&sent),
            passed: passed.clone(),
            flushed: 0,
            left: Arc::clone(&left),
        };
        let out = pipe(Stream::Stdout, output.stdout.terminal, &closed[0]);
        let err = pipe(Stream::Stderr, output.stderr.terminal, &closed[1]);
        let thread = std::thread::Builder::new()
            .name("agentbox-output".into())
            .spawn(move || empty(receiver, output, &passed_on, &closed))?;
        Ok((Self { thread, left }, out, err))
    }

    /// Counts output that comes by another way: the text of a result.
    pub(crate) fn count(&self, text: &str) {
        self.left.take(text.len());
    }

    /// Waits until all that the guest wrote has been passed on; the guest has to be gone.
    pub(crate) async fn finish(self) {
        // A panic in a sink has been reported by its thread; there is nothing left to pass on.
        drop(tokio::task::spawn_blocking(move || self.thread.join()).await);
    }
}

/// Passes pieces on until the guest is gone. `closed` are the streams that nobody reads any more.
fn empty(
    mut receiver: Receiver<(Stream, Bytes)>,
    mut output: Output,
    passed_on: &watch::Sender<u64>,
    closed: &[Arc<AtomicBool>; 2],
) {
    while let Some((stream, bytes)) = receiver.blocking_recv() {
        let (sink, closed) = match stream {
            Stream::Stdout => (&mut output.stdout.write, &closed[0]),
            Stream::Stderr => (&mut output.stderr.write, &closed[1]),
        };
        if !closed.load(Ordering::Relaxed)
            && sink.write_all(&bytes).and_then(|()| sink.flush()).is_err()
        {
            // Nobody reads this stream any more; the other one may go on.
            closed.store(true, Ordering::Relaxed);
        }
        passed_on.send_modify(|pieces| *pieces += 1);
    }
}

/// The guest's end of one stream.
#[derive(Clone)]
pub(crate) struct Pipe {
    stream: Stream,
    terminal: bool,
    /// Whether nobody reads this stream any more.
    closed: Arc<AtomicBool>,
    sender: Sender<(Stream, Bytes)>,
    /// Pieces that both streams have written.
    sent: Arc<AtomicU64>,
    /// Pieces of these that have been passed on.
    passed: watch::Receiver<u64>,
    /// Pieces that have to be passed on before this stream takes another: a guest that flushes
    /// sees its lines where it wrote them, among those of the host.
    flushed: u64,
    left: Arc<Left>,
}

/// What a guest may still write, by all ways together.
struct Left {
    most: u64,
    bytes: AtomicU64,
    stop: Stop,
}

impl Left {
    /// Takes `wanted` bytes; false, and the run is stopped, when too few are left.
    fn take(&self, wanted: usize) -> bool {
        let wanted = wanted as u64;
        let taken = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(wanted)
            })
            .is_ok();
        if !taken {
            let allowed = Bound::output().allowing(Amount::Bytes(self.most));
            let message = format!("the program wrote more than {allowed}");
            self.stop.stop(Code::OUTPUT, message);
        }
        taken
    }
}

impl Pipe {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.sender.is_closed()
    }
}

impl IsTerminal for Pipe {
    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl StdoutStream for Pipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Asked for by WASI 0.3 alone, which is not linked.
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Pipe {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !self.left.take(bytes.len()) {
            return Err(StreamError::Closed);
        }
        match self.sender.try_send((self.stream, bytes)) {
            Ok(()) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(StreamError::Closed),
            Err(TrySendError::Full(_)) => {
                Err(StreamError::trap("write without a permit from check-write"))
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        if self.is_closed() {
            Err(StreamError::Closed)
        } else {
            self.flushed = self.sent.load(Ordering::Relaxed);
            Ok(())
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.is_closed() {
            return Err(StreamError::Closed);
        }
        let ready = *self.passed.borrow() >= self.flushed && self.sender.capacity() > 0;
        Ok(if ready { PIECE } else { 0 })
    }
}

#[async_trait]
impl Pollable for Pipe {
    async fn ready(&mut self) {
        let flushed = self.flushed;
        // Errors, here and below, mean that nobody reads any more, which the next write reports.
        drop(self.passed.wait_for(|passed| *passed >= flushed).await);
        // The permit is given back at once: a guest has one thread, so the place stays free.
        drop(self.sender.reserve().await);
    }
}
