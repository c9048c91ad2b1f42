//! `decide` against a small model of the policy language, which shares no code with it.
//!
//! The model is written from the language's description and looks at everything, one thing after
//! the other: no index, no types of the product, no library.

mod http;
mod operation;
mod value;

pub use http::model_http;
pub use operation::model_operation;

/// Undoes `%41`; none where that leaves no UTF-8, or a percent sign is not followed by two digits
/// in upper case.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut read = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digit = |at: usize| match bytes.get(at) {
                Some(digit @ b'0'..=b'9') => Some(digit - b'0'),
                Some(digit @ b'A'..=b'F') => Some(digit - b'A' + 10),
                _ => None,
            };
            read.push(digit(at + 1)? * 16 + digit(at + 2)?);
            at += 3;
        } else {
            read.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(read).ok()
}

/// Whether the byte stands for itself in a path: `pchar` of RFC 3986, section 3.3.
fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

/// A segment of a path as it is written.
fn encoded(text: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        if plain(byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

/// Whether a decoded segment means itself to everybody: not empty, no dots that lead elsewhere, and
/// nothing that parts segments.
fn is_clear(segment: &str) -> bool {
    let before = segment.split(';').next().unwrap_or_default();
    let has_parameters = segment.contains(';');
    let only_dots_and_spaces = segment.chars().all(|letter| letter == '.' || letter == ' ');
    !(segment.is_empty()
        || segment == "."
        || segment == ".."
        || has_parameters && ["", ".", ".."].contains(&before)
        || only_dots_and_spaces && segment.contains(' ')
        || segment.contains(['/', '\\', '%'])
        || segment.chars().any(char::is_control))
}
