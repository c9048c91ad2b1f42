//! What a host embeds: a [`Runtime`] that runs programs under policies.
//!
//! Owns: putting sandbox, doors and broker together for one run ([`Runtime::run`]), reading a
//! policy from its folder ([`PolicyFile`]), and the state folder ([`StateFolder`]). It decides
//! nothing, prints nothing, and reads no environment and no flags. Guest code runs in the caller's
//! process: that protects keys from the program, not from a flaw in wasmtime itself.
//!
//! Programs are compiled by a [`Compiler`], best by a child process, since what compiling takes is in
//! the hand of who wrote the program. The child is the host's own executable, started anew:
//!
//! ```no_run
//! use agentbox_embed::{Compiler, Policy, Runtime, StateFolder, compile_if_asked};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // First of all: in the child this compiles, and does not return.
//!     compile_if_asked();
//!
//!     let runtime = Runtime::new(StateFolder::open("state".as_ref())?)?;
//!     let policy = Policy::nothing();
//!     let bytes = std::fs::read("program.wasm")?;
//!     let program = runtime.compile(&Compiler::own_child()?, &bytes, policy.bounds())?;
//!     println!("{}", program.digest());
//!     Ok(())
//! }
//! ```

mod engines;
mod grants;
mod observing;
mod outcome;
mod policy_file;
mod runtime;
mod state;

pub use agentbox_broker::{Mode, Observer, Refused};
pub use agentbox_gate::{Cause, Failure, Stop, Stopped};
pub use agentbox_host_apis::connectors::built_in as built_in_connectors;
pub use agentbox_policy::Policy;
pub use agentbox_record as record;
pub use agentbox_sandbox::{
    Compiler, Ending, Engine, EngineError, Input, Output, PROGRAM_BYTES, Program, ProgramError,
    Shortage, Sink, compile_if_asked,
};
pub use agentbox_secrets::{NameServer, Resolver, Resolving, SystemResolver};

pub use outcome::{Outcome, exit};
pub use policy_file::{
    ConnectorFolder, PolicyFile, PolicyFileError, connector_folder, connectors_beside,
};
pub use runtime::{RunError, RunOptions, Runtime, RuntimeError};
pub use state::{StateError, StateFolder};
