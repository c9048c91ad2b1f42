//! A scanner for keys that sees the whole text at once: slow, obvious, and with no code of the
//! product's. It reads the text in every way that is promised, and looks for every form.

/// Whether `text` holds `key` in a form and reading that is promised to be found. `user` is that of
/// basic authentication. A text that goes on (`ends` is false) may end in half an escape.
pub(crate) fn holds(text: &[u8], key: &[u8], user: Option<&str>, ends: bool) -> bool {
    let forms = forms(key, user);
    readings(text, ends).iter().any(|read| {
        let lower = read.to_ascii_lowercase();
        forms
            .iter()
            .any(|(form, folded)| contains(if *folded { &lower } else { read }, form))
    })
}

/// Whether a header's name, which has lost its case, holds `key`.
pub(crate) fn name_holds(name: &[u8], key: &[u8], user: Option<&str>) -> bool {
    let forms = forms(key, user);
    readings(name, true).iter().any(|read| {
        let lower = read.to_ascii_lowercase();
        forms
            .iter()
            .any(|(form, _)| contains(&lower, &form.to_ascii_lowercase()))
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    let starts = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == part[0]);
    starts
        .into_iter()
        .any(|(at, _)| text[at..].starts_with(part))
}

/// The text as it is, with one kind of escape undone, and with two.
fn readings(text: &[u8], ends: bool) -> Vec<Vec<u8>> {
    if !text.contains(&b'%') && !text.contains(&b'\\') {
        return vec![text.to_vec()];
    }
    let percent = unpercent(text, ends);
    let json = unjson(text, ends);
    vec![
        unpercent(&percent, ends),
        unjson(&percent, ends),
        unpercent(&json, ends),
        unjson(&json, ends),
        percent,
        json,
        text.to_vec(),
    ]
}

/// Each form, and whether the case of its letters does not matter.
fn forms(key: &[u8], user: Option<&str>) -> Vec<(Vec<u8>, bool)> {
    let mut plain = vec![key.to_vec()];
    if let Some(user) = user {
        plain.push(decided(key, user.len() + 1, b"+/"));
    }
    let mut forms = Vec::new();
    for text in plain {
        for before in 0..3 {
            forms.push((decided(&text, before, b"+/"), false));
            forms.push((decided(&text, before, b"-_"), false));
        }
        let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push((hex.into_bytes(), true));
        forms.push((text, false));
    }
    let plus = key
        .iter()
        .map(|byte| if *byte == b' ' { b'+' } else { *byte });
    forms.push((plus.collect(), false));
    forms
}

/// The digits of base64 that `text` decides alone where it stands behind `before` other bytes: the
/// ones that stay the same whatever is around it.
fn decided(text: &[u8], before: usize, last: &[u8; 2]) -> Vec<u8> {
    let around = |byte: u8| base64(&[&vec![byte; before % 3], text, &[byte; 3]].concat(), last);
    let (one, other) = (around(0x00), around(0xff));
    let same: Vec<bool> = one
        .iter()
        .zip(&other)
        .map(|(one, other)| one == other)
        .collect();
    let start = same
        .iter()
        .position(|same| *same)
        .expect("a digit of the text");
    let length = same[start..]
        .iter()
        .position(|same| !*same)
        .expect("an end");
    one[start..start + length].to_vec()
}

/// `bytes` in base64, padded; `last` are the two digits that differ between its alphabets.
pub(crate) fn base64(bytes: &[u8], last: &[u8; 2]) -> Vec<u8> {
    let mut written = Vec::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |n, at| {
            n << 8 | u32::from(*group.get(at).unwrap_or(&0))
        });
        for digit in 0..4 {
            if digit > group.len() {
                written.push(b'=');
                continue;
            }
            let value = (number >> (18 - 6 * digit) & 63) as usize;
            let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
            written.push(*letters.get(value).unwrap_or_else(|| &last[value - 62]));
        }
    }
    written
}

fn hex_value(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// Undoes `%41`. What is no escape stays.
fn unpercent(text: &[u8], ends: bool) -> Vec<u8> {
    let mut read = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let digits = after
            .iter()
            .take(2)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if *first != b'%' {
            read.push(*first);
            rest = after;
        } else if digits == 2 {
            read.extend(hex_value(&after[..2]).and_then(|value| u8::try_from(value).ok()));
            rest = &after[2..];
        } else if !ends && digits == after.len() {
            return read;
        } else {
            read.push(b'%');
            rest = after;
        }
    }
    read
}

/// Undoes `\u0041`, `\x41`, `\n` and a backslash before anything else. A character beyond one byte
/// becomes a byte that is in no key.
fn unjson(text: &[u8], ends: bool) -> Vec<u8> {
    let mut read = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let length = match after.first() {
            _ if *first != b'\\' => {
                read.push(*first);
                rest = after;
                continue;
            }
            None if !ends => return read,
            None => {
                read.push(b'\\');
                return read;
            }
            Some(b'u') => 4,
            Some(b'x') => 2,
            Some(letter) => {
                let named = [(b'b', 8), (b'f', 12), (b'n', 10), (b'r', 13), (b't', 9)];
                let found = named.iter().find(|(name, _)| name == letter);
                read.push(found.map_or(*letter, |(_, byte)| *byte));
                rest = &after[1..];
                continue;
            }
        };
        let digits = after[1..]
            .iter()
            .take(length)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        if digits == length {
            let value = hex_value(&after[1..=length]);
            read.push(
                value
                    .and_then(|value| u8::try_from(value).ok())
                    .unwrap_or(0xff),
            );
        } else if !ends && digits + 1 == after.len() {
            return read;
        } else {
            // As far as it looked like an escape, it stands for itself.
            read.push(b'\\');
            read.extend(&after[..=digits]);
        }
        rest = &after[1 + digits..];
    }
    read
}
