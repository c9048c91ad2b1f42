//! Certificate authorities made for one test, and a server that speaks TLS.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::http::find;

/// A certificate authority that nobody trusts unless told to.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A server with a certificate of an [`Authority`]. Answers each request with the same bytes, and
/// then closes the connection if they say so.
pub(crate) struct TlsServer {
    address: SocketAddr,
    state: Arc<State>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// What came through each handshake that succeeded.
    requests: Mutex<Vec<Vec<u8>>>,
    over: AtomicBool,
}

impl Authority {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key pair can be made");
        let certificate = params.self_signed(&key).expect("it can sign itself");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Starts a server with a certificate for `name`, a DNS name or an address.
    pub(crate) fn serve(&self, name: &str, valid: bool, reply: Vec<u8>) -> TlsServer {
        TlsServer::start(Arc::new(self.config(name, valid)), reply)
    }

    /// What a server needs that has a certificate for `name`.
    pub(super) fn config(&self, name: &str, valid: bool) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("the name is one");
        if !valid {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate().expect("a key pair can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can sign");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the key is the certificate's")
    }
}

impl TlsServer {
    fn start(config: Arc<ServerConfig>, reply: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                let (config, state) = (Arc::clone(&config), Arc::clone(&shared));
                let reply = reply.clone();
                // A client that does not like the certificate goes away; the next one may stay.
                std::thread::spawn(move || answer(stream, &config, &state, &reply).ok());
            }
        });
        Self {
            address,
            state,
            listener: Some(listener),
        }
    }

    /// The port, of 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Each request that came through a handshake.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.state.requests.lock();
        let requests = requests.unwrap_or_else(PoisonError::into_inner);
        let text = |request: &Vec<u8>| String::from_utf8_lossy(request).into_owned();
        requests.iter().map(text).collect()
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        // One more connection wakes the listener up, to see that it is over.
        TcpStream::connect(self.address).ok();
        if let Some(listener) = self.listener.take() {
            listener.join().ok();
        }
    }
}

fn answer(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    state: &State,
    reply: &[u8],
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    while find(reply, b"connection: close").is_none() {
        if !answer_one(&mut stream, state, reply)? {
            return Ok(());
        }
    }
    answer_one(&mut stream, state, reply)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// False when no other request comes.
fn answer_one(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    state: &State,
    reply: &[u8],
) -> io::Result<bool> {
    let mut request = Vec::new();
    while find(&request, b"\r\n\r\n").is_none() {
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Ok(false),
            count => request.extend_from_slice(&piece[..count]),
        }
    }
    let requests = state.requests.lock();
    requests
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    stream.write_all(reply)?;
    stream.flush()?;
    Ok(true)
}
