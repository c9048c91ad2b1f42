//! The engine: wasmtime's settings, each with its reason, and the clock that interrupts guests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, WasmBacktraceDetails};

/// How often a running guest is looked at: it ends at most this much after its deadline, and gives
/// way to other guests this often. Shorter costs a thread's wake-up each time.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Stack for guest code. An ordinary program uses tens of kilobytes; interpreters want more.
const WASM_STACK: usize = 512 << 10;

/// The whole stack of a guest's fiber: the guest's part and what host functions use on top.
const FIBER_STACK: usize = 1 << 20;

/// Compiles and runs programs; cheap to clone, and shared by all runs of a process.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: wasmtime::Engine,
    _ticker: Arc<Ticker>,
}

/// The engine could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot be set up: {0}")]
pub struct EngineError(String);

impl Engine {
    /// An engine for programs that run once each.
    ///
    /// # Errors
    /// When the machine cannot run compiled WebAssembly, or no thread can be started.
    pub fn new() -> Result<Self, EngineError> {
        let inner =
            wasmtime::Engine::new(&config()).map_err(|error| EngineError(format!("{error:#}")))?;
        let ticker =
            Ticker::start(inner.clone()).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self {
            inner,
            _ticker: Arc::new(ticker),
        })
    }

    /// wasmtime's own engine, to link host functions for.
    #[must_use]
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

pub(crate) fn config() -> Config {
    let mut config = Config::new();
    // No guest needs component-model-async: calls overlap through `wasi:http` and `invoke`. Off, a
    // host call costs half as much, and a family of past advisories is out of reach.
    config.concurrency_support(false);
    // The only way to stop a loop that calls nothing.
    config.epoch_interruption(true);
    config
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK);
    // Stacks are used again: what one guest left must not be there for the next.
    config.async_stack_zeroing(true);
    // Proposals that compilers of ordinary programs do not use. Multi-memory stays on: with it off,
    // a component that passes strings between two of its own modules panics the host.
    config.wasm_memory64(false);
    config.wasm_tail_call(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_custom_page_sizes(false);
    // Relaxed SIMD computes differently from machine to machine.
    config.wasm_relaxed_simd(false);
    config.shared_memory(false);
    // A memory never moves, and has guard regions on both sides: out-of-bounds is a trap.
    config.memory_may_move(false);
    config.guard_before_linear_memory(true);
    config.signals_based_traps(true);
    // The same program computes the same on every machine.
    config.cranelift_nan_canonicalization(true);
    // Guest-supplied debug information is not parsed.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// A thread that advances the engine's epoch until the last clone of the engine is gone.
#[derive(Debug)]
struct Ticker {
    stopped: Arc<AtomicBool>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        thread::Builder::new()
            .name("agentbox-epoch".into())
            .spawn(move || {
                while !seen.load(Ordering::Relaxed) {
                    thread::sleep(TICK);
                    engine.increment_epoch();
                }
            })?;
        Ok(Self { stopped })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
