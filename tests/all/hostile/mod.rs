//! Programs that attack: each is refused, is on record, and learns and reaches nothing.
//!
//! One test for each folder of `guest-examples/hostile`, in the file of its family. What an attack
//! prints for each try is compared with a table, and every run goes through [`Attack::run`], which
//! holds what is true of all of them.

mod boundary;
mod echoes;
mod headers;
mod listing;
mod logs;
mod names;
mod redirects;
mod urls;

use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{self, Api, Seen, Step};
use crate::support::canary::Canary;
use crate::support::decoy::Decoy;
use crate::support::guests;

/// An attack, what it attacks, and what it must not reach.
struct Attack {
    program: PathBuf,
    ground: Ground,
    api: Api,
    /// The same port of another host.
    forbidden: Decoy,
    /// Another port of the same host.
    neighbour: Decoy,
}

/// The addresses in policies and tables; those of a test are others.
const API: &str = "127.0.0.1:8080";
const NEIGHBOUR: &str = "127.0.0.1:8081";

impl Attack {
    /// The attack in the folder `name`, on an upstream that always answers with two widgets.
    fn new(name: &str) -> Self {
        let widgets = api::json(200, r#"{"widgets":["w-1","w-2"]}"#);
        Self::on(name, Canary::fresh(), move |_, _| {
            vec![Step::Send(widgets.clone())]
        })
    }

    /// The attack in the folder `name`, with a key that it must not learn, on an upstream that
    /// does what `script` says to a request, and in the place of the key.
    fn on(
        name: &str,
        key: Canary,
        script: impl Fn(&Seen, &Canary) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let (listener, forbidden) = (0..100)
            .find_map(|_| {
                let listener = TcpListener::bind("127.0.0.1:0").ok()?;
                let port = listener.local_addr().ok()?.port();
                Some((listener, Decoy::at(&format!("127.0.0.2:{port}"))?))
            })
            .expect("some port is free on both addresses");
        let sent = key.clone();
        let api = Api::serve(listener, move |seen| script(seen, &sent));
        let port = port(&api.authority()).to_owned();
        let neighbour = Decoy::at("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let ground = Ground::new()
            .key("WIDGETS_KEY", &key)
            // The more is said, the more there is to search.
            .env("AGENTBOX_LOG", "trace");
        let own = format!("hostile/{name}");
        let own = guests::sources()
            .join(&own)
            .join("agentbox.toml")
            .exists()
            .then_some(own);
        let policy = guests::policy(
            own.as_deref().unwrap_or("hostile"),
            &[(":8080", &format!(":{port}"))],
        );
        ground.write("agentbox.toml", &policy);
        Self {
            program: guests::hostile(name),
            ground,
            api,
            forbidden,
            neighbour,
        }
    }

    /// Lets it attack, and holds what is true of every attack: it ends with exit code `exit` and
    /// without a panic, what is not granted sees nobody, no form of the key is in anything that
    /// was printed or kept, and each try that became a call is on record once.
    fn run(&self, exit: i32) -> Ran {
        self.run_with(&[], &[], exit)
    }

    /// The same, with more flags for agentbox, and more words for the program.
    fn run_with(&self, flags: &[&str], more: &[&str], exit: i32) -> Ran {
        let program = self.program.display().to_string();
        let (api, neighbour) = (self.api.authority(), self.neighbour.authority());
        let start = ["run", "--policy", "agentbox.toml"];
        let words = [&start[..], flags, &[&program, &api, &neighbour], more].concat();
        let outcome = self.ground.run(&words);
        outcome.exits(exit);
        for bug in ["panicked", "RUST_BACKTRACE", "AB0901"] {
            assert!(!outcome.err().contains(bug), "{}", outcome.err());
        }
        assert!(!self.ground.record().contains("AB0901"));
        self.forbidden.assert_untouched();
        self.neighbour.assert_untouched();
        let ran = Ran {
            told: self.told(&outcome),
            outcome,
        };
        self.each_is_on_record_once(&ran, exit);
        let ended = self.ground.event("run-ended");
        assert_eq!(ended["exit"], exit);
        ran
    }

    /// Panics unless the record has one line for each try that became a call. A run that agentbox
    /// ended may have been in calls of which the program had nothing to tell any more; and what it
    /// tries in the moment until it is gone is refused before it becomes a call.
    #[track_caller]
    fn each_is_on_record_once(&self, ran: &Ran, exit: i32) {
        let reached = ran.told.iter().filter(|told| told.reached()).count();
        let recorded = self.recorded().len();
        let whole = if exit < 120 {
            recorded == reached
        } else {
            recorded >= reached.min(1)
        };
        let record = self.ground.record();
        assert!(
            whole,
            "{recorded}, not {reached}: {:#?}\n{record}",
            ran.told
        );
    }

    /// What it printed of each try, with the addresses of tables.
    fn told(&self, outcome: &Outcome) -> Vec<Told> {
        let out = outcome.out();
        let out = [
            (self.api.authority(), API),
            (self.neighbour.authority(), NEIGHBOUR),
        ]
        .iter()
        .fold(out, |out, (own, shown)| out.replace(port(own), port(shown)));
        let parse = |line: &str| {
            let (door, rest) = line.split_once(' ')?;
            let (what, outcome) = rest.split_once(" -> ")?;
            ["http", "invoke"].contains(&door).then(|| Told {
                door: door.to_owned(),
                what: what.to_owned(),
                outcome: outcome.to_owned(),
            })
        };
        out.lines().filter_map(parse).collect()
    }

    /// Lets it attack, and compares all that came of it with `expected`: one line for each try,
    /// `DOORS RESULT WHAT`.
    ///
    /// DOORS is `both` where it became a call at both, `invoke` where it did at that door alone and
    /// the types of `wasi:http` refused it, and `http` or `types` where that text cannot be given
    /// to `invoke`, or the other way round. RESULT is what is on record, with which the program has
    /// to agree: the code with which it was denied, `failed:` and the code of its outcome, or
    /// `sent`: then the upstream has seen it, as it is written. Two doors may differ: `AB0204/sent`.
    #[track_caller]
    fn comes_to(&self, expected: &str) -> Ran {
        self.comes_to_with(&[], &[], expected)
    }

    /// The same, with more flags for agentbox, and more words for the program.
    #[track_caller]
    fn comes_to_with(&self, flags: &[&str], more: &[&str], expected: &str) -> Ran {
        let ran = self.run_with(flags, more, 0);
        let mut recorded = self.recorded().into_iter();
        let mut sent = Vec::new();
        let mut found = String::new();
        let mut told = ran.told.iter().peekable();
        while let Some(first) = told.next() {
            let second =
                told.next_if(|second| second.what == first.what && second.door != first.door);
            let mut results: Vec<String> = Vec::new();
            for told in [Some(first), second].into_iter().flatten() {
                if told.reached() {
                    let result = recorded.next().unwrap_or_default();
                    assert!(told.agrees(&result), "not {result}: {told:?}");
                    if result == "sent" || result.starts_with("failed:") {
                        sent.push((first.what.as_str(), result == "sent"));
                    }
                    results.push(result);
                }
            }
            results.dedup();
            let doors = match (first.door.as_str(), first.reached(), second.is_some()) {
                ("http", true, true) => "both",
                ("http", true, false) => "http",
                ("http", false, false) => "types",
                _ => "invoke",
            };
            found.push_str(&format!("{doors} {} {}\n", results.join("/"), first.what));
        }
        let lines = expected.trim().lines();
        let expected: String = lines.map(|line| format!("{}\n", line.trim())).collect();
        assert!(
            found == expected,
            "what came of it is\n{found}\nand not\n{expected}"
        );
        self.received(&sent);
        ran
    }

    /// What became of each call, by the record, in the order of the calls.
    fn recorded(&self) -> Vec<String> {
        let outcomes = self.ground.events("outcome");
        let result = |line: &Value| match text(&line["event"]) {
            "denied" | "exhausted" => Some(text(&line["code"]).to_owned()),
            "intent" => {
                let outcome = outcomes
                    .iter()
                    .find(|outcome| outcome["call"] == line["call"]);
                Some(match outcome.map(|outcome| text(&outcome["code"])) {
                    None => "open".to_owned(),
                    Some("") => "sent".to_owned(),
                    Some(code) => format!("failed:{code}"),
                })
            }
            _ => None,
        };
        self.ground
            .record_lines()
            .iter()
            .filter_map(result)
            .collect()
    }

    /// The codes of the calls that were denied, in their order.
    fn codes(&self) -> Vec<String> {
        let denied = self.ground.events("denied");
        denied
            .iter()
            .map(|line| text(&line["code"]).to_owned())
            .collect()
    }

    /// Panics unless the upstream has received exactly these requests, each written as a method, a
    /// URL and perhaps more. Those that are not marked may have failed before they were whole, and
    /// those to other servers are not its to see.
    #[track_caller]
    fn received(&self, expected: &[(&str, bool)]) {
        let requests = self.api.requests();
        let whole = requests.iter().filter(|seen| !seen.line.is_empty());
        let mut lines = whole.map(|seen| seen.line.as_str()).peekable();
        for (what, surely) in expected {
            let mut words = what.split(' ');
            let (method, url) = (words.next(), words.next());
            let own = url.and_then(|url| url.strip_prefix("http://")?.strip_prefix(API));
            let (Some(method), Some(path)) = (method, own) else {
                continue;
            };
            let line = format!("{method} {path} HTTP/1.1");
            let came = lines.next_if_eq(&line.as_str()).is_some();
            assert!(
                came || !surely,
                "{line} is not what came next: {requests:#?}"
            );
        }
        assert_eq!(lines.next(), None, "more came than was granted");
    }
}

/// Runs an attack with a key that cannot be used, and checks that it ends for that reason before
/// anything is sent.
#[track_caller]
fn unusable(attack: &Attack, code: &str) -> Ran {
    let ran = attack.run(123);
    ran.outcome.says(&format!("error[{code}]"));
    assert_eq!(attack.ground.event("outcome")["code"], code);
    attack.received(&[]);
    ran
}

/// What came of an attack.
struct Ran {
    outcome: Outcome,
    told: Vec<Told>,
}

/// What an attack printed of one try.
#[derive(Debug)]
struct Told {
    door: String,
    what: String,
    outcome: String,
}

impl Told {
    /// Whether it became a call.
    fn reached(&self) -> bool {
        !self.outcome.starts_with("types refuse")
    }

    /// Whether it is what a program hears of a call that came to `result`.
    fn agrees(&self, result: &str) -> bool {
        let Self { door, outcome, .. } = self;
        let heard = match (door.as_str(), result) {
            (_, "sent") => return outcome == "answered",
            ("http", "AB0204") => return outcome == "error ErrorCode::HttpRequestUriInvalid",
            ("http", failed) if failed.starts_with("failed:") => "error ErrorCode::",
            ("http", _) => return outcome == "denied",
            (_, "failed:AB0210") => "denied AB0210 ",
            (_, "failed:AB0505") => "denied AB0505 ",
            (_, failed) if failed.starts_with("failed:") => "unavailable ",
            (_, "AB0504") => "limit AB0504 ",
            (_, code) => return outcome.starts_with(&format!("denied {code} ")),
        };
        outcome.starts_with(heard)
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn port(authority: &str) -> &str {
    authority.rsplit(':').next().unwrap_or_default()
}
