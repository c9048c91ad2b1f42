//! A program, compiled and ready to run.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentbox_policy::{Amount, Bound, Code, Import};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};

use crate::Engine;
use crate::PROGRAM_BYTES;
use crate::compile::Artefact;
use crate::imports::imports;

/// A program that has been validated and compiled. Holds nothing of any run; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    /// As the engine that ran it last has it: engines differ by the stack that they give.
    component: Arc<Mutex<Component>>,
    entry: Entry,
    imports: Arc<[Import]>,
    digest: Arc<str>,
}

/// What is called to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `wasi:cli/run`: a command, with arguments, streams and an exit code.
    Command,
    /// `run: func() -> result<string, string>`.
    Run,
}

/// Why a program cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// Not WebAssembly, or not valid.
    #[error("the program is not valid: {0}")]
    Malformed(String),
    /// It exports nothing that agentbox knows how to run.
    #[error(
        "the program exports neither `wasi:cli/run`, nor `run: func() -> result<string, string>`, nor `_start`"
    )]
    NothingToRun,
    /// It has been compiled to native code already.
    #[error("the program is precompiled native code, which nothing can check")]
    Precompiled,
    /// It is larger than [`PROGRAM_BYTES`].
    #[error("the program has more than {} MiB", PROGRAM_BYTES >> 20)]
    TooLarge,
    /// Compiling it took longer than it may.
    #[error(
        "compiling the program takes longer than {}",
        Bound::compile_time().allowing(Amount::Time(*.0))
    )]
    CompileTime(Duration),
    /// Compiling it took more memory than it may.
    #[error(
        "compiling the program takes more memory than {}",
        Bound::compile_memory().allowing(Amount::Bytes(*.0))
    )]
    CompileMemory(u64),
    /// This machine has no memory for compiling it, or its native code is larger than any may be.
    #[error("there is not enough memory for the program's native code")]
    OutOfMemory,
    /// The compiler cannot cope with it.
    #[error("the program cannot be compiled: the compiler fails on it")]
    CompilerFailed,
    /// The process that compiles could not be started or spoken with.
    #[error("the compiler cannot be run: {0}")]
    NoCompiler(String),
}

impl ProgramError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::CompilerFailed => Code::BAD_PROGRAM,
            Self::NothingToRun => Code::NOTHING_TO_RUN,
            Self::Precompiled => Code::PRECOMPILED,
            Self::TooLarge => Code::PROGRAM_TOO_LARGE,
            Self::CompileTime(_) => Code::COMPILE_TIME,
            Self::CompileMemory(_) | Self::OutOfMemory => Code::COMPILE_MEMORY,
            Self::NoCompiler(_) => Code::BUG,
        }
    }
}

impl Program {
    /// The program that `bytes` were, compiled.
    pub(crate) fn load(
        engine: &Engine,
        artefact: Artefact,
        bytes: &[u8],
    ) -> Result<Self, ProgramError> {
        let component = artefact
            .load(engine.wasmtime())
            .map_err(|error| ProgramError::NoCompiler(format!("{error:#}")))?;
        drop(artefact);
        let entry = entry(engine, &component).ok_or(ProgramError::NothingToRun)?;
        Ok(Self {
            entry,
            imports: imports(engine, &component).into(),
            component: Arc::new(Mutex::new(component)),
            digest: digest(bytes).into(),
        })
    }

    /// Every import; those of operations with the types of their functions.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The SHA-256 of the bytes that were compiled, in lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The program, to be run by `engine`.
    pub(crate) fn component(&self, engine: &Engine) -> Result<Component, wasmtime::Error> {
        // It is replaced in one step, so that a panic leaves nothing half done.
        let mut component = self
            .component
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !wasmtime::Engine::same(component.engine(), engine.wasmtime()) {
            *component = Artefact::of(&component)?.load(engine.wasmtime())?;
        }
        Ok(component.clone())
    }

    pub(crate) fn entry(&self) -> Entry {
        self.entry
    }
}

fn entry(engine: &Engine, component: &Component) -> Option<Entry> {
    let engine = engine.wasmtime();
    let ty = component.component_type();
    ty.exports(engine)
        .find_map(|(name, export)| match export.ty {
            ComponentItem::ComponentInstance(instance) if is_command(name) => {
                let run = instance.get_export(engine, "run")?;
                matches!(run.ty, ComponentItem::ComponentFunc(func)
                    if returns(&func, |ty| ty.is_none()))
                .then_some(Entry::Command)
            }
            ComponentItem::ComponentFunc(func) if name == "run" => {
                returns(&func, |ty| matches!(ty, Some(Type::String))).then_some(Entry::Run)
            }
            _ => None,
        })
}

/// Whether a function takes nothing and returns a `result` whose both sides are such.
fn returns(func: &ComponentFunc, such: impl Fn(Option<Type>) -> bool) -> bool {
    let mut results = func.results();
    let (Some(Type::Result(result)), None) = (results.next(), results.next()) else {
        return false;
    };
    func.params().next().is_none() && such(result.ok()) && such(result.err())
}

/// WASI 0.2 promises that every 0.2.x is compatible.
fn is_command(export: &str) -> bool {
    export.strip_prefix("wasi:cli/run@0.2.").is_some()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to a `String` cannot fail.
            _ = write!(hex, "{byte:02x}");
            hex
        })
}
