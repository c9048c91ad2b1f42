//! Canary keys, and the search for any form of one.
//!
//! The search undoes encodings in what it searches instead of encoding the key, and looks for any
//! twelve bytes of the key in a row: slow and obvious, where the product is fast. A form that is
//! mixed, cut or nested twice is found as well.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use flate2::write::GzEncoder;

/// How many bytes of a key in a row count as having seen it.
const WINDOW: usize = 12;

/// Larger things are searched under one encoding only, not under encodings of encodings.
const NESTED_UP_TO: usize = 1 << 20;

/// A key that no service gave out, or one of a throwaway test server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canary {
    text: String,
    /// Where the part begins that nothing else can contain by accident.
    random: usize,
}

impl Canary {
    /// `canary_` and forty random base62 characters.
    pub(crate) fn fresh() -> Self {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut noise = [0; 40];
        getrandom::fill(&mut noise).expect("the system has randomness");
        let random = noise
            .iter()
            .map(|&byte| char::from(DIGITS[usize::from(byte) % 62]));
        Self {
            text: format!("canary_{}", random.collect::<String>()),
            random: 7,
        }
    }

    /// A key made elsewhere, all of which is random.
    pub(crate) fn of(text: &str) -> Self {
        assert!(
            text.len() >= WINDOW,
            "a key of {} bytes is too short to look for",
            text.len()
        );
        Self {
            text: text.to_owned(),
            random: 0,
        }
    }

