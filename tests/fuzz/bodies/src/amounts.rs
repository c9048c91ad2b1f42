//! Amounts with units against arithmetic done by hand.

use std::time::Duration;

use agentbox_policy::{LONGEST, parse_bytes, parse_duration};

use crate::Reached;
use crate::bytes::Bytes;

/// A number with a unit is read exactly, and only where it has one spelling.
pub fn amounts(data: &[u8]) -> Reached {
    let bytes = &mut Bytes::new(data);
    let digits = bytes.pick(&[
        "0",
        "1",
        "64",
        "007",
        "",
        "-1",
        "+1",
        "1.5",
        "18446744073709551615",
        "9999999999999999999999",
    ]);
    let space = bytes.pick(&["", " ", "  ", "\t", "\u{a0}"]);
    let unit = bytes.pick(&[
        "B", "KiB", "MiB", "GiB", "ms", "s", "m", "h", "d", "kb", "", "b", "TiB", "S",
    ]);
    let text = match bytes.one_in(4) {
        true => String::from_utf8_lossy(data).into_owned(),
        false => format!("{digits}{space}{unit}"),
    };
    let (found, time) = (parse_bytes(&text), parse_duration(&text));
    let size = read(
        &text,
        &[("B", 1), ("KiB", 1024), ("MiB", 1 << 20), ("GiB", 1 << 30)],
    );
    let size = size.and_then(|size| u64::try_from(size).ok());
    assert_eq!(found.as_ref().ok(), size.as_ref(), "{text:?}");
    let length = read(
        &text,
        &[
            ("ms", 1),
            ("s", 1000),
            ("m", 60_000),
            ("h", 3_600_000),
            ("d", 86_400_000),
        ],
    );
    let length = length
        .and_then(|length| u64::try_from(length).ok())
        .map(Duration::from_millis);
    assert_eq!(
        time.as_ref().ok(),
        length.filter(|length| *length <= LONGEST).as_ref(),
        "{text:?}"
    );
    match (found, time) {
        (Err(bytes), Err(time)) => {
            let said = format!("{bytes}{time}");
            assert!(!said.contains(char::is_control));
            vec!["no amount"]
        }
        _ => vec!["an amount"],
    }
}

fn read(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let readings = units.iter().flat_map(|(unit, factor)| {
        let plain = text.strip_suffix(unit)?;
        let number = plain.strip_suffix(' ').unwrap_or(plain);
        let value: u128 = number.parse().ok()?;
        (value.to_string() == number)
            .then(|| value.checked_mul(*factor))
            .flatten()
    });
    readings.into_iter().next()
}
