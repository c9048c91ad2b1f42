//! The examples do what their READMEs show: every transcript is replayed.
//!
//! `guest-examples/README.md` says what a transcript may leave open. Commands that build a program
//! or start a server are the test's to do: it checks how they are spelt, and does the same itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::agentbox::Ground;
use crate::support::canary::Canary;
use crate::support::github::{Exchange, GitHub};
use crate::support::guests;
use crate::support::openbao::OpenBao;
use crate::support::server::{Server, free_port};
use crate::support::synapse::Synapse;

/// The examples, each replayed by the test of its name.
const REPLAYED: [&str; 11] = [
    "c-hello",
    "c-issues",
    "fetch",
    "files",
    "invoke",
    "kv",
    "matrix",
    "rooms",
    "run-export",
    "triage",
    "wat-hello",
];

/// Folders of `guest-examples` that are no examples but the tests' own.
const TESTS_OWN: [&str; 5] = ["ask", "attempt", "hostile", "probe", "target"];

#[test]
fn every_example_has_a_transcript_that_a_test_replays() {
    let entries = fs::read_dir(guests::sources()).expect("the examples can be listed");
    let folders: BTreeSet<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !TESTS_OWN.contains(&name.as_str()))
        .collect();
    assert_eq!(folders, REPLAYED.map(str::to_owned).into());
    let index = fs::read_to_string(guests::sources().join("README.md")).expect("it is there");
    for name in REPLAYED {
        let shown = transcript(name).iter().any(|step| !step.output.is_empty());
        assert!(shown, "the README of {name} shows no output");
        assert!(
            index.contains(&format!("]({name})")),
            "{name} is not listed"
        );
    }
}

#[test]
fn every_example_that_calls_an_api_has_a_policy() {
    let ground = Ground::new();
    for name in REPLAYED {
        let program = program(name);
        let program = program.to_str().expect("the target folder's name is UTF-8");
        // Without a policy nothing is granted, so this says what would have to be.
        let check = ground.run(&["check", "--json", program]);
        let calls = !check.json()["ungranted"]
            .as_array()
            .expect("it lists what is not granted")
            .is_empty();
        let policy = guests::sources().join(name).join("agentbox.toml");
        assert_eq!(check.code, Some(i32::from(calls)), "{name}");
        assert!(policy.exists() || !calls, "{name} has no policy");
        if policy.exists() {
            let policy = policy.to_str().expect("the folder's name is UTF-8");
            ground.run(&["check", "--policy", policy, program]).exits(0);
        }
    }
}

#[test]
fn c_hello() {
    Example::of("c-hello").replay();
}

#[test]
fn c_issues() {
    let script = [GitHub::listed(""), GitHub::commented("Seen, from C.")];
    replay_with_github("c-issues", script.into());
}

#[test]
fn fetch() {
    let key = "canary-5f3a9c1e77d24b08";
    let example = Example::of("fetch");
    let service = example.folder.join("service.py");
    let service = service.to_str().expect("the folder's name is UTF-8");
    let port = free_port().to_string();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut server = Server::start(
        folder,
        &["python3", service, &port],
        &[("WIDGETS_KEY", key)],
    );
    let address = format!("127.0.0.1:{port}");
    server.wait_until(|| std::net::TcpStream::connect(&address).is_ok());
    example
        .says("127.0.0.1:8080", &address)
        .guard(&Canary::of(key))
        .replay();
}

#[test]
fn files() {
    Example::of("files").replay();
}

#[test]
fn invoke() {
    replay_with_github("invoke", vec![GitHub::listed("")]);
}

#[test]
fn kv() {
    let bao = OpenBao::shared();
    Example::of("kv")
        .says("http://127.0.0.1:8200", &bao.url())
        .says("secret/data/agents/triage-bot", "secret/data/agents/readme")
        .key("BAO_TOKEN", bao.token())
        .replay();
}

#[test]
fn matrix() {
    at_a_homeserver("matrix");
}

#[test]
fn rooms() {
    at_a_homeserver("rooms");
}

/// Replays an example whose account is in two rooms and may write to one.
fn at_a_homeserver(name: &'static str) {
    let synapse = Synapse::shared();
    let [granted, other] = synapse.rooms();
    Example::of(name)
        .says("http://127.0.0.1:8008", &synapse.url())
        .says("!granted:localhost", granted)
        .says("!other:localhost", other)
        .key("MATRIX_TOKEN", &synapse.token())
        .replay();
}