    /// The key.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The key in each encoding a reply could carry it in, by the encoding's name.
    pub(crate) fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let key = self.text.as_bytes();
        let each = |form: &dyn Fn(u8) -> String| -> Vec<u8> {
            key.iter()
                .map(|&byte| form(byte))
                .collect::<String>()
                .into_bytes()
        };
        let hex = each(&|byte| format!("{byte:02x}"));
        let gzip = {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(key)
                .and_then(|()| gzip.finish())
                .expect("a vector takes all")
        };
        let shifted = |by: usize| [&b"ab"[..by], key, &b"z"[..]].concat();
        vec![
            ("raw", key.to_vec()),
            ("percent", each(&|byte| format!("%{byte:02X}"))),
            ("percent-lower", each(&|byte| format!("%{byte:02x}"))),
            (
                "percent-mixed",
                each(&|byte| match byte % 3 {
                    0 => format!("%{byte:02X}"),
                    1 => format!("%{byte:02x}"),
                    _ => char::from(byte).to_string(),
                }),
            ),
            ("json", each(&|byte| format!("\\u{byte:04x}"))),
            ("json-upper", each(&|byte| format!("\\u{byte:04X}"))),
            ("hex-upper", hex.to_ascii_uppercase()),
            ("hex", hex),
            ("hex-colons", each(&|byte| format!("{byte:02x}:"))),
            ("base64-0", base64(key, b"+/", true)),
            ("base64-1", base64(&shifted(1), b"+/", true)),
            ("base64-2", base64(&shifted(2), b"+/", true)),
            ("base64url-0", base64(key, b"-_", false)),
            ("base64url-1", base64(&shifted(1), b"-_", false)),
            ("base64url-2", base64(&shifted(2), b"-_", false)),
            (
                "base64-base64",
                base64(&base64(key, b"+/", true), b"+/", true),
            ),
            (
                "percent-base64",
                base64(key, b"+/", true)
                    .iter()
                    .flat_map(|byte| format!("%{byte:02X}").into_bytes())
                    .collect(),
            ),
            ("html", each(&|byte| format!("&#{byte};"))),
            ("html-hex", each(&|byte| format!("&#x{byte:X};"))),
            ("html-bare", each(&|byte| format!("&#{byte:03}"))),
            ("quoted-printable", each(&|byte| format!("={byte:02X}"))),
            ("gzip-base64", base64(&gzip, b"+/", true)),
            ("gzip", gzip),
            ("utf16-le", key.iter().flat_map(|&byte| [byte, 0]).collect()),
            ("utf16-be", key.iter().flat_map(|&byte| [0, byte]).collect()),
            ("reversed", key.iter().rev().copied().collect()),
            (
                "window",
                key[self.random + 5..self.random + 5 + WINDOW].to_vec(),
            ),
        ]
    }

    /// The key in one of its [`forms`](Self::forms).
    pub(crate) fn form(&self, name: &str) -> Option<Vec<u8>> {
        self.forms()
            .into_iter()
            .find(|form| form.0 == name)
            .map(|form| form.1)
    }

    /// Under which encodings `bytes` hold this key or a part of it; empty when they do not.
    pub(crate) fn search(&self, bytes: &[u8]) -> Vec<String> {
        let random = &self.text.as_bytes()[self.random..];
        let windows = Windows::of(random);
        let holds = |bytes: &[u8]| windows.are_in(bytes);
        let mut found = Vec::new();
        if holds(bytes) {
            found.push("raw".to_owned());
        }
        if Windows::of(&folded(random)).are_in(&folded(bytes)) {
            found.push("letters and digits".to_owned());
        }
        for (name, view) in [("numbers", numbers(bytes)), ("rot13", rot13(bytes))] {
            if holds(&view) {
                found.push(name.to_owned());
            }
        }
        for (name, view) in views(bytes) {
            if holds(&view) {
                found.push(name.to_owned());
            } else if bytes.len() <= NESTED_UP_TO {
                let nested = views(&view).into_iter().filter(|(_, nested)| holds(nested));
                found.extend(nested.map(|(inner, _)| format!("{name}, {inner}")));
            }
        }
        found
    }

    /// Panics when `bytes`, which a person would call `what`, hold this key in any form.
    pub(crate) fn assert_absent(&self, what: &str, bytes: &[u8]) {
        let found = self.search(bytes);
        assert!(found.is_empty(), "{what} holds the key: {found:?}");
    }

    /// Panics when a file below `folder`, or its name, holds this key in any form; but not for what
    /// is in the files `but`. A folder that is not there holds nothing.
    pub(crate) fn assert_absent_below(&self, folder: &Path, but: &[&Path]) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => panic!("{} cannot be searched: {error}", folder.display()),
        };
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            let shown = path.display().to_string();
            self.assert_absent("a file name", shown.as_bytes());
            if path.is_symlink() || but.contains(&path.as_path()) {
                continue;
            }
            if path.is_dir() {
                self.assert_absent_below(&path, but);
            } else if path.is_file() {
                let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{shown}: {error}"));
                self.assert_absent(&shown, &bytes);
            }
        }
    }
}

/// The parts of a key that count as having seen it.
struct Windows<'a> {
    all: HashSet<&'a [u8]>,
    /// Which bytes are in any of them.
    letters: [bool; 256],
}

impl<'a> Windows<'a> {
    fn of(key: &'a [u8]) -> Self {
        let mut letters = [false; 256];
        for &byte in key {
            letters[usize::from(byte)] = true;
        }
        Self {
            all: key.windows(WINDOW).collect(),
            letters,
        }
    }

    fn are_in(&self, bytes: &[u8]) -> bool {
        let mut at = 0;
        while let Some(window) = bytes.get(at..at + WINDOW) {
            if !self.letters[usize::from(window[WINDOW - 1])] {
                at += WINDOW;
            } else if self.all.contains(window) {
                return true;
            } else {
                at += 1;
            }
        }
        false
    }
}

