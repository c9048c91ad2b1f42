//! `env://NAME`: a variable of the host's own environment.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::{Fetched, Source, SourceError};

pub(super) struct Env {
    pub(super) name: String,
}

impl Source for Env {
    fn fetch(&self) -> Result<Fetched, SourceError> {
        // The standard library panics for names that cannot be set either.
        if self.name.is_empty() || self.name.contains(['=', '\0']) {
            return Err(SourceError::Missing("no variable can have that name"));
        }
        let value = std::env::var_os(&self.name);
        value
            .map(OsString::into_encoded_bytes)
            .map(|value| Fetched::plain(Zeroizing::new(value)))
            .ok_or(SourceError::Missing("the variable is not set"))
    }
}
