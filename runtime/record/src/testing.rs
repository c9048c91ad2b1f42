//! What the tests of this crate share.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agentbox_ledger::{Ledger, ReserveError, Reserved, RunId};
use agentbox_policy::{Denied, HttpHead, Policy, Sources, Text, decide};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::write::{Outcome, RunEnd, RunStart};

/// A folder of its own, gone at the end of the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("random bytes");
        let name = format!("agentbox-record-{:016x}", u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn dir(&self) -> Dir {
        Dir::open_ambient_dir(&self.0, ambient_authority()).expect("a folder")
    }

    /// Where the record of `run` is.
    pub(crate) fn file(&self, run: RunId) -> PathBuf {
        self.0.join("runs").join(format!("{run}.jsonl"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Some time in 2026.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_000_000_123)
}

pub(crate) fn start() -> RunStart {
    RunStart {
        run: RunId::new(now()).expect("an id"),
        agent: "tester".to_owned(),
        owner: None,
        policy_digest: "aa".repeat(32),
        program_digest: "bb".repeat(32),
        program_name: "program.wasm".to_owned(),
        dry_run: false,
        version: "0.1.0".to_owned(),
    }
}

pub(crate) fn end() -> RunEnd {
    RunEnd {
        exit: 0,
        code: None,
        elapsed: Duration::from_millis(1500),
    }
}

pub(crate) fn outcome(note: &str) -> Outcome {
    Outcome {
        status: Some(200),
        code: None,
        note: Some(note.to_owned()),
        sent: 1,
        body: Some([0xa5; 32]),
        received: 2,
        address: Some(([127, 0, 0, 1], 443).into()),
        elapsed: Duration::from_micros(1999),
    }
}

/// What the policy says to a request it grants nothing of.
pub(crate) fn denied(authority: &str, path_and_query: &str) -> Denied {
    let head = HttpHead {
        method: "GET".to_owned(),
        scheme: "https".to_owned(),
        authority: authority.to_owned(),
        path_and_query: path_and_query.to_owned(),
        headers: Vec::new(),
    };
    decide(&Policy::nothing(), &head.into()).expect_err("nothing is granted")
}

/// A policy with every part that a call's line names.
const POLICY: &str = r#"
policy = 1

[agent]
id = "tester"

[limits]
writes = "20/hour"
few    = "1/run"

[credentials.widgets]
from   = "env://WIDGETS_KEY"
as     = { header = "x-api-key" }
origin = "https://api.widgets.example"

[http.widgets]
use             = "widgets"
allow           = ["GET /v1/{id}?*", "POST /v1/{id}/notes"]
limits          = ["writes"]
request-headers = ["x-note"]

[http.few]
origin = "https://few.example"
allow  = ["GET /"]
limits = ["few"]
"#;

/// What a guest sends that must not be in the record.
pub(crate) const CANARY: &str = "canary-5f0c1d7e9a";

/// A call with the canary in a header's value, as the guest would make it.
pub(crate) fn head(method: &str, authority: &str, path_and_query: &str) -> HttpHead {
    HttpHead {
        method: method.to_owned(),
        scheme: "https".to_owned(),
        authority: authority.to_owned(),
        path_and_query: path_and_query.to_owned(),
        headers: vec![("user-agent".to_owned(), CANARY.as_bytes().to_vec())],
    }
}

pub(crate) fn policy() -> Policy {
    let toml = Text {
        name: "agentbox.toml".to_owned(),
        text: POLICY.to_owned(),
    };
    Policy::parse(&Sources {
        toml,
        wit: Vec::new(),
        ..Sources::default()
    })
    .expect("a policy")
}

/// What `ledger` says to a call that the policy approves.
pub(crate) fn reserve(
    ledger: &Ledger,
    run: RunId,
    head: &HttpHead,
) -> Result<Reserved, ReserveError> {
    let approved = decide(&policy(), &head.clone().into()).expect("granted");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(ledger.reserve(approved, &run, now()))
}

/// The call that most tests make, reserved.
pub(crate) fn reserved(run: RunId) -> Reserved {
    let head = head("GET", "api.widgets.example", "/v1/7?page=2");
    reserve(&Ledger::in_memory(), run, &head).expect("room")
}
