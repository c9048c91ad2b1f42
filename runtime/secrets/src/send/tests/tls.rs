//! TLS, HTTP/2, and what the libraries below tell a log.

use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};

use agentbox_gate::Body;
use agentbox_policy::Bounds;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Call;
use super::upstream::{play, reply};
use crate::testing::fixture::Fixture;
use crate::testing::{Script, Step};
use crate::{Reach, Resolver, Resolving, Sender, SenderError};

pub(super) const HOST: &str = "api.widgets.example";

/// A certificate authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: Vec<u8>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, crate::testing::canary());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair");
        let pem = params
            .self_signed(&key)
            .expect("a certificate")
            .pem()
            .into_bytes();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub(super) fn server(&self, name: &str, protocols: &[&str], expired: bool) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        if expired {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A sender that trusts this authority, to which all names are 127.0.0.1.
    pub(super) fn sender(&self, bounds: &Bounds) -> Sender {
        let reach = Reach {
            authorities: vec![self.pem.clone()],
            resolver: Arc::new(Loopback),
            ..Reach::default()
        };
        Sender::new(reach, bounds).expect("a PEM text")
    }
}

struct Loopback;

impl Resolver for Loopback {
    fn resolve(&self, _host: String) -> Resolving {
        Box::pin(async { Ok(vec![[127, 0, 0, 1].into()]) })
    }
}

/// What a call comes to when the server has this certificate.
async fn outcome(authority: &Authority, sender: &Sender, name: &str, expired: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = authority.server(name, &["http/1.1"], expired);
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        match acceptor.accept(stream).await {
            Ok(stream) => play(stream, vec![reply("200 OK", "", "ok")]).await,
            Err(_refused) => String::new(),
        }
    });
    let fixture = Fixture::new(&format!("https://{HOST}:{port}"));
    let outcome = Call::get(&fixture, sender).outcome().await;
    let heard = server.await.expect("served");
    assert_eq!(
        heard.contains(&fixture.key),
        outcome.starts_with("200"),
        "{outcome}"
    );
    outcome
}

#[tokio::test]
async fn s12_the_upstream_has_to_be_who_it_is() {
    let authority = Authority::new();
    let sender = authority.sender(&Bounds::default());
    assert_eq!(outcome(&authority, &sender, HOST, false).await, "200: ok");
    let other = "AB0603: the upstream's certificate is for another name";
    assert_eq!(
        outcome(&authority, &sender, "api.widgets.test", false).await,
        other
    );
    assert_eq!(
        outcome(&authority, &sender, "127.0.0.1", false).await,
        other
    );
    let expired = "AB0603: the upstream's certificate has expired";
    assert_eq!(outcome(&authority, &sender, HOST, true).await, expired);
    let unknown = "AB0603: the upstream's certificate is from an authority that is not trusted";
    let stranger = Authority::new();
    assert_eq!(outcome(&stranger, &sender, HOST, false).await, unknown);
}

#[tokio::test]
async fn a_server_without_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        play(stream, vec![]).await
    });
    let bounds = Bounds {
        connect: std::time::Duration::from_millis(80),
        ..Bounds::default()
    };
    let sender = Authority::new().sender(&bounds);
    let fixture = Fixture::new(&format!("https://{HOST}:{port}"));
    let slow = "AB0604: the connection took too long";
    let failed = Call::get(&fixture, &sender).answer().await.err();
    let failed = failed.expect("no connection");
    assert_eq!(failed.to_string(), slow);
    let facts =
        "the connection took longer than the 80ms that `[run] connect` and `--connect` allow";
    assert_eq!(failed.facts(), facts);
    let heard = server.await.expect("served");
    assert!(!heard.contains(&fixture.key) && !heard.contains("GET"));
}

#[test]
fn a_text_without_a_certificate_is_no_authority() {
    let bounds = Bounds::default();
    let refused = |pem: &[u8]| {
        let reach = Reach {
            authorities: vec![pem.to_vec()],
            ..Reach::default()
        };
        Sender::new(reach, &bounds).expect_err("no certificate")
    };
    assert!(matches!(refused(b""), SenderError::NoCertificate));
    assert!(matches!(
        refused(b"not a certificate"),
        SenderError::NoCertificate
    ));
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(refused(broken), SenderError::BadCertificate(_)));
}

