//! What of a call went over its connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

/// Counts of one call, and the address it went to. The counts go on while bodies stream.
#[derive(Clone, Debug)]
pub struct Traffic {
    address: SocketAddr,
    sent: Sent,
    received: Counter,
}

/// The body of a request, as far as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentBody {
    /// How many bytes were handed to the connection.
    pub bytes: u64,
    /// SHA-256 of just those bytes.
    pub digest: [u8; 32],
}

impl Traffic {
    pub(super) fn new(address: SocketAddr, sent: Sent) -> Self {
        Self {
            address,
            sent,
            received: Counter::default(),
        }
    }

    /// The request's body as far as it was handed to the connection; none while no request was.
    #[must_use]
    pub fn sent(&self) -> Option<SentBody> {
        self.sent.body()
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

/// A shared account of what is sent: whether a request was, and the bytes of its body.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<Mutex<Sending>>);

#[derive(Default)]
struct Sending {
    begun: bool,
    bytes: u64,
    digest: Sha256,
}

impl Sent {
    /// The request's head goes to the connection.
    pub(super) fn begin(&self) {
        self.lock().begun = true;
    }

    /// The connection has given the request back whole: nothing of it was written.
    pub(super) fn take_back(&self) {
        self.lock().begun = false;
    }

    /// These bytes of its body go to the connection.
    pub(super) fn add(&self, data: &[u8]) {
        // Under one lock, so that the digest is always of as many bytes as are counted.
        let mut sending = self.lock();
        sending.bytes = sending.bytes.saturating_add(data.len() as u64);
        sending.digest.update(data);
    }

    pub(super) fn total(&self) -> u64 {
        self.lock().bytes
    }

    fn body(&self) -> Option<SentBody> {
        let sending = self.lock();
        sending.begun.then(|| SentBody {
            bytes: sending.bytes,
            digest: sending.digest.clone().finalize().into(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Sending> {
        // Nothing in here can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("bytes", &self.total())
            .finish_non_exhaustive()
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

    fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
