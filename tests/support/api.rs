//! A scripted HTTP server on 127.0.0.1 that keeps every byte it is sent.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::http::{dechunk, find};

/// A running server. It answers one request on a connection and then closes it.
#[derive(Debug)]
pub(crate) struct Api {
    address: SocketAddr,
    state: Arc<State>,
    listener: Option<JoinHandle<()>>,
}

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Every byte, in order.
    pub(crate) raw: Vec<u8>,
    /// The request line.
    pub(crate) line: String,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// Without its framing.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// `GET`.
    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// The path with its query.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the one header `name`; `None` when there is none, or more than one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|header| header.0 == name);
        let value = values.next()?;
        values.next().is_none().then_some(value.1.as_str())
    }
}

/// One thing the server does in answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Closes the connection at once, in both directions.
    Close,
    /// Keeps the connection open and silent until the other side closes it.
    Hang,
    /// Sends the bytes again and again until the other side closes the connection.
    Repeat(Vec<u8>),
    /// Sends the bytes.
    Send(Vec<u8>),
    /// Waits until somebody sets the flag.
    Until(Arc<AtomicBool>),
    /// Waits.
    Wait(Duration),
}

type Script = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

#[derive(Default)]
struct State {
    /// By connection, in the order in which they were accepted.
    seen: Mutex<HashMap<usize, Seen>>,
    over: AtomicBool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl Api {
    /// Starts a server that answers each request with the steps `script` gives for it.
    pub(crate) fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        Self::serve(listener, script)
    }

    /// The same on a socket that listens already.
    pub(crate) fn serve(
        listener: TcpListener,
        script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let script: Arc<Script> = Arc::new(script);
        let shared = Arc::clone(&state);
        let listener = std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().flatten().enumerate() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                shared.seen().insert(connection, Seen::default());
                let (state, script) = (Arc::clone(&shared), Arc::clone(&script));
                // The other side may vanish at any moment; what it sent is kept all the same.
                std::thread::spawn(move || serve(stream, connection, &state, &*script).ok());
            }
        });
        Self {
            address,
            state,
            listener: Some(listener),
        }
    }

    /// Starts a server that answers every request with these bytes.
    pub(crate) fn always(reply: Vec<u8>) -> Self {
        Self::start(move |_| vec![Step::Send(reply.clone())])
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:port`.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The requests so far, by connection; one that has not come whole yet has no request line.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        let seen = self.state.seen();
        let mut connections: Vec<_> = seen.iter().collect();
        connections.sort_by_key(|(connection, _)| **connection);
        connections
            .into_iter()
            .map(|(_, seen)| seen.clone())
            .collect()
    }

    /// Every byte that was ever sent here.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.requests()
            .into_iter()
            .flat_map(|seen| seen.raw)
            .collect()
    }
}

impl Drop for Api {
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
    fn seen(&self) -> MutexGuard<'_, HashMap<usize, Seen>> {
        self.seen
            .lock()
            .expect("no thread panics while it holds the requests")
    }
}

/// A whole reply with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    reply(
        status,
        &[("content-type", "application/json")],
        body.as_bytes(),
    )
}

/// A whole reply with the right content-length.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // A 204 may not say how long its body is.
    if status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("connection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The head of a reply whose body is sent in pieces, each by [`chunk`], and ended by [`LAST_CHUNK`].
pub(crate) fn chunked(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} Status\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        .into_bytes()
}

/// One piece of a chunked body.
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What ends a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn serve(
    mut stream: TcpStream,
    connection: usize,
    state: &State,
    script: &Script,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    let Some(request) = receive(&mut stream, connection, state)? else {
        return Ok(());
    };
    for step in script(&request) {
        match step {
            Step::Hang => return hang(&mut stream, connection, state),
            Step::Repeat(bytes) => {
                while !state.over.load(Ordering::SeqCst) {
                    stream.write_all(&bytes)?;
                }
            }
            Step::Close => return stream.shutdown(Shutdown::Both),
            Step::Send(bytes) => stream.write_all(&bytes)?,
            Step::Until(flag) => {
                while !flag.load(Ordering::SeqCst) && !state.over.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Step::Wait(pause) => std::thread::sleep(pause),
        }
    }
    stream.shutdown(Shutdown::Write)?;
    hang(&mut stream, connection, state)
}

/// Reads a request to its end; `None` when the other side closed before.
fn receive(stream: &mut TcpStream, connection: usize, state: &State) -> io::Result<Option<Seen>> {
    loop {
        let parsed = state
            .seen()
            .get(&connection)
            .and_then(|seen| parse(&seen.raw));
        if let Some(seen) = parsed {
            state.seen().insert(connection, seen.clone());
            return Ok(Some(seen));
        }
        if !read_some(stream, connection, state)? {
            return Ok(None);
        }
    }
}

/// Keeps what still comes until the other side closes, for a minute at most.
fn hang(stream: &mut TcpStream, connection: usize, state: &State) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline && read_some(stream, connection, state)? {}
    Ok(())
}

/// Reads and keeps what is there, or waits a moment for it; false at the end.
fn read_some(stream: &mut TcpStream, connection: usize, state: &State) -> io::Result<bool> {
    let mut piece = vec![0; 64 * 1024];
    match stream.read(&mut piece) {
        Ok(0) => Ok(false),
        Ok(count) => {
            state
                .seen()
                .entry(connection)
                .or_default()
                .raw
                .extend_from_slice(&piece[..count]);
            Ok(true)
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            Ok(!state.over.load(Ordering::SeqCst))
        }
        Err(error) => Err(error),
    }
}

/// The request in `raw`, once it is whole.
fn parse(raw: &[u8]) -> Option<Seen> {
    let end = find(raw, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let seen = Seen {
        line,
        headers,
        ..Seen::default()
    };
    let rest = &raw[end + 4..];
    let body = if seen.header("transfer-encoding").is_some() {
        // Only an end is worth taking the chunks apart for.
        if !rest.ends_with(LAST_CHUNK) {
            return None;
        }
        dechunk(rest)?
    } else {
        let length = match seen.header("content-length") {
            Some(length) => length.parse().ok()?,
            None => 0,
        };
        rest.get(..length)?.to_vec()
    };
    Some(Seen {
        raw: raw.to_vec(),
        body,
        ..seen
    })
}
