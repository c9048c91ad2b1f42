//! Opening the directories that `[files]` grants.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use agentbox_policy::{Access, FileGrant, Policy, Reference};
use agentbox_sandbox::Preopen;
use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use crate::RunError;

/// Granted directories, open.
pub(crate) struct Grants {
    pub(crate) preopens: Vec<Preopen>,
    // INVARIANT: open for as long as `preopens` names them by descriptor.
    _open: Vec<Dir>,
}

impl Grants {
    /// Opens each granted directory below `folder`, following no link on the way: a link could have
    /// been put there since the policy was read, by a program of an earlier run or by anyone else.
    ///
    /// A directory that holds a key's file, or `state`, is refused, whatever its path looks like.
    pub(crate) fn open(
        policy: &Policy,
        folder: Option<&Dir>,
        state: &Path,
    ) -> Result<Self, RunError> {
        let mut grants = Self {
            preopens: Vec::new(),
            _open: Vec::new(),
        };
        let guarded = guarded(policy, state);
        for grant in policy.files() {
            let failed = |reason: String| RunError::Files {
                guest: grant.guest().into(),
                reason,
            };
            let dir = open(grant, folder).map_err(failed)?;
            let host = by_descriptor(&dir);
            let real = host
                .canonicalize()
                .map_err(|error| failed(error.to_string()))?;
            if let Some((_, what)) = guarded.iter().find(|(path, _)| path.starts_with(&real)) {
                return Err(failed(format!(
                    "it holds {what}, which no program may reach"
                )));
            }
            grants.preopens.push(Preopen {
                host,
                guest: grant.guest().to_owned(),
                write: matches!(grant.access(), Access::ReadWrite),
            });
            grants._open.push(dir);
        }
        Ok(grants)
    }
}

fn open(grant: &FileGrant, folder: Option<&Dir>) -> Result<Dir, String> {
    let folder = folder.ok_or("the policy has no folder")?;
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    openat2(folder, grant.host(), flags, Mode::empty(), resolve)
        .map(|descriptor| Dir::from_std_file(descriptor.into()))
        .map_err(|error| match error {
            rustix::io::Errno::LOOP => "there is a link in its path".to_owned(),
            error => error.to_string(),
        })
}

/// What no granted directory may hold, by its real path: files of keys, and the state folder.
fn guarded(policy: &Policy, state: &Path) -> Vec<(PathBuf, String)> {
    let keys = policy
        .credentials()
        .filter_map(|credential| match credential.reference() {
            Reference::File { path } => Some((
                PathBuf::from(path),
                format!("the key `{}`", credential.name()),
            )),
            // The policy compares these itself: they are relative to its own folder.
            Reference::Dotenv { .. } | Reference::Env { .. } => None,
        });
    keys.chain([(state.to_owned(), "the state folder".to_owned())])
        // What is not there cannot be reached.
        .filter_map(|(path, what)| Some((path.canonicalize().ok()?, what)))
        .collect()
}

/// A path that leads to exactly the directory that is open, whatever its name leads to by now.
fn by_descriptor(dir: &Dir) -> PathBuf {
    format!("/proc/self/fd/{}", dir.as_raw_fd()).into()
}