#[test]
fn run_export() {
    Example::of("run-export").replay();
}

#[test]
fn triage() {
    replay_with_github("triage", GitHub::triaged());
}

#[test]
fn wat_hello() {
    Example::of("wat-hello").replay();
}

#[test]
fn a_transcript_is_compared_line_by_line() {
    let open = "one\n…\nlast $EVENT";
    assert!(matches(open, "one\ntwo\nthree\nlast $EVENT"));
    assert!(matches(open, "one\nlast $EVENT"));
    assert!(!matches(open, "one\ntwo"));
    assert!(!matches("one", "one\ntwo") && !matches("one\ntwo", "one") && !matches("", "one"));
    assert!(matches("", ""));
    assert_eq!(
        without_ids("sent $a-9_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX to $x"),
        "sent $EVENT to $x"
    );
}

/// Replays an example whose policy sends it to GitHub, which follows `script` here.
fn replay_with_github(name: &'static str, script: Vec<Exchange>) {
    let token = Canary::fresh();
    let github = GitHub::start(&token, script);
    let here = format!(
        "github = {{ from = \"env://GITHUB_TOKEN\", origin = \"{}\" }}",
        github.url()
    );
    Example::of(name)
        .says("policy = 1\n", "policy = 1\ninsecure-loopback = true\n")
        .says("github = \"env://GITHUB_TOKEN\"", &here)
        .key("GITHUB_TOKEN", &token)
        .replay();
    github.followed();
}

/// An example copied to a folder of its own, beside the programs that were built.
struct Example {
    name: &'static str,
    ground: Ground,
    folder: PathBuf,
    /// What the transcript and the policy say, and what it is here.
    changes: Vec<(String, String)>,
}

impl Example {
    fn of(name: &'static str) -> Self {
        let ground = Ground::new();
        let folder = ground.work().join(name);
        let copied = Command::new("cp")
            .arg("-R")
            .arg(guests::sources().join(name))
            .arg(&folder)
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "{name}");
        // Its transcript shows the key that is looked for, and it is read where it is checked in.
        fs::remove_file(folder.join("README.md")).expect("an example has one");
        // Built anew, so that what was left in the checked out folder does not help.
        fs::remove_file(folder.join("out/upper.txt")).ok();
        let program = program(name);
        let file = program.file_name().expect("a program is a file");
        let place = match name {
            "c-hello" => folder.join("hello.wasm"),
            "c-issues" => folder.join("issues.wasm"),
            "invoke" => folder.join("issues.wat"),
            "wat-hello" => folder.join("hello.wat"),
            _ => ground
                .work()
                .join("target/wasm32-wasip2/release")
                .join(file),
        };
        let parent = place.parent().expect("a file is in a folder");
        fs::create_dir_all(parent).expect("a temporary folder can be written");
        fs::copy(&program, &place).expect("a temporary folder can be written");
        Self {
            name,
            ground,
            folder,
            changes: Vec::new(),
        }
    }

    /// Puts `real` wherever policy and transcript have `documented`.
    fn says(mut self, documented: &str, real: &str) -> Self {
        self.changes.push((documented.to_owned(), real.to_owned()));
        self
    }

    fn key(mut self, name: &str, key: &Canary) -> Self {
        self.ground = self.ground.key(name, key);
        self
    }

    fn guard(mut self, key: &Canary) -> Self {
        self.ground = self.ground.guard(key);
        self
    }

    /// Runs every command of the README and compares what it prints.
    fn replay(self) {
        let policy = self.folder.join("agentbox.toml");
        if let Ok(text) = fs::read_to_string(&policy) {
            fs::write(&policy, self.real(&text)).expect("a temporary folder can be written");
        }
        let steps = transcript(self.name);
        let mut script = String::new();
        for step in &steps {
            // What builds or serves has been done already.
            let command = match is_done(self.name, &step.command) {
                true => ":".to_owned(),
                false => self.real(&step.command),
            };
            // The mark says where one command's output ends, and `$?` stays what it was.
            script.push_str(&format!(
                "{{ {command}\n}} 2>&1; status=$?; printf '{MARK}'; (exit $status)\n"
            ));
        }
        let outcome = self.ground.shell(&self.folder, &script);
        let out = self.documented(&outcome.out());
        let outputs: Vec<&str> = out.split_terminator(MARK).collect();
        assert_eq!(outputs.len(), steps.len(), "{out}\n{}", outcome.err());
        for (step, output) in steps.iter().zip(outputs) {
            let output = without_ids(output.trim_end());
            assert!(
                matches(&step.output, &output),
                "{}: the README says that `{}` prints\n{}\nand it prints\n{output}",
                self.name,
                step.command,
                step.output
            );
        }
    }

    fn real(&self, text: &str) -> String {
        self.changes
            .iter()
            .fold(text.to_owned(), |text, (documented, real)| {
                text.replace(documented, real)
            })
    }

    fn documented(&self, text: &str) -> String {
        self.changes
            .iter()
            .fold(text.to_owned(), |text, (documented, real)| {
                text.replace(real, documented)
            })
    }
}

