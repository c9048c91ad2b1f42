//! Where keys come from: one file per kind of source, all behind [`Source`].

mod dotenv;
mod env;
mod file;

use std::io::{self, Read};
use std::time::SystemTime;

use agentbox_policy::Reference;
use cap_std::fs::Dir;
use zeroize::Zeroizing;

/// One place that a reference names.
pub(crate) trait Source: Send {
    /// Reads the value as it is now. May block.
    fn fetch(&self) -> Result<Fetched, SourceError>;
}

/// What a source holds.
pub(crate) struct Fetched {
    /// The key, not looked at yet.
    pub(crate) value: Zeroizing<Vec<u8>>,
    /// Which version of the key it is, where the source tells.
    pub(crate) version: Option<String>,
    /// When it stops working, where the source tells.
    pub(crate) expiry: Option<SystemTime>,
}

impl Fetched {
    /// A value from a source that knows neither versions nor expiry.
    fn plain(value: Zeroizing<Vec<u8>>) -> Self {
        Self {
            value,
            version: None,
            expiry: None,
        }
    }
}

/// Why a source gave nothing. Holds nothing that was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("{0}")]
    Missing(&'static str),
    #[error("{what}")]
    Unreadable {
        what: &'static str,
        source: Option<io::Error>,
    },
}

impl SourceError {
    pub(crate) fn unreadable(what: &'static str) -> Self {
        Self::Unreadable { what, source: None }
    }
}

impl From<io::Error> for SourceError {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing("the file does not exist"),
            _ => Self::Unreadable {
                what: "the file cannot be read",
                source: Some(source),
            },
        }
    }
}

/// The source that `reference` names; relative files are looked for in `folder`.
pub(crate) fn open(reference: &Reference, folder: Option<&Dir>) -> io::Result<Box<dyn Source>> {
    Ok(match reference {
        Reference::Dotenv { file, key } => Box::new(dotenv::Dotenv {
            folder: folder.map(Dir::try_clone).transpose()?,
            file: file.clone(),
            key: key.clone(),
        }),
        Reference::Env { name } => Box::new(env::Env { name: name.clone() }),
        Reference::File { path } => Box::new(file::File { path: path.into() }),
    })
}

/// All of `file`, at most `limit` bytes, without leaving copies behind.
fn read_all(file: impl Read, limit: usize) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    // One byte more than allowed, so that the buffer never grows and an excess is seen.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(SourceError::unreadable(
            "the file is too large to be one that holds a key",
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
