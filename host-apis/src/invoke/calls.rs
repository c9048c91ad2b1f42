//! The calls of one guest: started, under way, finished.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use agentbox_gate::{Body, Cause, Failure, Gate, GateFuture, Held, NoRoom, Reply, Room};
use agentbox_policy::{Bounds, CallHead, Code};
use http::HeaderMap;
use http_body_util::BodyExt;
use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::bindings::agentbox::host::invoke::Answer;
use super::{head_value, refused, shortened, to_answer, to_call, with_body};

/// Bytes that the host keeps for each call until it is taken, whatever it is: its task and its place
/// among the others. With what the gate keeps, 5 KiB were measured.
const CALL_BYTES: usize = 4 << 10;

/// All calls of one guest; dropping it gives them up.
pub(crate) struct Calls {
    gate: Arc<dyn Gate>,
    /// Bytes of one call's arguments that are read; what is longer is denied.
    most: usize,
    room: Room,
    /// The id of the latest call.
    last: u32,
    tasks: JoinSet<(u32, Ended)>,
    /// The task of each call that has been started and not taken; none of one that was refused as it
    /// was started.
    open: HashMap<u32, Option<AbortHandle>>,
    /// INVARIANT: all of these are in `open`.
    ended: VecDeque<(u32, Ended)>,
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
    pub(crate) fn new(gate: Arc<dyn Gate>, bounds: &Bounds, room: Room) -> Self {
        Self {
            gate,
            most: usize::try_from(bounds.arguments).unwrap_or(usize::MAX),
            room,
            last: 0,
            tasks: JoinSet::new(),
            open: HashMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// Begins a call and gives its id.
    ///
    /// # Errors
    /// When the guest starts calls though its run has been stopped.
    pub(super) fn begin(
        &mut self,
        operation: String,
        arguments: String,
        body: Vec<u8>,
    ) -> wasmtime::Result<u32> {
        let Some(id) = self.last.checked_add(1) else {
            wasmtime::bail!("no more calls can be numbered");
        };
        self.last = id;
        let mut held = self.room.nothing();
        let bytes = CALL_BYTES + operation.capacity() + arguments.capacity() + body.capacity();
        let call = match held.more(bytes) {
            Ok(()) => to_call(&operation, arguments, body, self.most),
            Err(full) => return self.refuse(id, &operation, full),
        };
        let reply = self.gate.call(call);
        self.spawn(id, operation, reply, held);
        Ok(id)
    }

    /// Has the gate refuse a call that there is no room for, and put it on record, before the guest
    /// can start another.
    fn refuse(&mut self, id: u32, operation: &str, full: NoRoom) -> wasmtime::Result<u32> {
        let operation = shortened(operation).to_owned();
        let head = refused(&operation, Code::HOST_MEMORY, full.to_string());
        let head = CallHead::Refused(head);
        let mut reply = self.gate.call(with_body(head, Body::empty()));
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(given) = reply.as_mut().poll(&mut context) else {
            // A gate that is further away takes its time.
            let held = self.room.nothing();
            self.spawn(id, operation, reply, held);
            return Ok(id);
        };
        let given = given.and_then(|_reply| Err(full.into()));
        if given
            .as_ref()
            .is_err_and(|failure| failure.cause == Cause::Stopped)
        {
            wasmtime::bail!("the run has been stopped");
        }
        let ended = Ended {
            finished: Finished { operation, given },
            _held: self.room.nothing(),
        };
        self.open.insert(id, None);
        self.ended.push_back((id, ended));
        Ok(id)
    }

    fn spawn(
        &mut self,
        id: u32,
        operation: String,
        reply: GateFuture<Result<Reply, Failure>>,
        mut held: Held,
    ) {
        let task = self.tasks.spawn(async move {
            let given = match answer(&operation, reply, &mut held).await {
                Err(failure) => Err(kept(failure, &mut held)),
                given => given,
            };
            let finished = Finished { operation, given };
            let _held = held;
            (id, Ended { finished, _held })
        });
        self.open.insert(id, Some(task));
    }

    /// The next call to end, as soon as one has; none where no call is open.
    pub(super) async fn next(&mut self) -> Option<(u32, Finished)> {
        loop {
            if let Some((id, ended)) = self.ended.pop_front() {
                self.open.remove(&id);
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
        if let Some(task) = task {
            task.abort();
        }
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

/// A failure whose text is held, as it may be an upstream's.
fn kept(failure: Failure, held: &mut Held) -> Failure {
    match held.more(failure.message.capacity()) {
        Ok(()) => failure,
        Err(full) => full.into(),
    }
}

/// Waits for a reply and all of its body. What is kept of its head is held before the body is read.
async fn answer(
    operation: &str,
    reply: GateFuture<Result<Reply, Failure>>,
    held: &mut Held,
) -> Result<Answer, Failure> {
    let mut reply = reply.await?;
    let value = head_value(operation, &reply);
    held.more(value.as_ref().map_or(0, String::capacity))?;
    reply.headers = HeaderMap::new();
    let mut bytes = Vec::new();
    while let Some(frame) = reply.body.frame().await {
        let Ok(data) = frame.map_err(|failure| *failure)?.into_data() else {
            continue;
        };
        let wanted = bytes.len() + data.len();
        if wanted > bytes.capacity() {
            // Twice as much, as it would grow by itself, but held before it is taken.
            let more = wanted.max(bytes.capacity() * 2) - bytes.capacity();
            held.more(more)?;
            bytes.reserve_exact(bytes.capacity() + more - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    to_answer(value, bytes)
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("last", &self.last)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}
