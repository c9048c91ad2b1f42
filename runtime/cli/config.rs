//! What is ready to use: folders, the policy and where it came from.

use std::path::{Path, PathBuf};

use agentbox_embed::{Policy, PolicyFile, StateFolder, built_in_connectors, connectors_beside};
use etcetera::base_strategy::{BaseStrategy, Xdg};

use crate::args::{OutputFlags, PolicyFlag};
use crate::error::CommandError;

/// The file that a policy is searched for as.
pub(crate) const POLICY_FILE: &str = "agentbox.toml";

/// What marks the root of a version-controlled tree.
const VCS: [&str; 3] = [".git", ".hg", ".jj"];

/// A policy, and how it was come by.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is none: nothing is granted.
    Nowhere,
    /// Named on the command line, which counts as approval.
    Named(PolicyFile),
    /// Found by search, so that anybody may have put it there.
    Searched(PolicyFile),
}

impl Found {
    /// Where it is, as people know it.
    pub(crate) fn path(&self) -> Option<String> {
        match self {
            Self::Nowhere => None,
            Self::Named(file) | Self::Searched(file) => Some(file.path().display().to_string()),
        }
    }
}

/// The policy where there is none. It knows the connectors that a policy here could use, so that
/// what is asked for can be told how to grant.
pub(crate) fn nothing() -> Policy {
    // What is wrong with one is said once a policy uses it.
    let beside = connectors_beside(Path::new(POLICY_FILE)).unwrap_or_default();
    let mut connectors: Vec<_> = beside
        .into_iter()
        .filter_map(|(_, read)| read.ok())
        .collect();
    connectors.extend(built_in_connectors());
    Policy::nothing().knowing(connectors)
}

/// Opens the state folder.
pub(crate) fn state(flags: &OutputFlags) -> Result<StateFolder, CommandError> {
    Ok(StateFolder::open(&state_path(flags)?)?)
}

fn state_path(flags: &OutputFlags) -> Result<PathBuf, CommandError> {
    if let Some(path) = &flags.state {
        return Ok(path.clone());
    }
    let home =
        || CommandError::usage("there is no home folder; name a folder with `--state FOLDER`");
    let xdg = Xdg::new().ok().ok_or_else(home)?;
    xdg.state_dir()
        .map(|path| path.join("agentbox"))
        .ok_or_else(home)
}

/// Opens the policy that was named, or the one that is found from here upwards.
pub(crate) fn policy(flag: &PolicyFlag) -> Result<Found, CommandError> {
    find(flag.policy.as_deref())
}

/// Opens the policy at `named`, or the one that is found from here upwards.
pub(crate) fn find(named: Option<&Path>) -> Result<Found, CommandError> {
    if let Some(path) = named {
        return Ok(Found::Named(PolicyFile::open(path)?));
    }
    match search()? {
        Some(path) => Ok(Found::Searched(PolicyFile::open(&path)?)),
        None => Ok(Found::Nowhere),
    }
}

/// The policy's file, from the working directory up to the root of the version-controlled tree;
/// outside of one, in the working directory alone.
pub(crate) fn search() -> Result<Option<PathBuf>, CommandError> {
    let here = std::env::current_dir()
        .map_err(|error| CommandError::usage(format!("the working directory is gone: {error}")))?;
    let inside = here.ancestors().any(is_root);
    for folder in here.ancestors() {
        let file = folder.join(POLICY_FILE);
        // Anything of that name counts: a folder in its place is an error, not an absence.
        if file.symlink_metadata().is_ok() {
            return Ok(Some(file));
        }
        if !inside || is_root(folder) {
            break;
        }
    }
    Ok(None)
}

fn is_root(folder: &Path) -> bool {
    VCS.iter().any(|name| folder.join(name).exists())
}
