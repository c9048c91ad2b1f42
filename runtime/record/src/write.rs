//! Writing the record of a run, a line at a time.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use agentbox_ledger::{Exhausted, Reserved, RunId};
use agentbox_policy::{Approved, Code, Denied};
use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt as _, File, Metadata, MetadataExt as _, OpenOptions,
    OpenOptionsExt as _,
};
use jiff::Timestamp;

use crate::error::RecordError;
use crate::line::{Event, Line, cut, hex, millis};

/// The record of one run, while it runs. Cloning is cheap and shares it.
#[derive(Clone, Debug)]
pub struct Record(Arc<Mutex<Writer>>);

/// What a run starts with.
#[derive(Clone, Debug)]
pub struct RunStart {
    /// The run's id.
    pub run: RunId,
    /// The agent id, as in the policy.
    pub agent: String,
    /// Who answers for the agent.
    pub owner: Option<String>,
    /// SHA-256 of the policy, lower-case hex.
    pub policy_digest: String,
    /// SHA-256 of the program, lower-case hex.
    pub program_digest: String,
    /// What the program is called.
    pub program_name: String,
    /// Whether calls are only decided, and none sent.
    pub dry_run: bool,
    /// The version of agentbox.
    pub version: String,
}

/// What became of a call.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The upstream's status, where it answered.
    pub status: Option<u16>,
    /// What went wrong, where something did.
    pub code: Option<Code>,
    /// Facts for people, such as which credential was echoed and where. Never a value.
    pub note: Option<String>,
    /// Bytes of the request's body that were sent.
    pub sent: u64,
    /// SHA-256 of just those bytes; none where no request was handed to a connection.
    pub body: Option<[u8; 32]>,
    /// Bytes of the reply's body that came.
    pub received: u64,
    /// The address that was dialled.
    pub address: Option<SocketAddr>,
    /// From the intent to the end.
    pub elapsed: Duration,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd {
    /// The exit code of `agentbox run`.
    pub exit: i32,
    /// Why agentbox ended it, where it did.
    pub code: Option<Code>,
    /// The run's length.
    pub elapsed: Duration,
}

impl Record {
    /// Makes `runs/<run-id>.jsonl` in the state folder, mode 0600, and writes its first line.
    ///
    /// # Errors
    ///
    /// When there is a file of that name already, or it cannot be made or written.
    pub fn create(state: &Dir, start: &RunStart, now: SystemTime) -> Result<Self, RecordError> {
        let file = Place::make(state, start.run).map_err(|source| RecordError::Create {
            run: start.run,
            source,
        })?;
        let record = Self::over(file.0, Some(file.1));
        record.lock().write(Event::started(start), now)?;
        Ok(record)
    }

    /// Records a call that the policy refused.
    ///
    /// # Errors
    ///
    /// When the line could not be written.
    pub fn denied(&self, denied: &Denied, now: SystemTime) -> Result<(), RecordError> {
        self.lock().refused(Event::denied(denied), now)
    }

    /// Records a call that a limit had no room for.
    ///
    /// # Errors
    ///
    /// When the line could not be written.
    pub fn exhausted(&self, exhausted: &Exhausted, now: SystemTime) -> Result<(), RecordError> {
        self.lock().refused(Event::exhausted(exhausted), now)
    }

    /// Records that a call is about to be sent: the step between `reserve` and `inject`.
    ///
    /// When this returns, the line is with the operating system; it outlives this process.
    ///
    /// # Errors
    ///
    /// When the line could not be written, or an earlier one could not. Nothing may be sent then.
    pub fn intent(&self, reserved: Reserved, now: SystemTime) -> Result<Recorded, RecordError> {
        let mut writer = self.lock();
        writer.open()?;
        let call = writer.calls + 1;
        writer.write(Event::intent(call, reserved.approved()), now)?;
        writer.calls = call;
        Ok(Recorded { reserved, call })
    }

    /// Records what became of the call that [`Recorded::call`] numbers. May follow the run's end.
    ///
    /// # Errors
    ///
    /// When the line could not be written, or an earlier one could not.
    pub fn outcome(
        &self,
        call: u64,
        outcome: &Outcome,
        now: SystemTime,
    ) -> Result<(), RecordError> {
        self.lock().write(Event::outcome(call, outcome), now)
    }

    /// Records the run's end. After it, no call can be made.
    ///
    /// # Errors
    ///
    /// When the line could not be written, or an earlier one could not, or the run has ended.
    pub fn ended(&self, end: &RunEnd, now: SystemTime) -> Result<(), RecordError> {
        let mut writer = self.lock();
        writer.open()?;
        let event = Event::RunEnded {
            exit: end.exit,
            code: end.code.map(|code| code.to_string()),
            calls: writer.calls,
            denied: writer.denied,
            elapsed_ms: millis(end.elapsed),
        };
        writer.ended = true;
        writer.write(event, now)
    }

