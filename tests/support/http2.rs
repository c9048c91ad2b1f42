//! A server that speaks nothing but HTTP/2 over TLS, and keeps every request it is sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

use super::arrived::Arrived;
use super::tls::Authority;

/// A running server on 127.0.0.1 with a certificate for `localhost`. Answers each request alike.
#[derive(Debug)]
pub(crate) struct Http2 {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    /// Its threads end with it.
    _runtime: Runtime,
}

impl Http2 {
    /// Starts a server that answers with this status and JSON.
    pub(crate) fn start(authority: &Authority, status: u16, json: &'static str) -> Self {
        let mut config = authority.config("localhost", true);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be started");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("it has an address");
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&arrived);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = (status, json);
                tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&shared), answer));
            }
        });
        Self {
            address,
            arrived,
            _runtime: runtime,
        }
    }

    /// `https://localhost:port`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The requests so far, in the order in which they were over.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let arrived = self.arrived.lock();
        arrived.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    (status, json): (u16, &'static str),
) {
    // A client that does not agree goes away.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| {
        let arrived = Arc::clone(&arrived);
        async move {
            let request = read(request).await;
            let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
            arrived.push(request);
            let reply = http::Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from_static(json.as_bytes())));
            Ok::<_, Infallible>(reply.expect("the parts of a reply are good"))
        }
    });
    let server = http2::Builder::new(TokioExecutor::new());
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

async fn read(request: http::Request<Incoming>) -> Arrived {
    let (head, body) = request.into_parts();
    let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Arrived {
        version: format!("{:?}", head.version),
        method: head.method.to_string(),
        scheme: text(head.uri.scheme_str()),
        authority: text(head.uri.authority().map(http::uri::Authority::as_str)),
        target: text(
            head.uri
                .path_and_query()
                .map(http::uri::PathAndQuery::as_str),
        ),
        headers: headers.collect(),
        body: match body.collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(broken) => panic!("a body broke off: {broken}"),
        },
    }
}
