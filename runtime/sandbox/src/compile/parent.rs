//! The process that has a program compiled: starts the child, bounds it, and makes sure it is gone.

use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use agentbox_policy::Bounds;
use rustix::io::Errno;
use rustix::process::Signal;

use super::Artefact;
use super::child::{Answer, Exit, Limits};
use crate::ProgramError;

/// Bytes of standard error that are looked at. The runtime's last words are one line.
const LAST_WORDS: u64 = 4 << 10;

/// What Rust's runtime says, at the start of a line, before it aborts for want of memory. Nothing
/// else writes to the child's standard error but a stack overflow: panics are silent.
const NO_MEMORY: &str = "memory allocation of ";

/// How often a child that has closed its output is looked at.
const GLANCE: Duration = Duration::from_millis(1);

/// Compiles `bytes` in a child of `executable`, which is gone when this returns.
pub(super) fn compile(
    executable: &Path,
    bytes: &[u8],
    bounds: &Bounds,
) -> Result<Artefact, ProgramError> {
    let deadline = Instant::now() + bounds.compile_time;
    let limits = Limits::new(bounds, bytes.len());
    let mut child = Started::new(executable, &limits)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (
        child.child.stdin.take(),
        child.child.stdout.take(),
        child.child.stderr.take(),
    ) else {
        return Err(ProgramError::NoCompiler("it has no pipes".into()));
    };
    thread::scope(|scope| {
        // A child that ends early reads no further; how it ended says more than that.
        scope.spawn(move || drop(stdin.write_all(bytes)));
        let last_words = scope.spawn(move || {
            let mut bytes = Vec::new();
            drop(stderr.take(LAST_WORDS).read_to_end(&mut bytes));
            bytes
        });
        let (done, answer) = channel();
        scope.spawn(move || drop(done.send(Answer::read(stdout, limits.answer()))));
        let answer = answer.recv_timeout(left(deadline)).ok();
        let end = child.end(deadline);
        // Every pipe is closed now, and the threads end.
        let last_words = last_words.join().unwrap_or_default();
        match (answer, end) {
            (None, _) | (_, End::Killed) => Err(ProgramError::CompileTime(bounds.compile_time)),
            (Some(answer), End::Gone(status)) => outcome(status, answer, &last_words, bounds),
        }
    })
}

/// What became of a child that ended before its deadline, with this status, if the system told it.
fn outcome(
    status: Option<ExitStatus>,
    answer: Option<Answer>,
    last_words: &[u8],
    bounds: &Bounds,
) -> Result<Artefact, ProgramError> {
    let (said, text) = match answer {
        Some(answer) => (Some(answer.exit), Some(answer.text)),
        None => (None, None),
    };
    let (exit, signal) = match status {
        Some(status) => (
            status.code().and_then(Exit::of),
            status.signal().and_then(Signal::from_named_raw),
        ),
        None => (said, None),
    };
    match (exit, signal) {
        (Some(Exit::Compiled), _) if said == exit => {
            Ok(Artefact::of_child(text.unwrap_or_default()))
        }
        (Some(Exit::Malformed), _) => {
            let why = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
            Err(ProgramError::Malformed(why))
        }
        (Some(Exit::NothingToRun), _) => Err(ProgramError::NothingToRun),
        (Some(Exit::Precompiled), _) => Err(ProgramError::Precompiled),
        (Some(Exit::Memory), _) => Err(ProgramError::CompileMemory(bounds.compile_memory)),
        (Some(Exit::Panicked), _) => Err(ProgramError::CompilerFailed),
        (None, Some(Signal::ABORT)) if ran_out(last_words) => {
            Err(ProgramError::CompileMemory(bounds.compile_memory))
        }
        (None, Some(Signal::XCPU)) => Err(ProgramError::CompileTime(bounds.compile_time)),
        (None, Some(Signal::ABORT | Signal::SEGV | Signal::BUS | Signal::ILL | Signal::TRAP)) => {
            Err(ProgramError::CompilerFailed)
        }
        _ => match status {
            Some(status) => Err(ProgramError::NoCompiler(format!("it ended with {status}"))),
            None if ran_out(last_words) => Err(ProgramError::CompileMemory(bounds.compile_memory)),
            // It said nothing, as one that crashed.
            None => Err(ProgramError::CompilerFailed),
        },
    }
}

