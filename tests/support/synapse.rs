//! A real Synapse, the Matrix homeserver, with one account that is in two rooms.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::canary::Canary;
use super::http::{self, Answered};
use super::python;
use super::server::{Server, free_port};

/// A running homeserver.
#[derive(Debug)]
pub(crate) struct Synapse {
    server: Server,
    authority: String,
    user: String,
    token: String,
    rooms: [String; 2],
}

impl Synapse {
    /// The one homeserver that all tests of this process share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Synapse> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a homeserver, registers an account and makes two rooms.
    pub(crate) fn start() -> Self {
        Self::with(&often())
    }

    /// The same, and then it takes hardly any messages.
    pub(crate) fn slow() -> Self {
        Self::with(&json!({ "per_second": 0.01, "burst_count": 4 }))
    }

    fn with(messages: &Value) -> Self {
        let python = python::python(&python::venv("synapse"));
        let python = python
            .to_str()
            .expect("the cache folder's name is UTF-8")
            .to_owned();
        let port = free_port();
        let authority = format!("127.0.0.1:{port}");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let config = folder.path().join("homeserver.yaml");
        // JSON is YAML.
        std::fs::write(&config, settings(port, messages).to_string())
            .expect("the folder can be written");
        let app = [
            python.as_str(),
            "-m",
            "synapse.app.homeserver",
            "-c",
            "homeserver.yaml",
        ];
        let keys = Command::new(app[0])
            .args(&app[1..])
            .arg("--generate-keys")
            .current_dir(folder.path())
            .output()
            .expect("python starts");
        assert!(
            keys.status.success(),
            "{}",
            String::from_utf8_lossy(&keys.stderr)
        );

        let mut server = Server::start(folder, &app, &[]);
        server.wait_until(|| {
            http::request(&authority, "GET", "/health", &[], None)
                .is_ok_and(|health| health.status == 200)
        });
        let mut synapse = Self {
            server,
            authority,
            user: String::new(),
            token: String::new(),
            rooms: [String::new(), String::new()],
        };
        let registered = synapse.ask(
            "POST",
            "/_matrix/client/v3/register",
            Some(&json!({
                "username": "agent",
                "password": Canary::fresh().text(),
                "auth": { "type": "m.login.dummy" },
            })),
        );
        synapse.user = text_of(&registered, "user_id");
        synapse.token = text_of(&registered, "access_token");
        synapse.rooms = ["granted", "other"].map(|name| {
            let made = synapse.ask(
                "POST",
                "/_matrix/client/v3/createRoom",
                Some(&json!({ "name": name, "preset": "private_chat" })),
            );
            text_of(&made, "room_id")
        });
        synapse
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// `@agent:localhost`.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The account's access token: the key that must never be seen on agentbox's side.
    pub(crate) fn token(&self) -> Canary {
        Canary::of(&self.token)
    }

    /// The ids of the two rooms: the one a policy grants, and the other.
    pub(crate) fn rooms(&self) -> &[String; 2] {
        &self.rooms
    }

    /// The texts of the messages in `room`, newest first.
    pub(crate) fn messages(&self, room: &str) -> Vec<String> {
        let room = room.replace('!', "%21").replace(':', "%3A");
        let target = format!("/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100");
        let events = self.ask("GET", &target, None).json();
        let events = events["chunk"].as_array().cloned().unwrap_or_default();
        events
            .iter()
            .filter(|event| event["type"] == "m.room.message")
            .filter_map(|event| event["content"]["body"].as_str().map(ToOwned::to_owned))
            .collect()
    }

    /// Asks the homeserver directly, with the account's token once there is one.
    pub(crate) fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Answered {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str())];
        let headers = if self.token.is_empty() {
            &[][..]
        } else {
            &headers[..]
        };
        http::request(&self.authority, method, target, headers, body).unwrap_or_else(|error| {
            panic!(
                "Synapse in {} does not answer: {error}",
                self.server.folder().display()
            )
        })
    }
}

fn text_of(reply: &Answered, field: &str) -> String {
    let json = reply.json();
    let text = json[field].as_str();
    text.unwrap_or_else(|| panic!("{} without `{field}`: {json}", reply.status))
        .to_owned()
}

/// More than any test does.
fn often() -> Value {
    json!({ "per_second": 1000, "burst_count": 1000 })
}

fn settings(port: u16, messages: &Value) -> Value {
    let often = often();
    json!({
        "server_name": "localhost",
        "pid_file": "homeserver.pid",
        "report_stats": false,
        "listeners": [{
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "tls": false,
            "resources": [{ "names": ["client"], "compress": false }],
        }],
        "database": { "name": "sqlite3", "args": { "database": "homeserver.db" } },
        "media_store_path": "media",
        "signing_key_path": "signing.key",
        "trusted_key_servers": [],
        "suppress_key_server_warning": true,
        "macaroon_secret_key": Canary::fresh().text(),
        "form_secret": Canary::fresh().text(),
        "enable_registration": true,
        "enable_registration_without_verification": true,
        "url_preview_enabled": false,
        "rc_message": messages,
        "rc_registration": often,
        "rc_login": { "address": often, "account": often, "failed_attempts": often },
    })
}
