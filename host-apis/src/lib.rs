//! The doors: where a guest's imports become calls at the gate.
//!
//! Owns: the state behind a guest's imports ([`State`]) and the translation of each door's types
//! into [`agentbox_gate`]'s and back. Today that is `wasi:http`; typed operations and `invoke` come
//! beside it. A door translates and nothing else: no HTTP client, no secret, and no `if` about
//! permission, which belongs in the gate.

pub mod connectors;

mod http;
mod state;

use agentbox_sandbox::{Engine, base_linker};
use wasmtime::component::Linker;

pub use state::State;

/// A linker with all that any program may import: WASI without authority, and the doors.
///
/// Linking grants nothing: what a program imports is checked against its policy before it starts,
/// and each call through a door is decided by the gate.
///
/// # Errors
/// Never in practice: the interfaces linked are the same in every build.
pub fn linker(engine: &Engine) -> Result<Linker<State>, wasmtime::Error> {
    let mut linker = base_linker(engine)?;
    http::add_to_linker(&mut linker)?;
    Ok(linker)
}