/// Whether the runtime's last words are that there was no memory.
fn ran_out(last_words: &[u8]) -> bool {
    String::from_utf8_lossy(last_words)
        .lines()
        .any(|line| line.starts_with(NO_MEMORY))
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// A child that was started; when dropped, it is killed and waited for.
struct Started {
    child: Child,
    /// The system has no such child any more: its number may be another process's.
    gone: bool,
}

/// How a child came to its end.
enum End {
    /// By itself, with this status; with none where the system keeps none, since this process ignores
    /// the signal `SIGCHLD`.
    Gone(Option<ExitStatus>),
    /// At the deadline.
    Killed,
}

impl Started {
    fn new(executable: &Path, limits: &Limits) -> Result<Self, ProgramError> {
        let mut command = Command::new(executable);
        command
            .arg0("agentbox")
            .args(limits.to_args())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command
            .spawn()
            .map_err(|error| ProgramError::NoCompiler(error.to_string()))?;
        Ok(Self { child, gone: false })
    }

    /// How it ended, once it has. Now it is gone.
    fn end(&mut self, deadline: Instant) -> End {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return End::Gone(Some(status)),
                Ok(None) => {}
                Err(error) => {
                    self.gone = Errno::from_io_error(&error) == Some(Errno::CHILD);
                    self.kill();
                    return End::Gone(None);
                }
            }
            if left(deadline).is_zero() {
                self.kill();
                return End::Killed;
            }
            thread::sleep(GLANCE);
        }
    }

    fn kill(&mut self) {
        if self.gone {
            return;
        }
        // Both fail only for a child that has been waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child comes to that was ended by a signal, with these last words.
    fn killed(signal: Signal, last_words: &str) -> ProgramError {
        let status = ExitStatus::from_raw(signal.as_raw());
        outcome(
            Some(status),
            None,
            last_words.as_bytes(),
            &Bounds::default(),
        )
        .err()
        .expect("it did not compile")
    }

    fn exited(code: i32, text: &[u8]) -> Result<Artefact, ProgramError> {
        let answer = Exit::of(code).map(|exit| Answer {
            exit,
            text: text.to_vec(),
        });
        outcome(
            Some(ExitStatus::from_raw(code << 8)),
            answer,
            b"",
            &Bounds::default(),
        )
    }

    #[test]
    fn want_of_memory_is_told_from_a_crash() {
        let no_memory = "memory allocation of 5 bytes failed\n";
        let deep = "\nthread '<unnamed>' (7) has overflowed its stack\nfatal runtime error: stack \
                    overflow, aborting\n";
        let ends = |signal, words| killed(signal, words).to_string();
        assert_eq!(
            ends(Signal::ABORT, no_memory),
            "compiling the program takes more memory than the 4 GiB that `[run] compile-memory` and \
             `--compile-memory` allow"
        );
        for (signal, words) in [
            (Signal::ABORT, deep),
            (Signal::ABORT, ""),
            (Signal::SEGV, no_memory),
            (Signal::ILL, ""),
        ] {
            assert_eq!(
                ends(signal, words),
                ProgramError::CompilerFailed.to_string()
            );
        }
        assert_eq!(
            ends(Signal::XCPU, ""),
            "compiling the program takes longer than the 1m that `[run] compile-time` and \
             `--compile-time` allow"
        );
        assert!(matches!(
            killed(Signal::KILL, no_memory),
            ProgramError::NoCompiler(_)
        ));
    }

    #[test]
    fn only_a_child_that_says_so_has_compiled() {
        assert_eq!(
            exited(90, b"code").ok().map(|code| code.into_bytes().len()),
            Some(4)
        );
        for code in [0, 1, 2, 96, 101, 255] {
            let error = exited(code, b"code").err();
            assert!(matches!(error, Some(ProgramError::NoCompiler(_))), "{code}");
        }
        let error = exited(91, b"because").err().expect("it did not compile");
        assert_eq!(error.to_string(), "the program is not valid: because");
        assert!(matches!(exited(95, b""), Err(ProgramError::CompilerFailed)));
        assert!(matches!(
            exited(94, b""),
            Err(ProgramError::CompileMemory(_))
        ));
    }

    #[test]
    fn a_child_without_a_status_is_taken_at_its_word() {
        let ended = |exit: Option<Exit>, last_words: &[u8]| {
            let text = b"because".to_vec();
            let answer = exit.map(|exit| Answer { exit, text });
            outcome(None, answer, last_words, &Bounds::default())
        };
        assert!(ended(Some(Exit::Compiled), b"").is_ok());
        let error = ended(Some(Exit::Malformed), b"").err();
        assert!(matches!(error, Some(ProgramError::Malformed(why)) if why == "because"));
        let no_memory = b"memory allocation of 5 bytes failed\n";
        let error = ended(None, no_memory).err();
        assert!(matches!(error, Some(ProgramError::CompileMemory(_))));
        let error = ended(None, b"").err();
        assert!(matches!(error, Some(ProgramError::CompilerFailed)));
    }

    #[test]
    fn a_child_that_says_otherwise_than_its_status_has_not_compiled() {
        for said in [None, Some(Exit::Malformed)] {
            let text = b"code".to_vec();
            let answer = said.map(|exit| Answer { exit, text });
            let status = ExitStatus::from_raw((Exit::Compiled as i32) << 8);
            let error = outcome(Some(status), answer, b"", &Bounds::default()).err();
            assert!(matches!(error, Some(ProgramError::NoCompiler(_))));
        }
    }

    #[test]
    fn an_executable_that_is_none_of_ours_compiles_nothing() {
        for executable in ["/bin/true", "/bin/false", "/bin/cat", "/nonexistent"] {
            let result = compile(Path::new(executable), b"(module)", &Bounds::default());
            assert!(
                matches!(result, Err(ProgramError::NoCompiler(_))),
                "{executable}"
            );
        }
    }
}
