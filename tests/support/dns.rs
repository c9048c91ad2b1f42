//! A scripted DNS server on 127.0.0.1, over UDP and TCP, that keeps every question it is asked.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The types of records that are spoken of here.
pub(crate) const A: u16 = 1;
pub(crate) const CNAME: u16 = 5;
pub(crate) const AAAA: u16 = 28;
pub(crate) const HTTPS: u16 = 65;

/// A running server.
pub(crate) struct Dns {
    address: SocketAddr,
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

/// One question, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// With a dot after each label, as it was spelled.
    pub(crate) name: String,
    /// The type of record.
    pub(crate) kind: u16,
    /// By TCP and not by UDP.
    pub(crate) stream: bool,
    /// How often this name and type were asked for before.
    pub(crate) before: usize,
}

/// What is said to a question.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// These records, each made by [`record`].
    Records(Vec<Vec<u8>>),
    /// That the message says there are this many records, and then these bytes.
    Count(u16, Vec<u8>),
    /// An error, such as 3 for a name that is not there.
    Error(u8),
    /// That the answer is too long for a packet.
    Truncated,
    /// The records, in a message with another id.
    WrongId(Vec<Vec<u8>>),
    /// The records, as if another name had been asked for.
    OtherQuestion(Vec<Vec<u8>>),
    /// Nothing at all.
    Silence,
}

type Script = dyn Fn(&Asked) -> Said + Send + Sync;

#[derive(Default)]
struct State {
    asked: Mutex<Vec<Asked>>,
    over: AtomicBool,
}

impl Dns {
    /// Starts a server that says to each question what `script` says.
    pub(crate) fn start(script: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let (listener, socket) = same_port();
        let address = socket.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let script: Arc<Script> = Arc::new(script);
        let tick = Some(Duration::from_millis(20));
        socket.set_read_timeout(tick).expect("a timeout can be set");
        let (shared, said) = (Arc::clone(&state), Arc::clone(&script));
        let packets = std::thread::spawn(move || {
            let mut packet = [0; 4096];
            while !shared.over.load(Ordering::SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut packet) else {
                    continue;
                };
                if let Some(answer) = answer(&packet[..length], false, &shared, &*said) {
                    // Longer than a packet can be, it does not go out; scripts know better.
                    socket.send_to(&answer, from).ok();
                }
            }
        });
        let shared = Arc::clone(&state);
        let streams = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                let (state, script) = (Arc::clone(&shared), Arc::clone(&script));
                // Who asked may have gone away.
                std::thread::spawn(move || serve(stream, &state, &*script).ok());
            }
        });
        Self {
            address,
            state,
            threads: vec![packets, streams],
        }
    }

    /// Starts a server where every name has these addresses.
    pub(crate) fn always(addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| ip(text)).collect();
        Self::start(move |asked| Said::Records(of_kind(asked, &addresses)))
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// All questions so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked().clone()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up, to see that it is over.
        TcpStream::connect(self.address).ok();
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl State {
    fn asked(&self) -> std::sync::MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record of `owner`, a name with a dot after each label.
pub(crate) fn record(owner: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("records are short");
    let head = [kind, 1, 0, 1, length].map(u16::to_be_bytes).concat();
    [wire(owner), head, data.to_vec()].concat()
}

/// The record of an address.
pub(crate) fn address(owner: &str, address: &str) -> Vec<u8> {
    match ip(address) {
        IpAddr::V4(address) => record(owner, A, &address.octets()),
        IpAddr::V6(address) => record(owner, AAAA, &address.octets()),
    }
}

/// The record that says that `owner` is another name of `target`.
pub(crate) fn alias(owner: &str, target: &str) -> Vec<u8> {
    record(owner, CNAME, &wire(target))
}

/// Those of `addresses` that `asked` is for, as its answer.
fn of_kind(asked: &Asked, addresses: &[IpAddr]) -> Vec<Vec<u8>> {
    let wanted = |address: &&IpAddr| match asked.kind {
        A => address.is_ipv4(),
        AAAA => address.is_ipv6(),
        _ => false,
    };
    let texts = addresses.iter().filter(wanted).map(IpAddr::to_string);
    texts.map(|text| address(&asked.name, &text)).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// `name` as it is on the wire.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split_terminator('.') {
        wire.push(u8::try_from(label.len()).expect("labels are short"));
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

fn same_port() -> (TcpListener, UdpSocket) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        if let Ok(socket) = UdpSocket::bind(address) {
            return (listener, socket);
        }
    }
}

fn serve(mut stream: TcpStream, state: &State, script: &Script) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut question)?;
    match answer(&question, true, state, script) {
        None => {
            // Silent until the other side gives up.
            stream.read_to_end(&mut Vec::new())?;
        }
        Some(answer) => {
            let length = u16::try_from(answer.len()).expect("a message has 64 KiB at most");
            stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
        }
    }
    Ok(())
}

/// Keeps the question, and gives the message that answers it.
fn answer(question: &[u8], stream: bool, state: &State, script: &Script) -> Option<Vec<u8>> {
    let mut name = String::new();
    let mut at = 12;
    while question[at] != 0 {
        let end = at + 1 + usize::from(question[at]);
        name.push_str(&String::from_utf8_lossy(&question[at + 1..end]));
        name.push('.');
        at = end;
    }
    let end = at + 5;
    let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
    let asked = {
        let mut all = state.asked();
        let before = all.iter().filter(|a| a.name == name && a.kind == kind);
        let asked = Asked {
            before: before.count(),
            name,
            kind,
            stream,
        };
        all.push(asked.clone());
        asked
    };
    let message = |id: [u8; 2], flags: [u8; 2], asked: &[u8], count: u16, records: &[u8]| {
        let counts = [[0, 1], count.to_be_bytes(), [0; 2], [0; 2]].concat();
        [&id[..], &flags, &counts, asked, records].concat()
    };
    let id = [question[0], question[1]];
    let (good, theirs) = ([0x81, 0x80], &question[12..end]);
    let count = |records: &[Vec<u8>]| u16::try_from(records.len()).expect("not so many");
    Some(match script(&asked) {
        Said::Records(records) => message(id, good, theirs, count(&records), &records.concat()),
        Said::Count(count, bytes) => message(id, good, theirs, count, &bytes),
        Said::Error(code) => message(id, [0x81, 0x80 | code], theirs, 0, &[]),
        Said::Truncated => message(id, [0x83, 0x80], theirs, 0, &[]),
        Said::WrongId(records) => {
            let other = [id[0] ^ 1, id[1]];
            message(other, good, theirs, count(&records), &records.concat())
        }
        Said::OtherQuestion(records) => {
            let other = [wire("other.example."), theirs[theirs.len() - 4..].to_vec()].concat();
            message(id, good, &other, count(&records), &records.concat())
        }
        Said::Silence => return None,
    })
}
