//! What a guest runs out of: its own memories, tables and instances, its stack and its handles.

use agentbox_policy::{Bound, Bounds, Code};
use wasmtime::{ResourceLimiter, Result, Trap};
use wasmtime_wasi::ResourceTableError;

/// What a guest can run out of, other than time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// `[run] memory`.
    Memory,
    /// `[run] table`.
    Table,
    /// `[run] instances`.
    Instances,
    /// `[run] stack`.
    Stack,
    /// `[run] handles`.
    Handles,
}

impl Shortage {
    /// The stable code of running out of it.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Memory => Code::MEMORY,
            Self::Table => Code::TABLE,
            Self::Instances => Code::INSTANCES,
            Self::Stack => Code::STACK,
            Self::Handles => Code::HANDLES,
        }
    }

    /// What was asked for, and what `bounds` say of it.
    #[must_use]
    pub fn against(self, bounds: &Bounds) -> String {
        let (asked, bound) = match self {
            Self::Memory => ("more memory", Bound::memory()),
            Self::Table => ("more entries of tables", Bound::table()),
            Self::Instances => (
                "more core instances, memories or tables",
                Bound::instances(),
            ),
            Self::Stack => ("more stack", Bound::stack()),
            Self::Handles => ("more handles", Bound::handles()),
        };
        format!("{asked} than {}", bound.allowed_by(bounds))
    }

    /// What `error` says a guest has run out of, if it says so.
    pub(crate) fn exceeded(error: &wasmtime::Error) -> Option<Self> {
        if let Some(Trap::StackOverflow) = error.downcast_ref() {
            return Some(Self::Stack);
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref() {
            return Some(Self::Handles);
        }
        // wasmtime has no types for these two; tests see to it that its words stay the same.
        let text = error.root_cause().to_string();
        if text.ends_with("store handle limit exceeded") {
            Some(Self::Handles)
        } else if text.starts_with("resource limit exceeded: ") {
            Some(Self::Instances)
        } else {
            None
        }
    }
}

/// Sums all memories and tables of a guest, where wasmtime's own limits hold for each.
#[derive(Debug)]
pub(crate) struct Taken {
    most_bytes: usize,
    bytes: usize,
    most_entries: usize,
    entries: usize,
    instances: usize,
    refused: Option<Shortage>,
}

impl Taken {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            most_bytes: most(bounds.memory),
            bytes: 0,
            most_entries: most(bounds.table),
            entries: 0,
            instances: most(bounds.instances),
            refused: None,
        }
    }

    /// What the guest has been refused last: a crash that follows is most likely due to it.
    pub(crate) fn refused(&self) -> Option<Shortage> {
        self.refused
    }

    fn refuse(&mut self, shortage: Shortage) -> bool {
        self.refused = Some(shortage);
        false
    }
}

/// `used`, with one part of it grown.
fn grown(used: usize, current: usize, desired: usize) -> usize {
    used.saturating_sub(current).saturating_add(desired)
}

impl ResourceLimiter for Taken {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let bytes = grown(self.bytes, current, desired);
        if bytes > self.most_bytes {
            return Ok(self.refuse(Shortage::Memory));
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let entries = grown(self.entries, current, desired);
        if entries > self.most_entries {
            return Ok(self.refuse(Shortage::Table));
        }
        // They count as memory too: pointers.
        let size = |entries: usize| entries.saturating_mul(size_of::<usize>());
        let bytes = grown(self.bytes, size(current), size(desired));
        if bytes > self.most_bytes {
            return Ok(self.refuse(Shortage::Memory));
        }
        self.entries = entries;
        self.bytes = bytes;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(memory: u64, table: u64) -> Taken {
        Taken::new(&Bounds {
            memory,
            table,
            ..Bounds::default()
        })
    }

    #[test]
    fn memories_are_summed_and_a_refusal_is_remembered() {
        let mut taken = taken(100, 0);
        assert!(taken.memory_growing(0, 60, None).unwrap());
        assert!(!taken.memory_growing(0, 60, None).unwrap());
        assert_eq!(taken.refused(), Some(Shortage::Memory));
        assert!(taken.memory_growing(60, 100, None).unwrap());
        assert!(!taken.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn tables_are_summed_and_take_memory_only_when_they_are_granted() {
        let mut taken = taken(100, 10);
        assert!(taken.table_growing(0, 6, None).unwrap());
        assert!(!taken.table_growing(0, 5, None).unwrap());
        assert_eq!(taken.refused(), Some(Shortage::Table));
        assert!(taken.table_growing(6, 10, None).unwrap());
        assert!(taken.memory_growing(0, 20, None).unwrap());
        assert!(!taken.memory_growing(20, 21, None).unwrap());
        assert_eq!(taken.refused(), Some(Shortage::Memory));
    }

    #[test]
    fn a_table_that_memory_is_too_small_for_leaves_both_as_they_were() {
        let mut taken = taken(40, 10);
        assert!(!taken.table_growing(0, 6, None).unwrap());
        assert_eq!(taken.refused(), Some(Shortage::Memory));
        assert!(taken.table_growing(0, 5, None).unwrap());
        assert!(!taken.memory_growing(0, 1, None).unwrap());
    }
}
