//! A program, compiled and ready to run.

use std::fmt::Write as _;
use std::sync::Arc;

use agentbox_policy::{Code, Import};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentItem, Type};

use crate::Engine;
use crate::imports::imports;
use crate::module::to_component;

/// The largest program, in bytes: compiling costs a hundred times a program's size in memory, and
/// the largest known honest ones, whole language runtimes, have some 40 MiB.
pub const PROGRAM_BYTES: usize = 64 << 20;

/// A program that has been validated and compiled. Holds nothing of any run; cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    component: Component,
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
}

impl ProgramError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::BAD_PROGRAM,
            Self::NothingToRun => Code::NOTHING_TO_RUN,
            Self::Precompiled => Code::PRECOMPILED,
            Self::TooLarge => Code::PROGRAM_TOO_LARGE,
        }
    }
}

impl Program {
    /// Compiles `bytes`: a component, a core module that exports `_start` or `run`, or the text of
    /// either. A core module may import WASI preview 1, and `agentbox:host` by the canonical ABI.
    ///
    /// # Errors
    /// When it is too large, precompiled, malformed, or exports nothing to run.
    pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Self, ProgramError> {
        if bytes.len() > PROGRAM_BYTES {
            return Err(ProgramError::TooLarge);
        }
        if wasmtime::Engine::detect_precompiled(bytes).is_some() {
            return Err(ProgramError::Precompiled);
        }
        let component = Component::new(engine.wasmtime(), to_component(bytes)?)
            .map_err(|error| ProgramError::Malformed(format!("{error:#}").replace('\n', " ")))?;
        let entry = entry(engine, &component).ok_or(ProgramError::NothingToRun)?;
        Ok(Self {
            entry,
            imports: imports(engine, &component).into(),
            component,
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

    pub(crate) fn component(&self) -> &Component {
        &self.component
    }

    pub(crate) fn entry(&self) -> Entry {
        self.entry
    }
}

fn entry(engine: &Engine, component: &Component) -> Option<Entry> {
    let ty = component.component_type();
    ty.exports(engine.wasmtime())
        .find_map(|(name, export)| match export.ty {
            ComponentItem::ComponentInstance(_) if is_command(name) => Some(Entry::Command),
            ComponentItem::ComponentFunc(func) if name == "run" => {
                let mut results = func.results();
                let (Some(Type::Result(result)), None) = (results.next(), results.next()) else {
                    return None;
                };
                let strings = matches!(result.ok(), Some(Type::String))
                    && matches!(result.err(), Some(Type::String));
                (strings && func.params().next().is_none()).then_some(Entry::Run)
            }
            _ => None,
        })
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
