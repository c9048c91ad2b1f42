//! An upstream on loopback that says any bytes, and a run that calls it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use agentbox_broker::{Broker, Mode, Parts, Refused};
use agentbox_gate::{Body, Call, Failure, Gate as _, Patience, Room, Stop};
use agentbox_ledger::{Ledger, RunId};
use agentbox_policy::{Code, HttpHead, Policy, Sources, Text};
use agentbox_record::{Record, RunStart};
use agentbox_secrets::{Reach, Secrets, Sender};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use http_body_util::BodyExt as _;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

/// The key that is sent with each call.
pub(crate) const KEY: &str = "canary-0123456789-abcdef-XYZ";

/// The most bytes of a reply's body.
pub(crate) const MOST: usize = 8 << 10;

/// Far longer than a call takes whose upstream has said all and hung up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run and its upstream.
pub(crate) struct World {
    runtime: Runtime,
    folder: tempfile::TempDir,
    upstream: Arc<Upstream>,
    policy: Arc<Policy>,
    sender: Sender,
    run: Run,
}

struct Upstream {
    listener: TcpListener,
    /// Where HTTP/2 is spoken, over TLS.
    tls: Option<TlsAcceptor>,
}

/// One run, until it is stopped.
struct Run {
    broker: Broker,
    stop: Stop,
    id: RunId,
    calls: usize,
    /// All that the operator was told.
    told: Arc<Mutex<String>>,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Came {
    /// Status and headers, where there is a reply.
    pub(crate) head: Option<(u16, http::HeaderMap)>,
    /// The body as far as it was released.
    pub(crate) body: Vec<u8>,
    /// Why there is no reply, or no end of it.
    pub(crate) failure: Option<Failure>,
    /// Why the run was stopped.
    pub(crate) stopped: Option<Code>,
}

impl World {
    /// A run whose upstream speaks HTTP/1.1 without TLS, or HTTP/2 with it.
    pub(crate) fn new(http2: bool) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key");
        std::fs::write(&key, KEY).expect("a file");
        let scheme = if http2 { "https" } else { "http" };
        let addresses = if http2 {
            "addresses = [\"127.0.0.1/32\"]\n"
        } else {
            ""
        };
        let toml = format!(
            "policy = 1\ninsecure-loopback = true\nagent.id = \"bot\"\n\
             [credentials.up]\nfrom = \"file://{}\"\nas = \"bearer\"\norigin = \"{scheme}://{address}\"\n{addresses}\
             [run]\nreply-body = \"{MOST} B\"\n\
             [http.up]\nuse = \"up\"\nallow = [\"GET /things\"]\nreply-headers = [\"x-seen\"]\n",
            key.display()
        );
        let toml = Text {
            name: "agentbox.toml".to_owned(),
            text: toml,
        };
        let policy = Policy::parse(&Sources {
            toml,
            ..Sources::default()
        });
        let policy = Arc::new(policy.unwrap_or_else(|errors| panic!("{errors}")));
        let (tls, pem) = if http2 { tls() } else { (None, Vec::new()) };
        let reach = Reach {
            authorities: pem,
            ..Reach::default()
        };
        let sender = Sender::new(reach, policy.bounds()).expect("the certificate is one");
        let run = Run::new(&folder, &policy, &sender);
        let upstream = Arc::new(Upstream { listener, tls });
        Self {
            runtime,
            folder,
            upstream,
            policy,
            sender,
            run,
        }
    }

    /// What a call comes to that the upstream answers with these bytes.
    pub(crate) fn call(&mut self, reply: Vec<u8>) -> Came {
        // A record is read when its run is over, so no run is too long.
        if self.run.stop.reason().is_some() || self.run.calls > 200 {
            self.run.check(&self.folder);
            self.run = Run::new(&self.folder, &self.policy, &self.sender);
        }
        self.run.calls += 1;
        let origin = self
            .policy
            .credentials()
            .next()
            .and_then(|key| key.origins().first().cloned());
        let origin = origin.expect("the key has an origin").to_string();
        let (scheme, authority) = origin.split_once("://").expect("a scheme");
        let head = HttpHead {
            method: "GET".to_owned(),
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path_and_query: "/things".to_owned(),
            headers: Vec::new(),
        };
        let call = Call {
            head: head.into(),
            body: Body::empty(),
            patience: Patience::default(),
        };
        let (upstream, calling) = (Arc::clone(&self.upstream), self.run.broker.call(call));
        let came = self.runtime.block_on(async {
            let server = tokio::spawn(async move { upstream.answer(reply).await });
            let came = tokio::time::timeout(PATIENCE, come(calling)).await;
            server.abort();
            came.expect("a call whose upstream hung up ends")
        });
        Came {
            stopped: self.run.stop.reason().map(|stopped| stopped.code),
            ..came
        }
    }

