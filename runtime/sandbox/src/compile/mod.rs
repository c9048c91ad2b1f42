//! From a program's bytes to native code, within bounds that hold whatever the program is.
//!
//! What a program is made of is parsed, adapted, validated and compiled by code that an attacker can
//! drive into quadratic time, gigabytes, and panics. So all of that happens in a child process that
//! can be killed: `parent` starts and bounds it, `child` is what it does, and an [`Artefact`] is what
//! comes back. Neither of them ever runs a guest's code.

mod artefact;
mod child;
mod parent;

use std::path::PathBuf;

use agentbox_policy::Bounds;

use crate::module::to_component;
use crate::{Engine, Program, ProgramError};

pub(crate) use artefact::Artefact;
pub use child::compile_if_asked;

/// The largest program, in bytes: compiling costs a hundred times a program's size in memory, and
/// the largest known honest ones, whole language runtimes, have some 40 MiB.
pub const PROGRAM_BYTES: usize = 64 << 20;

/// Where programs are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In a child process, which is this executable started anew. It has to call
    /// [`compile_if_asked`] at the start of its `main`. The bounds `compile-time` and
    /// `compile-memory` hold.
    Child(PathBuf),
    /// In this process, for programs that are trusted not to attack the compiler: nothing bounds the
    /// time and the memory that it takes, and a panic of it is the caller's.
    InProcess,
}

impl Compiler {
    /// A child process of the executable that runs now.
    ///
    /// # Errors
    /// When the system does not know that executable.
    pub fn own_child() -> std::io::Result<Self> {
        // On Linux this name is the running executable even after a newer one took its place.
        if cfg!(target_os = "linux") {
            Ok(Self::Child("/proc/self/exe".into()))
        } else {
            std::env::current_exe().map(Self::Child)
        }
    }

    /// Compiles `bytes`: a component, a core module that exports `_start` or `run`, or the text of
    /// either. A core module may import WASI preview 1, and `agentbox:host` by the canonical ABI.
    ///
    /// Returns after `compile-time` at the latest, and blocks the calling thread until then.
    ///
    /// # Errors
    /// When it is too large, precompiled, malformed, exports nothing to run, or takes longer or more
    /// memory to compile than it may.
    pub fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        bounds: &Bounds,
    ) -> Result<Program, ProgramError> {
        if bytes.len() > PROGRAM_BYTES {
            return Err(ProgramError::TooLarge);
        }
        let artefact = match self {
            Self::Child(executable) => parent::compile(executable, bytes, bounds)?,
            Self::InProcess => artefact(engine.wasmtime(), bytes)?,
        };
        Program::load(engine, artefact, bytes)
    }
}

/// Compiles `bytes` here and now.
fn artefact(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Artefact, ProgramError> {
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(ProgramError::Precompiled);
    }
    Artefact::compile(engine, &to_component(bytes)?)
}
