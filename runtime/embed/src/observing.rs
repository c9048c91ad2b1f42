//! Telling an observer what happens, without being held up by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use agentbox_broker::{Observer, Refused};
use agentbox_gate::Failure;
use agentbox_policy::Code;

/// Refused calls that may wait for a slow observer; what comes beyond is on record and not told.
const WAITING: usize = 256;

/// How long the pipeline waits for the observer, so that what it says comes before what the program
/// does next. One that takes longer, once, is not waited for again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a slow observer has for what is left once the run is over.
const GRACE: Duration = Duration::from_secs(2);

/// A thread that tells the observer, which may write to a terminal that nobody reads.
pub(crate) struct Observing {
    /// Answers once all has been told.
    told: Receiver<()>,
}

/// A [`Refused`] that can wait.
struct Waiting {
    call: String,
    code: Code,
    message: String,
    hint: Option<String>,
    told: Failure,
    /// Answered once it has been told.
    heard: SyncSender<()>,
}

impl Observing {
    /// Starts the thread; the observer that is returned never blocks.
    pub(crate) fn start(observer: Observer) -> std::io::Result<(Self, Observer)> {
        let (sender, receiver): (SyncSender<Waiting>, _) = sync_channel(WAITING);
        let (done, told) = sync_channel(1);
        thread::Builder::new()
            .name("agentbox-observer".into())
            .spawn(move || {
                for waiting in receiver {
                    observer(&Refused {
                        call: &waiting.call,
                        code: waiting.code,
                        message: &waiting.message,
                        hint: waiting.hint.as_deref(),
                        told: &waiting.told,
                    });
                    // Whoever waited may have stopped.
                    _ = waiting.heard.try_send(());
                }
                _ = done.send(());
            })?;
        let slow = AtomicBool::new(false);
        let queue: Observer = Arc::new(move |refused: &Refused<'_>| {
            let (heard, told) = sync_channel(1);
            let waiting = Waiting {
                call: refused.call.to_owned(),
                code: refused.code,
                message: refused.message.to_owned(),
                hint: refused.hint.map(ToOwned::to_owned),
                told: refused.told.clone(),
                heard,
            };
            // A full queue means that nobody reads as fast as the program is refused.
            let queued = sender.try_send(waiting).is_ok();
            if queued && !slow.load(Ordering::Relaxed) && told.recv_timeout(PATIENCE).is_err() {
                slow.store(true, Ordering::Relaxed);
            }
        });
        Ok((Self { told }, queue))
    }

    /// Waits until all has been told; the other end of the queue has to be gone.
    pub(crate) fn finish(self) {
        _ = self.told.recv_timeout(GRACE);
    }
}
