//! A policy in its folder: `agentbox.toml`, and `wit/` and `connectors/` beside it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use agentbox_host_apis::connectors::built_in;
use agentbox_policy::{Change, Code, ConnectorText, Policy, PolicyErrors, Sources, Text, compare};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions, OpenOptionsExt};
use sha2::{Digest, Sha256};

/// The largest policy or WIT file, in bytes: ten thousand grants fit.
const FILE_BYTES: u64 = 1 << 20;

/// How many entries one folder of WIT or of connectors may have.
const WIT_FILES: usize = 1000;

/// A policy that was read from a folder, with the folder it is relative to.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    folder: Dir,
    policy: Policy,
}

/// Why a policy cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// It cannot be opened or read.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// It could have been written by somebody else.
    #[error("`{}` {why}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It was read, and says something that cannot be.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
}

impl PolicyFileError {
    /// The stable code; a policy's own errors have one each.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Unreadable { .. } | Self::Unsafe { .. } => Some(Code::UNSAFE_POLICY_FILE),
            Self::Policy(_) => None,
        }
    }
}

impl PolicyFile {
    /// Reads the policy at `path` and the WIT and connectors beside it, each file once. A connector
    /// beside it replaces the built-in one of the same name.
    ///
    /// # Errors
    /// When a file is missing, is no regular file, is larger than 1 MiB, can be written by every
    /// user or belongs to another one, or when the policy does not hold together.
    pub fn open(path: &Path) -> Result<Self, PolicyFileError> {
        let shown = path.parent().unwrap_or(Path::new(""));
        let unreadable = |reason| PolicyFileError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        // A link to a policy stands for it where it is: its paths are relative to its own folder.
        let real = path.canonicalize().map_err(unreadable)?;
        let parent = real.parent().unwrap_or(Path::new("/"));
        let folder = Dir::open_ambient_dir(parent, ambient_authority()).map_err(unreadable)?;
        let name = real.file_name().unwrap_or(OsStr::new("."));
        let reader = Reader {
            folder: &folder,
            shown,
        };
        let toml = reader.read(Path::new(name))?;
        let (wit, deps) = reader.wit()?;
        let connectors = reader.all_connectors()?;
        let policy = Policy::parse(&Sources {
            toml,
            wit,
            deps,
            connectors,
        })?;
        Ok(Self {
            path: path.to_owned(),
            folder,
            policy,
        })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The SHA-256, in hexadecimal, of all that decides what the policy allows: its text, its WIT,
    /// and the certificate authorities it names.
    ///
    /// # Errors
    /// When the file of authorities cannot be read.
    pub fn digest(&self) -> Result<String, PolicyFileError> {
        let Some(ca) = self.policy.tls_ca() else {
            return Ok(self.policy.digest().to_owned());
        };
        let mut digest = Sha256::new();
        digest.update(self.policy.digest());
        digest.update(self.read_beside(ca)?);
        Ok(hexadecimal(digest))
    }

    /// How this policy differs from `old`: what [`compare`] says, and whether the file of certificate
    /// authorities holds others.
    ///
    /// # Errors
    /// When a file of authorities cannot be read.
    pub fn changes_since(&self, old: &Self) -> Result<Vec<Change>, PolicyFileError> {
        let mut changes = compare(&old.policy, &self.policy);
        if let (Some(was), Some(is)) = (old.policy.tls_ca(), self.policy.tls_ca()) {
            let digests = [old.read_beside(was)?, self.read_beside(is)?];
            let digests = digests.map(|bytes| hexadecimal(Sha256::new_with_prefix(bytes)));
            let [before, after] = &digests;
            // Whatever the files are called, their bytes decide.
            changes.retain(|change| change.grant != "tls");
            changes.extend(Change::of_authorities((was, before), (is, after)));
        }
        Ok(changes)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The policy, and the folder that its paths are relative to.
    #[must_use]
    pub fn into_parts(self) -> (Policy, Dir) {
        (self.policy, self.folder)
    }

    /// The bytes of a file that the policy names, such as its certificate authorities.
    ///
    /// # Errors
    /// When it leads out of the policy's folder, cannot be read, or could have been written by
    /// somebody else.
    pub fn read_beside(&self, name: &str) -> Result<Vec<u8>, PolicyFileError> {
        let shown = self.path.parent().unwrap_or(Path::new(""));
        Reader {
            folder: &self.folder,
            shown,
        }
        .bytes(Path::new(name))
    }
}

fn hexadecimal(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a connector's folder: `connector.toml`, and the `.wit` files beside it.
///
/// # Errors
/// As [`PolicyFile::open`] has for its files.
pub fn connector_folder(path: &Path) -> Result<ConnectorText, PolicyFileError> {
    let folder = Dir::open_ambient_dir(path, ambient_authority()).map_err(|reason| {
        PolicyFileError::Unreadable {
            path: path.to_owned(),
            reason,
        }
    })?;
    Reader {
        folder: &folder,
        shown: path,
    }
    .connector(Path::new(""))
}

/// A connector's folder, and its texts or why they cannot be read.
pub type ConnectorFolder = (PathBuf, Result<ConnectorText, PolicyFileError>);

/// The folders in `connectors/` beside a policy at `path`, which need not be there. Each replaces the
/// built-in connector of its name; one that cannot be read does not hide the others.
///
/// # Errors
/// Where `connectors/` itself cannot be read.
pub fn connectors_beside(path: &Path) -> Result<Vec<ConnectorFolder>, PolicyFileError> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let folder = Dir::open_ambient_dir(parent, ambient_authority()).map_err(|reason| {
        PolicyFileError::Unreadable {
            path: parent.to_owned(),
            reason,
        }
    })?;
    Reader {
        folder: &folder,
        shown: path.parent().unwrap_or(Path::new("")),
    }
    .connectors()
}

/// Reads files of one folder.
struct Reader<'a> {
    folder: &'a Dir,
    /// The folder as people know it.
    shown: &'a Path,
}

impl Reader<'_> {
    fn read(&self, name: &Path) -> Result<Text, PolicyFileError> {
        let bytes = self.bytes(name)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            self.unreadable(
                name,
                io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()),
            )
        })?;
        Ok(Text {
            name: self.shown.join(name).display().to_string(),
            text,
        })
    }

    fn bytes(&self, name: &Path) -> Result<Vec<u8>, PolicyFileError> {
        let unreadable = |reason| self.unreadable(name, reason);
        // A pipe in the policy's place must not hold agentbox up.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(O_NONBLOCK);
        let file = self.folder.open_with(name, &options).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let owner = metadata.uid();
        let why = if metadata.is_dir() {
            Some("is a folder; name the `agentbox.toml` in it")
        } else if !metadata.is_file() {
            Some("is not a regular file")
        } else if metadata.mode() & 0o002 != 0 {
            Some("can be written by every user of this machine; `chmod o-w` it")
        } else if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            Some("belongs to another user")
        } else if metadata.len() > FILE_BYTES {
            Some("is larger than 1 MiB")
        } else {
            None
        };
        if let Some(why) = why {
            return Err(PolicyFileError::Unsafe {
                path: self.shown.join(name),
                why,
            });
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Ok(bytes)
    }

    /// The files of `wit/`, and of each package under `wit/deps/`.
    fn wit(&self) -> Result<(Vec<Text>, Vec<Vec<Text>>), PolicyFileError> {
        let wit = self.files(Path::new("wit"))?;
        let mut deps = Vec::new();
        for entry in self.list(Path::new("wit/deps"))? {
            let files = match &entry {
                Entry::Folder(path) => self.files(path)?,
                Entry::Wit(path) => vec![self.read(path)?],
            };
            if !files.is_empty() {
                deps.push(files);
            }
        }
        Ok((wit, deps))
    }

    /// The connectors beside the policy, and the built-in ones that they do not replace.
    fn all_connectors(&self) -> Result<Vec<ConnectorText>, PolicyFileError> {
        let found = self.connectors()?.into_iter();
        let mut found: Vec<_> = found.map(|(_, text)| text).collect::<Result<_, _>>()?;
        let names: HashSet<_> = found.iter().map(ConnectorText::name).collect();
        let built_in = built_in().into_iter();
        found.extend(built_in.filter(|connector| !names.contains(&connector.name())));
        Ok(found)
    }

    /// The connectors beside the policy.
    fn connectors(&self) -> Result<Vec<ConnectorFolder>, PolicyFileError> {
        let mut names = HashSet::new();
        let mut found = Vec::new();
        for entry in self.list(Path::new("connectors"))? {
            let Entry::Folder(path) = &entry else {
                continue;
            };
            let shown = self.shown.join(path);
            let connector = self.connector(path).and_then(|connector| {
                if names.insert(connector.name()) {
                    Ok(connector)
                } else {
                    Err(PolicyFileError::Unsafe {
                        path: shown.clone(),
                        why: "has the name of another connector beside it",
                    })
                }
            });
            found.push((shown, connector));
        }
        Ok(found)
    }

    fn connector(&self, folder: &Path) -> Result<ConnectorText, PolicyFileError> {
        Ok(ConnectorText {
            toml: self.read(&folder.join("connector.toml"))?,
            wit: self.files(folder)?,
        })
    }

    fn files(&self, folder: &Path) -> Result<Vec<Text>, PolicyFileError> {
        let entries = self.list(folder)?;
        entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Wit(path) => Some(self.read(path)),
                Entry::Folder(_) => None,
            })
            .collect()
    }

    /// Folders and `.wit` files in `folder`, by name; none where there is no such folder.
    fn list(&self, folder: &Path) -> Result<Vec<Entry>, PolicyFileError> {
        let unreadable = |reason| self.unreadable(folder, reason);
        let place = if folder == Path::new("") {
            Path::new(".")
        } else {
            folder
        };
        let entries = match self.folder.read_dir(place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut found = Vec::new();
        for (count, entry) in entries.enumerate() {
            // What is left out would be what the policy's digest does not cover.
            if count >= WIT_FILES {
                return Err(PolicyFileError::Unsafe {
                    path: self.shown.join(folder),
                    why: "has more than 1000 entries",
                });
            }
            let entry = entry.map_err(unreadable)?;
            let path = folder.join(entry.file_name());
            if self.folder.metadata(&path).map_err(unreadable)?.is_dir() {
                found.push(Entry::Folder(path));
            } else if path.extension() == Some(OsStr::new("wit")) {
                found.push(Entry::Wit(path));
            }
        }
        found.sort();
        Ok(found)
    }

    fn unreadable(&self, name: &Path, reason: io::Error) -> PolicyFileError {
        PolicyFileError::Unreadable {
            path: self.shown.join(name),
            reason,
        }
    }
}

/// What was found in a folder.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Folder(PathBuf),
    Wit(PathBuf),
}

/// `O_NONBLOCK`, in the form that `custom_flags` takes.
const O_NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
