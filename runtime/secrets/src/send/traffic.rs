//! How much of a call went over its connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one call, and the address it went to. The counts go on while bodies stream.
#[derive(Clone, Debug)]
pub struct Traffic {
    address: SocketAddr,
    sent: Counter,
    received: Counter,
}

impl Traffic {
    pub(super) fn new(address: SocketAddr, sent: Counter) -> Self {
        Self {
            address,
            sent,
            received: Counter::default(),
        }
    }

    /// Bytes of the request's body handed to the connection so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.total()
    }

    /// Bytes of the reply's body received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.total()
    }

    /// The address that was dialled.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn received_counter(&self) -> Counter {
        self.received.clone()
    }
}

/// A shared count of bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds `bytes` and returns the new total.
    pub(super) fn add(&self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        self.0
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes)
    }

    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
