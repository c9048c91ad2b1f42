//! Connections that are kept for the next call of the same kind.
//!
//! A pool belongs to one [`Sender`](super::Sender), and a sender to one run: no connection is ever
//! used by two runs, and so by two agents or two tenants. Within the run, calls share a connection
//! only if they have the same origin, the same grant, and the same value of the same credential,
//! so whatever an upstream ties to a connection stays with those.
//!
//! A connection that is kept goes on to the address that was checked when it was dialled. Each new
//! one is resolved and checked anew.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use agentbox_policy::Origin;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::connection::Connection;
use crate::keys::Version;

/// What has to be the same for two calls to share a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) origin: Origin,
    pub(super) grant: String,
    /// The credential and which value of it; none for a grant that sends no key.
    pub(super) credential: Option<(String, Version)>,
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    /// Without an exchange: longer than a program thinks between two calls, and half of what most
    /// servers wait, so that it is mostly this side that closes.
    pub(super) idle: Duration,
    /// Since it was dialled. A name that is moved to another address, or taken away from a bad
    /// one, is followed by then.
    pub(super) age: Duration,
    /// For one key: as many as browsers open to one host, and a few more.
    pub(super) each: usize,
    /// For all keys together, since a grant can have any number of origins.
    pub(super) all: usize,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            age: Duration::from_secs(300),
            each: 8,
            all: 64,
        }
    }
}

/// Connections without an exchange, and HTTP/2 connections that can take one more.
pub(super) struct Pool {
    keeping: Keeping,
    kept: Arc<Mutex<Kept>>,
    /// Closes what nobody has come back for.
    sweeper: Mutex<Option<AbortHandle>>,
    /// What a test lets happen once between looking at a connection and using it.
    #[cfg(test)]
    pub(super) meanwhile: Mutex<Option<Meanwhile>>,
}

#[cfg(test)]
pub(super) type Meanwhile = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

type Kept = HashMap<Key, Vec<Connection>>;

impl Pool {
    pub(super) fn new(keeping: Keeping) -> Self {
        Self {
            keeping,
            kept: Arc::default(),
            sweeper: Mutex::default(),
            #[cfg(test)]
            meanwhile: Mutex::default(),
        }
    }

    /// Where connections for `key` come back to.
    pub(super) fn home(&self, key: Key) -> Home {
        self.sweep();
        Home {
            keeping: self.keeping,
            kept: Arc::downgrade(&self.kept),
            key,
        }
    }

    /// A connection for another exchange, if one is kept that leads to an address that `admits`.
    pub(super) async fn take(
        &self,
        key: &Key,
        admits: impl Fn(IpAddr) -> bool,
    ) -> Option<Connection> {
        loop {
            let mut connection = self.candidate(key)?;
            // The policy has not changed since it was dialled; if it ever can, this holds.
            if admits(connection.address().ip()) && connection.is_quiet().await {
                #[cfg(test)]
                self.pass_meanwhile().await;
                return Some(connection);
            }
        }
    }

    #[cfg(test)]
    async fn pass_meanwhile(&self) {
        let meanwhile = lock(&self.meanwhile).take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<Key> {
        lock(&self.kept).keys().cloned().collect()
    }

    /// The one that was used last, so that those that are not needed grow old.
    fn candidate(&self, key: &Key) -> Option<Connection> {
        let mut kept = lock(&self.kept);
        let connections = kept.get_mut(key)?;
        connections.retain(|c| !c.is_over(self.keeping.age, self.keeping.idle));
        if let Some(share) = connections.iter().find_map(Connection::share) {
            return Some(share);
        }
        let own = connections.iter().rposition(|c| !c.is_http2())?;
        Some(connections.remove(own).take())
    }

    /// Sees to it, from the first call on, that what is not used again closes.
    fn sweep(&self) {
        let mut sweeper = lock(&self.sweeper);
        if sweeper.is_some() {
            return;
        }
        let (keeping, kept) = (self.keeping, Arc::downgrade(&self.kept));
        let task = tokio::spawn(async move {
            loop {
                sleep(keeping.idle / 4).await;
                let Some(kept) = kept.upgrade() else { return };
                lock(&kept).retain(|_, connections| {
                    connections.retain(|c| !c.is_over(keeping.age, keeping.idle));
                    !connections.is_empty()
                });
            }
        });
        *sweeper = Some(task.abort_handle());
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = lock(&self.sweeper).take() {
            sweeper.abort();
        }
    }
}

/// Where a connection comes back to, if that is still there.
#[derive(Clone)]
pub(super) struct Home {
    keeping: Keeping,
    kept: Weak<Mutex<Kept>>,
    key: Key,
}

impl Home {
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Keeps the connection for another call, unless there are enough.
    pub(super) fn keep(&self, connection: Connection) {
        let Some(connection) = connection.rest() else {
            return;
        };
        let Keeping {
            idle,
            age,
            each,
            all,
        } = self.keeping;
        let Some(kept) = self.kept.upgrade() else {
            return;
        };
        let mut kept = lock(&kept);
        if connection.is_over(age, idle) || kept.values().map(Vec::len).sum::<usize>() >= all {
            return;
        }
        let connections = kept.entry(self.key.clone()).or_default();
        if connections.len() < each {
            connections.push(connection);
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
