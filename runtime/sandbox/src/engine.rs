//! The engine: what runs programs, and the clock that interrupts guests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use agentbox_policy::Bounds;
use wasmtime::EngineWeak;

use crate::config::config;

/// How often a running guest is looked at: it ends at most this much after its deadline, and gives
/// way to other guests this often. Shorter costs a thread's wake-up each time.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Runs programs that have one size of stack; cheap to clone, and shared by all runs of a process.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: wasmtime::Engine,
    stack: u64,
    ticker: Arc<Ticker>,
}

/// The engine could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot be set up: {0}")]
pub struct EngineError(String);

impl Engine {
    /// An engine for programs that run once each, in the stack that a policy gives when it says
    /// nothing.
    ///
    /// # Errors
    /// When the machine cannot run compiled WebAssembly, or no thread can be started.
    pub fn new() -> Result<Self, EngineError> {
        let ticker = Ticker::start().map_err(|error| EngineError(error.to_string()))?;
        Self::ticked(Bounds::default().stack, Arc::new(ticker))
    }

    /// An engine like this one whose programs have `stack` bytes of stack. They share a clock.
    ///
    /// # Errors
    /// When the machine cannot run compiled WebAssembly.
    pub fn with_stack(&self, stack: u64) -> Result<Self, EngineError> {
        if stack == self.stack {
            return Ok(self.clone());
        }
        Self::ticked(stack, Arc::clone(&self.ticker))
    }

    fn ticked(stack: u64, ticker: Arc<Ticker>) -> Result<Self, EngineError> {
        let bytes = usize::try_from(stack).map_err(|error| EngineError(error.to_string()))?;
        let inner = wasmtime::Engine::new(&config(bytes))
            .map_err(|error| EngineError(format!("{error:#}")))?;
        ticker.engines().push(inner.weak());
        Ok(Self {
            inner,
            stack,
            ticker,
        })
    }

    /// The stack of its programs, in bytes.
    #[must_use]
    pub fn stack(&self) -> u64 {
        self.stack
    }

    /// wasmtime's own engine, to link host functions for.
    #[must_use]
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

/// A thread that advances the epoch of its engines until the last of them is gone.
#[derive(Debug)]
struct Ticker {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    engines: Mutex<Vec<EngineWeak>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Ticker {
    fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        thread::Builder::new()
            .name("agentbox-epoch".into())
            .spawn(move || {
                while !seen.stopped.load(Ordering::Relaxed) {
                    thread::sleep(TICK);
                    seen.engines().retain(|engine| match engine.upgrade() {
                        Some(engine) => {
                            engine.increment_epoch();
                            true
                        }
                        None => false,
                    });
                }
            })?;
        Ok(Self { shared })
    }

    fn engines(&self) -> MutexGuard<'_, Vec<EngineWeak>> {
        self.shared.engines()
    }
}

impl Shared {
    fn engines(&self) -> MutexGuard<'_, Vec<EngineWeak>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}
