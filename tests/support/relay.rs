//! A TCP relay in front of a real server: it passes everything on, and keeps what it was sent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::http::find;

/// A running relay on 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    /// What each connection sent towards the server, in the order in which they were accepted.
    sent: Mutex<Vec<Vec<u8>>>,
    over: AtomicBool,
}

impl Relay {
    /// Starts a relay to the server at `url`, `http://127.0.0.1:port`.
    pub(crate) fn to(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let listener = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                let connection = shared.open();
                // Without its server a relay closes the connection, which counts all the same.
                if let Ok(server) = TcpStream::connect(&server) {
                    let shared = Arc::clone(&shared);
                    pass(client, server, move |piece| shared.keep(connection, piece));
                }
            }
        });
        Self {
            address,
            state,
            listener: Some(listener),
        }
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().len()
    }

    /// The request lines that were sent, in order, without their HTTP version.
    pub(crate) fn requests(&self) -> Vec<String> {
        let version: &[u8] = b" HTTP/1.1\r\n";
        let mut requests = Vec::new();
        for sent in self.state.lock().iter() {
            let mut rest = sent.as_slice();
            while let Some(end) = find(rest, version) {
                let start = rest[..end].iter().rposition(|&byte| byte == b'\n');
                let line = &rest[start.map_or(0, |newline| newline + 1)..end];
                requests.push(String::from_utf8_lossy(line).into_owned());
                rest = &rest[end + version.len()..];
            }
        }
        requests
    }

    /// Whether `text` was sent, as it stands here.
    pub(crate) fn was_sent(&self, text: &str) -> bool {
        self.state
            .lock()
            .iter()
            .any(|sent| find(sent, text.as_bytes()).is_some())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up, to see that it is over.
        TcpStream::connect(self.address).ok();
        if let Some(listener) = self.listener.take() {
            listener.join().ok();
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> usize {
        let mut sent = self.lock();
        sent.push(Vec::new());
        sent.len() - 1
    }

    fn keep(&self, connection: usize, piece: &[u8]) {
        self.lock()[connection].extend_from_slice(piece);
    }
}

/// Copies in both directions until either side closes, and shows `see` what the client sends
/// before the server gets it.
fn pass(client: TcpStream, server: TcpStream, see: impl Fn(&[u8]) + Send + 'static) {
    let ends = |from: &TcpStream, to: &TcpStream| {
        let clone = |end: &TcpStream| end.try_clone().expect("a socket can be cloned");
        (clone(from), clone(to))
    };
    let (from, to) = ends(&client, &server);
    std::thread::spawn(move || copy(from, to, see));
    let (from, to) = ends(&server, &client);
    std::thread::spawn(move || copy(from, to, |_| {}));
}

fn copy(mut from: TcpStream, mut to: TcpStream, see: impl Fn(&[u8])) {
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        see(&piece[..count]);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Write).ok();
}
