//! Reading records back.

use std::fmt;
use std::io::{self, Read as _};

use agentbox_ledger::RunId;
use cap_std::fs::Dir;
use serde::Serialize;

use crate::error::ReadError;
use crate::line::{Event, Line};
use crate::write::RUNS;

/// All runs on record in the state folder, newest first.
///
/// # Errors
///
/// When the folder or a record cannot be read. A folder without records is an empty list.
pub fn runs(state: &Dir) -> Result<Vec<RunSummary>, ReadError> {
    let Some(folder) = open(state)? else {
        return Ok(Vec::new());
    };
    let mut summaries = Vec::new();
    for run in ids(&folder)? {
        match load(&folder, run) {
            Ok(record) => summaries.push(record.summary()),
            // Removed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(summaries)
}

/// The record of the run whose id starts with `prefix`.
///
/// # Errors
///
/// When no run's id starts so, or more than one does, or the record cannot be read. Lines that
/// cannot be understood are no error: they are [`faults`](RunRecord::faults).
pub fn read(state: &Dir, prefix: &str) -> Result<RunRecord, ReadError> {
    let not_found = || ReadError::NotFound {
        prefix: prefix.escape_default().take(64).collect(),
    };
    let folder = open(state)?.ok_or_else(not_found)?;
    let wanted = prefix.to_ascii_lowercase();
    let mut matching = ids(&folder)?;
    matching.retain(|run| !wanted.is_empty() && run.to_string().starts_with(&wanted));
    match matching[..] {
        [] => Err(not_found()),
        [run] => Ok(load(&folder, run)?),
        _ => Err(ReadError::Ambiguous {
            prefix: wanted,
            runs: matching,
        }),
    }
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRecord {
    /// The run.
    #[serde(serialize_with = "as_text")]
    pub run: RunId,
    /// The lines that could be understood, in the order of the file.
    pub lines: Vec<Line>,
    /// The lines that could not, and gaps between those that could. Empty for a whole record.
    pub faults: Vec<Fault>,
}

/// A run, in one line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// The run.
    #[serde(serialize_with = "as_text")]
    pub run: RunId,
    /// When it started, as its record says or else its id.
    pub started: String,
    /// The agent id; none where the first line is lost.
    pub agent: Option<String>,
    /// What the program is called; none where the first line is lost.
    pub program: Option<String>,
    /// Whether calls were only decided.
    pub dry_run: bool,
    /// How many calls have an intent.
    pub calls: u64,
    /// How many calls were denied, or found a limit exhausted.
    pub denied: u64,
    /// The exit code; none for a run that still runs, or was killed.
    pub exit: Option<i32>,
    /// Why agentbox ended it, where it did.
    pub code: Option<String>,
    /// How many lines cannot be understood or are missing.
    pub faults: usize,
}

/// Something wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which line of the file, from one.
    pub line: usize,
    /// What is wrong with it.
    #[serde(flatten)]
    pub kind: FaultKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum FaultKind {
    /// It is not a line of this version's schema.
    Foreign,
    /// Its number is not the one after the line before it: lines are missing, or were put in.
    Gap {
        /// The number that would follow.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
    /// The last line has no end: the machine or the disk stopped in the middle of it.
    Torn,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.kind {
            FaultKind::Foreign => write!(f, "line {line} is not a line of a record"),
            FaultKind::Gap { expected, found } => {
                write!(
                    f,
                    "line {line} has number {found} where {expected} would follow"
                )
            }
            FaultKind::Torn => write!(f, "line {line}, the last, was not written to its end"),
        }
    }
}

impl RunRecord {
    fn parse(run: RunId, bytes: &[u8]) -> Self {
        let (mut lines, mut faults): (Vec<Line>, Vec<Fault>) = (Vec::new(), Vec::new());
        let mut expected = 1;
        for (index, bytes) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let mut fault = |kind| {
                faults.push(Fault {
                    line: index + 1,
                    kind,
                });
            };
            // A line without its end is not believed, even where it happens to parse.
            if bytes.last() != Some(&b'\n') {
                fault(FaultKind::Torn);
                continue;
            }
            match serde_json::from_slice::<Line>(bytes) {
                Ok(line) if line.v == Line::VERSION => {
                    if line.seq != expected {
                        fault(FaultKind::Gap {
                            expected,
                            found: line.seq,
                        });
                    }
                    expected = line.seq.saturating_add(1);
                    lines.push(line);
                }
                _ => fault(FaultKind::Foreign),
            }
        }
        Self { run, lines, faults }
    }

    /// The run in short, counted from the lines that could be understood.
    #[must_use]
    pub fn summary(&self) -> RunSummary {
        let started = self.lines.first().map(|line| line.time);
        let started = started.or_else(|| jiff::Timestamp::try_from(self.run.time()).ok());
        let mut summary = RunSummary {
            run: self.run,
            started: started.map(|time| format!("{time:.3}")).unwrap_or_default(),
            agent: None,
            program: None,
            dry_run: false,
            calls: 0,
            denied: 0,
            exit: None,
            code: None,
            faults: self.faults.len(),
        };
        for line in &self.lines {
            match &line.event {
                Event::Denied { .. } | Event::Exhausted { .. } => summary.denied += 1,
                Event::Intent { .. } => summary.calls += 1,
                Event::Outcome { .. } => {}
                Event::RunEnded { exit, code, .. } => {
                    summary.exit = Some(*exit);
                    summary.code.clone_from(code);
                }
                Event::RunStarted {
                    agent,
                    program_name,
                    dry_run,
                    ..
                } => {
                    summary.agent = Some(agent.clone());
                    summary.program = Some(program_name.clone());
                    summary.dry_run = *dry_run;
                }
            }
        }
        summary
    }
}

/// The folder of records; none before the first run.
fn open(state: &Dir) -> io::Result<Option<Dir>> {
    match state.open_dir(RUNS) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The runs that have a record, newest first; files of other names are not records.
fn ids(folder: &Dir) -> io::Result<Vec<RunId>> {
    let mut ids = Vec::new();
    for entry in folder.entries()? {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
        ids.extend(id.and_then(|id| id.parse::<RunId>().ok()));
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

fn load(folder: &Dir, run: RunId) -> io::Result<RunRecord> {
    let mut bytes = Vec::new();
    folder
        .open(format!("{run}.jsonl"))?
        .read_to_end(&mut bytes)?;
    Ok(RunRecord::parse(run, &bytes))
}

fn as_text<S: serde::Serializer>(run: &RunId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(run)
}

#[cfg(test)]
mod tests;
