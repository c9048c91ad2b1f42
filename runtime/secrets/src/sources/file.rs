//! `file:///PATH`: a file that holds one key and nothing else.

use std::path::PathBuf;

use cap_std::ambient_authority;

use super::{Fetched, Source, SourceError, read_all};

/// The largest file, in bytes: far more than the longest key, far less than would hurt to read.
const LARGEST: usize = 64 * 1024;

pub(super) struct File {
    pub(super) path: PathBuf,
}

impl Source for File {
    fn fetch(&self) -> Result<Fetched, SourceError> {
        if !self.path.is_absolute() {
            return Err(SourceError::unreadable("the path is not absolute"));
        }
        // Opening a pipe would wait for whoever writes to it.
        if !std::fs::metadata(&self.path)?.is_file() {
            return Err(SourceError::unreadable("it is not a regular file"));
        }
        let file = cap_std::fs::File::open_ambient(&self.path, ambient_authority())?;
        let mut value = read_all(file, LARGEST)?;
        // Editors and `echo` end a file with one newline that is no part of the key.
        if value.last() == Some(&b'\n') {
            value.pop();
            if value.last() == Some(&b'\r') {
                value.pop();
            }
        }
        Ok(Fetched::plain(value))
    }
}
