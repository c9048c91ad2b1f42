//! Two policies side by side, grant by grant.

use std::collections::HashSet;
use std::fmt;

use indexmap::IndexMap;

use crate::grant::FileGrant;
use crate::policy::{Never, Policy};

use super::{Excess, excess, words};

/// How a grant differs between two policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What allows it, as [`Excess::grant`] has it.
    pub grant: String,
    /// Which way it differs.
    pub kind: ChangeKind,
    /// What the new policy says of it and the old one does not.
    pub gained: Vec<String>,
    /// What the old policy says of it and the new one does not.
    pub lost: Vec<String>,
}

/// Which way a grant differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It allows something it did not, and no longer something it did.
    Changed,
    /// It allows less.
    Narrower,
    /// It allows what it did.
    Note,
    /// It allows more.
    Wider,
}

impl ChangeKind {
    /// Its name, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Narrower => "narrower",
            Self::Note => "note",
            Self::Wider => "wider",
        }
    }

    /// Whether something is allowed that was not.
    #[must_use]
    pub fn adds_access(self) -> bool {
        match self {
            Self::Changed | Self::Wider => true,
            Self::Narrower | Self::Note => false,
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How `new` differs from `old`: what [`excess`] says in both directions, joined by grant, and then
/// what is no matter of access.
#[must_use]
pub fn compare(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut changes: IndexMap<String, Change> = IndexMap::new();
    for Excess { grant, what } in excess(new, old) {
        entry(&mut changes, grant).gained.push(what);
    }
    for Excess { grant, what } in excess(old, new) {
        entry(&mut changes, grant).lost.push(what);
    }
    let mut changes: Vec<_> = changes.into_values().collect();
    for change in &mut changes {
        change.kind = match (change.gained.is_empty(), change.lost.is_empty()) {
            (false, true) => ChangeKind::Wider,
            (true, false) => ChangeKind::Narrower,
            _ => ChangeKind::Changed,
        };
    }
    changes.extend(notes(old, new));
    changes
}

fn entry(changes: &mut IndexMap<String, Change>, grant: String) -> &mut Change {
    let new = || Change::note(&*grant, Vec::new(), Vec::new());
    changes.entry(grant.clone()).or_insert_with(new)
}

impl Change {
    fn note(grant: impl Into<String>, gained: Vec<String>, lost: Vec<String>) -> Self {
        Self {
            grant: grant.into(),
            kind: ChangeKind::Note,
            gained,
            lost,
        }
    }
}

/// What differs and allows nothing.
fn notes(old: &Policy, new: &Policy) -> Vec<Change> {
    let owner = |policy: &Policy| -> Vec<String> {
        let owner = policy.agent.owner.as_deref();
        let told = owner.map(|owner| format!("it belongs to {}", words::quote(owner)));
        told.into_iter().collect()
    };
    let moved = |of: &Policy, over: &Policy| -> Vec<String> {
        let hosts: HashSet<_> = over.files.iter().map(FileGrant::host).collect();
        let places: HashSet<_> = over.files.iter().map(place).collect();
        of.files
            .iter()
            .filter(|grant| hosts.contains(grant.host()) && !places.contains(&place(grant)))
            .map(|grant| {
                let (host, guest) = (words::quote(grant.host()), words::quote(grant.guest()));
                format!("the folder {host} is seen as {guest}")
            })
            .collect()
    };
    [
        (
            "agent.owner",
            minus(owner(new), &owner(old)),
            minus(owner(old), &owner(new)),
        ),
        ("files", moved(new, old), moved(old, new)),
        (
            "never",
            minus(promises(&new.never), &promises(&old.never)),
            minus(promises(&old.never), &promises(&new.never)),
        ),
    ]
    .into_iter()
    .filter(|(_, gained, lost)| !gained.is_empty() || !lost.is_empty())
    .map(|(grant, gained, lost)| Change::note(grant, gained, lost))
    .collect()
}

/// The directory, and where the program sees it.
fn place(grant: &FileGrant) -> (&str, &str) {
    (grant.host(), grant.guest())
}

fn minus(of: Vec<String>, over: &[String]) -> Vec<String> {
    let over: HashSet<_> = over.iter().collect();
    of.into_iter().filter(|one| !over.contains(one)).collect()
}

fn promises(never: &Never) -> Vec<String> {
    let Never { imports, effects } = never;
    let imports = imports
        .iter()
        .map(|import| format!("it promises never to grant {}", words::quote(import)));
    let effects = effects
        .iter()
        .map(|effect| format!("it promises never to grant an effect `{effect}`"));
    imports.chain(effects).collect()
}
