//! The state folder: the ledger and the records, for this user alone.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

/// A folder that only its owner can read, opened once.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    dir: Dir,
}

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state folder `{}` cannot be used", path.display())]
pub struct StateError {
    path: PathBuf,
    #[source]
    reason: io::Error,
}

impl StateFolder {
    /// Opens the folder at `path`, and makes it, with mode 0700, where it is missing.
    ///
    /// # Errors
    /// When it cannot be made or opened, or other users can reach it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let open = || {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)?;
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 != 0 {
                // It may be a folder that others need, named by mistake: not agentbox's to close.
                return Err(io::Error::other("other users can reach it; `chmod 700` it"));
            }
            Dir::open_ambient_dir(path, ambient_authority())
        };
        match open() {
            Ok(dir) => Ok(Self {
                path: path.to_owned(),
                dir,
            }),
            Err(reason) => Err(StateError {
                path: path.to_owned(),
                reason,
            }),
        }
    }

    /// The folder, to open files in.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Where it is, for what takes only paths.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
