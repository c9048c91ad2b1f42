//! Ending a run from outside it.

use std::sync::Arc;

use agentbox_policy::Code;
use tokio::sync::watch;

/// A switch that both sides of the gate hold: whoever throws it first says why.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<Option<Stopped>>>);

/// Why a run was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The stable code.
    pub code: Code,
    /// One line for the operator; names no value.
    pub message: String,
}

impl Stop {
    /// A switch that has not been thrown.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Ends the run; the first reason stays.
    pub fn stop(&self, code: Code, message: impl Into<String>) {
        self.0.send_if_modified(|reason| {
            let first = reason.is_none();
            if first {
                *reason = Some(Stopped {
                    code,
                    message: message.into(),
                });
            }
            first
        });
    }

    /// The reason, once the run has been ended.
    #[must_use]
    pub fn reason(&self) -> Option<Stopped> {
        self.0.borrow().clone()
    }

    /// Waits until the run is ended.
    pub async fn stopped(&self) -> Stopped {
        let mut watcher = self.0.subscribe();
        loop {
            if let Some(reason) = watcher.borrow_and_update().clone() {
                return reason;
            }
            // The sender lives in `self`, so a change is all that can happen here.
            if watcher.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
