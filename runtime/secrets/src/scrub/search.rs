//! Looks for keys in a text that arrives in pieces, and says how much of it may be released.

use std::array;
use std::sync::Arc;

use super::escapes::{READINGS, Reader, begins_escape};
use super::known::{Cursor, Form, Known, Table, Tables};

/// A search of one text for all keys of a run, those included that come into use meanwhile.
pub(super) struct Search {
    known: Arc<Known>,
    keys: usize,
    parts: Vec<Part>,
    kind: Kind,
}

/// What kind of text is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of a header.
    Name,
    /// Anything else.
    Text,
}

/// A key in a text.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) credential: String,
    pub(super) encoding: &'static str,
    /// The escapes it was wrapped in, if any.
    pub(super) escape: Option<&'static str>,
    /// How many bytes of the text came before its end.
    pub(super) offset: u64,
}

impl Search {
    pub(super) fn new(known: Arc<Known>, kind: Kind) -> Self {
        Self {
            known,
            keys: 0,
            parts: Vec::new(),
            kind,
        }
    }

    /// Searches `bytes`, which follow on what was searched before. `held` is the end of that, as
    /// far as it has not been released: a key that came into use just now may have begun there.
    pub(super) fn read(&mut self, held: &[u8], bytes: &[u8], position: u64) -> Result<(), Found> {
        if let Some((keys, tables)) = self.known.beyond(self.keys) {
            self.keys = keys;
            let mut part = Part::new(tables, self.kind, position - held.len() as u64);
            part.read(held)?;
            self.parts.push(part);
        }
        self.parts.iter_mut().try_for_each(|part| part.read(bytes))
    }

    /// The text has ended.
    pub(super) fn finish(&mut self) -> Result<(), Found> {
        self.parts.iter_mut().try_for_each(Part::finish)
    }

    /// Where the part of the text begins that must not be released yet, if all of it so far has
    /// `length` bytes.
    ///
    /// What is held back is the last stretch of characters that keys are commonly made of,
    /// whether or not it resembles a key of this run. Holding back what does resemble one would
    /// let a program watch which of its guesses arrive late, and so find the key letter by letter.
    pub(super) fn held_from(&self, length: u64) -> u64 {
        self.parts
            .iter()
            .map(Part::held_from)
            .min()
            .unwrap_or(length)
    }
}

/// A search with one set of tables.
struct Part {
    tables: Arc<Tables>,
    kind: Kind,
    position: u64,
    /// Where the present run of characters that can be in a key began.
    // INVARIANT: no match goes over a byte that breaks, in any reading: such a byte is in no
    // pattern, ends every escape, and stands for itself.
    run: u64,
    plain: Cursor,
    /// The other readings; they differ from the plain one from a run's first escape on.
    escaped: bool,
    views: [View; READINGS.len()],
}

#[derive(Clone, Debug)]
struct View {
    reader: Reader,
    cursor: Cursor,
}

impl Part {
    fn new(tables: Arc<Tables>, kind: Kind, position: u64) -> Self {
        let start = table(&tables, kind).start();
        let view = |at: usize| View {
            reader: Reader::new(&READINGS[at]),
            cursor: start,
        };
        Self {
            views: array::from_fn(view),
            tables,
            kind,
            position,
            run: position,
            plain: start,
            escaped: false,
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Found> {
        let table = table(&self.tables, self.kind);
        for byte in bytes.iter().copied() {
            self.position += 1;
            if !self.escaped && begins_escape(byte) {
                self.escaped = true;
                for (view, reading) in self.views.iter_mut().zip(&READINGS) {
                    *view = View {
                        reader: Reader::new(reading),
                        cursor: self.plain,
                    };
                }
            }
            if let Some(form) = table.step(&mut self.plain, byte) {
                return Err(found(form, None, self.position));
            }
            if self.escaped {
                for view in &mut self.views {
                    let mut hit = None;
                    let cursor = &mut view.cursor;
                    view.reader
                        .read(byte, |read| hit = hit.or(table.step(cursor, read)));
                    if let Some(form) = hit {
                        return Err(found(form, Some(view.reader.name()), self.position));
                    }
                }
            }
            if table.breaks(byte) {
                self.run = self.position;
                self.escaped = false;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Found> {
        if !self.escaped {
            return Ok(());
        }
        let table = table(&self.tables, self.kind);
        for view in &mut self.views {
            let mut hit = None;
            let cursor = &mut view.cursor;
            view.reader
                .finish(|read| hit = hit.or(table.step(cursor, read)));
            if let Some(form) = hit {
                return Err(found(form, Some(view.reader.name()), self.position));
            }
        }
        Ok(())
    }

    fn held_from(&self) -> u64 {
        let reach = table(&self.tables, self.kind).reach();
        self.run.max(self.position.saturating_sub(reach))
    }
}

fn table(tables: &Tables, kind: Kind) -> &Table {
    match kind {
        Kind::Name => &tables.names,
        Kind::Text => &tables.text,
    }
}

fn found(form: &Form, escape: Option<&'static str>, offset: u64) -> Found {
    Found {
        credential: form.credential.clone(),
        encoding: form.encoding,
        escape,
        offset,
    }
}
