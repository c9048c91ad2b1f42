//! TLS: who the upstream is.

use std::io;
use std::sync::Arc;

use agentbox_policy::Origin;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::deadlines::Due;
use crate::error::{SenderError, Trouble};

/// The protocols that are offered, best first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Makes TLS connections; its configuration, and so its sessions, is shared by all of them.
pub(super) struct Tls {
    extra: RootCertStore,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(extra_pem: &[Vec<u8>]) -> Result<Self, SenderError> {
        let mut extra = RootCertStore::empty();
        for pem in extra_pem {
            let before = extra.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| SenderError::BadCertificate(error.into()))?;
                extra
                    .add(certificate)
                    .map_err(|error| SenderError::BadCertificate(error.into()))?;
            }
            if extra.len() == before {
                return Err(SenderError::NoCertificate);
            }
        }
        Ok(Self {
            extra,
            config: OnceCell::new(),
        })
    }

    /// Speaks TLS over `stream` and verifies that the other end is the origin's host.
    pub(super) async fn wrap(
        &self,
        stream: TcpStream,
        origin: &Origin,
        due: Due,
    ) -> Result<TlsStream<TcpStream>, Trouble> {
        let name = ServerName::try_from(origin.host().to_owned()).or(Err(Trouble::Tls(
            "the host is not a name that a certificate can have",
        )))?;
        let config = self.config.get_or_try_init(|| self.configure()).await?;
        let connector = TlsConnector::from(Arc::clone(config));
        timeout_at(due.at, connector.connect(name, stream))
            .await
            .map_err(|_elapsed| due.connection_is_late())?
            .map_err(|error| Trouble::Tls(in_our_words(&error)))
    }

    async fn configure(&self) -> Result<Arc<ClientConfig>, Trouble> {
        let mut roots = self.extra.clone();
        let config = move || {
            // A root that cannot be read is one fewer to trust; the handshake says if it matters.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
            Ok::<_, rustls::Error>(config)
        };
        match tokio::task::spawn_blocking(config).await {
            Ok(Ok(config)) => Ok(Arc::new(config)),
            _ => Err(Trouble::Bug("TLS could not be set up")),
        }
    }
}

/// Whether both ends agreed on HTTP/2.
pub(super) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(ALPN[0])
}

/// Why a handshake failed, without a word of the upstream's.
fn in_our_words(error: &io::Error) -> &'static str {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the upstream's certificate has expired"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the upstream's certificate is for another name"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the upstream's certificate is not valid yet"
            }
            CertificateError::UnknownIssuer => {
                "the upstream's certificate is from an authority that is not trusted"
            }
            _ => "the upstream's certificate is not good",
        },
        Some(_) => "the upstream does not speak TLS as it should",
        None => "the connection broke during the TLS handshake",
    }
}