/// What `bytes` say when one encoding is undone, by the encoding's name.
fn views(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let unfolded: Vec<u8> = without(bytes, b"\r\n");
    let bare: Vec<u8> = without(bytes, b":- \r\n");
    let mut views = vec![
        ("percent", unescape(b'%', bytes)),
        ("quoted-printable", unquote(bytes)),
        ("json", unjson(bytes)),
        ("html", unhtml(bytes)),
        ("utf-16 or utf-32", without(bytes, b"\0")),
        ("reversed", bytes.iter().rev().copied().collect()),
    ];
    views.extend(inflated(bytes));
    for phase in 0..2 {
        views.push(("hex", unhex(&unfolded, phase)));
        if bare.len() != unfolded.len() {
            views.push(("hex with separators", unhex(&bare, phase)));
        }
    }
    for phase in 0..4 {
        views.push(("base64", unbase64(bytes, phase)));
        if unfolded.len() != bytes.len() {
            views.push(("folded base64", unbase64(&unfolded, phase)));
        }
    }
    // Where there was nothing to undo, there is nothing new to see.
    views.retain(|(_, view)| view.len() >= WINDOW && view != bytes);
    views
}

/// The letters, in lower case, and digits of `bytes`, whatever is between them: marks, characters
/// without width, and the codes by which terminals change their colours.
fn folded(bytes: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first.is_ascii_alphanumeric() {
            folded.push(first.to_ascii_lowercase());
        } else if let (0x1b, Some(code)) = (first, after.strip_prefix(b"[")) {
            let inside = |byte: &u8| matches!(byte, 0x20..=0x3f);
            let length = code.iter().take_while(|byte| inside(byte)).count();
            rest = code.get(length + 1..).unwrap_or_default();
        }
    }
    folded
}

/// The bytes that a list of numbers says, such as `99, 97` or `0x63 0x61`; a zero byte stands for
/// each other word.
fn numbers(bytes: &[u8]) -> Vec<u8> {
    let byte = |word: &[u8]| -> Option<u8> {
        let (digits, radix) = match word {
            [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
            digits => (digits, 10),
        };
        u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
    };
    bytes
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| byte(word).unwrap_or(0))
        .collect()
}

fn rot13(bytes: &[u8]) -> Vec<u8> {
    let turned = |byte: u8, a: u8| (byte - a + 13) % 26 + a;
    let turn = |&byte: &u8| match byte {
        b'a'..=b'z' => turned(byte, b'a'),
        b'A'..=b'Z' => turned(byte, b'A'),
        _ => byte,
    };
    bytes.iter().map(turn).collect()
}

fn without(bytes: &[u8], dropped: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .filter(|byte| !dropped.contains(byte))
        .copied()
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Undoes `%41`, or the same after another sign.
fn unescape(sign: u8, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let pair = (
            after.first().copied().and_then(digit),
            after.get(1).copied().and_then(digit),
        );
        if let (true, (Some(high), Some(low))) = (first == sign, pair) {
            plain.push(high * 16 + low);
            rest = &after[2..];
        } else {
            plain.push(first);
        }
    }
    plain
}

/// Undoes `=41`, and an `=` at the end of a line.
fn unquote(bytes: &[u8]) -> Vec<u8> {
    if !bytes.contains(&b'=') {
        return Vec::new();
    }
    let mut joined = Vec::new();
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let folds = [&b"=\r\n"[..], b"=\n"];
        match folds.iter().find_map(|fold| rest.strip_prefix(*fold)) {
            Some(after) => rest = after,
            None => {
                joined.push(first);
                rest = after;
            }
        }
    }
    unescape(b'=', &joined)
}

/// Undoes `&#65;` and `&#x41;`, with the semicolon or without.
fn unhtml(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let spelt = after.strip_prefix(b"#").filter(|_| first == b'&');
        let entity = spelt.and_then(|spelt| {
            let (digits, radix) = match spelt.split_first() {
                Some((b'x' | b'X', digits)) => (digits, 16),
                _ => (spelt, 10),
            };
            let ends = |byte: &u8| !char::from(*byte).is_digit(radix);
            let length = digits.iter().position(ends).unwrap_or(digits.len());
            let number = std::str::from_utf8(&digits[..length]).ok()?;
            let byte = u8::from_str_radix(number, radix).ok()?;
            let rest = &digits[length..];
            Some((byte, rest.strip_prefix(b";").unwrap_or(rest)))
        });
        let (byte, left) = entity.unwrap_or((first, after));
        plain.push(byte);
        rest = left;
    }
    plain
}

