//! Exit codes of core modules.
//!
//! The standard adapter knows only whether a program succeeded: its `proc_exit` calls
//! `wasi:cli/exit#exit`. A module's `proc_exit` has the very signature of `exit-with-code`, so here
//! its import is pointed there instead, and any exit code comes through.

use std::borrow::Cow;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ImportSection, Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::ProgramError;
use crate::module::{malformed, not_encodable};

const EXIT: &str = "wasi:cli/exit@0.2.12";

/// The interface as the adapter has it; two definitions of one interface have to agree.
const WIT: &str = "
package wasi:cli@0.2.12;
interface exit {
  exit: func(status: result);
  exit-with-code: func(status-code: u8);
}
world exits { import exit; }
";

/// `module`, with its `proc_exit`, where it imports one, replaced by `exit-with-code`.
pub(crate) fn with_exit_codes(module: &[u8]) -> Result<Cow<'_, [u8]>, ProgramError> {
    let Some(mut rewritten) = redirected(module)? else {
        return Ok(Cow::Borrowed(module));
    };
    let mut resolve = Resolve::default();
    let package = resolve.push_str("exit.wit", WIT).map_err(not_encodable)?;
    let world = resolve
        .select_world(&[package], Some("exits"))
        .map_err(not_encodable)?;
    embed_component_metadata(&mut rewritten, &resolve, world, StringEncoding::UTF8)
        .map_err(not_encodable)?;
    Ok(Cow::Owned(rewritten))
}

/// The module with its import redirected; none where it imports no `proc_exit`.
fn redirected(module: &[u8]) -> Result<Option<Vec<u8>>, ProgramError> {
    let mut found = false;
    let mut copy = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(malformed)?;
        if let Payload::ImportSection(imports) = &payload {
            let mut section = ImportSection::new();
            for import in imports.clone().into_imports() {
                let mut import = import.map_err(malformed)?;
                if import.module == "wasi_snapshot_preview1" && import.name == "proc_exit" {
                    found = true;
                    import.module = EXIT;
                    import.name = "exit-with-code";
                }
                RoundtripReencoder
                    .parse_import(&mut section, import)
                    .map_err(malformed)?;
            }
            copy.section(&section);
        } else if let Some((id, range)) = payload.as_section() {
            let data = module.get(range).unwrap_or_default();
            copy.section(&RawSection { id, data });
        }
    }
    Ok(found.then(|| copy.finish()))
}
