//! A DNS server that is named, instead of the system's resolver.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::{Kind, Question, Reading};
use super::{Resolver, Resolving};

/// How long an answer is waited for before the question is asked again: most answers take a tenth
/// of the first, and a server that is silent four times is not there.
const PATIENCE: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// How long the addresses of one kind wait for those of the other. A server that answers at all
/// has both at hand; one that is silent about one kind must not hold up the other.
const OTHER_KIND: Duration = Duration::from_millis(300);

/// The most bytes of an answer in one packet. None longer was asked for.
const PACKET: usize = 4096;

/// A DNS server, asked over UDP, and over TCP where an answer is longer than a packet.
///
/// Names are asked for as they are and as complete: no list of domains, no file of hosts, no
/// question to the local network. Only addresses are asked for, so records that lead to other
/// ports or services are never seen. Nothing is kept: each connection asks anew.
///
/// This is a client of its own because those that there are, `hickory` and `domain`, switch on
/// features of libraries that wasmtime is built from, and the smaller ones make objects of every
/// record of an answer before anyone looks at it.
#[derive(Clone, Copy, Debug)]
pub struct NameServer {
    address: SocketAddr,
}

impl NameServer {
    /// The server at `address`.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { address }
    }
}

impl Resolver for NameServer {
    fn resolve(&self, host: String) -> Resolving {
        let server = self.address;
        Box::pin(async move {
            let (v4, v6) = (Kind::V4, Kind::V6);
            match both(ask(server, &host, v4), ask(server, &host, v6)).await {
                (Ok(one), Some(Ok(other))) => Ok([one, other].concat()),
                // One kind is enough, unless it is said that there is none of it.
                (Ok(found), _) | (Err(_), Some(Ok(found))) if !found.is_empty() => Ok(found),
                (Err(error), _) | (_, Some(Err(error))) => Err(error),
                (Ok(none), None) => Ok(none),
            }
        })
    }
}

type Answer = io::Result<Vec<IpAddr>>;

/// Both answers, or the first that has an address and what of the other came soon after.
async fn both(
    v4: impl Future<Output = Answer>,
    v6: impl Future<Output = Answer>,
) -> (Answer, Option<Answer>) {
    let (mut v4, mut v6) = (pin!(v4), pin!(v6));
    let leads = |answer: &Answer| answer.as_ref().is_ok_and(|found| !found.is_empty());
    tokio::select! {
        first = &mut v4 => {
            let other = if leads(&first) {
                timeout(OTHER_KIND, v6).await.ok()
            } else {
                Some(v6.await)
            };
            (first, other)
        },
        first = &mut v6 => {
            let other = if leads(&first) {
                timeout(OTHER_KIND, v4).await.ok()
            } else {
                Some(v4.await)
            };
            match other {
                Some(other) => (other, Some(first)),
                None => (first, None),
            }
        },
    }
}

async fn ask(server: SocketAddr, host: &str, kind: Kind) -> Answer {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let question = Question::new(u16::from_be_bytes(id), host, kind)
        .ok_or_else(|| io::Error::other("DNS has no such names"))?;
    match by_packet(server, &question).await? {
        Reading::Truncated => by_stream(server, &question).await,
        reading => addresses(reading),
    }
}

fn addresses(reading: Reading) -> Answer {
    match reading {
        Reading::Addresses(addresses) => Ok(addresses),
        Reading::Failed(what) => Err(io::Error::other(what)),
        Reading::NotOurs => Err(io::Error::other("the DNS server answers something else")),
        Reading::Truncated => Err(io::Error::other("the DNS server cuts its answer short")),
    }
}

/// Asks by UDP, again and again where no answer comes. Packets that answer something else are
/// passed over: anyone can send them.
async fn by_packet(server: SocketAddr, question: &Question) -> io::Result<Reading> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // The system picks the port at random, which is one more thing to guess.
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    for patience in PATIENCE {
        socket.send(&question.bytes).await?;
        if let Ok(reading) = timeout(patience, answer(&socket, question)).await {
            return reading;
        }
    }
    Err(io::Error::other("the DNS server did not answer"))
}

async fn answer(socket: &UdpSocket, question: &Question) -> io::Result<Reading> {
    let mut packet = [0; PACKET];
    loop {
        let length = socket.recv(&mut packet).await?;
        match question.read(&packet[..length]) {
            Reading::NotOurs => {}
            reading => return Ok(reading),
        }
    }
}

/// Asks by TCP, where an answer has 64 KiB at most.
async fn by_stream(server: SocketAddr, question: &Question) -> Answer {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.bytes.len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes()[..], &question.bytes].concat();
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    addresses(question.read(&message))
}
