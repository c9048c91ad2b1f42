//! `OpenBao`, a server nobody here wrote, behind route grants that place its token in a header.

use crate::support::agentbox::{Ground, Outcome};
use crate::support::bot::{Bot, answers};
use crate::support::canary::Canary;
use crate::support::guests;
use crate::support::openbao::{self, OpenBao};
use crate::support::relay::Relay;

/// A path of the tests' own, so that they may write to it.
const SECRET: &str = "secret/data/agents/kv-test";

/// The server behind a relay, and a ground with the example's policy for [`SECRET`].
struct Store {
    bao: &'static OpenBao,
    relay: Relay,
    ground: Ground,
}

impl Store {
    /// With `token` where the policy looks for it.
    fn with(token: &Canary) -> Self {
        let bao = OpenBao::shared();
        let relay = Relay::to(&bao.url());
        let ground = Ground::new().key("BAO_TOKEN", token);
        ground.write(
            "agentbox.toml",
            &guests::policy(
                "kv",
                &[
                    ("http://127.0.0.1:8200", &relay.url()),
                    ("secret/data/agents/triage-bot", SECRET),
                ],
            ),
        );
        Self { bao, relay, ground }
    }

    fn kv(&self, arguments: &[&str]) -> Outcome {
        let guest = guests::guest("kv");
        let guest = guest.to_str().expect("the target folder's name is UTF-8");
        let url = self.relay.url();
        let fixed = ["run", "--policy", "agentbox.toml", guest, &url];
        self.ground.run(&[&fixed[..], arguments].concat())
    }
}

#[test]
fn a_secret_is_written_and_read_with_a_token_in_its_own_header() {
    let store = Store::with(OpenBao::shared().token());
    let note = Canary::fresh();
    let written = store.kv(&["write", SECRET, &format!("note={}", note.text())]);
    assert_eq!(written.exits(0).out(), "version 1\n");
    let read = store.kv(&["read", SECRET]);
    assert_eq!(read.exits(0).out(), format!("note={}\n", note.text()));
    let kept = store.bao.ask("GET", &format!("/v1/{SECRET}"), None).json();
    assert_eq!(kept["data"]["data"]["note"], note.text());
    let token = store.bao.token().text();
    assert!(store.relay.was_sent(&format!("x-vault-token: {token}\r\n")));
    assert_eq!(
        store.relay.requests(),
        [format!("POST /v1/{SECRET}"), format!("GET /v1/{SECRET}")]
    );
}

#[test]
fn a_path_outside_of_the_grant_is_denied_before_a_byte_leaves() {
    let store = Store::with(OpenBao::shared().token());
    for path in [
        openbao::SECRET,
        "secret/data/agents/kv-test2",
        "secret/data/agents",
        "sys/seal-status",
        "secret/data/agents/other/../kv-test",
        "secret/data/agents%2Fkv-test",
    ] {
        store.kv(&["read", path]).exits(1).says("denied[AB02");
    }
    assert_eq!(store.relay.connections(), 0);
    let denied = store.ground.record_lines();
    let denied = denied.iter().filter(|line| line["event"] == "denied");
    assert_eq!(denied.count(), 6);
}

#[test]
fn a_wrong_token_gets_the_stores_own_refusal() {
    let store = Store::with(&Canary::fresh());
    let refused = store.kv(&["read", SECRET]);
    refused.exits(1);
    refused
        .says("the store answers 403")
        .says("permission denied");
    assert_eq!(store.relay.requests(), [format!("GET /v1/{SECRET}")]);
}

#[test]
fn a_typed_read_gives_one_secret_and_no_other() {
    let bao = OpenBao::shared();
    let relay = Relay::to(&bao.url());
    let rest = "[grants.\"vault:kv/read\"]\nuse = \"api\"\n\
         where = { mount = \"secret\", path = \"agents/triage-bot\" }\n\
         [grants.\"vault:kv/list-keys\"]\nuse = \"api\"\n\
         where = { mount = \"secret\", path = { prefix = \"agents\" } }\n";
    let imports = ["vault:kv/read@2.0.0", "vault:kv/list-keys@2.0.0"];
    let mut bot = Bot::new(&imports, &relay.url(), rest);
    bot.ground = bot.ground.key("API_KEY", bao.token());
    let read = |path: &str| format!("{{\"mount\":\"secret\",\"path\":\"{path}\"}}");
    let [granted, other, dots, folder] = [
        "agents/triage-bot",
        "agents/release-bot",
        "agents/../agents/triage-bot",
        "agents",
    ]
    .map(read);
    let outcome = bot.ask(&[
        ["vault:kv/read", &granted],
        ["vault:kv/read", &other],
        ["vault:kv/read", &dots],
        ["vault:kv/list-keys", &folder],
    ]);
    let answers = answers(outcome.exits(0));
    let bytes = answers[0].strip_prefix("ok \"").unwrap_or_default();
    let bytes = unbase64(bytes.trim_end_matches('"'));
    let secret: serde_json::Value = serde_json::from_slice(&bytes).expect("the store gives JSON");
    assert_eq!(secret["data"]["data"]["note"], bao.value());
    assert!(
        answers[1].starts_with("denied AB0203 vault:kv/read: path "),
        "{answers:?}"
    );
    assert!(answers[2].starts_with("denied AB02"), "{answers:?}");
    assert!(answers[3].contains("\"triage-bot\""), "{answers:?}");

    let mut requests = relay.requests();
    requests.sort();
    assert_eq!(
        requests,
        [
            "GET /v1/secret/data/agents/triage-bot",
            "GET /v1/secret/metadata/agents?list=true",
        ]
    );
    let token = bao.token().text();
    assert!(relay.was_sent(&format!("x-vault-token: {token}\r\n")));
}

/// The bytes that `text` is the standard base64 of.
fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().enumerate().fold(0_u32, |bits, (place, digit)| {
            let value = DIGITS.iter().position(|other| other == digit);
            let value = u32::try_from(value.expect("it is base64")).expect("it is below 64");
            bits | value << (18 - 6 * place)
        });
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}
