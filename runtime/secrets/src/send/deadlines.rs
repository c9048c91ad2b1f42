//! How long each part of a call may take.

use std::future::Future;
use std::time::Duration;

use agentbox_gate::Patience;
use agentbox_policy::Bounds;
use tokio::time::{Instant, timeout_at};

use crate::error::Trouble;

/// Said when the whole call took too long.
pub(super) const CALL: &str = "the call took too long";

/// The deadlines of one call, from the policy and what the guest itself wants, whichever is sooner.
pub(super) struct Deadlines {
    /// When all of it has to be over.
    pub(super) call: Instant,
    /// When the connection has to be there, counted from when it is first tried.
    connect: Duration,
    /// From the request's end to the reply's head.
    pub(super) first_byte: Duration,
    /// Between two pieces of the reply's body.
    pub(super) between_bytes: Option<Duration>,
}

impl Deadlines {
    pub(super) fn start(bounds: &Bounds, patience: &Patience) -> Self {
        let sooner = |bound: Duration, wish: Option<Duration>| wish.map_or(bound, |w| w.min(bound));
        Self {
            call: Instant::now() + sooner(bounds.call, patience.call),
            connect: sooner(bounds.connect, patience.connect),
            first_byte: sooner(bounds.first_byte, patience.first_byte),
            between_bytes: patience.between_bytes,
        }
    }

    /// When a connection that is begun now has to be there.
    pub(super) fn connected(&self) -> Instant {
        self.call.min(Instant::now() + self.connect)
    }

    /// The outcome of `part`, if it is there before the whole call is over.
    pub(super) async fn within_call<T>(&self, part: impl Future<Output = T>) -> Result<T, Trouble> {
        timeout_at(self.call, part)
            .await
            .map_err(|_elapsed| Trouble::Timeout(CALL))
    }
}
