//! The process that has a program compiled: starts the child, bounds it, and makes sure it is gone.

use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use agentbox_policy::Bounds;
use rustix::process::Signal;

use super::Artefact;
use super::child::{Exit, Limits};
use crate::ProgramError;

/// Bytes of native code that are taken from the child: sixteen times the largest program. Compilers'
/// output grows to three or four times its size, hand-made code to ten.
const ARTEFACT: u64 = 1 << 30;

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
    let mut child = Started::new(executable, &Limits::new(bounds))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (
        child.0.stdin.take(),
        child.0.stdout.take(),
        child.0.stderr.take(),
    ) else {
        return Err(ProgramError::NoCompiler("it has no pipes".into()));
    };
    thread::scope(|scope| {
        // A child that ends early reads no further; how it ended says more than that.
        scope.spawn(move || drop(stdin.write_all(bytes)));
        let last_words = scope.spawn(move || read(stderr, LAST_WORDS));
        let (done, output) = channel();
        scope.spawn(move || drop(done.send(read(stdout, ARTEFACT + 1))));
        let output = output.recv_timeout(left(deadline)).ok();
        let status = child.end(deadline)?;
        // Every pipe is closed now, and the threads end.
        let last_words = last_words.join().unwrap_or_default();
        match output.zip(status) {
            Some((output, status)) => outcome(status, output, &last_words, bounds),
            None => Err(ProgramError::CompileTime(bounds.compile_time)),
        }
    })
}

/// What became of a child that ended before its deadline.
fn outcome(
    status: ExitStatus,
    output: Vec<u8>,
    last_words: &[u8],
    bounds: &Bounds,
) -> Result<Artefact, ProgramError> {
    let signal = status.signal().and_then(Signal::from_named_raw);
    match (status.code().and_then(Exit::of), signal) {
        (Some(Exit::Compiled), _) if output.len() as u64 > ARTEFACT => {
            Err(ProgramError::OutOfMemory)
        }
        (Some(Exit::Compiled), _) => Ok(Artefact::of_child(output)),
        (Some(Exit::Malformed), _) => {
            let why = String::from_utf8_lossy(&output).into_owned();
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
        _ => Err(ProgramError::NoCompiler(format!("it ended with {status}"))),
    }
}

/// Whether the runtime's last words are that there was no memory.
fn ran_out(last_words: &[u8]) -> bool {
    String::from_utf8_lossy(last_words)
        .lines()
        .any(|line| line.starts_with(NO_MEMORY))
}

/// All of `pipe`, but no more than `most` bytes. A pipe that breaks ends there.
fn read(pipe: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(pipe.take(most).read_to_end(&mut bytes));
    bytes
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// A child that is running; when dropped, it is killed and waited for.
struct Started(Child);

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
        Ok(Self(child))
    }

    /// How it ended, once it has; none where it had to be killed at the deadline.
    fn end(&mut self, deadline: Instant) -> Result<Option<ExitStatus>, ProgramError> {
        loop {
            let ended = self
                .0
                .try_wait()
                .map_err(|error| ProgramError::NoCompiler(error.to_string()))?;
            if ended.is_some() {
                return Ok(ended);
            }
            if left(deadline).is_zero() {
                self.kill();
                return Ok(None);
            }
            thread::sleep(GLANCE);
        }
    }

    fn kill(&mut self) {
        // Both fail only for a child that has been waited for.
        drop(self.0.kill());
        drop(self.0.wait());
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
            status,
            Vec::new(),
            last_words.as_bytes(),
            &Bounds::default(),
        )
        .err()
        .expect("it did not compile")
    }

    fn exited(code: i32, output: &[u8]) -> Result<Artefact, ProgramError> {
        outcome(
            ExitStatus::from_raw(code << 8),
            output.to_vec(),
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
            exited(90, b"code").ok().map(|code| code.bytes().len()),
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
