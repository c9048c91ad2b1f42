//! The binary itself, run in a ground of its own: nothing of the person's who runs the tests.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::canary::Canary;

/// The folders of a ground in which no key may be found after a run.
const SEARCHED: [&str; 6] = ["home", "state", "cache", "config", "tmp", "work"];

/// The one file in a working folder that is there to hold keys: `dotenv://` reads it beside the policy.
const DOTENV: &str = ".env";

/// No run of a test takes longer; one that does is killed and fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A home, a state, a cache, a configuration, a temporary and a working folder, all empty at first,
/// the environment a run gets, and the keys that must not be seen after it.
#[derive(Debug)]
pub(crate) struct Ground {
    root: tempfile::TempDir,
    env: Vec<(String, String)>,
    canaries: Vec<Canary>,
}

impl Ground {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        for folder in SEARCHED.iter().chain(&["keys"]) {
            fs::create_dir(root.path().join(folder)).expect("a temporary folder can be written");
        }
        Self {
            root,
            env: Vec::new(),
            canaries: Vec::new(),
        }
    }

    /// Sets a variable for every run.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a variable to a key, which no run may then let out.
    pub(crate) fn key(self, name: &str, key: &Canary) -> Self {
        self.guard(key).env(name, key.text())
    }

    /// Looks for `key` after every run.
    pub(crate) fn guard(mut self, key: &Canary) -> Self {
        self.canaries.push(key.clone());
        self
    }

    /// The working folder of runs, where policies and programs go.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// A folder for files that hold keys; it is not searched.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.path().join("keys")
    }

    /// What agentbox calls its state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("state/agentbox")
    }

    /// What agentbox calls its cache folder.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.path().join("cache/agentbox")
    }

    /// Writes `text` to the file `name` in the working folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        let folder = path.parent().expect("a file in a folder has a parent");
        fs::create_dir_all(folder).expect("a temporary folder can be written");
        fs::write(&path, text).expect("a temporary folder can be written");
        path
    }

    /// Runs `agentbox` with `arguments` and no input.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Outcome {
        self.run_with(arguments, b"")
    }

    /// Runs `agentbox` with `arguments` and `input`, and then looks for every guarded key in what
    /// it printed and in all it keeps.
    pub(crate) fn run_with<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: &[S],
        input: &[u8],
    ) -> Outcome {
        let mut command = self.command();
        command.args(arguments);
        let outcome = finish(command, input);
        self.assert_no_key(&outcome);
        outcome
    }

    /// The command as [`run`](Self::run) would start it, to be started otherwise.
    pub(crate) fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_agentbox"))
    }

    /// A shell that runs `script` in `folder` as a person would, with `agentbox` on its path.
    pub(crate) fn shell(&self, folder: &Path, script: &str) -> Outcome {
        let binary = Path::new(env!("CARGO_BIN_EXE_agentbox"));
        let binary = binary.parent().expect("a file is in a folder").display();
        let mut command = self.command_of("sh");
        command
            .args(["-c", script])
            .current_dir(folder)
            .env("PATH", format!("{binary}:/usr/local/bin:/usr/bin:/bin"));
        let outcome = finish(command, b"");
        self.assert_no_key(&outcome);
        outcome
    }

    fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.work());
        for (name, folder) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
        ] {
            command.env(name, self.root.path().join(folder));
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Panics when a guarded key is in `outcome` or in any file that agentbox could write.
    pub(crate) fn assert_no_key(&self, outcome: &Outcome) {
        self.assert_no_key_in("standard output", &outcome.stdout);
        self.assert_no_key_in("standard error", &outcome.stderr);
        let dotenv = self.work().join(DOTENV);
        for canary in &self.canaries {
            for folder in SEARCHED {
                canary.assert_absent_below(&self.root.path().join(folder), &[&dotenv]);
            }
        }
    }

    /// Panics when a guarded key is in `bytes`, which a person would call `what`.
    pub(crate) fn assert_no_key_in(&self, what: &str, bytes: &[u8]) {
        for canary in &self.canaries {
            canary.assert_absent(what, bytes);
        }
    }

    /// The bytes of every file of the record, in the order of the runs.
    pub(crate) fn record(&self) -> String {
        let mut files: Vec<PathBuf> = fs::read_dir(self.state().join("runs"))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.sort();
        files.iter().map(|file| read_text(file)).collect()
    }

    /// The lines of the record that say `event`.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        let mut lines = self.record_lines();
        lines.retain(|line| line["event"] == event);
        lines
    }

    /// The one line of the record that says `event`.
    #[track_caller]
    pub(crate) fn event(&self, event: &str) -> Value {
        let events = self.events(event);
        let [line] = &events[..] else {
            panic!("not one `{event}`: {events:#?}")
        };
        line.clone()
    }

    /// The lines of the record as JSON.
    pub(crate) fn record_lines(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in `{line}`"))
        };
        self.record().lines().map(parse).collect()
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) elapsed: Duration,
    /// The most memory that it was seen to hold, in bytes.
    pub(crate) peak: u64,
}

impl Outcome {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The JSON on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}", self.out()))
    }

    /// The JSON on the last line of standard error, as `run --json` prints it.
    pub(crate) fn last_line(&self) -> Value {
        let err = self.err();
        let last = err.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {err}"))
    }

    /// Panics, showing both streams, unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.out(),
            self.err()
        );
        self
    }

    /// Panics unless standard error has `text`.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(
            self.err().contains(text),
            "no `{text}` in stderr:\n{}",
            self.err()
        );
        self
    }
}

/// Runs `agentbox` on a terminal of its own, with `input` typed there, and gives what it shows.
pub(crate) fn on_a_terminal(ground: &Ground, arguments: &str, input: &[u8]) -> Outcome {
    let agentbox = ground.command();
    let program = Path::new(agentbox.get_program()).display();
    let mut script = Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--command",
        &format!("{program} {arguments}"),
        "/dev/null",
    ]);
    script
        .env_clear()
        .current_dir(ground.work())
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh");
    for (name, value) in agentbox.get_envs() {
        script.env(name, value.unwrap_or_default());
    }
    finish(script, input)
}

/// Feeds `input` to `command`, waits for its end and kills it when that takes too long.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Outcome {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let input = input.to_vec();
    let stdin = child.stdin.take();
    // A program need not read its input.
    let fed = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input).ok()));
    let mut peak = 0;
    let status = loop {
        peak = peak_memory(child.id()).unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().ok();
            panic!("{command:?} still runs after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let elapsed = start.elapsed();
    fed.join().ok();
    let whole = |reader: JoinHandle<Vec<u8>>| reader.join().expect("reading a pipe does not panic");
    Outcome {
        code: status.code(),
        stdout: whole(stdout),
        stderr: whole(stderr),
        elapsed,
        peak,
    }
}

/// The most memory that the process has held so far, in bytes; none once it is gone.
fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is what the test sees.
            pipe.read_to_end(&mut bytes).ok();
        }
        bytes
    })
}

fn read_text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
