//! `dotenv://FILE#NAME`: one entry of a file beside the policy.
//!
//! The dialect, line by line, in any order of lines:
//! - empty lines and lines that begin with `#` mean nothing;
//! - an entry is `NAME=VALUE`, perhaps after `export`, with blanks allowed around name and `=`;
//! - a bare value ends at the line's end or at a `#` that follows a blank; outer blanks are cut;
//! - `'...'` is taken as it stands; in `"..."`, `\n` `\r` `\t` `\"` `\\` and `\$` are escapes and
//!   other backslashes stand for themselves; behind the closing quote only a comment may follow;
//! - nothing is expanded, no value goes over several lines, and a name defined twice is an error.

use cap_std::fs::Dir;
use zeroize::Zeroizing;

use super::{Fetched, Source, SourceError, read_all};

/// The largest file, in bytes; one that needs more is something else.
const LARGEST: usize = 256 * 1024;

pub(super) struct Dotenv {
    pub(super) folder: Option<Dir>,
    pub(super) file: String,
    pub(super) key: String,
}

impl Source for Dotenv {
    fn fetch(&self) -> Result<Fetched, SourceError> {
        let Some(folder) = &self.folder else {
            return Err(SourceError::unreadable(
                "there is no policy file to look beside",
            ));
        };
        if !folder.metadata(&self.file)?.is_file() {
            return Err(SourceError::unreadable("it is not a regular file"));
        }
        let text = read_all(folder.open(&self.file)?, LARGEST)?;
        find(&text, self.key.as_bytes()).map(Fetched::plain)
    }
}

/// The value of the entry `key`.
fn find(text: &[u8], key: &[u8]) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut entries = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| entry(line, key));
    let written = entries
        .next()
        .ok_or(SourceError::Missing("the file has no such entry"))?;
    if entries.next().is_some() {
        return Err(SourceError::Malformed("the entry is defined twice"));
    }
    value(written)
}

/// What stands behind `key =` on this line, if that is what the line has.
fn entry<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let line = line.trim_ascii();
    let line = match line.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(|byte| blank(*byte)) => rest.trim_ascii_start(),
        _ => line,
    };
    line.strip_prefix(key)?
        .trim_ascii_start()
        .strip_prefix(b"=")
        .map(<[u8]>::trim_ascii_start)
}

fn value(written: &[u8]) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let Some(quote @ (b'"' | b'\'')) = written.first().copied() else {
        let comment = (0..written.len())
            .find(|&at| written[at] == b'#' && (at == 0 || blank(written[at - 1])));
        let bare = &written[..comment.unwrap_or(written.len())];
        return Ok(Zeroizing::new(bare.trim_ascii_end().to_vec()));
    };
    let mut value = Zeroizing::new(Vec::with_capacity(written.len()));
    let mut rest = &written[1..];
    loop {
        let (byte, after) = match (quote, rest) {
            (_, []) => return Err(SourceError::Malformed("the entry's quote is not closed")),
            (b'"', [b'\\', b'n', after @ ..]) => (b'\n', after),
            (b'"', [b'\\', b'r', after @ ..]) => (b'\r', after),
            (b'"', [b'\\', b't', after @ ..]) => (b'\t', after),
            (b'"', [b'\\', byte @ (b'"' | b'\\' | b'$'), after @ ..]) => (*byte, after),
            (_, [byte, after @ ..]) if *byte == quote => {
                let after = after.trim_ascii_start();
                if !after.is_empty() && after[0] != b'#' {
                    return Err(SourceError::Malformed(
                        "something follows the closing quote",
                    ));
                }
                return Ok(value);
            }
            (_, [byte, after @ ..]) => (*byte, after),
        };
        value.push(byte);
        rest = after;
    }
}

fn blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"\xef\xbb\xbf# keys of the tests\r\n\
        BARE=canary-bare # which one\r\n\
        export EXPORTED = canary-exported\n\
        HASH=canary#hash\n\
        SINGLE='canary $HOME \\n # \"single\"' # comment\n\
        DOUBLE=\"canary \\\"double\\\" \\\\ \\$ $HOME \\x \\n\"\n\
        EMPTY=\n\
        NOTHING=# comment\n\
        OPEN='canary-open\n\
        BEHIND=\"canary\"-behind\n\
        TWICE=canary-1\nTWICE=canary-2\n\
        exportED=canary-prefix\n\
        # COMMENTED=canary-commented\n\
        \tINDENTED\t=\tcanary-indented";

    fn check(key: &str, expected: &str) {
        let found = match find(FILE, key.as_bytes()) {
            Ok(value) => String::from_utf8_lossy(&value).into_owned(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected, "{key}");
    }

    #[test]
    fn entries_are_read_in_the_documented_dialect() {
        check("BARE", "canary-bare");
        check("EXPORTED", "canary-exported");
        check("HASH", "canary#hash");
        check("SINGLE", "canary $HOME \\n # \"single\"");
        check("DOUBLE", "canary \"double\" \\ $ $HOME \\x \n");
        check("EMPTY", "");
        check("NOTHING", "");
        check("exportED", "canary-prefix");
        check("INDENTED", "canary-indented");
    }

    #[test]
    fn what_cannot_be_read_one_way_is_refused() {
        check("OPEN", "error: the entry's quote is not closed");
        check("BEHIND", "error: something follows the closing quote");
        check("TWICE", "error: the entry is defined twice");
        check("ED", "error: the file has no such entry");
        check("COMMENTED", "error: the file has no such entry");
        check("BAR", "error: the file has no such entry");
    }
}
