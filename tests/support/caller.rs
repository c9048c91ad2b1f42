//! The probe, calling under a policy of its own with a key it never sees.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::agentbox::{Ground, Outcome};
use super::api::{Api, json};
use super::canary::Canary;
use super::guests::guest;

/// A ground with a key in `API_KEY`, a policy that may use it, and the probe.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) ground: Ground,
    pub(crate) key: Canary,
}

/// What a policy for the probe says; all of it can be changed.
#[derive(Clone, Debug)]
pub(crate) struct Terms<'a> {
    /// Where the key comes from.
    pub(crate) from: &'a str,
    /// Where it is placed, in TOML.
    pub(crate) place: &'a str,
    /// The one origin.
    pub(crate) origin: &'a str,
    /// The routes.
    pub(crate) allow: &'a [&'a str],
    /// More lines of the `[http.api]` table, and then other tables.
    pub(crate) rest: &'a str,
}

impl<'a> Terms<'a> {
    /// A bearer token for `origin`, and one thing by name to look at there.
    pub(crate) fn at(origin: &'a str) -> Self {
        Self {
            from: "env://API_KEY",
            place: "\"bearer\"",
            origin,
            allow: &["GET /v1/{name}"],
            rest: "",
        }
    }

    fn policy(&self) -> String {
        let Self {
            from,
            place,
            origin,
            allow,
            rest,
        } = self;
        format!(
            "policy = 1\n\
             insecure-loopback = true\n\
             [agent]\nid = \"probe\"\n\
             [credentials.api]\nfrom = {from:?}\nas = {place}\norigin = {origin:?}\n\
             [http.api]\nuse = \"api\"\nallow = {allow:?}\n{rest}\n"
        )
    }
}

impl Caller {
    /// A server that answers `{}`, and a caller that may look at things there.
    pub(crate) fn keyed() -> (Api, Self) {
        let api = Api::always(json(200, "{}"));
        let caller = Self::new(&Terms::at(&api.url()));
        (api, caller)
    }

    /// A caller on these terms.
    pub(crate) fn new(terms: &Terms<'_>) -> Self {
        let key = Canary::fresh();
        Self::in_ground(Ground::new().key("API_KEY", &key), key, terms)
    }

    /// A caller on these terms in a ground that is laid already.
    pub(crate) fn in_ground(ground: Ground, key: Canary, terms: &Terms<'_>) -> Self {
        ground.write("agentbox.toml", &terms.policy());
        Self { ground, key }
    }

    /// Lets the probe do what `words` say.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        self.run_with(&[], words)
    }

    /// The same, with more flags for agentbox.
    pub(crate) fn run_with(&self, flags: &[&str], words: &[&str]) -> Outcome {
        self.ground.run(&arguments(flags, words))
    }

    /// Lets the probe begin with what `words` say; its streams are pipes.
    pub(crate) fn start(&self, flags: &[&str], words: &[&str]) -> Child {
        self.ground
            .command()
            .args(arguments(flags, words))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("agentbox starts")
    }

    /// The lines of the record that say `event`.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        self.ground.events(event)
    }

    /// The one line of the record that says `event`.
    #[track_caller]
    pub(crate) fn event(&self, event: &str) -> Value {
        self.ground.event(event)
    }
}

/// `agentbox run` with the policy of the working folder.
pub(crate) fn arguments(flags: &[&str], words: &[&str]) -> Vec<String> {
    let probe = guest("probe").display().to_string();
    let start = ["run", "--policy", "agentbox.toml"];
    let words = [&start[..], flags, &[&probe], words].concat();
    words.into_iter().map(str::to_owned).collect()
}

/// Waits until `happened`, for a minute at most.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
}
