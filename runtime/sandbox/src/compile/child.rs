//! The child that compiles one program: bounds itself, reads it, writes native code, and exits.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
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
pub(super) enum Exit {
    /// Standard output has the native code.
    Compiled = 90,
    /// The program is not valid; standard output says why.
    Malformed = 91,
    NothingToRun = 92,
    Precompiled = 93,
    /// An allocation failed, and the compiler could say so.
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

/// What the child is told, as its arguments: it is bounded before it reads a byte.
pub(super) struct Limits {
    time: Duration,
    memory: u64,
    parent: u32,
}

impl Limits {
    /// The limits of a child that this process starts.
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self {
            time: bounds.compile_time,
            memory: bounds.compile_memory,
            parent: std::process::id(),
        }
    }

    pub(super) fn to_args(&self) -> [String; 4] {
        let millis = self.time.as_millis();
        [
            WORD.to_owned(),
            millis.to_string(),
            self.memory.to_string(),
            self.parent.to_string(),
        ]
    }

    fn from_args(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || args.next()?.to_str()?.parse::<u64>().ok();
        Some(Self {
            time: Duration::from_millis(number()?),
            memory: number()?,
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
    let exit = Limits::from_args(args).map_or(Exit::Unable, |limits| compile(&limits));
    #[expect(clippy::exit, reason = "all that this process was started for is done")]
    std::process::exit(exit as i32)
}

fn compile(limits: &Limits) -> Exit {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let threads = threads.min(THREADS);
    if limits.impose(threads).is_err() {
        return Exit::Unable;
    }
    // Now, while there is memory for their stacks: later, a thread that cannot be started would look
    // like a fault of the compiler.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK)
        .build_global();
    if pool.is_err() {
        return Exit::Memory;
    }
    // On a thread, so that its stack does not depend on the machine, and a panic ends here.
    let Ok(worker) = std::thread::Builder::new().stack_size(STACK).spawn(pass_on) else {
        return Exit::Memory;
    };
    worker.join().unwrap_or(Exit::Panicked)
}

/// From standard input to standard output.
fn pass_on() -> Exit {
    let mut program = Vec::new();
    let mut input = io::stdin().lock().take(PROGRAM_BYTES as u64 + 1);
    match input.read_to_end(&mut program) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Exit::Memory,
        Err(_) => return Exit::Unable,
    }
    let Ok(engine) = wasmtime::Engine::new(&config(STACK)) else {
        return Exit::Unable;
    };
    let compiled = artefact(&engine, &program);
    let (exit, output) = match &compiled {
        Ok(artefact) => (Exit::Compiled, artefact.bytes()),
        Err(ProgramError::Malformed(why)) => (Exit::Malformed, why.as_bytes()),
        Err(ProgramError::NothingToRun) => (Exit::NothingToRun, &[][..]),
        Err(ProgramError::Precompiled) => (Exit::Precompiled, &[][..]),
        Err(ProgramError::OutOfMemory) => (Exit::Memory, &[][..]),
        Err(_) => (Exit::Unable, &[][..]),
    };
    let mut stdout = io::stdout().lock();
    match stdout.write_all(output).and_then(|()| stdout.flush()) {
        Ok(()) => exit,
        Err(_) => Exit::Unable,
    }
}
