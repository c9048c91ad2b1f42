//! The bound on what the host holds of a guest's calls.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of arguments, bodies and answers of all calls that a guest has started and not taken. The
/// guest's own bound on memory does not see them, and a quarter of a gibibyte is that bound's
/// default.
const BYTES: usize = 256 << 20;

/// What is left for the calls of one guest.
pub(super) struct Budget(Arc<Semaphore>);

/// Bytes that a call holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    left: Arc<Semaphore>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BYTES)))
    }

    /// What a call holds that holds nothing yet.
    pub(super) fn nothing(&self) -> Held {
        Held {
            left: Arc::clone(&self.0),
            permits: Vec::new(),
        }
    }
}

impl Held {
    /// Holds as many bytes more; false when they are not left.
    #[must_use]
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let Ok(count) = u32::try_from(bytes) else {
            return false;
        };
        let Ok(permit) = Arc::clone(&self.left).try_acquire_many_owned(count) else {
            return false;
        };
        match self.permits.first_mut() {
            Some(held) => held.merge(permit),
            None => self.permits.push(permit),
        }
        true
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Budget")
            .field(&self.0.available_permits())
            .finish()
    }
}
