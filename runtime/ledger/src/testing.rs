//! What the tests of this crate share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agentbox_policy::Window;

use crate::demand::{Demand, Limited};

/// A folder of its own, gone at the end of the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("random bytes");
        let name = format!("agentbox-ledger-{:016x}", u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// One call of `tester` under one limit.
pub(crate) fn demand(name: &str, windows: &[Window], run: &str, now: i64) -> Demand {
    let limits = vec![Limited {
        name: name.to_owned(),
        windows: windows.to_vec(),
    }];
    Demand {
        agent: "tester".to_owned(),
        run: run.to_owned(),
        limits,
        now,
    }
}

pub(crate) fn sliding(count: u32, per: Duration) -> Window {
    Window::Sliding { count, per }
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Some time in 2026.
pub(crate) const NOW: i64 = 1_795_000_000_000_000_000;

/// Numbers that look random and are the same in every run of a test.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
