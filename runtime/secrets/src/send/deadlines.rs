//! How long each part of a call may take.

use std::future::Future;
use std::time::Duration;

use agentbox_gate::Patience;
use agentbox_policy::{Amount, Bound, Bounds};
use tokio::time::{Instant, timeout_at};

use crate::error::{Exceeded, Trouble};

/// How long something may take, and who says so.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) time: Duration,
    /// The bound of the policy; none where the program itself wants no more.
    bound: Option<fn() -> &'static Bound>,
}

/// When something has to be there, and for whose wait.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub(super) at: Instant,
    wait: Wait,
}

/// The deadlines of one call, from the policy and what the guest itself wants, whichever is sooner.
pub(super) struct Deadlines {
    /// When all of it has to be over.
    pub(super) call: Due,
    /// When the connection has to be there, counted from when it is first tried.
    connect: Wait,
    /// From the request's end to the reply's head.
    pub(super) first_byte: Wait,
    /// Between two pieces of the reply's body.
    pub(super) between_bytes: Option<Wait>,
}

impl Deadlines {
    pub(super) fn start(bounds: &Bounds, patience: &Patience) -> Self {
        // What a call has left is the policy's bound as well, however little that is.
        let call = Wait {
            time: bounds.call,
            bound: Some(Bound::call),
        };
        let left = patience.call.map_or(call.time, |left| left.min(call.time));
        Self {
            call: Due {
                at: Instant::now() + left,
                wait: call,
            },
            connect: Wait::sooner(bounds.connect, Bound::connect, patience.connect),
            first_byte: Wait::sooner(bounds.first_byte, Bound::first_byte, patience.first_byte),
            between_bytes: patience
                .between_bytes
                .map(|time| Wait { time, bound: None }),
        }
    }

    /// When a connection that is begun now has to be there.
    pub(super) fn connected(&self) -> Due {
        let at = Instant::now() + self.connect.time;
        let wait = self.connect;
        if self.call.at < at {
            self.call
        } else {
            Due { at, wait }
        }
    }

    /// The outcome of `part`, if it is there before the whole call is over.
    pub(super) async fn within_call<T>(&self, part: impl Future<Output = T>) -> Result<T, Trouble> {
        timeout_at(self.call.at, part)
            .await
            .map_err(|_elapsed| self.call.call_is_late())
    }
}

impl Wait {
    fn sooner(bounded: Duration, bound: fn() -> &'static Bound, wish: Option<Duration>) -> Self {
        match wish {
            Some(time) if time < bounded => Self { time, bound: None },
            _ => Self {
                time: bounded,
                bound: Some(bound),
            },
        }
    }

    /// The time, and whose word that is: ``the 1m that `[run] first-byte` and `--first-byte` allow``.
    fn allowed(self) -> String {
        let time = Amount::Time(self.time);
        match self.bound {
            Some(bound) => bound().allowing(time),
            None => format!("the {time} that the program itself allows"),
        }
    }

    /// The upstream did not answer within it.
    pub(super) fn answer_is_late(self) -> Trouble {
        Trouble::Timeout(Exceeded::new(
            "the upstream took too long to answer",
            format!("the upstream took longer to answer than {}", self.allowed()),
        ))
    }

    /// The next piece of the reply did not come within it.
    pub(super) fn piece_is_late(self) -> Trouble {
        Trouble::Timeout(Exceeded::new(
            "the next piece of the reply took too long",
            format!(
                "the next piece of the reply took longer than {}",
                self.allowed()
            ),
        ))
    }
}

impl Due {
    /// The whole call was not over by then.
    pub(super) fn call_is_late(self) -> Trouble {
        Trouble::Timeout(Exceeded::new(
            "the call took too long",
            format!("the call took longer than {}", self.wait.allowed()),
        ))
    }

    /// The connection, TLS included, was not there by then.
    pub(super) fn connection_is_late(self) -> Trouble {
        Trouble::ConnectTimeout(Exceeded::new(
            "the connection took too long",
            format!("the connection took longer than {}", self.wait.allowed()),
        ))
    }
}
