//! `agentbox check`: a program against a policy, without running it.

use agentbox_embed::Engine;
use agentbox_policy::{Code, check};
use serde_json::json;

use super::{compiler, program_name, read_program};
use crate::args::{CheckArgs, OutputFlags};
use crate::config::{self, Found};
use crate::error::{CommandError, Kind, not_granted};
use crate::render;

pub(crate) fn run(args: &CheckArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let bytes = read_program(&args.program)?;
    let found = config::policy(&args.policy)?;
    let path = found.path();
    let policy = match found {
        Found::Nowhere => config::nothing(),
        Found::Named(file) | Found::Searched(file) => file.into_parts().0,
    };
    render::warnings(&policy, output);
    let engine = Engine::new()
        .map_err(|error| CommandError::new(Kind::Internal, Code::BUG, error.to_string()))?;
    let program = compiler()?.compile(&engine, &bytes, policy.bounds())?;
    let ungranted = check(&policy, program.imports()).err().unwrap_or_default();
    if output.json {
        let missing: Vec<_> = ungranted
            .iter()
            .map(|missing| {
                json!({
                    "code": missing.code.to_string(),
                    "import": missing.import,
                    "lines": missing.lines,
                })
            })
            .collect();
        render::data(&json!({
            "v": 1,
            "kind": "check",
            "program": program_name(&args.program),
            "program-digest": program.digest(),
            "policy": path,
            "policy-digest": policy.digest(),
            "imports": program.imports().iter().map(|import| &import.name).collect::<Vec<_>>(),
            "ungranted": missing,
            "warnings": render::problems(policy.warnings()),
        }))?;
        return Ok(u8::from(!ungranted.is_empty()));
    }
    if !ungranted.is_empty() {
        return Err(not_granted(&ungranted, &policy, path.is_some()));
    }
    let name = program_name(&args.program);
    render::line(&format!(
        "{name}: all {} imports are granted",
        program.imports().len()
    ))?;
    Ok(0)
}
