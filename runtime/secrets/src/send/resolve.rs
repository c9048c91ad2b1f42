//! Names to addresses.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// An answer on its way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
///
/// What it answers is not believed: each address is checked against the policy before it is dialled.
pub trait Resolver: Send + Sync {
    /// All addresses of `host`, which is a name and never an address.
    fn resolve(&self, host: String) -> Resolving;
}

/// The operating system's resolver.
pub(super) struct System;

impl Resolver for System {
    fn resolve(&self, host: String) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
