//! Bounds on what one text makes: values in memory, and the JSON that is written from them.

use std::cell::Cell;
use std::io;

/// The most values of one call's arguments, or of one reply, absent ones included: a record makes
/// one for each of its fields, whatever of them is there. A value takes 32 bytes, and an API sends
/// or takes a page of some thousand.
pub(crate) const MOST_VALUES: usize = 1 << 20;

/// Room for the values that are made from one text.
#[derive(Debug)]
pub(crate) struct Room {
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl Room {
    /// Room for [`MOST_VALUES`], whose texts have at most so many bytes together.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            values: Cell::new(MOST_VALUES),
            bytes: Cell::new(bytes),
        }
    }

    /// Takes room for as many values more, before they are made; none where it is not left.
    pub(crate) fn take(&self, values: usize) -> Option<()> {
        self.values.set(self.values.get().checked_sub(values)?);
        Some(())
    }

    /// Takes room for a text; none where it is not left.
    pub(crate) fn take_text(&self, text: &str) -> Option<()> {
        self.bytes.set(self.bytes.get().checked_sub(text.len())?);
        Some(())
    }
}

/// Bytes that do not grow past a bound.
#[derive(Debug)]
pub(crate) struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Bounded {
    /// None yet, of at most so many.
    pub(crate) fn new(most: usize) -> Self {
        let bytes = Vec::new();
        Self { bytes, most }
    }

    /// What has been written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
