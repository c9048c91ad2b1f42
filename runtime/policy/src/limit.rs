//! Limits: how many calls in how long.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Window;

/// A named limit and its windows. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub(crate) name: Arc<str>,
    pub(crate) windows: Arc<[Window]>,
}

impl Limit {
    /// The name under `[limits]`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its windows, at least one; all of them hold.
    #[must_use]
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }
}

impl Window {
    /// The largest count that can be written: enough for any agent, and it fits every counter.
    pub const LARGEST: u32 = 1_000_000_000;

    /// Reads `N/second`, `N/minute`, `N/hour`, `N/day` or `N/run`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (count, per) = text.split_once('/')?;
        let plain = count.bytes().all(|byte| byte.is_ascii_digit()) && !count.starts_with('0');
        let count = count
            .parse()
            .ok()
            .filter(|count| plain && *count <= Self::LARGEST)?;
        let seconds = match per {
            "second" => 1,
            "minute" => 60,
            "hour" => 60 * 60,
            "day" => 24 * 60 * 60,
            "run" => return Some(Self::Run { count }),
            _ => return None,
        };
        Some(Self::Sliding {
            count,
            per: Duration::from_secs(seconds),
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { count } => write!(f, "{count}/run"),
            Self::Sliding { count, per } => match per.as_secs() {
                1 => write!(f, "{count}/second"),
                60 => write!(f, "{count}/minute"),
                3600 => write!(f, "{count}/hour"),
                86_400 => write!(f, "{count}/day"),
                other => write!(f, "{count}/{other}s"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_prints_as_it_is_written() {
        for text in [
            "1/second",
            "20/minute",
            "20/hour",
            "100/day",
            "1000000000/run",
        ] {
            assert_eq!(
                Window::parse(text).map(|window| window.to_string()),
                Some(text.to_owned())
            );
        }
    }

    #[test]
    fn p15_counts_that_are_not_plain_are_refused() {
        for text in [
            "0/hour",
            "-1/hour",
            "+1/hour",
            "01/hour",
            "1e3/hour",
            "1.5/hour",
            "/hour",
            "10",
            "10/",
            "10/week",
            "10 /hour",
            "10/ hour",
            "10/Hour",
            "1000000001/run",
            "18446744073709551616/day",
            "1.00 USD/run",
        ] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
