//! The record of a run: every call it tried, before anything of the call leaves.
//!
//! Owns: [`Record`], whose [`intent`](Record::intent) turns a
//! [`Reserved`] call into a [`Recorded`] one, and the schema, [`Line`]. One file
//! per run, one JSON object per line, append only. Its types have no place for a body, a header's
//! value or a key; they hold the digests of the
//! [canonical request](agentbox_policy::Approved::canonical_head). Never reads a clock and never
//! sends. Start with `line` for what is written, then `write`; [`runs`] and [`read`] are for people
//! who look back.

mod error;
mod line;
mod read;
#[cfg(test)]
mod testing;
mod write;

pub use agentbox_ledger::{Exhausted, Reserved, RunId};
pub use error::{ReadError, RecordError};
pub use line::{CredentialName, Event, LONGEST_PATH, LONGEST_TEXT, Line, MOST_NAMES, Path};
pub use read::{Fault, FaultKind, RunRecord, RunSummary, read, runs};
pub use write::{Outcome, Record, Recorded, RunEnd, RunStart};
