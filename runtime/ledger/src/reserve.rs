//! Reserving a call: the step between `decide` and `intent`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use agentbox_policy::Approved;

use crate::demand::Demand;
use crate::error::{Exhausted, ReserveError};
use crate::run_id::RunId;
use crate::store::Place;
use crate::thread::Thread;

/// The counts of one state folder, or of one process.
///
/// Cloning is cheap and shares them. Any number of ledgers, in any number of processes, may be open
/// on one folder: together they are as exact as one.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Thread>);

impl Ledger {
    /// The counts kept in `folder`, in a file `ledger.db` with mode 0600.
    ///
    /// Opens nothing: that waits for the first call that has a limit. The folder is made then, with
    /// mode 0700, where it is not there.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self(Arc::new(Thread::new(Place::Folder(folder))))
    }

    /// Counts that live as long as this ledger and its clones.
    #[must_use]
    pub fn in_memory() -> Self {
        Self(Arc::new(Thread::new(Place::Memory)))
    }

    /// Takes one of each of the call's limits, or of none.
    ///
    /// A sliding window counts reservations in any stretch of its length, the later end included
    /// and the earlier one not. Time never runs backwards: a `now` before the newest reservation
    /// counts as that reservation's time. So a clock set back opens no window, and one that was
    /// ahead keeps windows closed until its time comes again. What is reserved stays used, whatever
    /// becomes of the call: also when this future is dropped, or the process is killed.
    ///
    /// # Errors
    ///
    /// When a limit has no room, or the counts cannot be read or written. Nothing is used then.
    pub async fn reserve(
        &self,
        approved: Approved,
        run: &RunId,
        now: SystemTime,
    ) -> Result<Reserved, ReserveError> {
        if approved.limits().is_empty() {
            return Ok(Reserved { approved });
        }
        let unavailable = |problem| ReserveError::Unavailable(problem);
        let demand = Demand::of(&approved, run, now).map_err(|p| unavailable(p.into()))?;
        match self.0.ask(demand).await.map_err(unavailable)? {
            None => Ok(Reserved { approved }),
            Some(shortage) => Err(ReserveError::Exhausted(Box::new(Exhausted {
                call: approved.summary(),
                grant: approved.grant().to_owned(),
                shortage,
            }))),
        }
    }
}

/// Proof that an approved call has been counted under each of its limits.
#[derive(Debug)]
pub struct Reserved {
    // INVARIANT: made only by `Ledger::reserve`, and only after the counts are committed.
    approved: Approved,
}

impl Reserved {
    /// The call.
    #[must_use]
    pub fn approved(&self) -> &Approved {
        &self.approved
    }
}

#[cfg(test)]
mod tests;
