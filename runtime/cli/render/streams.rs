//! Standard output and standard error: what is written there, and where the cursor stands.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether what the program wrote last, where talk goes too, had no line feed at its end.
static MID_LINE: AtomicBool = AtomicBool::new(false);

/// Remembers whether what passes through ends in the middle of a line.
pub(crate) struct Tracked<W>(pub(crate) W);

impl<W: Write> Write for Tracked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        if let Some(last) = written.checked_sub(1).and_then(|at| bytes.get(at)) {
            MID_LINE.store(*last != b'\n', Ordering::Relaxed);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Talk on standard error, on lines of its own. Nobody is left to tell when that is closed.
pub(super) fn talk(text: &str) {
    let before = if MID_LINE.swap(false, Ordering::Relaxed) {
        "\n"
    } else {
        ""
    };
    drop(io::stderr().write_all(format!("{before}{text}\n").as_bytes()));
}

/// Data on standard output. A reader that has gone away has read what it wanted.
pub(crate) fn print(to: &mut dyn Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Whether standard output and standard error are one terminal, pipe or file.
pub(crate) fn are_one() -> bool {
    let place = |stream: &str| {
        let metadata = std::fs::metadata(stream).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let stdout = place("/proc/self/fd/1");
    stdout.is_some() && stdout == place("/proc/self/fd/2")
}
