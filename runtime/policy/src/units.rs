//! Amounts with units: `64 MiB`, `5s`.

use std::time::Duration;

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// Not a whole number and a unit of bytes.
    #[error("`{}` is not a number of bytes such as `64 MiB` (units: B, KiB, MiB, GiB)", .0.escape_debug())]
    Bytes(String),
    /// Not a whole number.
    #[error("`{}` is not a whole number such as `1000`", .0.escape_debug())]
    Count(String),
    /// Not a whole number and a unit of time.
    #[error("`{}` is not a time such as `5s` (units: ms, s, m, h, d)", .0.escape_debug())]
    Duration(String),
    /// An amount that a bound cannot have.
    #[error("`{}` is out of range: {sense}", .text.escape_debug())]
    Range {
        /// What was written.
        text: String,
        /// What can be.
        sense: String,
    },
    /// More than can be counted.
    #[error("`{}` is too large", .0.escape_debug())]
    TooLarge(String),
}

/// Reads a whole number with `B`, `KiB`, `MiB` or `GiB`, with or without one space between.
///
/// # Errors
///
/// When the number is not a plain decimal, the unit is missing or unknown, or the amount does not
/// fit in 64 bits.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text).ok_or_else(|| UnitError::Bytes(text.to_owned()))?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(UnitError::Bytes(text.to_owned())),
    };
    multiply(number, factor).ok_or_else(|| UnitError::TooLarge(text.to_owned()))
}

/// Reads a whole number with `ms`, `s`, `m`, `h` or `d`, with or without one space between.
///
/// # Errors
///
/// When the number is not a plain decimal, the unit is missing or unknown, or the time is longer
/// than [`LONGEST`].
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text).ok_or_else(|| UnitError::Duration(text.to_owned()))?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(UnitError::Duration(text.to_owned())),
    };
    match multiply(number, factor).map(Duration::from_millis) {
        Some(time) if time <= LONGEST => Ok(time),
        _ => Err(UnitError::TooLarge(text.to_owned())),
    }
}

/// The longest time that can be written: 365 days, so that adding it to any clock stays in range.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Prints bytes in the largest unit that keeps them whole.
pub(crate) fn print_bytes(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units
        .iter()
        .find(|(factor, _)| bytes >= *factor && bytes.is_multiple_of(*factor))
    {
        Some((factor, unit)) => format!("{} {unit}", bytes / factor),
        None => format!("{bytes} B"),
    }
}

/// Prints a time in the largest unit that keeps it whole.
pub(crate) fn print_duration(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    match units
        .iter()
        .find(|(factor, _)| milliseconds >= *factor && milliseconds.is_multiple_of(*factor))
    {
        Some((factor, unit)) => format!("{}{unit}", milliseconds / factor),
        None => format!("{milliseconds}ms"),
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let plain = number == "0" || !(number.is_empty() || number.starts_with('0'));
    plain.then(|| (number, unit.strip_prefix(' ').unwrap_or(unit)))
}

fn multiply(number: &str, factor: u64) -> Option<u64> {
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_numbers_with_a_unit() {
        assert_eq!(parse_bytes("64 MiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("64MiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("0 B"), Ok(0));
        assert_eq!(parse_duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2 h"), Ok(Duration::from_secs(7200)));
    }

    #[test]
    fn p15_numbers_that_are_not_plain_are_refused() {
        for text in [
            "", "10", "-1 B", "+1 B", "1.5 GiB", "1e3 B", "01 B", "1 kB", "1  B", " 1 B", "1 B ",
        ] {
            assert_eq!(parse_bytes(text), Err(UnitError::Bytes(text.to_owned())));
        }
        for text in ["10", "-1s", "1 sec", "1h30m", "٣s"] {
            assert_eq!(
                parse_duration(text),
                Err(UnitError::Duration(text.to_owned()))
            );
        }
        for text in ["18446744073709551616 B", "17179869184 GiB"] {
            assert_eq!(parse_bytes(text), Err(UnitError::TooLarge(text.to_owned())));
        }
        assert_eq!(
            parse_duration("366d"),
            Err(UnitError::TooLarge("366d".to_owned()))
        );
    }

    #[test]
    fn amounts_print_as_they_are_written() {
        for text in ["64 MiB", "1 GiB", "1025 B", "0 B", "3 KiB"] {
            assert_eq!(parse_bytes(text).map(print_bytes), Ok(text.to_owned()));
        }
        for text in ["5s", "90s", "2m", "1d", "1500ms"] {
            assert_eq!(
                parse_duration(text).map(print_duration),
                Ok(text.to_owned())
            );
        }
    }
}
