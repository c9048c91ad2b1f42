//! Counts what runs have used of the policy's limits, before anything is sent.
//!
//! Owns: [`Ledger`], whose [`reserve`](Ledger::reserve) turns an
//! [`Approved`](agentbox_policy::Approved) call into a [`Reserved`] one, and [`RunId`]. Counts are
//! exact across threads and processes that share a state folder. Never reads a clock, never gives
//! anything back, and opens no database for a call that has no limits. Start with `reserve`; the
//! rule itself is in `spend`.

mod demand;
mod error;
mod reserve;
mod run_id;
mod spend;
mod store;
#[cfg(test)]
mod testing;
mod thread;

pub use error::{Exhausted, ReserveError, Unavailable};
pub use reserve::{Ledger, Reserved};
pub use run_id::{BadRunId, RunId, RunIdError};
