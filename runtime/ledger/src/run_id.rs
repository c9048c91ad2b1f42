//! The name of a run.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// The id of a run: 26 characters that sort by the time the run started.
///
/// 48 bits of milliseconds since 1970 and 80 random bits, in Crockford's base 32, lower case: safe
/// as a file name, and no two alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

/// Why a run could not be given an id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunIdError {
    /// The clock shows a time before 1970 or after the year 10889.
    #[error("the clock shows a time that no run id can hold")]
    Clock,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random(#[source] getrandom::Error),
}

/// A text that is not a run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run id is 26 lower-case letters and digits")]
pub struct BadRunId(());

impl RunId {
    /// A new id for a run that starts at `now`.
    ///
    /// # Errors
    ///
    /// When `now` does not fit, or the operating system has no random bytes.
    pub fn new(now: SystemTime) -> Result<Self, RunIdError> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).ok();
        let millis = since
            .map(|since| since.as_millis())
            .filter(|millis| millis >> 48 == 0);
        let millis = millis.ok_or(RunIdError::Clock)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random[6..]).map_err(RunIdError::Random)?;
        Ok(Self(millis << 80 | u128::from_be_bytes(random)))
    }

    /// When the run started, to the millisecond, by the clock of the machine it ran on.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        // INVARIANT: 48 bits, so the conversion never saturates.
        let millis = u64::try_from(self.0 >> 80).unwrap_or(u64::MAX);
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = (0..LENGTH)
            .rev()
            .map(|place| char::from(DIGITS[((self.0 >> (5 * place)) & 31) as usize]))
            .collect();
        f.pad(&text)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = BadRunId;

    fn from_str(text: &str) -> Result<Self, BadRunId> {
        // The first digit holds three bits: a larger one would not fit.
        if text.len() != LENGTH || text.as_bytes()[0] > b'7' {
            return Err(BadRunId(()));
        }
        text.bytes()
            .try_fold(0, |id: u128, byte| {
                let digit = DIGITS.iter().position(|digit| *digit == byte)?;
                Some(id << 5 | digit as u128)
            })
            .map(Self)
            .ok_or(BadRunId(()))
    }
}

const LENGTH: usize = 26;
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    fn id_at(millis: u64) -> RunId {
        RunId::new(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).expect("fits")
    }

    #[test]
    fn an_id_reads_back_as_itself_and_is_26_lower_case_characters() {
        for millis in [0, 1, 1_795_000_000_000, (1 << 48) - 1] {
            let id = id_at(millis);
            let text = id.to_string();
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(text.len(), 26);
            assert!(
                text.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{text}"
            );
            assert_eq!(
                id.time(),
                SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
            );
        }
    }

    #[test]
    fn later_runs_sort_later_as_ids_and_as_text() {
        let (early, late) = (id_at(1_000), id_at(1_001));
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn two_runs_of_one_millisecond_differ() {
        assert_ne!(id_at(5), id_at(5));
    }

    #[test]
    fn a_clock_that_no_id_can_hold_is_an_error() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1);
        let after = SystemTime::UNIX_EPOCH + Duration::from_millis(1 << 48);
        assert!(matches!(RunId::new(before), Err(RunIdError::Clock)));
        assert!(matches!(RunId::new(after), Err(RunIdError::Clock)));
    }

    #[test]
    fn other_texts_are_not_run_ids() {
        let good = id_at(7).to_string();
        let too_large = format!("8{}", &good[1..]);
        let upper = "0000000000000000000000000A";
        let not_a_digit = "0000000000000000000000000u";
        for bad in [
            "",
            &good[1..],
            &format!("{good}0"),
            &too_large,
            upper,
            not_a_digit,
            "../x",
        ] {
            assert_eq!(bad.parse::<RunId>(), Err(BadRunId(())), "{bad}");
        }
    }
}
