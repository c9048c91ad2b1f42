//! How long a guest has computed, as opposed to waited.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Sums the processor time of a guest over all the times it is resumed.
///
/// A guest runs on one thread from being resumed to giving way, so that thread's processor clock
/// tells what it used in between, whatever else the machine is doing.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Nanoseconds of the turns that are over.
    spent: AtomicU64,
    /// The thread's clock when the present turn began.
    turn: AtomicU64,
}

impl Meter {
    /// What the guest has used so far. To be asked from within its turn.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed)) + self.turn()
    }

    /// What it has used in its present turn.
    pub(crate) fn turn(&self) -> Duration {
        let began = self.turn.load(Ordering::Relaxed);
        Duration::from_nanos(thread_time().saturating_sub(began))
    }

    fn begin(&self) {
        self.turn.store(thread_time(), Ordering::Relaxed);
    }

    fn end(&self) {
        let turn = thread_time().saturating_sub(self.turn.load(Ordering::Relaxed));
        self.spent.fetch_add(turn, Ordering::Relaxed);
    }
}

/// Polls `inner` with the meter running.
pub(crate) struct Metered<F> {
    inner: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F> Metered<F> {
    pub(crate) fn new(inner: F, meter: Arc<Meter>) -> Self {
        Self {
            inner: Box::pin(inner),
            meter,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin();
        let polled = self.inner.as_mut().poll(context);
        self.meter.end();
        polled
    }
}

/// Nanoseconds of processor time of the calling thread.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}
