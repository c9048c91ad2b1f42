//! One file for each command.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod connector;
pub(crate) mod explain;
pub(crate) mod policy;
pub(crate) mod policy_diff;
pub(crate) mod run;

use std::io::Read;
use std::path::Path;

use agentbox_embed::{Compiler, PROGRAM_BYTES};
use agentbox_policy::Code;

use crate::error::{CommandError, Kind};
use crate::render::plain;

/// The bytes of a program, from a file or, for `-`, from standard input.
fn read_program(path: &Path) -> Result<Vec<u8>, CommandError> {
    let shown = plain(&path.display().to_string());
    let mut bytes = Vec::new();
    // One byte more than is allowed tells too large from just right.
    let most = PROGRAM_BYTES as u64 + 1;
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(CommandError::refused(
            Code::BAD_PROGRAM,
            format!("`{shown}` cannot be read: {error}"),
        )),
    }
}

/// Programs are compiled by a process of their own, which is this executable again.
fn compiler() -> Result<Compiler, CommandError> {
    Compiler::own_child().map_err(|error| {
        let message = format!("agentbox does not know where it is: {error}");
        CommandError::new(Kind::Internal, Code::BUG, message)
    })
}

/// What a program is called: its file's name.
fn program_name(path: &Path) -> String {
    match path.file_name() {
        Some(name) if path != Path::new("-") => name.to_string_lossy().into_owned(),
        _ => "stdin".to_owned(),
    }
}
