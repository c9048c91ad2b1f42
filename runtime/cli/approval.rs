//! Approvals of policies that are found by search: recorded outside the workspace, by digest.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use agentbox_embed::{Policy, PolicyFile, StateFolder};
use agentbox_policy::{Code, explain::explain};
use cap_std::fs::{DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};
use serde_json::json;

use crate::config::Found;
use crate::error::{CommandError, Kind};
use crate::render::{plain, quoted};

const FOLDER: &str = "approved";

/// Lets a policy through that was named, that reaches nothing, that has been approved, or that a
/// person approves now.
pub(crate) fn require(found: &Found, state: &StateFolder) -> Result<(), CommandError> {
    let Found::Searched(file) = found else {
        return Ok(());
    };
    if !reaches_something(file.policy()) || is_approved(file, state)? {
        return Ok(());
    }
    if io::stdin().is_terminal() && io::stderr().is_terminal() && ask(file)? {
        return approve(file, state);
    }
    let path = plain(&file.path().display().to_string());
    let word = quoted(&path);
    Err(CommandError::refused(
        Code::NOT_APPROVED,
        format!("`{path}` was found by search, and has not been approved"),
    )
    .hint(format!("read it, then: agentbox policy approve {word}"))
    .hint(format!(
        "or name it yourself: agentbox run --policy {word} …"
    )))
}

/// Whether a program could use keys, read files, or send anything anywhere under the policy: a folder
/// that anybody wrote must not decide that.
fn reaches_something(policy: &Policy) -> bool {
    policy.uses_credentials()
        || policy.files().next().is_some()
        || policy.http_grants().next().is_some()
        || policy.operation_grants().next().is_some()
}

/// Records that the policy may use its credentials when it is found where it is now.
pub(crate) fn approve(file: &PolicyFile, state: &StateFolder) -> Result<(), CommandError> {
    let entry = json!({
        "v": 1,
        "policy": canonical(file.path())?,
        "digest": file.digest()?,
    });
    let write = || {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700);
        state.dir().create_dir_with(FOLDER, &folder)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = state.dir().open_with(place(file)?, &options)?;
        file.write_all(format!("{entry}\n").as_bytes())
    };
    write().map_err(|error: io::Error| unusable(&error))
}

fn is_approved(file: &PolicyFile, state: &StateFolder) -> Result<bool, CommandError> {
    let place = place(file).map_err(|error| unusable(&error))?;
    let text = match state.dir().read_to_string(place) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unusable(&error)),
    };
    let entry: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(entry["digest"] == file.digest()? && entry["policy"] == canonical(file.path())?)
}

/// The file for this policy's approval: one for each path and digest.
fn place(file: &PolicyFile) -> io::Result<String> {
    let path = file.path().canonicalize()?;
    let name: String = path
        .to_string_lossy()
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .rev()
        .take(80)
        .collect();
    let name: String = name.chars().rev().collect();
    Ok(format!("{FOLDER}/{}{name}.json", file.policy().digest()))
}

fn canonical(path: &Path) -> Result<String, CommandError> {
    path.canonicalize()
        .map(|path| path.to_string_lossy().into_owned())
        .map_err(|error| unusable(&error))
}

fn unusable(error: &io::Error) -> CommandError {
    CommandError::new(
        Kind::Internal,
        Code::STATE,
        format!("approvals cannot be kept: {error}"),
    )
}

/// Shows the policy and asks; anything but `y` or `yes` is a no.
fn ask(file: &PolicyFile) -> Result<bool, CommandError> {
    let mut err = io::stderr();
    let text = explain(file.policy());
    let mut line = String::new();
    write!(
        err,
        "{}\n{text}\nLet this policy use its credentials? [y/N] ",
        plain(&file.path().display().to_string())
    )
    .and_then(|()| err.flush())
    .and_then(|()| io::stdin().lock().read_line(&mut line))
    .map_err(|error| unusable(&error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
