//! A listener that nobody may call: the stand-in for a host, or a port, that no grant names.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// A listener that counts connections and bytes and answers nothing.
#[derive(Debug)]
pub(crate) struct Decoy {
    address: SocketAddr,
    seen: Arc<Seen>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    bytes: AtomicUsize,
    over: AtomicBool,
}

impl Decoy {
    /// Starts listening on a free port of 127.0.0.2.
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.2:0").expect("127.0.0.2 is local")
    }

    /// Starts listening there; none where somebody else does.
    pub(crate) fn at(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if counted.over.load(Ordering::SeqCst) {
                    break;
                }
                counted.connections.fetch_add(1, Ordering::SeqCst);
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || count(stream, &counted));
            }
        });
        Some(Self {
            address,
            seen,
            listener: Some(listener),
        })
    }

    /// `http://127.0.0.2:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.2:port`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// How often somebody connected, and how many bytes were sent.
    pub(crate) fn visits(&self) -> (usize, usize) {
        (
            self.seen.connections.load(Ordering::SeqCst),
            self.seen.bytes.load(Ordering::SeqCst),
        )
    }

    /// Panics when anybody connected.
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(
            self.visits(),
            (0, 0),
            "connections and bytes at {}",
            self.address
        );
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        self.seen.over.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up, to see that it is over.
        TcpStream::connect(self.address).ok();
        if let Some(listener) = self.listener.take() {
            listener.join().ok();
        }
    }
}

fn count(mut stream: TcpStream, seen: &Seen) {
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        seen.bytes.fetch_add(count, Ordering::SeqCst);
    }
}
