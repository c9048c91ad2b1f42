//! Keeps control codes of programs and upstreams from the operator's terminal.

use std::io::{self, Write};

/// The text with every control character shown as an escape; on one line.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unsafe(letter) || letter == '\n' {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// A document in JSON with every character that is unsafe to show as an escape: such characters stand
/// in its strings only, but for the line feeds between its parts.
pub(crate) fn json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for letter in document.chars() {
        if letter != '\n' && is_unsafe(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+=:@,%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Control characters but tab, and those that change the order in which text is shown.
fn is_unsafe(letter: char) -> bool {
    (letter.is_control() && letter != '\t')
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Passes text on to a terminal, with control codes shown instead of obeyed.
///
/// Line feeds, tabs and carriage returns before a line feed go through. Bytes that are not UTF-8 are
/// shown as U+FFFD.
pub(crate) struct Sanitised<W> {
    inner: W,
    /// The beginning of a character whose rest has not come yet.
    partial: Vec<u8>,
}

impl<W: Write> Sanitised<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            partial: Vec::new(),
        }
    }
}

impl<W: Write> Write for Sanitised<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        let taken = std::mem::take(&mut self.partial);
        let mut shown = String::new();
        for chunk in taken.utf8_chunks() {
            for letter in chunk.valid().chars() {
                if letter != '\n' && is_unsafe(letter) {
                    shown.extend(letter.escape_unicode());
                } else {
                    shown.push(letter);
                }
            }
            let broken = chunk.invalid();
            // A character may be cut at the end of a piece; its rest comes with the next.
            if !broken.is_empty() && taken.ends_with(broken) && is_prefix(broken) {
                self.partial = broken.to_vec();
            } else if !broken.is_empty() {
                shown.push('\u{fffd}');
            }
        }
        self.inner.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Whether these bytes could be the beginning of a character.
fn is_prefix(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pieces: &[&[u8]]) -> String {
        let mut shown = Vec::new();
        let mut sanitised = Sanitised::new(&mut shown);
        for piece in pieces {
            sanitised.write_all(piece).unwrap();
        }
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn l08_escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(through(&[b"a\x1b[2Jb\n"]), "a\\u{1b}[2Jb\n");
        assert_eq!(
            through(&["\u{9b}2J\u{202e}x".as_bytes()]),
            "\\u{9b}2J\\u{202e}x"
        );
    }

    #[test]
    fn characters_cut_between_pieces_stay_whole() {
        assert_eq!(through(&[b"\xe2\x82", b"\xac!"]), "€!");
        assert_eq!(through(&[b"\xe2", b"x"]), "\u{fffd}x");
    }

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted("a/b-1.toml"), "a/b-1.toml");
        assert_eq!(quoted("my own/it's"), "'my own/it'\\''s'");
        assert_eq!(quoted("$(id)"), "'$(id)'");
    }

    #[test]
    fn json_holds_no_character_that_a_terminal_obeys() {
        let value = serde_json::json!({ "a": "x\u{9b}\u{202e}\u{61c}\u{7f}\u{1b}\n€" });
        let shown = json(&format!("{value:#}\n"));
        assert_eq!(
            shown,
            "{\n  \"a\": \"x\\u009b\\u202e\\u061c\\u007f\\u001b\\n€\"\n}\n"
        );
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(plain("a\nb\tc\r"), "a\\u{a}b\tc\\u{d}");
    }
}
