//! Engines, and what is linked for each: one for each size of stack, shared by all runs that have it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use agentbox_host_apis::{State, linker};
use agentbox_sandbox::Engine;
use wasmtime::component::Linker;

use crate::RuntimeError;

/// Engines that are kept besides the first. Policies mostly leave the stack alone; making an engine
/// and linking for it takes a fraction of a millisecond.
const KEPT: usize = 8;

/// An engine, with what every program gets linked for it.
#[derive(Clone)]
pub(crate) struct Linked {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

impl Linked {
    fn new(engine: Engine) -> Result<Self, RuntimeError> {
        let linker = linker(&engine).map_err(|error| RuntimeError::Link(format!("{error:#}")))?;
        Ok(Self { engine, linker })
    }
}

/// The engines of a runtime.
pub(crate) struct Engines {
    first: Linked,
    /// The one that was asked for last is the last.
    others: Mutex<Vec<Linked>>,
}

impl Engines {
    pub(crate) fn new() -> Result<Self, RuntimeError> {
        Ok(Self {
            first: Linked::new(Engine::new()?)?,
            others: Mutex::default(),
        })
    }

    /// The engine whose programs have `stack` bytes of stack.
    pub(crate) fn of(&self, stack: u64) -> Result<Linked, RuntimeError> {
        if stack == self.first.engine.stack() {
            return Ok(self.first.clone());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = others
            .iter()
            .position(|linked| linked.engine.stack() == stack);
        let linked = match kept {
            Some(at) => others.remove(at),
            None => Linked::new(self.first.engine.with_stack(stack)?)?,
        };
        if others.len() == KEPT {
            others.remove(0);
        }
        others.push(linked.clone());
        Ok(linked)
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_engine_is_kept_for_each_size_of_stack_and_not_more_than_a_few() {
        let engines = Engines::new().expect("wasmtime runs here");
        let same =
            |one: &Engine, other: &Engine| wasmtime::Engine::same(one.wasmtime(), other.wasmtime());
        let of = |stack| engines.of(stack).expect("wasmtime runs here").engine;
        assert!(same(&of(512 << 10), &engines.first.engine));
        let small = of(64 << 10);
        assert_eq!(small.stack(), 64 << 10);
        assert!(same(&of(64 << 10), &small));
        for stack in 1..=8 {
            of(stack << 20);
        }
        assert!(!same(&of(64 << 10), &small));
        let others = engines.others.lock().expect("no test panicked");
        assert_eq!(others.len(), KEPT);
    }
}
