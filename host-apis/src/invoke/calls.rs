//! The calls of one guest: started, under way, finished.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use agentbox_gate::{Body, Cause, Failure, Gate};
use agentbox_policy::{Bounds, CallHead, Code};
use http_body_util::BodyExt;
use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::bindings::agentbox::host::invoke::Answer;
use super::budget::{Budget, Held};
use super::{refused, shortened, to_answer, to_call, with_body};

/// Calls that a guest may have started and not taken; each holds a connection or a place in a queue
/// for one. More would not be faster: servers take some hundred streams at once.
const AT_ONCE: usize = 1024;

/// Calls beyond those that a guest may have been refused and not taken. Each costs the host the name
/// of its operation and a few hundred bytes, and who was refused sixty thousand times does not look.
const REFUSED: usize = 1 << 16;

/// All calls of one guest; dropping it gives them up.
pub(crate) struct Calls {
    gate: Arc<dyn Gate>,
    /// Bytes of one call's arguments that are read; what is longer is denied.
    most: usize,
    budget: Budget,
    /// The id of the latest call.
    last: u32,
    tasks: JoinSet<(u32, Ended)>,
    /// The task of each call that has been started and not taken.
    open: HashMap<u32, AbortHandle>,
    /// INVARIANT: all of these are in `open`.
    ended: VecDeque<(u32, Ended)>,
    /// Calls that were one too many when they were started and have not been taken: the gate denies
    /// them at once. INVARIANT: all of these are in `open`.
    refused: HashSet<u32>,
}

/// A call that has ended: what it gave, and what the host holds of that.
struct Ended {
    finished: Finished,
    _held: Held,
}

/// What a call of `operation` gave.
pub(super) struct Finished {
    pub(super) operation: String,
    pub(super) given: Result<Answer, Failure>,
}

impl Calls {
    pub(crate) fn new(gate: Arc<dyn Gate>, bounds: &Bounds) -> Self {
        Self {
            gate,
            most: usize::try_from(bounds.arguments).unwrap_or(usize::MAX),
            budget: Budget::new(),
            last: 0,
            tasks: JoinSet::new(),
            open: HashMap::new(),
            ended: VecDeque::new(),
            refused: HashSet::new(),
        }
    }

    /// Begins a call and gives its id.
    ///
    /// # Errors
    /// When the guest starts calls without end and takes none.
    pub(super) fn begin(
        &mut self,
        mut operation: String,
        arguments: String,
        body: Vec<u8>,
    ) -> wasmtime::Result<u32> {
        let Some(id) = self.last.checked_add(1) else {
            wasmtime::bail!("no more calls can be numbered");
        };
        self.last = id;
        let one_too_many = self.open.len() - self.refused.len() >= AT_ONCE;
        if one_too_many && self.refused.len() >= REFUSED {
            wasmtime::bail!("calls were started without end, and none was waited for");
        }
        let mut held = self.budget.nothing();
        let call = if one_too_many {
            self.refused.insert(id);
            Err("1024 calls are under way; wait for one first")
        } else if held.hold(operation.len() + arguments.len() + body.len()) {
            Ok(to_call(&operation, arguments, body, self.most))
        } else {
            Err("the calls under way hold more than 256 MiB")
        };
        let call = call.unwrap_or_else(|message| {
            operation = shortened(&operation).to_owned();
            let head = CallHead::Refused(refused(&operation, Code::CALLS_AT_ONCE, message));
            with_body(head, Body::empty())
        });
        let reply = self.gate.call(call);
        let task = self.tasks.spawn(async move {
            let given = answer(&operation, reply, &mut held).await;
            let finished = Finished { operation, given };
            let _held = held;
            (id, Ended { finished, _held })
        });
        self.open.insert(id, task);
        Ok(id)
    }

    /// The next call to end, as soon as one has; none where no call is open.
    pub(super) async fn next(&mut self) -> Option<(u32, Finished)> {
        loop {
            if let Some((id, ended)) = self.ended.pop_front() {
                self.open.remove(&id);
                self.refused.remove(&id);
                return Some((id, ended.finished));
            }
            if self.open.is_empty() {
                return None;
            }
            let joined = self.tasks.join_next().await?;
            self.settle(joined);
        }
    }

    /// Gives a call up; whether there was one to give up.
    pub(super) fn give_up(&mut self, id: u32) -> bool {
        let Some(task) = self.open.remove(&id) else {
            return false;
        };
        self.refused.remove(&id);
        task.abort();
        // What had ended already is let go of now, not at some later `wait`.
        while let Some(joined) = self.tasks.try_join_next() {
            self.settle(joined);
        }
        self.ended.retain(|(other, _)| *other != id);
        true
    }

    /// Keeps what a task gave, unless its call has been given up.
    fn settle(&mut self, joined: Result<(u32, Ended), JoinError>) {
        match joined {
            Ok((id, ended)) if self.open.contains_key(&id) => self.ended.push_back((id, ended)),
            Ok(_) => {}
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    resume_unwind(panic);
                }
            }
        }
    }
}

/// Waits for a reply and all of its body.
async fn answer(
    operation: &str,
    reply: agentbox_gate::GateFuture<Result<agentbox_gate::Reply, Failure>>,
    held: &mut Held,
) -> Result<Answer, Failure> {
    let mut reply = reply.await?;
    let mut bytes = Vec::new();
    while let Some(frame) = reply.body.frame().await {
        let Ok(data) = frame.map_err(|failure| *failure)?.into_data() else {
            continue;
        };
        if !held.hold(data.len()) {
            return Err(Failure::new(
                Code::REPLY_SIZE,
                Cause::ReplyTooLarge,
                "the calls under way hold more than 256 MiB",
            ));
        }
        bytes.extend_from_slice(&data);
    }
    reply.body = Body::empty();
    to_answer(operation, &reply, bytes)
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("last", &self.last)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}
