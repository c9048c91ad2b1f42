//! Servers that keep every byte of a request.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// A request as it came over the wire.
#[derive(Debug)]
pub(super) struct Raw {
    /// From the request line to the empty line, which is not in it.
    pub(super) head: Vec<u8>,
    /// Without its framing.
    pub(super) body: Vec<u8>,
}

/// A server that keeps every byte, and answers each request alike as long as the other side asks.
pub(super) async fn listen() -> (SocketAddr, UnboundedReceiver<Raw>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (heard, hear) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, heard.clone()));
        }
    });
    (address, hear)
}

async fn serve(mut stream: TcpStream, heard: UnboundedSender<Raw>) {
    let mut bytes = Vec::new();
    loop {
        if let Some((raw, rest)) = whole(&bytes) {
            bytes = rest;
            drop(heard.send(raw));
            let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            drop(stream.write_all(reply).await);
        } else if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
            // What came of a request and was never finished must not go unseen.
            let (head, body) = (std::mem::take(&mut bytes), Vec::new());
            if !head.is_empty() {
                drop(heard.send(Raw { head, body }));
            }
            return;
        }
    }
}

/// The request at the start of `bytes`, once all of it is there, and what follows it.
fn whole(bytes: &[u8]) -> Option<(Raw, Vec<u8>)> {
    let end = find(bytes, b"\r\n\r\n")?;
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    let text = String::from_utf8_lossy(head);
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let (body, rest) = if value("transfer-encoding: ").is_some() {
        dechunk(rest)?
    } else {
        let length = value("content-length: ").map_or(0, |text| text.parse().expect("a number"));
        (rest.get(..length)?.to_vec(), &rest[length..])
    };
    let head = head.to_vec();
    Some((Raw { head, body }, rest.to_vec()))
}

fn dechunk(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let line = find(rest, b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        rest = &rest[line + 2..];
        body.extend_from_slice(rest.get(..size)?);
        assert!(
            rest.get(size..size + 2)? == b"\r\n",
            "chunks end in a line end"
        );
        rest = &rest[size + 2..];
        if size == 0 {
            return Some((body, rest));
        }
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|part| part == text)
}

/// A server that speaks HTTP/2 alone, and answers each request alike.
pub(super) async fn listen_http2(acceptor: TlsAcceptor) -> (SocketAddr, UnboundedReceiver<Raw>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (heard, hear) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a socket");
            let (acceptor, heard) = (acceptor.clone(), heard.clone());
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.expect("a handshake");
                let service = service_fn(move |request| {
                    let heard = heard.clone();
                    async move {
                        drop(heard.send(as_text(request).await));
                        Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
                    }
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (address, hear)
}

/// The request as the other version would write it, its authority as `host`.
async fn as_text(request: http::Request<Incoming>) -> Raw {
    let (head, body) = request.into_parts();
    assert_eq!(head.uri.scheme_str(), Some("https"));
    assert!(!head.headers.contains_key("host"));
    let (method, version) = (&head.method, head.version);
    let target = head.uri.path_and_query().expect("a path");
    let authority = head.uri.authority().expect("an authority");
    let mut text = format!("{method} {target} {version:?}\r\nhost: {authority}").into_bytes();
    for (name, value) in &head.headers {
        text.extend_from_slice(format!("\r\n{name}: ").as_bytes());
        text.extend_from_slice(value.as_bytes());
    }
    let body = body.collect().await.expect("a whole body").to_bytes();
    Raw {
        head: text,
        body: body.to_vec(),
    }
}
