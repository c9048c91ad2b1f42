//! What became of a call, written once: when its reply's body is over, or when it failed.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use agentbox_gate::{Body, BodyFailure, Failure, Reply, Stop};
use agentbox_policy::{Approved, Code};
use agentbox_record::{Outcome, Record, RecordError};
use agentbox_secrets::{Echo, Received, ScrubbedReply, Traffic};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::turns::Turn;
use crate::{Observer, Parts, Refused, now};

/// The account of one call that was, or was about to be, sent.
pub(crate) struct Settlement {
    record: Record,
    stop: Stop,
    observer: Observer,
    /// The call as the guest made it, for people.
    asked: String,
    /// The same once it was approved, which says more of an operation.
    approved: OnceLock<String>,
    began: Instant,
    call: OnceLock<u64>,
    status: OnceLock<u16>,
    traffic: OnceLock<Traffic>,
    settled: Mutex<bool>,
}

impl Settlement {
    pub(crate) fn new(parts: &Parts, asked: String) -> Self {
        Self {
            record: parts.record.clone(),
            stop: parts.stop.clone(),
            observer: Arc::clone(&parts.observer),
            asked,
            approved: OnceLock::new(),
            began: Instant::now(),
            call: OnceLock::new(),
            status: OnceLock::new(),
            traffic: OnceLock::new(),
            settled: Mutex::new(false),
        }
    }

    /// What is known of the call from here on.
    pub(crate) fn approved(&self, approved: &Approved) {
        drop(self.approved.set(approved.summary()));
    }

    /// The call, for people.
    pub(crate) fn summary(&self) -> &str {
        self.approved.get().unwrap_or(&self.asked)
    }

    /// The intent is on record under this number; from here on an outcome is owed.
    pub(crate) fn intended(&self, call: u64) {
        _ = self.call.set(call);
    }

    /// Something of the request went over this connection.
    pub(crate) fn sent(&self, traffic: &Traffic) {
        drop(self.traffic.set(traffic.clone()));
    }

    /// The upstream answered.
    pub(crate) fn answered(&self, received: &Received) {
        self.sent(received.traffic());
        _ = self.status.set(received.status().as_u16());
    }

    /// A key came back: the run ends here and now, which leaves no time to record it afterwards.
    pub(crate) fn echoed(&self, echo: &Echo) {
        self.settle_or_report(Some(Code::ECHO), Some(echo.to_string()));
        self.stop.stop(
            Code::ECHO,
            format!("an upstream sent a credential back: {echo}"),
        );
    }

    /// The reply for the guest; when its body is over, the outcome is written, and so is the turn.
    pub(crate) fn outcome(self: &Arc<Self>, scrubbed: ScrubbedReply, turn: Turn) -> Reply {
        let (reply, _traffic) = scrubbed.into_reply();
        let body = Settling {
            inner: reply.body,
            settlement: Arc::clone(self),
            turn: Some(turn),
        };
        Reply {
            status: reply.status,
            headers: reply.headers,
            body: Body::new(body),
        }
    }

    /// The result of an operation, whose reply was read to its end.
    pub(crate) fn result(&self, reply: Reply) -> Reply {
        self.settle_or_report(None, None);
        reply
    }

    /// Writes what became of the call, once; nothing where no intent was written.
    pub(crate) fn settle(
        &self,
        code: Option<Code>,
        note: Option<String>,
    ) -> Result<(), RecordError> {
        let Some(call) = self.call.get() else {
            return Ok(());
        };
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *settled, true) {
            return Ok(());
        }
        let traffic = self.traffic.get();
        let sent = traffic.and_then(Traffic::sent);
        let outcome = Outcome {
            status: self.status.get().copied(),
            code,
            note,
            sent: sent.map_or(0, |body| body.bytes),
            body: sent.map(|body| body.digest),
            received: traffic.map_or(0, Traffic::received),
            address: traffic.map(Traffic::address),
            elapsed: self.began.elapsed(),
        };
        self.record.outcome(*call, &outcome, now())
    }

    fn settle_or_report(&self, code: Option<Code>, note: Option<String>) {
        if let Err(error) = self.settle(code, note) {
            self.stop.stop(
                Code::RECORD_UNAVAILABLE,
                format!("an outcome is not on record: {error}"),
            );
        }
    }

    /// The reply broke off. An echo has ended the run, which says more.
    fn broken_off(&self, failure: &Failure) {
        self.settle_or_report(Some(failure.code), Some(failure.facts().to_owned()));
        if failure.code != Code::ECHO {
            (self.observer)(&Refused {
                call: self.summary(),
                code: failure.code,
                message: failure.facts(),
                hint: None,
                told: failure,
            });
        }
    }
}

/// Noted when a call was given up, or its run ended.
const CUT_OFF: &str = "the call was cut off before its reply was over";

