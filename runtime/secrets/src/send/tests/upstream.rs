//! Servers that say exactly what a test wants them to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a server does once it has read a request's head.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Writes this.
    Write(Vec<u8>),
    /// Writes this again and again until nobody reads.
    WriteForever(Vec<u8>),
    /// Waits for this text to arrive.
    Await(&'static str),
    /// Stays silent and keeps the connection.
    Hang,
    Pause(Duration),
}

pub(super) fn write(text: &str) -> Act {
    Act::Write(text.as_bytes().to_vec())
}

/// A reply with this status line, these headers and this body.
pub(super) fn reply(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    write(&format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    ))
}

/// A server for one connection.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    /// All that it was sent.
    pub(super) heard: JoinHandle<String>,
}

impl Upstream {
    pub(super) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            play(stream, acts).await
        });
        Self { address, heard }
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Reads a request's head, then goes through `acts`; all that was heard.
pub(super) async fn play<S>(mut stream: S, acts: Vec<Act>) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Vec::new();
    hear(&mut stream, &mut heard, "\r\n\r\n").await;
    for act in acts {
        match act {
            Act::Write(bytes) => drop(stream.write_all(&bytes).await),
            Act::WriteForever(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Act::Await(text) => hear(&mut stream, &mut heard, text).await,
            Act::Hang => drop(stream.read_to_end(&mut heard).await),
            Act::Pause(time) => tokio::time::sleep(time).await,
        }
    }
    drop(stream.shutdown().await);
    String::from_utf8_lossy(&heard).into_owned()
}

async fn hear<S: AsyncRead + Unpin>(stream: &mut S, heard: &mut Vec<u8>, text: &str) {
    while !heard
        .windows(text.len())
        .any(|part| part == text.as_bytes())
    {
        match stream.read_buf(heard).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
