//! The pipeline behind the gate: puts policy, ledger, record and secrets in order.
//!
//! Owns: [`Broker`], which is the [`Gate`](agentbox_gate::Gate) of one run. It decides nothing
//! itself, holds no key and knows no wasmtime. Read `pipeline`: a call's whole way is one function.

mod answer;
mod drain;
mod pipeline;
mod refusal;
mod settle;
mod tally;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use agentbox_gate::{Call, Failure, Gate, GateFuture, Reply, Room, Stop};
use agentbox_ledger::{Ledger, RunId};
use agentbox_policy::{Code, Policy};
use agentbox_record::Record;
use agentbox_secrets::{Secrets, Sender};

use crate::pipeline::Pipeline;

/// The gate of one run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Pipeline>);

/// What a broker is put together from.
pub struct Parts {
    /// The run whose calls these are.
    pub run: RunId,
    /// What the run may do.
    pub policy: Arc<Policy>,
    /// Counts its calls.
    pub ledger: Ledger,
    /// Its record.
    pub record: Record,
    /// Its keys.
    pub secrets: Secrets,
    /// Sends its requests.
    pub sender: Sender,
    /// What the host may hold for its calls.
    pub room: Room,
    /// Ends it.
    pub stop: Stop,
    /// What to do beyond answering.
    pub mode: Mode,
    /// Is told of each call that is refused or fails, as it happens.
    pub observer: Observer,
}

/// Choices of one run about its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Decide and record every call, and send none.
    pub dry_run: bool,
    /// End the run at the first call that is denied.
    pub stop_on_denial: bool,
}

/// Hears of calls that got no reply.
pub type Observer = Arc<dyn Fn(&Refused<'_>) + Send + Sync>;

/// A call that got no reply, for the operator.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The call, without its query.
    pub call: &'a str,
    /// The stable code.
    pub code: Code,
    /// What is wrong, with facts that the guest is not told.
    pub message: &'a str,
    /// What would make it work.
    pub hint: Option<&'a str>,
    /// What the guest is told.
    pub told: &'a Failure,
}

impl Broker {
    /// The gate of the run that `parts` belong to.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Pipeline::new(parts)))
    }

    /// Writes the outcome of every call that has none yet. To be called when the guest is gone.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Gate for Broker {
    fn call(&self, call: Call) -> GateFuture<Result<Reply, Failure>> {
        let pipeline = Arc::clone(&self.0);
        // Now, and not when the future is first looked at: the order of calls is the program's.
        let place = pipeline.line_up();
        Box::pin(async move { pipeline.answer(call, place).await })
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("run", &self.run)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// The clock of the pipeline.
fn now() -> SystemTime {
    SystemTime::now()
}
