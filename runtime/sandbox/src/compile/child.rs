//! The child that compiles one program: bounds itself, reads it, writes native code, and exits.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::time::Duration;

use agentbox_policy::Bounds;
use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, getrlimit, setrlimit};

use super::{PROGRAM_BYTES, artefact};
use crate::ProgramError;
use crate::config::config;

/// The first argument of a process that is to compile. No command is named so.
pub(super) const WORD: &str = "compile-for-the-parent-process";

/// Threads that compile at most: functions are compiled side by side, and each thread takes memory
/// of its own.
const THREADS: usize = 8;

/// The stack of every thread here. Nested types and expressions are bounded by their parsers, which
/// need no more than a tenth of it.
const STACK: usize = 4 << 20;

/// How the child ended, where it ended by itself. No code is one that other programs end with, should
/// an executable be named that does not know what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// The answer has the native code.
    Compiled = 90,
    /// The program is not valid; the answer says why.
    Malformed = 91,
    NothingToRun = 92,
    Precompiled = 93,
    /// An allocation failed, and the compiler could say so, or the native code is larger than it may
    /// be.
    Memory = 94,
    /// The compiler panicked.
    Panicked = 95,
    /// The child could not bound itself, or could not read or write its pipes.
    Unable = 96,
}

impl Exit {
    const ALL: [Self; 7] = [
        Self::Compiled,
        Self::Malformed,
        Self::NothingToRun,
        Self::Precompiled,
        Self::Memory,
        Self::Panicked,
        Self::Unable,
    ];

    pub(super) fn of(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| *exit as i32 == code)
    }
}

/// All that the child writes to its standard output, at its end. It says itself how the child ended
/// and how long it is: a parent that ignores the death of its children has no status of this one.
pub(super) struct Answer {
    pub(super) exit: Exit,
    pub(super) text: Vec<u8>,
}

impl Answer {
    /// How it ended, and the length of what follows.
    const HEAD: usize = 9;

    fn bare(exit: Exit) -> Self {
        let text = Vec::new();
        Self { exit, text }
    }

    fn write(&self, mut pipe: impl Write) -> io::Result<()> {
        pipe.write_all(&[self.exit as u8])?;
        pipe.write_all(&(self.text.len() as u64).to_le_bytes())?;
        pipe.write_all(&self.text)?;
        pipe.flush()
    }

    /// The answer that comes out of `pipe`, if one comes in full, and its text has no more than `most`
    /// bytes.
    pub(super) fn read(mut pipe: impl Read, most: u64) -> Option<Self> {
        let mut head = [0; Self::HEAD];
        pipe.read_exact(&mut head).ok()?;
        let [exit, len @ ..] = head;
        let len = u64::from_le_bytes(len);
        if len > most {
            return None;
        }
        let exit = Exit::of(exit.into())?;
        let mut text = Vec::new();
        pipe.take(len).read_to_end(&mut text).ok()?;
        (text.len() as u64 == len).then_some(Self { exit, text })
    }
}

/// What the child is told, as its arguments: it is bounded before it reads a byte.
pub(super) struct Limits {
    time: Duration,
    memory: u64,
    answer: u64,
    parent: u32,
}

/// Bytes of native code that any program may become, however small it is: adapters, and an image of a
/// memory for each of many modules.
const ANSWER_LEAST: u64 = 16 << 20;

/// Bytes of native code that a program may become for each of its own. Compilers' output grows to two
/// to four times its size; hundreds of thousands of functions that do nothing, to more than this.
const ANSWER_TIMES: u64 = 16;

/// What part of the memory that compiling may take the native code may have: compiling takes some
/// twenty times as much as its outcome has. The parent holds it twice while it is loaded.
const ANSWER_SHARE: u64 = 16;

impl Limits {
    /// The limits of a child that this process starts for a program of this many bytes.
    pub(super) fn new(bounds: &Bounds, program: usize) -> Self {
        let answer = (program as u64)
            .saturating_mul(ANSWER_TIMES)
            .saturating_add(ANSWER_LEAST)
            .min(bounds.compile_memory / ANSWER_SHARE);
        Self {
            time: bounds.compile_time,
            memory: bounds.compile_memory,
            answer,
            parent: std::process::id(),
        }
    }

    /// The most bytes that an answer's text may have.
    pub(super) fn answer(&self) -> u64 {
        self.answer
    }

    pub(super) fn to_args(&self) -> [String; 5] {
        let millis = self.time.as_millis();
        [
            WORD.to_owned(),
            millis.to_string(),
            self.memory.to_string(),
            self.answer.to_string(),
            self.parent.to_string(),
        ]
    }

    fn from_args(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || args.next()?.to_str()?.parse::<u64>().ok();
        Some(Self {
            time: Duration::from_millis(number()?),
            memory: number()?,
            answer: number()?,
            parent: u32::try_from(number()?).ok()?,
        })
    }

