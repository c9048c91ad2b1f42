//! Why the record could not be written or read.

use std::io;

use agentbox_ledger::RunId;
use agentbox_policy::Code;

/// Why a line could not be put on record. Without it nothing leaves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The record's file could not be made.
    #[error("the record of run {run} cannot be created")]
    Create {
        /// The run.
        run: RunId,
        /// What the file system said.
        source: io::Error,
    },
    /// The clock shows a time that cannot be written.
    #[error("the clock shows a time that the record cannot hold")]
    Clock(#[source] jiff::Error),
    /// A line could not be put into words.
    #[error("a line of the record could not be made")]
    Line(#[source] serde_json::Error),
    /// A line could not be written whole. Nothing more is written to this record.
    #[error("the record cannot be written")]
    Write(#[source] io::Error),
    /// The file is no longer where it was made. Nothing more is written to this record.
    #[error("the record's file has been moved or removed")]
    Gone,
    /// An earlier line could not be written, so what follows it would not be the whole account.
    #[error("an earlier line of the record could not be written")]
    Poisoned,
    /// The run has ended.
    #[error("the run has ended, and so has its record")]
    Ended,
}

impl RecordError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Create { .. } => Code::STATE,
            _ => Code::RECORD_UNAVAILABLE,
        }
    }
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// More than one run's id starts like this.
    #[error("`{prefix}` is the start of {} runs: {}", runs.len(), list(runs))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The runs it could be, newest first.
        runs: Vec<RunId>,
    },
    /// No run's id starts like this.
    #[error("no run is recorded under `{prefix}`")]
    NotFound {
        /// What was asked for, escaped.
        prefix: String,
    },
    /// The state folder or a file in it could not be read.
    #[error("the records cannot be read")]
    Io(#[from] io::Error),
}

fn list(runs: &[RunId]) -> String {
    let shown: Vec<String> = runs.iter().take(5).map(RunId::to_string).collect();
    let more = if runs.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}
