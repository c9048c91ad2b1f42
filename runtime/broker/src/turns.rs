//! Whose turn it is: as many calls are under way at once as may be, the others wait in order.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use agentbox_gate::{Held, Room};
use agentbox_policy::{Approved, Bounds, Code, Denied};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Bytes that the host keeps for a call whatever it is: its future, and its names for the record. A call
/// by name that waits was measured to take 5 KiB in all, its door's part included.
pub(crate) const CALL_BYTES: usize = 4 << 10;

/// Bytes that the host keeps for a call that is under way beside that: the buffers of HTTP and TLS, and
/// what an upstream may have sent before it is read, which over HTTP/2 is a mebibyte.
pub(crate) const UNDER_WAY_BYTES: usize = 1 << 20;

/// The turns of one run.
#[derive(Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    room: Room,
}

/// A call's turn, and the host's memory that it takes up; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
    _held: Held,
}

/// A call's place in the line for its turn; given up when it is dropped.
pub(crate) struct Place(Waiting);

type Waiting = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl Turns {
    pub(crate) fn new(bounds: &Bounds, room: Room) -> Self {
        let most = usize::try_from(bounds.calls_at_once).unwrap_or(usize::MAX);
        let free = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self { free, room }
    }

    /// A place in the line, behind those that were given out before.
    ///
    /// A program that reads its replies in the order of its calls waits for the oldest. Were places
    /// given out as calls happen to be looked at, others could have all the turns meanwhile.
    pub(crate) fn line_up(&self) -> Place {
        let mut waiting: Waiting = Box::pin(Arc::clone(&self.free).acquire_owned());
        // Asking once puts it in the line.
        let mut context = Context::from_waker(Waker::noop());
        match waiting.as_mut().poll(&mut context) {
            Poll::Ready(turn) => Place(Box::pin(std::future::ready(turn))),
            Poll::Pending => Place(waiting),
        }
    }

    /// Waits at `place` for the call's turn, until `due`. Nothing of the call is counted under a limit
    /// or on record meanwhile.
    pub(crate) async fn take(
        &self,
        place: Place,
        approved: Approved,
        due: Instant,
    ) -> Result<(Approved, Turn), Denied> {
        let mut held = self.room.nothing();
        if let Err(full) = held.more(approved.size() + CALL_BYTES) {
            return Err(approved.refuse(Code::HOST_MEMORY, full.to_string()));
        }
        // The turns are never closed, so there is no other reason to have none.
        let Ok(Ok(permit)) = timeout_at(due, place.0).await else {
            return Err(approved.refuse(
                Code::CALLS_AT_ONCE,
                "no call under way ended in time for this one to have its turn; read replies to \
                 their end, or drop them",
            ));
        };
        if let Err(full) = held.more(UNDER_WAY_BYTES) {
            return Err(approved.refuse(Code::HOST_MEMORY, full.to_string()));
        }
        let turn = Turn {
            _permit: permit,
            _held: held,
        };
        Ok((approved, turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(most: u64) -> Turns {
        let bounds = Bounds {
            calls_at_once: most,
            ..Bounds::default()
        };
        Turns::new(&bounds, Room::new(bounds.host_memory))
    }

    fn is_ready(place: &mut Place) -> Option<OwnedSemaphorePermit> {
        let mut context = Context::from_waker(Waker::noop());
        match place.0.as_mut().poll(&mut context) {
            Poll::Ready(turn) => turn.ok(),
            Poll::Pending => None,
        }
    }

    #[test]
    fn turns_come_in_the_order_of_the_line_whoever_asks_first() {
        let turns = turns(1);
        let mut first = turns.line_up();
        let mut second = turns.line_up();
        let (mut third, mut fourth) = (turns.line_up(), turns.line_up());
        assert!(is_ready(&mut fourth).is_none());
        let turn = is_ready(&mut first).expect("the first is free");
        drop(turn);
        assert!(is_ready(&mut third).is_none());
        assert!(is_ready(&mut fourth).is_none());
        let turn = is_ready(&mut second).expect("it is its turn");
        // Who leaves the line holds nobody up.
        drop(third);
        drop(turn);
        assert!(is_ready(&mut fourth).is_some());
    }
}
