//! `agentbox policy`: reading, explaining and approving policies.

use agentbox_embed::PolicyFile;
use agentbox_policy::{Bound, Bounds, Code, explain::explain as sentences};
use serde_json::{Value, json};

use crate::args::{ApproveArgs, OutputFlags, PolicyExplainArgs, WhichPolicy};
use crate::config::{self, Found, POLICY_FILE};
use crate::error::CommandError;
use crate::{approval, render};

pub(crate) fn approve(args: &ApproveArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let file = policy(&args.policy)?;
    let state = config::state(output)?;
    approval::approve(&file, &state)?;
    let digest = file.policy().digest();
    if output.json {
        render::data(&json!({
            "v": 1,
            "kind": "policy",
            "policy": file.path().display().to_string(),
            "policy-digest": digest,
            "approved": true,
            "warnings": render::problems(file.policy().warnings()),
        }))?;
    } else {
        render::warnings(file.policy(), output);
        render::line(sentences(file.policy()).to_string().trim_end())?;
        let path = file.path().display();
        render::line(&format!("Approved: {path} (sha256 {digest})."))?;
    }
    Ok(0)
}

pub(crate) fn explain(args: &PolicyExplainArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let file = policy(&args.policy)?;
    let explanation = sentences(file.policy());
    if output.json {
        render::data(&json!({
            "v": 1,
            "kind": "policy",
            "policy": file.path().display().to_string(),
            "policy-digest": file.policy().digest(),
            "agent": file.policy().agent().id(),
            "grants": explanation
                .grants
                .iter()
                .map(|grant| json!({ "name": grant.name, "sentences": grant.sentences }))
                .collect::<Vec<_>>(),
            "bounds": explanation.bounds,
            "run": amounts(file.policy().bounds()),
            "worst-case": explanation.worst_case,
            "warnings": render::problems(file.policy().warnings()),
        }))?;
    } else {
        render::warnings(file.policy(), output);
        render::line(explanation.to_string().trim_end())?;
    }
    Ok(0)
}

/// Every bound of a run, as a policy would write it.
fn amounts(bounds: &Bounds) -> Value {
    let amount = |bound: &Bound| (bound.name.to_owned(), json!(bound.of(bounds).to_string()));
    Value::Object(Bound::all().iter().map(amount).collect())
}

fn policy(which: &WhichPolicy) -> Result<PolicyFile, CommandError> {
    match config::find(which.named())? {
        Found::Named(file) | Found::Searched(file) => Ok(file),
        Found::Nowhere => Err(no_policy()),
    }
}

fn no_policy() -> CommandError {
    CommandError::refused(
        Code::UNSAFE_POLICY_FILE,
        format!("there is no `{POLICY_FILE}` here or above, up to the root of the version-controlled tree"),
    )
    .hint("name one: `--policy FILE`")
}
