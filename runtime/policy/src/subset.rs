//! Whether one policy allows no more than another.
//!
//! One function, [`excess`], says what a policy allows beyond another one; what compares, narrows
//! or hands on a policy asks it and nothing else. It is sound rather than complete: what it cannot
//! show to be allowed by the other is listed, so an empty list is a proof, and a list may hold what
//! no call can tell apart.

mod amounts;
mod authorities;
mod compare;
mod matcher;
mod operations;
mod routes;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, HashSet};

use crate::credential::Credential;
use crate::grant::{Access, FileGrant};
use crate::policy::{Agent, Policy};

pub use compare::{Change, ChangeKind, compare};

/// Something that a policy allows and another one does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excess {
    /// What allows it, as the policy has it: `http.widgets`, `github:issues/create-comment`,
    /// `files."/data"`, `env.LANG`, `run.memory`, `tls`, `agent`.
    pub grant: String,
    /// What it allows: some words on one line, with what the policy says in backticks.
    pub what: String,
}

/// All that `of` allows and `over` does not, in the order of `of`; nothing when `of` is a subset.
///
/// Credentials and tables of routes may be called otherwise. Paths that are relative to a policy
/// are taken to start at the same folder. Who owns a policy, and what it promises never to grant,
/// allow nothing.
#[must_use]
pub fn excess(of: &Policy, over: &Policy) -> Vec<Excess> {
    // Every field is named, so that one that is added has to be thought of here.
    let Policy {
        digest: _,
        agent,
        world: _,
        credentials: _,
        http,
        operations,
        connectors: _,
        never: _,
        limits: _,
        env,
        files,
        bounds,
        tls_ca,
        warnings: _,
        index: _,
    } = of;
    let mut found = Vec::new();
    found.extend(agent_excess(agent, &over.agent));
    for grant in operations.values() {
        found.extend(named(&grant.name, operations::excess(grant, over)));
    }
    for grant in http {
        found.extend(named(&grant.name, routes::excess(grant, over)));
    }
    let folders = folders(&over.files);
    for grant in files {
        found.extend(file_excess(grant, &folders));
    }
    let seen: HashSet<_> = over.env.iter().collect();
    for variable in env {
        if !seen.contains(variable) {
            let (name, value) = variable;
            let what = format!("it sees {}", words::quote(&format!("{name}={value}")));
            found.push(Excess::new(format!("env.{name}"), what));
        }
    }
    found.extend(amounts::bounds(bounds, &over.bounds));
    if let Some(ca) = tls_ca.as_ref().filter(|_| *tls_ca != over.tls_ca) {
        let what = format!(
            "the host also trusts the certificate authorities in {}",
            words::quote(ca)
        );
        found.push(Excess::new("tls", what));
    }
    found
}

impl Excess {
    fn new(grant: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            grant: grant.into(),
            what: what.into(),
        }
    }
}

fn named(grant: &str, all: Vec<String>) -> impl Iterator<Item = Excess> {
    all.into_iter().map(move |what| Excess::new(grant, what))
}

/// Another agent has other counters, all of them at zero.
fn agent_excess(of: &Agent, over: &Agent) -> Option<Excess> {
    let Agent { id, owner: _ } = of;
    (*id != over.id).then(|| {
        let id = words::quote(id);
        Excess::new(
            "agent",
            format!("its calls are counted and recorded as {id}'s"),
        )
    })
}

/// What may be done in each directory.
fn folders(files: &[FileGrant]) -> HashMap<&str, Vec<Access>> {
    let mut folders: HashMap<_, Vec<_>> = HashMap::new();
    for FileGrant { host, access, .. } in files {
        folders.entry(host.as_str()).or_default().push(*access);
    }
    folders
}

/// Where the program sees a directory is no matter; what it is, and what may be done in it, is.
fn file_excess(of: &FileGrant, over: &HashMap<&str, Vec<Access>>) -> Option<Excess> {
    let FileGrant {
        guest,
        host,
        access,
    } = of;
    let same = over.get(host.as_str());
    let allowed = |other: &Access| match access {
        Access::Read => true,
        Access::ReadWrite => *other == Access::ReadWrite,
    };
    if same.is_some_and(|same| same.iter().any(allowed)) {
        return None;
    }
    let verb = match access {
        Access::Read => "read",
        Access::ReadWrite if same.is_some() => "write, create and delete in",
        Access::ReadWrite => "read, write, create and delete in",
    };
    let what = format!("it may {verb} the folder {}", words::quote(host));
    Some(Excess::new(format!("files.{guest:?}"), what))
}

/// Whether two grants send the same key in the same place, or both none.
fn same_key(one: Option<&Credential>, other: Option<&Credential>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            // Every field is named, so that one that is added has to be thought of here. Where the
            // key may go to is part of a grant.
            let Credential {
                name: _,
                reference,
                placement,
                origins: _,
                addresses: _,
            } = one;
            *reference == other.reference && *placement == other.placement
        }
        _ => false,
    }
}
