//! `agentbox policy diff`: what one policy allows and another one does not.

use agentbox_embed::PolicyFile;
use agentbox_policy::Change;
use serde_json::{Value, json};

use crate::args::{OutputFlags, PolicyDiffArgs};
use crate::error::CommandError;
use crate::render;

/// The exit code where the new policy allows something that the old one does not.
const ADDS_ACCESS: u8 = 3;

pub(crate) fn run(args: &PolicyDiffArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let old = PolicyFile::open(&args.old)?;
    let new = PolicyFile::open(&args.new)?;
    let changes = new.changes_since(&old)?;
    let adds = changes.iter().any(|change| change.kind.adds_access());
    if output.json {
        render::data(&json!({
            "v": 1,
            "kind": "policy-diff",
            "old": side(&old)?,
            "new": side(&new)?,
            "adds-access": adds,
            "changes": changes.iter().map(as_json).collect::<Vec<_>>(),
        }))?;
    } else if args.markdown {
        render::line(render::diff::markdown(&changes).trim_end())?;
    } else {
        render::line(render::diff::text(&changes).trim_end())?;
    }
    Ok(if adds { ADDS_ACCESS } else { 0 })
}

fn side(file: &PolicyFile) -> Result<Value, CommandError> {
    Ok(json!({
        "policy": file.path().display().to_string(),
        "policy-digest": file.digest()?,
    }))
}

fn as_json(change: &Change) -> Value {
    json!({
        "grant": change.grant,
        "change": change.kind.as_str(),
        "gained": change.gained,
        "lost": change.lost,
    })
}