    fn over(file: File, place: Option<Place>) -> Self {
        let writer = Writer {
            file,
            place,
            seq: 0,
            calls: 0,
            denied: 0,
            ended: false,
            poisoned: false,
        };
        Self(Arc::new(Mutex::new(writer)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Writer> {
        // What a panic could leave half done is marked by `poisoned`, not by the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proof that a reserved call is on record, with all that later steps need.
#[derive(Debug)]
pub struct Recorded {
    // INVARIANT: made only by `Record::intent`, and only after its line was written whole.
    reserved: Reserved,
    call: u64,
}

impl Recorded {
    /// The call.
    #[must_use]
    pub fn approved(&self) -> &Approved {
        self.reserved.approved()
    }

    /// Its number within the run, from one.
    #[must_use]
    pub fn call(&self) -> u64 {
        self.call
    }
}

#[derive(Debug)]
struct Writer {
    file: File,
    /// Where the file was made; a test may write to another kind of file.
    place: Option<Place>,
    seq: u64,
    calls: u64,
    denied: u64,
    ended: bool,
    /// Set while a line is being written, and for good when that fails.
    poisoned: bool,
}

impl Writer {
    fn open(&self) -> Result<(), RecordError> {
        if self.ended {
            Err(RecordError::Ended)
        } else {
            Ok(())
        }
    }

    fn refused(&mut self, event: Event, now: SystemTime) -> Result<(), RecordError> {
        self.open()?;
        self.write(event, now)?;
        self.denied += 1;
        Ok(())
    }

    /// Writes one line with one call of `write`, so that not even the death of this process puts a
    /// part of another line into it.
    fn write(&mut self, event: Event, now: SystemTime) -> Result<(), RecordError> {
        if self.poisoned {
            return Err(RecordError::Poisoned);
        }
        let time = Timestamp::try_from(now).map_err(RecordError::Clock)?;
        let line = Line {
            v: Line::VERSION,
            seq: self.seq + 1,
            time,
            event,
        };
        let bytes = line.to_bytes().map_err(RecordError::Line)?;
        self.poisoned = true;
        if self.place.as_ref().is_some_and(|place| !place.holds()) {
            return Err(RecordError::Gone);
        }
        let written = loop {
            match self.file.write(&bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result.map_err(RecordError::Write)?,
            }
        };
        if written < bytes.len() {
            // The rest would be another call, with room for a crash in between.
            let short = io::Error::new(io::ErrorKind::WriteZero, "only a part of a line fits");
            return Err(RecordError::Write(short));
        }
        self.seq += 1;
        self.poisoned = false;
        Ok(())
    }
}

/// The name under which a record was made, and which file that was.
#[derive(Debug)]
struct Place {
    runs: Dir,
    name: String,
    identity: (u64, u64),
}

impl Place {
    fn make(state: &Dir, run: RunId) -> io::Result<(File, Self)> {
        let mut private = DirBuilder::new();
        private.mode(0o700).recursive(true);
        state.create_dir_with(RUNS, &private)?;
        let runs = state.open_dir(RUNS)?;
        let name = format!("{run}.jsonl");
        let mut new = OpenOptions::new();
        new.append(true).create_new(true).mode(0o600);
        let file = runs.open_with(&name, &new)?;
        let identity = identity(&file.metadata()?);
        Ok((
            file,
            Self {
                runs,
                name,
                identity,
            },
        ))
    }

    /// Whether the name still leads to the file: a record nobody can find is none.
    fn holds(&self) -> bool {
        let metadata = self.runs.symlink_metadata(&self.name);
        metadata.is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Event {
    fn started(start: &RunStart) -> Self {
        Self::RunStarted {
            run: start.run.to_string(),
            agent: start.agent.clone(),
            owner: start.owner.clone(),
            policy_digest: start.policy_digest.clone(),
            program_name: cut(&start.program_name),
            program_digest: start.program_digest.clone(),
            dry_run: start.dry_run,
            version: start.version.clone(),
        }
    }

    fn outcome(call: u64, outcome: &Outcome) -> Self {
        Self::Outcome {
            call,
            status: outcome.status,
            code: outcome.code.map(|code| code.to_string()),
            note: outcome.note.as_deref().map(cut),
            sent: outcome.sent,
            body: outcome.body.as_ref().map(|digest| hex(digest)),
            received: outcome.received,
            address: outcome.address,
            elapsed_ms: millis(outcome.elapsed),
        }
    }
}

/// The folder of records, in the state folder.
pub(crate) const RUNS: &str = "runs";

#[cfg(test)]
mod tests;
