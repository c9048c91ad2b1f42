//! HTTP/2 written by hand, so that it can be written wrongly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentbox_policy::Bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::server::TlsStream;

use super::tls::{Authority, HOST};
use crate::Sender;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// `:status: 200`, as HPACK has it.
pub(super) const STATUS_200: &[u8] = &[0x88];

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// A header as HPACK has it, without any table.
pub(super) fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).expect("short");
        assert!(length < 127, "longer ones are spelled otherwise");
        [&[length], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

/// A reply's head.
pub(super) fn head(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, block)
}

/// A whole reply that says `ok`.
pub(super) fn ok(stream: u32) -> Vec<u8> {
    let head = head(stream, 0, STATUS_200);
    [head, frame(DATA, END_STREAM, stream, b"ok")].concat()
}

/// The other end of one connection.
pub(super) struct Peer {
    stream: TlsStream<TcpStream>,
    requests: Arc<AtomicUsize>,
}

impl Peer {
    /// Waits for the next request, and gives its stream; `None` when the connection ends. What
    /// else comes is passed over.
    pub(super) async fn request(&mut self) -> Option<u32> {
        loop {
            let (kind, _, stream) = self.frame().await?;
            if kind == HEADERS {
                self.requests.fetch_add(1, Ordering::SeqCst);
                return Some(stream);
            }
        }
    }

    /// Waits for a frame of this kind for this stream; false when the connection ends.
    pub(super) async fn hears(&mut self, kind: u8, stream: u32) -> bool {
        while let Some(frame) = self.frame().await {
            if (frame.0, frame.2) == (kind, stream) {
                return true;
            }
        }
        false
    }

    async fn frame(&mut self) -> Option<(u8, u8, u32)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        self.stream.read_exact(&mut vec![0; length]).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], stream))
    }

    /// Whether somebody still wanted it.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Until nobody wants it any more.
    pub(super) async fn write_forever(&mut self, bytes: &[u8]) {
        let many = bytes.repeat(1 + 16_000 / bytes.len());
        while self.write(&many).await {}
    }

    /// Until the other side goes away.
    pub(super) async fn hang(mut self) {
        while self.frame().await.is_some() {}
    }
}

/// A server that speaks HTTP/2 as its script does.
pub(super) struct Server {
    pub(super) origin: String,
    authority: Authority,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// `settings` are what it begins each connection with; `script` is the rest of it.
    pub(super) async fn start<S, F>(settings: &'static [u8], script: S) -> Self
    where
        S: Fn(Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let authority = Authority::new();
        let acceptor = authority.server(HOST, &["h2"], false);
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (seen, heard, script) = (connections.clone(), requests.clone(), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                let (acceptor, script) = (acceptor.clone(), Arc::clone(&script));
                let requests = Arc::clone(&heard);
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await.expect("a handshake");
                    let mut preface = [0; 24];
                    stream.read_exact(&mut preface).await.expect("a preface");
                    let mut peer = Peer { stream, requests };
                    let settings = frame(SETTINGS, 0, 0, settings);
                    peer.write(&[settings, frame(SETTINGS, 1, 0, &[])].concat())
                        .await;
                    script(peer).await;
                });
            }
        });
        Self {
            origin: format!("https://{HOST}:{port}"),
            authority,
            connections,
            requests,
            task,
        }
    }

    /// A sender that trusts it.
    pub(super) fn sender(&self, bounds: &Bounds) -> Sender {
        self.authority.sender(bounds)
    }

    /// How many connections were made, and how many requests came over them.
    pub(super) fn seen(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.connections), count(&self.requests))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
