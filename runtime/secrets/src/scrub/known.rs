//! All that is looked for in replies: it grows as keys come into use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::automaton::{Automaton, Case, State};
use super::escapes::LONGEST_ESCAPE;
use super::patterns::Pattern;

/// The keys of one run, in the order in which they came into use.
#[derive(Default)]
pub(crate) struct Known(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    keys: Vec<Vec<Pattern>>,
    /// The tables for the keys from one number up to another.
    made: HashMap<(usize, usize), Arc<Tables>>,
}

/// The tables for some of the keys.
pub(super) struct Tables {
    /// For status text, header values and bodies.
    pub(super) text: Table,
    /// For header names, which arrive in lower case.
    pub(super) names: Table,
}

/// What is looked for in one kind of text.
pub(super) struct Table {
    exact: Automaton,
    exact_forms: Vec<Form>,
    folded: Automaton,
    folded_forms: Vec<Form>,
    /// Which bytes end a run of characters that a key could be part of.
    breaks: Box<[bool; 256]>,
    /// How many bytes of a reply the longest match can take up, roughly.
    reach: u64,
}

/// Which key a match is, and how it is encoded.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) credential: String,
    pub(super) encoding: &'static str,
}

/// Where a search stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    exact: State,
    folded: State,
}

impl Known {
    /// From now on looks for `patterns` as well.
    pub(crate) fn add(&self, patterns: Vec<Pattern>) {
        self.lock().keys.push(patterns);
    }

    /// How many keys there are, and the tables for all but the first `from` of them, if there are
    /// more.
    pub(super) fn beyond(&self, from: usize) -> Option<(usize, Arc<Tables>)> {
        let mut inner = self.lock();
        let count = inner.keys.len();
        if from >= count {
            return None;
        }
        if let Some(tables) = inner.made.get(&(from, count)) {
            return Some((count, Arc::clone(tables)));
        }
        let tables = Arc::new(Tables::new(inner.keys[from..].iter().flatten()));
        inner.made.insert((from, count), Arc::clone(&tables));
        Some((count, tables))
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().keys.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one push or insert, so what a panic left behind is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn new<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Self {
        let patterns: Vec<&Pattern> = patterns.collect();
        let (folded, exact): (Vec<_>, Vec<_>) =
            patterns.iter().copied().partition(|pattern| pattern.folded);
        Self {
            text: Table::new(&exact, &folded),
            names: Table::new(&[], &patterns),
        }
    }
}

impl Table {
    fn new(exact: &[&Pattern], folded: &[&Pattern]) -> Self {
        let automaton = |patterns: &[&Pattern], case| {
            let bytes: Vec<&[u8]> = patterns.iter().map(|pattern| &pattern.bytes[..]).collect();
            Automaton::new(&bytes, case)
        };
        let forms = |patterns: &[&Pattern]| {
            let form = |pattern: &&Pattern| Form {
                credential: pattern.credential.clone(),
                encoding: pattern.encoding,
            };
            patterns.iter().map(form).collect()
        };
        let (exact_automaton, folded_automaton) = (
            automaton(exact, Case::Exact),
            automaton(folded, Case::Folded),
        );
        let mut breaks = Box::new([false; 256]);
        for byte in 0..=u8::MAX {
            breaks[usize::from(byte)] =
                !ordinary(byte) && exact_automaton.breaks(byte) && folded_automaton.breaks(byte);
        }
        let longest = exact
            .iter()
            .chain(folded)
            .map(|pattern| pattern.bytes.len())
            .max();
        // Rounded up, so that how much is held back does not tell a key's length.
        let longest = longest.unwrap_or_default().next_power_of_two().max(256);
        Self {
            exact: exact_automaton,
            exact_forms: forms(exact),
            folded: folded_automaton,
            folded_forms: forms(folded),
            breaks,
            reach: (longest * LONGEST_ESCAPE) as u64,
        }
    }

    pub(super) fn start(&self) -> Cursor {
        Cursor {
            exact: Automaton::START,
            folded: Automaton::START,
        }
    }

    /// Moves `cursor` on by `byte`; what it completes, if anything.
    #[inline]
    pub(super) fn step(&self, cursor: &mut Cursor, byte: u8) -> Option<&Form> {
        cursor.exact = self.exact.step(cursor.exact, byte);
        cursor.folded = self.folded.step(cursor.folded, byte);
        let exact = self
            .exact
            .found(cursor.exact)
            .map(|at| &self.exact_forms[at]);
        exact.or_else(|| {
            self.folded
                .found(cursor.folded)
                .map(|at| &self.folded_forms[at])
        })
    }

    #[inline]
    pub(super) fn breaks(&self, byte: u8) -> bool {
        self.breaks[usize::from(byte)]
    }

    pub(super) fn reach(&self) -> u64 {
        self.reach
    }
}

/// Whether keys are commonly made of `byte`, or escapes begin with it.
fn ordinary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=%\\".contains(&byte)
}