    /// All that the operator was told of the calls of this run.
    pub(crate) fn told(&self) -> String {
        std::mem::take(&mut *self.run.told.lock().expect("one thread"))
    }
}

async fn come(calling: agentbox_gate::GateFuture<Result<agentbox_gate::Reply, Failure>>) -> Came {
    let mut came = Came {
        head: None,
        body: Vec::new(),
        failure: None,
        stopped: None,
    };
    match calling.await {
        Err(failure) => came.failure = Some(failure),
        Ok(mut reply) => {
            came.head = Some((reply.status.as_u16(), reply.headers.clone()));
            while let Some(frame) = reply.body.frame().await {
                match frame {
                    Ok(frame) => came.body.extend(frame.into_data().unwrap_or_default()),
                    Err(failure) => came.failure = Some(*failure),
                }
            }
        }
    }
    came
}

impl Upstream {
    async fn answer(&self, reply: Vec<u8>) {
        let Ok((stream, _)) = self.listener.accept().await else {
            return;
        };
        match &self.tls {
            None => say(stream, reply, |heard| heard.ends_with(b"\r\n\r\n")).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    say(stream, reply, holds_headers_frame).await;
                }
            }
        }
    }
}

/// Waits for the request, says the reply, and listens on, so that nothing of it is lost.
async fn say<S>(mut stream: S, reply: Vec<u8>, is_request: impl Fn(&[u8]) -> bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Vec::new();
    while !is_request(&heard) {
        if !matches!(stream.read_buf(&mut heard).await, Ok(1..)) {
            return;
        }
    }
    drop(stream.write_all(&reply).await);
    drop(stream.shutdown().await);
    drop(stream.read_to_end(&mut heard).await);
}

/// Whether a client of HTTP/2 has sent the head of its request.
fn holds_headers_frame(heard: &[u8]) -> bool {
    let mut rest = heard
        .get(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len()..)
        .unwrap_or_default();
    while let [high, middle, low, kind, ..] = *rest {
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if kind == 1 && rest.len() >= 9 + length {
            return true;
        }
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    false
}

/// A server's certificate for this machine, and what trusts it.
fn tls() -> (Option<TlsAcceptor>, Vec<Vec<u8>>) {
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let key = KeyPair::generate().expect("a key pair");
    let certificate = params.self_signed(&key).expect("it signs itself");
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .expect("the key is the certificate's");
    config.alpn_protocols = vec![b"h2".to_vec()];
    (
        Some(Arc::new(config).into()),
        vec![certificate.pem().into_bytes()],
    )
}

impl Run {
    fn new(folder: &tempfile::TempDir, policy: &Arc<Policy>, sender: &Sender) -> Self {
        let now = SystemTime::now();
        let id = RunId::new(now).expect("an id");
        let start = RunStart {
            run: id,
            agent: "bot".to_owned(),
            owner: None,
            policy_digest: policy.digest().to_owned(),
            program_digest: "0".repeat(64),
            program_name: "fuzz".to_owned(),
            dry_run: false,
            version: "0".to_owned(),
        };
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("the folder");
        let (stop, told) = (Stop::new(), Arc::new(Mutex::new(String::new())));
        let hear = Arc::clone(&told);
        let observer = move |refused: &Refused<'_>| {
            hear.lock()
                .expect("one thread")
                .push_str(&format!("{refused:?}\n"));
        };
        let broker = Broker::new(Parts {
            run: id,
            policy: Arc::clone(policy),
            ledger: Ledger::in_memory(),
            record: Record::create(&dir, &start, now).expect("a record"),
            secrets: Secrets::new(None, policy.credentials().cloned().collect()),
            sender: sender.clone(),
            stop: stop.clone(),
            mode: Mode::default(),
            observer: Arc::new(observer),
            room: Room::new(policy.bounds().host_memory),
        });
        Self {
            broker,
            stop,
            id,
            calls: 0,
            told,
        }
    }

    /// The record holds no key, and goes.
    fn check(&self, folder: &tempfile::TempDir) {
        let path = folder
            .path()
            .join("runs")
            .join(format!("{}.jsonl", self.id));
        let record = std::fs::read(&path).expect("there is a record");
        assert!(!crate::scrub::naive::holds(
            &record,
            KEY.as_bytes(),
            None,
            true
        ));
        std::fs::remove_file(path).expect("it can go");
    }
}
