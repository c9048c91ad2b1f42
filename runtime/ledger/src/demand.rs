//! What a call takes of its limits, without the call.

use std::time::{Duration, SystemTime};

use agentbox_policy::{Approved, Window};

use crate::error::Problem;
use crate::run_id::RunId;

/// One unit of each of these limits, all or none.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) agent: String,
    pub(crate) run: String,
    // INVARIANT: no name twice; each name is counted once.
    pub(crate) limits: Vec<Limited>,
    /// When it is asked for, in nanoseconds since 1970.
    pub(crate) now: i64,
}

/// A limit, by the name it is counted under.
#[derive(Clone, Debug)]
pub(crate) struct Limited {
    pub(crate) name: String,
    pub(crate) windows: Vec<Window>,
}

impl Demand {
    /// What `approved` takes, when it is asked for at `now` in `run`.
    pub(crate) fn of(approved: &Approved, run: &RunId, now: SystemTime) -> Result<Self, Problem> {
        let mut limits: Vec<Limited> = Vec::new();
        for limit in approved.limits() {
            let too_long = |window: &Window| match window {
                Window::Sliding { per, .. } => *per > LONGEST,
                Window::Run { .. } => false,
            };
            if limit.windows().iter().any(too_long) {
                return Err(Problem::Window {
                    limit: limit.name().to_owned(),
                });
            }
            if limits.iter().all(|known| known.name != limit.name()) {
                let windows = limit.windows().to_vec();
                limits.push(Limited {
                    name: limit.name().to_owned(),
                    windows,
                });
            }
        }
        Ok(Self {
            agent: approved.agent().to_owned(),
            run: run.to_string(),
            limits,
            now: nanoseconds(now)?,
        })
    }
}

/// Nanoseconds, because rounding to anything coarser would let a call in before its time.
fn nanoseconds(now: SystemTime) -> Result<i64, Problem> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok();
    since
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .ok_or(Problem::Clock)
}

/// The longest sliding window: what the policy's language can say. Counts are kept for longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