/// What ends the output of one command.
const MARK: &str = "<end of output>";

/// One command of a transcript, and what it prints.
struct Step {
    command: String,
    output: String,
}

/// The commands of the `console` blocks of an example's README.
fn transcript(name: &str) -> Vec<Step> {
    let readme = guests::sources().join(name).join("README.md");
    let text = fs::read_to_string(&readme).unwrap_or_else(|error| panic!("{readme:?}: {error}"));
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside && line == "```console";
            continue;
        }
        if !inside {
            continue;
        }
        let last = steps.last_mut();
        match (line.strip_prefix("$ "), last) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                output: String::new(),
            }),
            (None, Some(step)) if step.command.ends_with('\\') => {
                step.command.push('\n');
                step.command.push_str(line);
            }
            (None, Some(step)) => {
                if !step.output.is_empty() {
                    step.output.push('\n');
                }
                step.output.push_str(line);
            }
            (None, None) => panic!("{name}: `{line}` stands before any command"),
        }
    }
    steps
}

/// Whether the replay leaves a command out because it has been done already; then it has to be
/// spelt as it was done.
fn is_done(name: &str, command: &str) -> bool {
    let expected = match command.split(' ').next() {
        Some("cargo") => format!("cargo build --quiet --release --target wasm32-wasip2 -p {name}"),
        Some("python3") if name == "c-hello" => {
            "python3 -m ziglang cc -target wasm32-wasi -Os -s -o hello.wasm hello.c".to_owned()
        }
        Some("python3") if name == "c-issues" => {
            "python3 -m ziglang cc -target wasm32-wasi -Os -s -o issues.wasm \\\n    \
             -mexec-model=reactor issues.c bindings/commenter.c bindings/commenter_component_type.o"
                .to_owned()
        }
        Some("python3") => "python3 service.py &".to_owned(),
        Some("wit-bindgen") => "wit-bindgen c wit --out-dir bindings > made.txt".to_owned(),
        _ => return false,
    };
    assert_eq!(command, expected);
    true
}

/// The built program of an example.
fn program(name: &str) -> PathBuf {
    match name {
        "c-hello" => guests::c_hello(),
        "c-issues" => guests::c_issues(),
        "invoke" => guests::invoke(),
        "wat-hello" => guests::wat_hello(),
        _ => guests::guest(name),
    }
}

/// `$EVENT` in the place of each id that a homeserver gives an event.
fn without_ids(output: &str) -> String {
    let is_id = |word: &str| {
        word.strip_prefix('$').is_some_and(|id| {
            id.len() >= 40
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        })
    };
    let words = output.split(' ');
    let words = words.map(|word| if is_id(word) { "$EVENT" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Whether `output` is what `expected` shows.
fn matches(expected: &str, output: &str) -> bool {
    fn lines(expected: &[&str], output: &[&str]) -> bool {
        match (expected.split_first(), output.split_first()) {
            (None, rest) => rest.is_none(),
            (Some((&"…", after)), _) => {
                (0..=output.len()).any(|skipped| lines(after, &output[skipped..]))
            }
            (Some((line, expected)), Some((first, output))) => {
                line == first && lines(expected, output)
            }
            (Some(_), None) => false,
        }
    }
    let split = |text| str::lines(text).collect::<Vec<_>>();
    lines(&split(expected), &split(output))
}