/// The calls of a run whose outcome may not be written yet.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    settlements: Mutex<Vec<Weak<Settlement>>>,
}

impl OpenCalls {
    pub(crate) fn add(&self, settlement: &Arc<Settlement>) {
        let mut open = self
            .settlements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Those that are over make room before more is taken, so a call costs the same however many
        // there are.
        if open.len() == open.capacity() {
            open.retain(|call| call.strong_count() > 0);
            let alive = open.len();
            open.reserve(alive.max(16));
        }
        open.push(Arc::downgrade(settlement));
    }

    pub(crate) fn close(&self) {
        let mut open = self
            .settlements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for call in open.drain(..).filter_map(|call| call.upgrade()) {
            call.settle_or_report(None, Some(CUT_OFF.into()));
        }
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settlement")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

impl Drop for Settlement {
    /// A call may be given up at any moment: whoever waited for it is gone, and only this is left.
    fn drop(&mut self) {
        self.settle_or_report(None, Some(CUT_OFF.into()));
    }
}

/// A reply's body that settles the call when it ends, fails or is dropped.
#[derive(Debug)]
struct Settling {
    inner: Body,
    settlement: Arc<Settlement>,
    /// Gone once the body has ended: a guest may keep the rest for as long as it likes.
    turn: Option<Turn>,
}

impl http_body::Body for Settling {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.end();
        }
        match &polled {
            Poll::Ready(None) => self.settlement.settle_or_report(None, None),
            Poll::Ready(Some(Err(failure))) => self.settlement.broken_off(failure),
            _ => {}
        }
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.turn = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Settling {
    /// Ends the exchange, so that no more of the request's body is sent than its outcome says.
    fn end(&mut self) {
        self.inner = Body::empty();
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        // A guest may have enough after a part; nothing happens where the end was reached.
        let whole = http_body::Body::is_end_stream(&self.inner);
        self.end();
        let note = (!whole).then(|| "the program did not read the reply to its end".to_owned());
        self.settlement.settle_or_report(None, note);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::SystemTime;

    use agentbox_gate::Cause;
    use agentbox_ledger::RunId;
    use agentbox_record::RunStart;
    use cap_std::fs::Dir;

    use super::*;

    fn settlement(state: &Dir) -> Arc<Settlement> {
        let start = RunStart {
            run: RunId::new(SystemTime::now()).expect("an id"),
            agent: "tester".to_owned(),
            owner: None,
            policy_digest: String::new(),
            program_digest: String::new(),
            program_name: String::new(),
            dry_run: false,
            version: String::new(),
        };
        let settlement = Settlement {
            record: Record::create(state, &start, SystemTime::now()).expect("a record"),
            stop: Stop::new(),
            observer: Arc::new(|_| {}),
            asked: String::new(),
            approved: OnceLock::new(),
            began: Instant::now(),
            call: OnceLock::new(),
            status: OnceLock::new(),
            traffic: OnceLock::new(),
            settled: Mutex::new(false),
        };
        settlement.intended(1);
        Arc::new(settlement)
    }

    /// A body that ends with `last`, and counts its own end if nothing was settled before.
    struct Ending {
        last: Option<BodyFailure>,
        settlement: Arc<Settlement>,
        ended_first: Arc<AtomicUsize>,
    }

    impl http_body::Body for Ending {
        type Data = Bytes;
        type Error = BodyFailure;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
            Poll::Ready(self.last.take().map(Err))
        }
    }

    impl Drop for Ending {
        fn drop(&mut self) {
            let settled = *self.settlement.settled.lock().expect("not poisoned");
            self.ended_first
                .fetch_add(usize::from(!settled), Ordering::Relaxed);
        }
    }

    #[test]
    fn an_exchange_ends_before_its_outcome_is_written() {
        let name = format!("agentbox-settle-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let state = Dir::from_std_file(std::fs::File::open(&folder).expect("a folder"));
        let ended_first = Arc::new(AtomicUsize::new(0));
        let failure = Failure::new(Code::UPSTREAM_TIMEOUT, Cause::Timeout, "too long");
        for (last, polled) in [(None, false), (None, true), (Some(Box::new(failure)), true)] {
            let settlement = settlement(&state);
            let mut settling = Settling {
                inner: Body::new(Ending {
                    last,
                    settlement: Arc::clone(&settlement),
                    ended_first: Arc::clone(&ended_first),
                }),
                settlement: Arc::clone(&settlement),
                turn: None,
            };
            if polled {
                let mut context = Context::from_waker(std::task::Waker::noop());
                let body = Pin::new(&mut settling);
                assert!(http_body::Body::poll_frame(body, &mut context).is_ready());
            }
            drop(settling);
            assert!(*settlement.settled.lock().expect("not poisoned"));
        }
        assert_eq!(ended_first.load(Ordering::Relaxed), 3);
        std::fs::remove_dir_all(&folder).expect("nothing else is in it");
    }
}
