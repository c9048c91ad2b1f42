//! The bound on what a guest's own memories and tables may take.

use wasmtime::{ResourceLimiter, Result};

/// Core instances in one program. A component adapted from a core module has four or five.
const INSTANCES: usize = 64;

/// Memories in one program; each reserves 4 GiB of address space, whatever it uses.
const MEMORIES: usize = 16;

/// Tables in one program.
const TABLES: usize = 64;

/// Entries in one table: function pointers, eight bytes each. Large programs have some ten thousand.
const TABLE_ENTRIES: usize = 1_000_000;

/// Sums all memories and tables of a guest, where wasmtime's own limits hold for each.
#[derive(Debug)]
pub(crate) struct MemoryBound {
    bytes: usize,
    used: usize,
    refused: bool,
}

impl MemoryBound {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            used: 0,
            refused: false,
        }
    }

    /// Whether the guest has been refused memory: a crash that follows is most likely due to it.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryBound {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let used = self.used.saturating_sub(current).saturating_add(desired);
        let granted = used <= self.bytes;
        if granted {
            self.used = used;
        } else {
            self.refused = true;
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let bytes = |entries: usize| entries.saturating_mul(size_of::<usize>());
        Ok(desired <= TABLE_ENTRIES
            && self.memory_growing(bytes(current), bytes(desired), maximum)?)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed_and_a_refusal_is_remembered() {
        let mut bound = MemoryBound::new(100);
        assert!(bound.memory_growing(0, 60, None).unwrap());
        assert!(!bound.memory_growing(0, 60, None).unwrap());
        assert!(bound.refused());
        assert!(bound.memory_growing(60, 100, None).unwrap());
        assert!(!bound.memory_growing(100, 101, None).unwrap());
    }
}
