//! How many calls a run has made, and how many of them were refused.

use std::sync::atomic::{AtomicU64, Ordering};

use agentbox_gate::Stopped;
use agentbox_policy::{Amount, Bound, Bounds, Code};

/// Counts the calls of a run up to its bounds, and no call twice.
#[derive(Debug)]
pub(crate) struct Tally {
    calls: Count,
    denials: Count,
}

#[derive(Debug)]
struct Count {
    counted: AtomicU64,
    most: u64,
}

/// Where a call stands to a bound on how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Within it.
    Within,
    /// The first beyond it, which ends the run.
    First,
    /// Beyond the first: the run is as good as over.
    Beyond,
}

impl Tally {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        Self {
            calls: Count::new(bounds.calls),
            denials: Count::new(bounds.denials),
        }
    }

    /// Counts a call that came to the gate.
    pub(crate) fn call(&self) -> Standing {
        self.calls.one()
    }

    /// Counts a call that is refused before anything of it is sent.
    pub(crate) fn denial(&self) -> Standing {
        self.denials.one()
    }

    /// What the run ends with at the first call beyond its bound.
    pub(crate) fn too_many_calls(&self) -> Stopped {
        let allowed = Bound::calls().allowing(Amount::Count(self.calls.most));
        Stopped {
            code: Code::CALLS,
            message: format!("the program made more calls than {allowed}"),
        }
    }

    /// What the run ends with at the first denial beyond its bound.
    pub(crate) fn too_many_denials(&self) -> Stopped {
        let allowed = Bound::denials().allowing(Amount::Count(self.denials.most));
        Stopped {
            code: Code::DENIALS,
            message: format!("the program had more calls refused than {allowed}"),
        }
    }
}

impl Count {
    fn new(most: u64) -> Self {
        let counted = AtomicU64::new(0);
        Self { counted, most }
    }

    fn one(&self) -> Standing {
        let before = self.counted.fetch_add(1, Ordering::Relaxed);
        match before.cmp(&self.most) {
            std::cmp::Ordering::Less => Standing::Within,
            std::cmp::Ordering::Equal => Standing::First,
            std::cmp::Ordering::Greater => Standing::Beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_may_be_are_within_and_one_is_the_first_beyond_whoever_counts() {
        let bounds = Bounds {
            calls: 1000,
            ..Bounds::default()
        };
        let tally = Tally::new(&bounds);
        let counted = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    let standings: Vec<_> = (0..500).map(|_| tally.call()).collect();
                    counted.lock().unwrap().extend(standings);
                });
            }
        });
        let counted = counted.into_inner().unwrap();
        let are = |standing| counted.iter().filter(|is| **is == standing).count();
        assert_eq!(
            [Standing::Within, Standing::First, Standing::Beyond].map(are),
            [1000, 1, 999]
        );
        assert_eq!(tally.denial(), Standing::Within, "counted apart");
    }
}
