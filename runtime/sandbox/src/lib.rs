//! Runs guest code and bounds it.
//!
//! Owns: everything wasmtime but the doors: the [`Engine`] and its settings, the [`Compiler`] that
//! makes a [`Program`] of any form of WebAssembly, what it imports, the bounds on memory, processor and wall time, the
//! guest's standard streams, and [`run`]. It knows no API and no secret: what a guest can reach is
//! linked by `host-apis`. Read `config` and `engine`, then `compile`, then `run`.

mod compile;
mod config;
mod engine;
mod exit_code;
mod guest;
mod host_world;
mod imports;
mod meter;
mod module;
mod program;
mod run;
mod shortage;
mod stdio;

pub use compile::{Compiler, PROGRAM_BYTES, compile_if_asked};
pub use engine::{Engine, EngineError};
pub use guest::{Guest, GuestSetup, Host, Preopen, SetupError};
pub use program::{Program, ProgramError};
pub use run::{Ending, base_linker, run};
pub use shortage::Shortage;
pub use stdio::{Input, Output, Sink};
