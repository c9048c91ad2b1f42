//! The world of a core module that says nothing of its types: agentbox's own.
//!
//! A bare module, or `.wat`, names what it imports from `agentbox:host` and exports `run` by the
//! canonical ABI's names, and `host.wit` says the rest.

use agentbox_policy::HOST_WIT;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::ProgramError;
use crate::module::not_encodable;

/// Whether `module`, which a core module imports from, is an interface of `agentbox:host`.
pub(crate) fn is_host(module: &str) -> bool {
    module.starts_with("agentbox:host/")
}

/// Writes the types of the world `program`, or of `imports` for a module that exports no `run`, into
/// the module.
pub(crate) fn embed(module: &mut Vec<u8>, runs: bool) -> Result<(), ProgramError> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("host.wit", HOST_WIT)
        .map_err(not_encodable)?;
    let world = if runs { "program" } else { "imports" };
    let world = resolve
        .select_world(&[package], Some(world))
        .map_err(not_encodable)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(not_encodable)
}
