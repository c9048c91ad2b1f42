//! The rule: whether there is room under every limit, and if so one taken from each.

use std::time::Duration;

use agentbox_policy::Window;
use rusqlite::{Connection, OptionalExtension as _, Result};

use crate::demand::{Demand, LONGEST, Limited};
use crate::error::Shortage;

/// Counts `demand` under all of its limits, or under none when one has no room.
///
/// The caller holds the database for writing.
pub(crate) fn spend(database: &Connection, demand: &Demand) -> Result<Option<Shortage>> {
    let newest: i64 = database.query_row("SELECT newest FROM clock", [], |row| row.get(0))?;
    let at = demand.now.max(newest);
    let mut counts = Vec::new();
    let mut shortages = Vec::new();
    for limit in &demand.limits {
        let count = Count::of(database, demand, limit)?;
        for window in &limit.windows {
            shortages.extend(count.shortage(*window, at)?);
        }
        counts.push(count);
    }
    // The longest wait says when a retry can succeed; a run's window never has room again.
    if let Some(worst) = shortages
        .into_iter()
        .max_by_key(|shortage| (shortage.retry_after.is_none(), shortage.retry_after))
    {
        return Ok(Some(worst));
    }
    for count in counts {
        count.take(at)?;
    }
    database.execute("UPDATE clock SET newest = ?1", [at])?;
    forget(database, at)?;
    Ok(None)
}

/// What has been used of one limit.
struct Count<'a> {
    database: &'a Connection,
    demand: &'a Demand,
    limit: &'a Limited,
    /// The number of the newest reservation; zero where there is none.
    last: i64,
    /// How many this run has used.
    in_run: i64,
}

impl<'a> Count<'a> {
    fn of(database: &'a Connection, demand: &'a Demand, limit: &'a Limited) -> Result<Self> {
        let last = database.query_row(
            "SELECT coalesce(max(number), 0) FROM spent WHERE agent = ?1 AND name = ?2",
            [&demand.agent, &limit.name],
            |row| row.get(0),
        )?;
        let in_run = database
            .query_row(
                "SELECT used FROM runs WHERE agent = ?1 AND name = ?2 AND run = ?3",
                [&demand.agent, &limit.name, &demand.run],
                |row| row.get(0),
            )
            .optional()?
            .unwrap_or(0);
        Ok(Self {
            database,
            demand,
            limit,
            last,
            in_run,
        })
    }

    /// Why `window` has no room at `at`, if it has none.
    fn shortage(&self, window: Window, at: i64) -> Result<Option<Shortage>> {
        match window {
            Window::Run { count } if self.in_run >= i64::from(count) => {
                Ok(Some(self.short(count, self.in_run, "run".to_owned(), None)))
            }
            Window::Run { .. } => Ok(None),
            Window::Sliding { count, per } => {
                let length = nanoseconds(per);
                // With this many newer ones, the window is full as long as this one is in it.
                let decisive = self.last - i64::from(count) + 1;
                match self
                    .time_of(decisive)?
                    .map(|time| time.saturating_add(length))
                {
                    Some(leaves) if leaves > at => {
                        let used = self.last - self.first_after(at - length)? + 1;
                        // From the caller's own `now`, which a clock set back puts before `at`.
                        let wait = leaves.saturating_sub(self.demand.now).unsigned_abs();
                        let wait = Duration::from_nanos(wait);
                        Ok(Some(self.short(count, used, unit(per), Some(wait))))
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    fn short(&self, of: u32, used: i64, window: String, retry_after: Option<Duration>) -> Shortage {
        let (limit, used) = (self.limit.name.clone(), used.unsigned_abs());
        Shortage {
            limit,
            used,
            of,
            window,
            retry_after,
        }
    }

    fn time_of(&self, number: i64) -> Result<Option<i64>> {
        self.database
            .query_row(
                "SELECT at FROM spent WHERE agent = ?1 AND name = ?2 AND number = ?3",
                (&self.demand.agent, &self.limit.name, number),
                |row| row.get(0),
            )
            .optional()
    }

    /// The number of the first reservation later than `time`. Times ascend with the numbers, so it
    /// is searched by halves: an agent at its limit may ask as often as it likes.
    fn first_after(&self, time: i64) -> Result<i64> {
        let (mut low, mut high) = (1, self.last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            // One that is gone is older than any window.
            if self.time_of(middle)?.is_some_and(|at| at > time) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    fn take(&self, at: i64) -> Result<()> {
        let Demand { agent, run, .. } = self.demand;
        let name = &self.limit.name;
        // Also where no window slides: another policy of this agent may have one of this name.
        self.database.execute(
            "INSERT INTO spent VALUES (?1, ?2, ?3, ?4)",
            (agent, name, self.last + 1, at),
        )?;
        if self
            .limit
            .windows
            .iter()
            .any(|window| matches!(window, Window::Run { .. }))
        {
            self.database.execute(
                "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET used = excluded.used, at = excluded.at",
                (agent, name, run, self.in_run + 1, at),
            )?;
        }
        Ok(())
    }
}

/// Drops what no window reaches. Measured from the newest reservation and not from a clock, so a
/// clock that jumps ahead and back forgets nothing that still counts.
fn forget(database: &Connection, at: i64) -> Result<()> {
    database.execute(
        "DELETE FROM spent WHERE at < ?1",
        [at - nanoseconds(2 * LONGEST)],
    )?;
    database.execute(
        "DELETE FROM runs WHERE at < ?1",
        [at - nanoseconds(LONGEST_SILENCE)],
    )?;
    Ok(())
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// As the policy writes it: `20/hour`.
fn unit(per: Duration) -> String {
    match per.as_secs() {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3_600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        _ => format!("{per:?}"),
    }
}

/// How long a run's own counts are kept after its newest reservation: a run that is silent for
/// longer than this has ended.
const LONGEST_SILENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(test)]
mod tests;
