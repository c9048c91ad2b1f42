//! What several tests share.

pub(crate) mod fixture;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use agentbox_gate::{BodyFailure, Cause, Failure};
use agentbox_policy::Code;
use bytes::Bytes;
use http_body::{Body, Frame};

/// Random numbers that are the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("64-bit machine") % bound
    }

    pub(crate) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// `text` in pieces, some of them empty.
    pub(crate) fn split(&mut self, text: &[u8]) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let longest = self.pick(&[1, 2, 7, 40, 4096]);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.below(longest + 1).min(rest.len()));
            pieces.push(Bytes::copy_from_slice(piece));
            rest = after;
        }
        pieces
    }
}

/// A key that nothing outside of the tests knows: a prefix, and random letters and digits.
pub(crate) fn canary() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut random = Random::new(u64::from(std::process::id()) << 20 | count);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let tail = (0..32).map(|_| char::from(random.pick(letters)));
    "canary-".chars().chain(tail).collect()
}

/// A step of a scripted body.
pub(crate) enum Step {
    Data(Bytes),
    Fail,
    /// Nothing comes for one poll.
    Wait,
}

/// A body that goes through its steps.
pub(crate) struct Script(VecDeque<Step>);

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Step::Fail) => {
                let failure = Failure::new(Code::PROTOCOL, Cause::ReplyIncomplete, "scripted");
                Poll::Ready(Some(Err(Box::new(failure))))
            }
            Some(Step::Wait) => Poll::Pending,
        }
    }
}

/// What `body` gives until it waits or ends: the data, and how it stands then.
pub(crate) fn drain<B>(body: &mut B) -> (Vec<u8>, Standing)
where
    B: Body<Data = Bytes, Error = BodyFailure> + Unpin,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut data = Vec::new();
    loop {
        match Pin::new(&mut *body).poll_frame(&mut context) {
            Poll::Pending => return (data, Standing::Waits),
            Poll::Ready(None) => return (data, Standing::Ended),
            Poll::Ready(Some(Err(failure))) => return (data, Standing::Failed(failure.code)),
            Poll::Ready(Some(Ok(frame))) => data.extend(frame.into_data().expect("data")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Ended,
    Failed(Code),
    Waits,
}
