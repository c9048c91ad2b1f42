//! A key in a folder, policies that use it, and recorded calls under them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use agentbox_ledger::{Ledger, RunId};
use agentbox_policy::{Approved, HttpHead, Policy, Sources, Text, decide};
use agentbox_record::{Event, Record, Recorded, RunStart};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::Secrets;
use crate::testing::canary;

/// A folder that goes away with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!(
            "agentbox-secrets-{}-{}",
            std::process::id(),
            &canary()[7..]
        ));
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn dir(&self) -> Dir {
        Dir::open_ambient_dir(&self.0, ambient_authority()).expect("the folder")
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A run with one key, in a file, for one origin.
pub(crate) struct Fixture {
    pub(crate) key: String,
    pub(crate) folder: Folder,
    pub(crate) secrets: Secrets,
    pub(crate) policy: Policy,
    ledger: Ledger,
    record: Record,
    run: RunId,
    origin: String,
}

/// What most tests may do with the key.
const GRANT: &str = "reply-headers = [\"x-seen\"]\n\
     allow = [\"GET /things?*\", \"HEAD /things\", \"DELETE /things\", \"POST /things\"]\n\
     [http.other]\nuse = \"up\"\nallow = [\"GET /others\"]\n";

impl Fixture {
    /// The key is placed as a bearer token.
    pub(crate) fn new(origin: &str) -> Self {
        Self::with(origin, "\"bearer\"", &canary())
    }

    /// The key is placed as `placement` says, in TOML.
    pub(crate) fn with(origin: &str, placement: &str, key: &str) -> Self {
        let folder = Folder::new();
        let file = folder.write("key", format!("{key}\n").as_bytes());
        let from = format!("file://{}", file.display());
        Self::from(folder, origin, placement, (&from, key))
    }

    /// The same, with these lines of `[http.up]` instead of the usual.
    pub(crate) fn granting(origin: &str, placement: &str, grant: &str) -> Self {
        let (folder, key) = (Folder::new(), canary());
        let file = folder.write("key", format!("{key}\n").as_bytes());
        let from = format!("file://{}", file.display());
        Self::build(folder, origin, (placement, grant), (&from, &key))
    }

    pub(crate) fn from(
        folder: Folder,
        origin: &str,
        placement: &str,
        (from, key): (&str, &str),
    ) -> Self {
        Self::build(folder, origin, (placement, GRANT), (from, key))
    }

    fn build(
        folder: Folder,
        origin: &str,
        (placement, grant): (&str, &str),
        (from, key): (&str, &str),
    ) -> Self {
        let (insecure, addresses) = if origin.starts_with("http:") {
            ("insecure-loopback = true", "")
        } else {
            ("", "addresses = [\"127.0.0.1/32\"]")
        };
        let policy = policy(&format!(
            "policy = 1\n{insecure}\n[agent]\nid = \"tester\"\n\
             [credentials.up]\nfrom = \"{from}\"\nas = {placement}\norigin = \"{origin}\"\n{addresses}\n\
             [http.up]\nuse = \"up\"\n{grant}"
        ));
        let secrets = Secrets::new(Some(folder.dir()), policy.credentials().cloned().collect());
        let (record, run) = record(&folder);
        Self {
            key: key.to_owned(),
            folder,
            secrets,
            policy,
            ledger: Ledger::in_memory(),
            record,
            run,
            origin: origin.to_owned(),
        }
    }

    /// Reads the key anew from its source at the next call.
    pub(crate) fn renew(&self) {
        self.secrets.forget();
    }

    /// `METHOD /path`, decided, reserved and put on record.
    pub(crate) async fn recorded(&self, line: &str, headers: &[(&str, &str)]) -> Recorded {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let (scheme, authority) = self.origin.split_once("://").expect("an origin");
        let header = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        let head = HttpHead {
            method: method.to_owned(),
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path_and_query: path.to_owned(),
            headers: headers.iter().map(header).collect(),
        };
        let approved =
            decide(&self.policy, &head.into()).unwrap_or_else(|denied| panic!("{denied}"));
        self.put_on_record(approved).await
    }

    /// What was approved, reserved and put on record.
    pub(crate) async fn put_on_record(&self, approved: Approved) -> Recorded {
        let now = SystemTime::now();
        let reserved = self.ledger.reserve(approved, &self.run, now).await;
        self.record
            .intent(reserved.expect("no limits"), now)
            .expect("a record")
    }

    /// The digest of each head that was put on record, in order.
    pub(crate) fn heads(&self) -> Vec<String> {
        let read = agentbox_record::read(&self.folder.dir(), &self.run.to_string());
        let lines = read.expect("a record").lines.into_iter();
        let heads = lines.map(|line| match line.event {
            Event::Intent { head, .. } => head,
            _ => None,
        });
        heads.flatten().collect()
    }
}

fn policy(text: &str) -> Policy {
    let toml = Text {
        name: "agentbox.toml".to_owned(),
        text: text.to_owned(),
    };
    let sources = Sources {
        toml,
        ..Sources::default()
    };
    Policy::parse(&sources).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn record(folder: &Folder) -> (Record, RunId) {
    let now = SystemTime::now();
    let run = RunId::new(now).expect("an id");
    let start = RunStart {
        run,
        agent: "tester".to_owned(),
        owner: None,
        policy_digest: "0".repeat(64),
        program_digest: "0".repeat(64),
        program_name: "test".to_owned(),
        dry_run: false,
        version: "0".to_owned(),
    };
    (
        Record::create(&folder.dir(), &start, now).expect("a record"),
        run,
    )
}
