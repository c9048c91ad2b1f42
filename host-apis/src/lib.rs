//! The doors: where a guest's imports become calls at the gate.
//!
//! Owns: the state behind a guest's imports ([`State`]) and the translation of each door's types
//! into [`agentbox_gate`]'s and back: `wasi:http`, an operation's own function ([`link_operations`]),
//! and `agentbox:host/invoke`, by which either is called by name. A door translates and nothing
//! else: no HTTP client, no secret, and no `if` about permission, which belongs in the gate.

pub mod connectors;

mod errors;
mod http;
mod invoke;
mod listing;
mod operation;
mod state;
#[cfg(test)]
mod testing;

use agentbox_sandbox::{Engine, base_linker};
use wasmtime::component::Linker;

pub use operation::link_operations;
pub use state::State;

/// A linker with all that any program may import: WASI without authority, and the doors that are
/// the same for every program. Operations come with [`link_operations`].
///
/// Linking grants nothing: what a program imports is checked against its policy before it starts,
/// and each call through a door is decided by the gate.
///
/// # Errors
/// Never in practice: the interfaces linked are the same in every build.
pub fn linker(engine: &Engine) -> Result<Linker<State>, wasmtime::Error> {
    let mut linker = base_linker(engine)?;
    http::add_to_linker(&mut linker)?;
    invoke::add_to_linker(&mut linker)?;
    listing::add_to_linker(&mut linker)?;
    Ok(linker)
}