/// A server for HTTP/2 that answers with what `echo` makes of the request.
async fn http2(authority: &Authority, echo: fn(&http::Request<Bytes>) -> String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = authority.server(HOST, &["h2", "http/1.1"], false);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let stream = acceptor.accept(stream).await.expect("a handshake");
            let service = service_fn(
                move |request: http::Request<hyper::body::Incoming>| async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.expect("a body").to_bytes();
                    let text = echo(&http::Request::from_parts(head, body));
                    Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(text))))
                },
            );
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
        }
    });
    port
}

#[tokio::test]
async fn http2_carries_the_same_request() {
    let authority = Authority::new();
    let port = http2(&authority, |request| {
        let key = request.headers()["authorization"]
            .to_str()
            .expect("visible");
        let mut names: Vec<_> = request
            .headers()
            .keys()
            .map(http::HeaderName::as_str)
            .collect();
        names.sort_unstable();
        let (method, uri, length) = (request.method(), request.uri(), request.body().len());
        format!(
            "{:?} {method} {uri} {names:?} {length} {}",
            request.version(),
            key.len()
        )
    });
    let port = port.await;
    let fixture = Fixture::new(&format!("https://{HOST}:{port}"));
    let sender = authority.sender(&Bounds::default());
    let get = Call {
        line: "GET /things?a=b",
        ..Call::get(&fixture, &sender)
    };
    let expected = format!(
        "200: HTTP/2.0 GET https://{HOST}:{port}/things?a=b [\"accept-encoding\", \"authorization\"] 0 {}",
        "Bearer ".len() + fixture.key.len(),
    );
    assert_eq!(get.outcome().await, expected);
    let body = Body::full(Bytes::from_static(b"12345"));
    let post = Call {
        line: "POST /things",
        body,
        ..Call::get(&fixture, &sender)
    };
    let outcome = post.outcome().await;
    assert!(
        outcome.contains("POST") && outcome.contains("\"content-length\"] 5 "),
        "{outcome}"
    );
}

#[tokio::test]
async fn pieces_without_bytes_are_no_flood_of_empty_frames() {
    let authority = Authority::new();
    let port = http2(&authority, |request| format!("{:?}", request.body())).await;
    let fixture = Fixture::new(&format!("https://{HOST}:{port}"));
    let sender = authority.sender(&Bounds::default());
    let empty = (0..100_000).map(|_| Step::Data(Bytes::new()));
    let last = Step::Data(Bytes::from_static(b"end"));
    let post = Call {
        line: "POST /things",
        body: Body::new(Script::new(empty.chain([last]))),
        ..Call::get(&fixture, &sender)
    };
    assert_eq!(post.outcome().await, "200: b\"end\"");
}

#[tokio::test]
async fn an_echo_over_http2_ends_the_call() {
    let authority = Authority::new();
    let port = http2(&authority, |request| {
        format!("{:?}", request.headers()["authorization"])
    })
    .await;
    let fixture = Fixture::new(&format!("https://{HOST}:{port}"));
    let sender = authority.sender(&Bounds::default());
    let outcome = Call::get(&fixture, &sender).outcome().await;
    assert!(
        outcome.ends_with("then AB0607: the reply held a credential, so the run was stopped"),
        "{outcome}"
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn l04_no_log_at_any_level_holds_the_key() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let authority = Authority::new();
    let sender = authority.sender(&Bounds::default());
    for placement in [
        "\"bearer\"",
        "{ query = \"key\" }",
        "{ header = \"x-key\" }",
        "{ basic = \"user\" }",
    ] {
        for echo in [
            |_: &http::Request<Bytes>| "ok".to_owned(),
            |r: &http::Request<Bytes>| format!("{:?}", r.uri()),
        ] {
            // Other tests meet the same statements while nobody listens, and so silence them.
            tracing::callsite::rebuild_interest_cache();
            let port = http2(&authority, echo).await;
            let key = crate::testing::canary();
            let fixture = Fixture::with(&format!("https://{HOST}:{port}"), placement, &key);
            let outcome = Call::get(&fixture, &sender).outcome().await;
            assert!(outcome.starts_with("200: "), "{outcome}");
            let text = String::from_utf8_lossy(&log.0.lock().expect("whole")).into_owned();
            assert!(!text.contains(&key), "{placement}");
            let rendered =
                String::from_utf8_lossy(&crate::encode::base64(format!("user:{key}").as_bytes()))
                    .into_owned();
            assert!(!text.contains(&rendered), "{placement}");
        }
    }
    drop(guard);
    let text = String::from_utf8_lossy(&log.0.lock().expect("whole")).into_owned();
    assert!(
        text.contains("read a key") && text.contains("h2::"),
        "the log is not heard"
    );
}
