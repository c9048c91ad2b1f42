//! Finds any of many patterns in one pass, with the same work for every byte.

use std::collections::VecDeque;

use zeroize::Zeroizing;

/// Marks a transition that completes a pattern.
const HIT: u32 = 1 << 31;

const NONE: u32 = u32::MAX;

/// Where the search stands after the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u32);

/// An Aho-Corasick automaton, unrolled into one table.
///
/// A search library would first skip to where a pattern may begin. How long that takes tells
/// whoever chose the text how much of a pattern it holds, and so the key, piece by piece. Here each
/// byte costs one look at a table, whatever the patterns are.
pub(super) struct Automaton {
    /// The column of each byte. Bytes of no pattern share column 0.
    classes: Zeroizing<Vec<u8>>,
    columns: usize,
    /// The state after a state and a byte: `next[state + class]`, states counted in whole rows.
    next: Zeroizing<Vec<u32>>,
    /// For each state, the pattern that ends there.
    ends: Vec<u32>,
}

/// Whether letters of different case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    Folded,
}

impl Automaton {
    pub(super) const START: State = State(0);

    /// An automaton for `patterns`, none of which is empty.
    pub(super) fn new(patterns: &[&[u8]], case: Case) -> Self {
        let fold = |byte: u8| match case {
            Case::Exact => byte,
            Case::Folded => byte.to_ascii_lowercase(),
        };
        let mut classes = Zeroizing::new(vec![0; 256]);
        let mut columns: u8 = 1;
        for byte in patterns.iter().copied().flatten() {
            let class = &mut classes[usize::from(fold(*byte))];
            if *class == 0 {
                *class = columns;
                // Patterns are ASCII, so there are at most 129 columns.
                columns = columns.saturating_add(1);
            }
        }
        for byte in 0..=u8::MAX {
            classes[usize::from(byte)] = classes[usize::from(fold(byte))];
        }
        let columns = usize::from(columns);
        let rows = 1 + patterns.iter().map(|pattern| pattern.len()).sum::<usize>();
        let mut trie = Trie {
            columns,
            // All the room it can need at once: growing would leave copies behind.
            next: Zeroizing::new(vec![NONE; rows * columns]),
            ends: vec![NONE; rows],
            rows: 1,
        };
        for (index, pattern) in (0..).zip(patterns) {
            trie.insert(
                pattern.iter().map(|byte| classes[usize::from(*byte)]),
                index,
            );
        }
        trie.link();
        trie.mark();
        Self {
            classes,
            columns,
            next: trie.next,
            ends: trie.ends,
        }
    }

    /// The state after one more byte.
    #[inline]
    pub(super) fn step(&self, state: State, byte: u8) -> State {
        let row = (state.0 & !HIT) as usize;
        State(self.next[row + usize::from(self.classes[usize::from(byte)])])
    }

    /// The pattern that ends here, if one does.
    #[inline]
    pub(super) fn found(&self, state: State) -> Option<usize> {
        if state.0 & HIT == 0 {
            return None;
        }
        Some(self.ends[(state.0 & !HIT) as usize / self.columns] as usize)
    }

    /// Whether `byte` is in no pattern, so that no match goes over it.
    pub(super) fn breaks(&self, byte: u8) -> bool {
        self.classes[usize::from(byte)] == 0
    }
}

/// The table while it is made; states are row numbers.
struct Trie {
    columns: usize,
    next: Zeroizing<Vec<u32>>,
    ends: Vec<u32>,
    rows: u32,
}

impl Trie {
    fn insert(&mut self, classes: impl Iterator<Item = u8>, index: u32) {
        let mut state = 0;
        for class in classes {
            let place = state * self.columns + usize::from(class);
            if self.next[place] == NONE {
                self.next[place] = self.rows;
                self.rows += 1;
            }
            state = self.next[place] as usize;
        }
        if self.ends[state] == NONE {
            self.ends[state] = index;
        }
    }

    /// Fills in where the search goes on when a pattern breaks off: to the longest other beginning
    /// that the text so far ends with.
    fn link(&mut self) {
        let mut fallback = vec![0_u32; self.rows as usize];
        let mut queue = VecDeque::from([0_u32]);
        while let Some(state) = queue.pop_front() {
            let (row, back) = (state as usize, fallback[state as usize] as usize);
            for class in 0..self.columns {
                let beside = if row == 0 {
                    0
                } else {
                    self.next[back * self.columns + class]
                };
                let place = row * self.columns + class;
                let child = self.next[place];
                if child == NONE {
                    self.next[place] = beside;
                    continue;
                }
                fallback[child as usize] = beside;
                if self.ends[child as usize] == NONE {
                    self.ends[child as usize] = self.ends[beside as usize];
                }
                queue.push_back(child);
            }
        }
    }

    /// Turns row numbers into places in the table and marks those that complete a pattern.
    fn mark(&mut self) {
        // A table of half of what 31 bits can address would be eight gigabytes.
        let columns = u32::try_from(self.columns).unwrap_or(u32::MAX);
        for next in self.next.iter_mut().filter(|next| **next != NONE) {
            let hit = if self.ends[*next as usize] == NONE {
                0
            } else {
                HIT
            };
            *next = (*next * columns) | hit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patterns: &[&str], case: Case, text: &str, expected: &[(usize, usize)]) {
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let automaton = Automaton::new(&patterns, case);
        let mut state = Automaton::START;
        let mut found = Vec::new();
        for (at, byte) in text.bytes().enumerate() {
            state = automaton.step(state, byte);
            found.extend(automaton.found(state).map(|pattern| (at, pattern)));
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn patterns_within_and_beside_each_other_are_all_found() {
        let patterns = ["abcd", "bc", "abab", "dd"];
        check(&patterns, Case::Exact, "abcd", &[(2, 1), (3, 0)]);
        check(&patterns, Case::Exact, "ababab", &[(3, 2), (5, 2)]);
        check(
            &patterns,
            Case::Exact,
            "ababcddd",
            &[(3, 2), (4, 1), (5, 0), (6, 3), (7, 3)],
        );
        check(&patterns, Case::Exact, "aabbccd", &[(4, 1)]);
        check(&[], Case::Exact, "abc", &[]);
    }

    #[test]
    fn case_counts_unless_folded() {
        check(&["aBc"], Case::Exact, "abcABCaBc", &[(8, 0)]);
        check(
            &["aBc"],
            Case::Folded,
            "abcABCaBc",
            &[(2, 0), (5, 0), (8, 0)],
        );
    }
}
