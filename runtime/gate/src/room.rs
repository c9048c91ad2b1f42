//! What the host may hold for the calls of one run: one bound, on both sides of the gate.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentbox_policy::Code;

use crate::failure::{Cause, Failure, HOST_MEMORY};

/// Bytes that may yet be held. Clones share them.
///
/// A guest's own bound on memory does not see what the host keeps for it: arguments and bodies that
/// were handed over, replies that were not taken. Whoever keeps such bytes holds them here first.
#[derive(Clone)]
pub struct Room(Arc<AtomicU64>);

/// Bytes that are held; given back when it is dropped.
pub struct Held {
    room: Room,
    bytes: u64,
}

/// There is no room for that much more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the calls under way hold as much as `[run] host-memory` allows; take what has ended, or drop it"
)]
pub struct NoRoom;

impl Room {
    /// Room for so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    /// Nothing yet, to hold more by.
    #[must_use]
    pub fn nothing(&self) -> Held {
        let room = self.clone();
        Held { room, bytes: 0 }
    }

    /// Holds so many bytes.
    ///
    /// # Errors
    /// When there is not as much left; nothing is held then.
    pub fn hold(&self, bytes: usize) -> Result<Held, NoRoom> {
        let mut held = self.nothing();
        held.more(bytes)?;
        Ok(held)
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Holds so many bytes more.
    ///
    /// # Errors
    /// When there is not as much left; what was held is held on.
    pub fn more(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let bytes = u64::try_from(bytes).map_err(|_too_many: std::num::TryFromIntError| NoRoom)?;
        self.room
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .map_err(|_left| NoRoom)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

impl From<NoRoom> for Failure {
    fn from(full: NoRoom) -> Self {
        let cause = Cause::Limit {
            name: HOST_MEMORY.to_owned(),
            // It frees up when the program takes something, not by waiting.
            retry_after: None,
        };
        Self::new(Code::HOST_MEMORY, cause, full.to_string())
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Room").field(&self.left()).finish()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back_and_never_more_than_there_is() {
        let room = Room::new(100);
        let mut first = room.hold(60).expect("room");
        assert_eq!(room.hold(41).err(), Some(NoRoom));
        let second = room.clone().hold(40).expect("the rest");
        assert_eq!(first.more(1), Err(NoRoom));
        assert_eq!(room.left(), 0);
        drop(second);
        assert_eq!(first.more(40), Ok(()));
        drop(first);
        assert_eq!(room.left(), 100);
    }
}