/// Undoes `\u00XX` and `\xXX`, and takes the backslash off anything else.
fn unjson(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let number = |prefix: &[u8], digits: usize| -> Option<u8> {
            let spelt = rest.strip_prefix(prefix)?.get(..digits)?;
            u8::from_str_radix(std::str::from_utf8(spelt).ok()?, 16).ok()
        };
        let (byte, length) = if let Some(byte) = number(b"\\u00", 2) {
            (byte, 6)
        } else if let Some(byte) = number(b"\\x", 2) {
            (byte, 4)
        } else if first == b'\\' && rest.len() > 1 {
            (rest[1], 2)
        } else {
            (first, 1)
        };
        plain.push(byte);
        rest = &rest[length..];
    }
    plain
}

/// Undoes hex in every run of hex digits, from its digit `phase` on.
fn unhex(bytes: &[u8], phase: usize) -> Vec<u8> {
    decode_runs(bytes, 2 * WINDOW, digit, |run, plain| {
        for pair in run.get(phase..).unwrap_or_default().chunks_exact(2) {
            plain.push(pair[0] * 16 + pair[1]);
        }
    })
}

/// Undoes base64 of either alphabet in every run of its letters, from letter `phase` on.
fn unbase64(bytes: &[u8], phase: usize) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    decode_runs(bytes, WINDOW * 4 / 3, value, |run, plain| {
        for group in run.get(phase..).unwrap_or_default().chunks(4) {
            let bits = group
                .iter()
                .fold(0_u32, |bits, &value| bits << 6 | u32::from(value));
            let bits = bits << (6 * (4 - group.len()));
            plain.extend_from_slice(&bits.to_be_bytes()[1..group.len().max(1)]);
        }
    })
}

/// What is compressed anywhere in `bytes`, or is all of it, as far as it can be undone.
fn inflated(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let read = |mut from: Box<dyn Read + '_>| {
        let mut plain = Vec::new();
        // What came before a flaw was there to be read all the same.
        from.by_ref().take(1 << 24).read_to_end(&mut plain).ok();
        plain
    };
    let mut views = vec![("deflate", read(Box::new(DeflateDecoder::new(bytes))))];
    for (at, start) in bytes.windows(3).enumerate() {
        match start {
            [0x1f, 0x8b, 8] => views.push(("gzip", read(Box::new(GzDecoder::new(&bytes[at..]))))),
            [0x78, 1 | 0x5e | 0x9c | 0xda, _] => {
                views.push(("zlib", read(Box::new(ZlibDecoder::new(&bytes[at..])))));
            }
            _ => {}
        }
    }
    views
}

/// Decodes each longest run of `shortest` or more bytes that have a `value`, where one that is
/// shorter could not hold enough of a key; a zero byte stands between two runs.
fn decode_runs(
    bytes: &[u8],
    shortest: usize,
    value: impl Fn(u8) -> Option<u8>,
    decode: impl Fn(&[u8], &mut Vec<u8>),
) -> Vec<u8> {
    let values: [Option<u8>; 256] = std::array::from_fn(|byte| value(u8::try_from(byte).ok()?));
    let mut plain = Vec::new();
    for run in bytes.split(|byte| values[usize::from(*byte)].is_none()) {
        if run.len() >= shortest {
            let run: Vec<u8> = run
                .iter()
                .filter_map(|byte| values[usize::from(*byte)])
                .collect();
            decode(&run, &mut plain);
            plain.push(0);
        }
    }
    plain
}

/// Encodes in base64 with `last` for the digits 62 and 63.
pub(crate) fn base64(bytes: &[u8], last: &[u8; 2], padded: bool) -> Vec<u8> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let bits = three
            .iter()
            .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
        for place in 0..4 {
            let value = (bits >> (18 - 6 * place) & 63) as usize;
            if place <= group.len() {
                text.push(if value < 62 {
                    LETTERS[value]
                } else {
                    last[value - 62]
                });
            } else if padded {
                text.push(b'=');
            }
        }
    }
    text
}