    /// Puts them on this process.
    fn impose(&self, threads: usize) -> io::Result<()> {
        limit(Resource::Core, 0)?;
        // The data segment: what is allocated, with the stacks of threads. The address space would
        // count what is only reserved as well, and each thread's arena reserves 64 MiB.
        limit(Resource::Data, self.memory)?;
        // The parent kills at the deadline. This is for a parent that is not there to do it.
        let seconds = self.time.as_secs().saturating_add(1);
        limit(Resource::Cpu, seconds.saturating_mul(threads as u64))?;
        self.die_with_parent()
    }

    #[cfg(target_os = "linux")]
    fn die_with_parent(&self) -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before that line.
        let parent = getppid().map_or(0, Pid::as_raw_pid);
        match u32::try_from(parent) {
            Ok(parent) if parent == self.parent => Ok(()),
            _ => Err(io::Error::other("the parent is gone")),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn die_with_parent(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Lowers a limit of this process for good; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource)
        .maximum
        .map_or(most, |now| now.min(most));
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Compiles one program and exits, if this process was started by a [`Compiler`](super::Compiler) to
/// do so; otherwise returns at once. It belongs at the start of `main` of an executable that
/// [`Compiler::Child`](super::Compiler::Child) names.
pub fn compile_if_asked() {
    let mut args = env::args_os().skip(1);
    if args.next().as_deref() != Some(OsStr::new(WORD)) {
        return;
    }
    // The text of a panic is the program's as much as the compiler's; the parent needs none.
    std::panic::set_hook(Box::new(|_| {}));
    let answer =
        Limits::from_args(args).map_or(Answer::bare(Exit::Unable), |limits| compile(&limits));
    let exit = match answer.write(io::stdout().lock()) {
        Ok(()) => answer.exit,
        Err(_) => Exit::Unable,
    };
    #[expect(clippy::exit, reason = "all that this process was started for is done")]
    std::process::exit(exit as i32)
}

fn compile(limits: &Limits) -> Answer {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let threads = threads.min(THREADS);
    if limits.impose(threads).is_err() {
        return Answer::bare(Exit::Unable);
    }
    // Now, while there is memory for their stacks: later, a thread that cannot be started would look
    // like a fault of the compiler.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK)
        .build_global();
    if pool.is_err() {
        return Answer::bare(Exit::Memory);
    }
    // On a thread, so that its stack does not depend on the machine, and a panic ends here.
    let Ok(worker) = std::thread::Builder::new().stack_size(STACK).spawn(answer) else {
        return Answer::bare(Exit::Memory);
    };
    match worker.join() {
        Ok(answer) if answer.text.len() as u64 > limits.answer => Answer::bare(Exit::Memory),
        Ok(answer) => answer,
        Err(_) => Answer::bare(Exit::Panicked),
    }
}

/// What becomes of the program that is on standard input.
fn answer() -> Answer {
    let mut program = Vec::new();
    let mut input = io::stdin().lock().take(PROGRAM_BYTES as u64 + 1);
    match input.read_to_end(&mut program) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            return Answer::bare(Exit::Memory);
        }
        Err(_) => return Answer::bare(Exit::Unable),
    }
    let Ok(engine) = wasmtime::Engine::new(&config(STACK)) else {
        return Answer::bare(Exit::Unable);
    };
    let (exit, text) = match artefact(&engine, &program) {
        Ok(artefact) => (Exit::Compiled, artefact.into_bytes()),
        Err(ProgramError::Malformed(why)) => (Exit::Malformed, why.into_bytes()),
        Err(ProgramError::NothingToRun) => (Exit::NothingToRun, Vec::new()),
        Err(ProgramError::Precompiled) => (Exit::Precompiled, Vec::new()),
        Err(ProgramError::OutOfMemory) => (Exit::Memory, Vec::new()),
        Err(_) => (Exit::Unable, Vec::new()),
    };
    Answer { exit, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(exit: Exit, text: &[u8]) -> Vec<u8> {
        let text = text.to_vec();
        let mut pipe = Vec::new();
        let answer = Answer { exit, text };
        answer.write(&mut pipe).expect("memory takes it");
        pipe
    }

    #[test]
    fn only_a_whole_answer_is_one() {
        let pipe = written(Exit::Compiled, b"code");
        let answer = Answer::read(&pipe[..], 4).expect("it is whole");
        assert_eq!(answer.exit, Exit::Compiled);
        assert_eq!(answer.text, b"code");
        for end in 0..pipe.len() {
            assert!(Answer::read(&pipe[..end], 4).is_none(), "{end}");
        }
        assert!(
            Answer::read(&pipe[..], 3).is_none(),
            "longer than it may be"
        );
        assert!(Answer::read(&b"(module (memory 1))"[..], 1 << 62).is_none());
    }

    #[test]
    fn native_code_is_bounded_by_the_programs_size_and_by_compile_memory() {
        let of = |program, compile_memory| {
            let bounds = Bounds {
                compile_memory,
                ..Bounds::default()
            };
            Limits::new(&bounds, program).answer() >> 20
        };
        assert_eq!(of(5_000, 4 << 30), 16);
        assert_eq!(of(1 << 20, 4 << 30), 32);
        assert_eq!(of(PROGRAM_BYTES, 4 << 30), 256);
        assert_eq!(of(PROGRAM_BYTES, 64 << 20), 4);
    }
}
