//! Reading TOML with the place of everything, and collecting what is wrong with it.

use std::ops::Range;
use std::sync::Arc;

use miette::NamedSource;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::code::Code;
use crate::policy::Text;
use crate::problem::PolicyProblem;

pub(crate) type Span = Range<usize>;
pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// The longest file of a policy: far above any that a person reads, and small enough to load at
/// once.
pub(crate) const LONGEST_FILE: usize = 1 << 20;

/// What is wrong with one file.
#[derive(Debug)]
pub(crate) struct Problems {
    source: Arc<NamedSource<String>>,
    found: Vec<PolicyProblem>,
    // Whether part of the text could not be read, so that what seems absent may be there.
    incomplete: bool,
}

impl Problems {
    pub(crate) fn new(text: &Text) -> Self {
        let source = NamedSource::new(&text.name, text.text.clone());
        Self {
            source: Arc::new(source),
            found: Vec::new(),
            incomplete: false,
        }
    }

    /// Adds a problem; the caller may advise on it.
    pub(crate) fn add(
        &mut self,
        code: Code,
        span: &Span,
        message: impl Into<String>,
    ) -> &mut PolicyProblem {
        self.found.push(PolicyProblem::new(
            code,
            &self.source,
            span.clone(),
            message,
        ));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Adds a problem about something that is not there, unless part of the text was unreadable
    /// and it may have been in that part.
    pub(crate) fn absent(
        &mut self,
        code: Code,
        span: &Span,
        message: impl Into<String>,
    ) -> Option<&mut PolicyProblem> {
        if self.incomplete {
            return None;
        }
        Some(self.add(code, span, message))
    }

    pub(crate) fn bad_value(
        &mut self,
        span: &Span,
        message: impl Into<String>,
    ) -> &mut PolicyProblem {
        self.add(Code::BAD_VALUE, span, message)
    }

    /// Whether part of the text could not be read.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// How many problems there are so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn into_found(self) -> Vec<PolicyProblem> {
        self.found
    }
}

/// The most values of a list: far more than anybody writes by hand, and few enough to compare each
/// with every other.
pub(crate) const MOST_VALUES: usize = 1000;

/// Reports a list that is too long.
pub(crate) fn too_many(path: &str, span: &Span, most: usize, problems: &mut Problems) {
    let message = format!("`{path}` has more than {most} values");
    problems.bad_value(span, message);
}

/// Refuses a text that is not what it looks like. TOML's own rules come later.
pub(crate) fn is_plain(text: &str, problems: &mut Problems) -> bool {
    if text.len() > LONGEST_FILE {
        problems.bad_value(&(0..0), "the file is larger than 1 MiB");
        return false;
    }
    if text.starts_with('\u{feff}') {
        let message = "the file starts with a byte order mark";
        problems
            .add(Code::SYNTAX, &(0..3), message)
            .advise("save it as UTF-8 without one");
        return false;
    }
    if let Some(at) = text.find('\0') {
        problems.add(
            Code::SYNTAX,
            &(at..at + 1),
            "the file holds a NUL character",
        );
        return false;
    }
    true
}

/// Parses a document as far as it goes.
pub(crate) fn read<'t>(text: &'t str, problems: &mut Problems) -> Table<'t> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut table = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', ", ");
        if message.contains("duplicate key") {
            // The keys of a table that is there twice are part of one mistake.
            let header = header_before(text, span.start);
            if table == Some(header) {
                continue;
            }
            if line_of(text, span.start).trim_start().starts_with('[') {
                table = Some(header);
            }
            let key = text.get(span.clone()).unwrap_or_default();
            let key = key.trim_matches(['"', '\'']);
            problems.add(
                Code::DUPLICATE,
                &span,
                format!("`{}` is there twice", key.escape_debug()),
            );
        } else {
            problems.incomplete = true;
            let mut message = message;
            if let Some(first) = message.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            problems.add(Code::SYNTAX, &span, message);
        }
    }
    Table::new(String::new(), 0..0, document.into_inner())
}

/// Where the header of the table that `at` is in ends, or its own if it is in one.
fn header_before(text: &str, at: usize) -> usize {
    let mut start = 0;
    let mut header = 0;
    for line in text.split_inclusive('\n') {
        if start > at {
            break;
        }
        start += line.len();
        if line.trim_start().starts_with('[') {
            header = start;
        }
    }
    header
}

/// The line that `at` is in.
fn line_of(text: &str, at: usize) -> &str {
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1);
    let line = text.get(start..).unwrap_or_default();
    line.lines().next().unwrap_or_default()
}

/// A table, its name, and its entries in the order of the text.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    /// As it would be written in a header: `http.widgets`; empty for the whole document.
    pub(crate) name: String,
    /// The key that opens it.
    pub(crate) span: Span,
    pub(crate) entries: Vec<Entry<'t>>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'t> {
    pub(crate) key: String,
    pub(crate) span: Span,
    pub(crate) value: Value<'t>,
}

/// A string and its place.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl<'t> Table<'t> {
    fn new(name: String, span: Span, table: DeTable<'t>) -> Self {
        let mut entries: Vec<_> = table
            .into_iter()
            .map(|(key, value)| Entry {
                span: key.span(),
                key: key.into_inner().into_owned(),
                value,
            })
            .collect();
        entries.sort_by_key(|entry| entry.span.start);
        Self {
            name,
            span,
            entries,
        }
    }

    /// A value that is a table, under a name.
    pub(crate) fn of(name: &str, value: &Value<'t>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(name.to_owned(), value.span(), table.clone())),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The full name of a key of this table.
    pub(crate) fn path(&self, key: &str) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let key = if !key.is_empty() && key.chars().all(bare) {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        if self.name.is_empty() {
            key
        } else {
            format!("{}.{key}", self.name)
        }
    }

    /// The table under `key`, if there is one.
    pub(crate) fn table(&self, key: &str, problems: &mut Problems) -> Option<Table<'t>> {
        self.get(key)
            .and_then(|entry| self.as_table(entry, problems))
    }

    /// The entry's value as a table.
    pub(crate) fn as_table(&self, entry: &Entry<'t>, problems: &mut Problems) -> Option<Table<'t>> {
        let name = self.path(&entry.key);
        match entry.value.get_ref() {
            DeValue::Table(table) => Some(Table::new(name, entry.span.clone(), table.clone())),
            other => {
                wrong_type(&name, &entry.value.span(), other, "a table", problems);
                None
            }
        }
    }

    /// Reports every key that is not known, and those that a later build will enforce.
    pub(crate) fn check_keys(&self, known: &[&str], later: &[&str], problems: &mut Problems) {
        for entry in &self.entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let path = self.path(&entry.key);
            if later.contains(&entry.key.as_str()) {
                problems.add(
                    Code::NOT_ENFORCED,
                    &entry.span,
                    format!("`{path}` is not enforced by this build"),
                );
                continue;
            }
            let problem = problems.add(
                Code::UNKNOWN_KEY,
                &entry.span,
                format!("unknown key `{path}`"),
            );
            match nearest(&entry.key, known) {
                Some(near) => problem.advise(format!("did you mean `{near}`?")),
                None => problem.advise(format!("known here: {}", list(known))),
            };
        }
    }

    /// The string under `key`.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Option<Item> {
        let entry = self.get(key)?;
        as_text(&self.path(key), &entry.value, "a string", problems)
    }

    /// The string under `key`, where it can be shown to people as it is: on one line, in the order in
    /// which it is read.
    pub(crate) fn words(&self, code: Code, key: &str, problems: &mut Problems) -> Option<Item> {
        let item = self.text(key, problems)?;
        let unfit = |letter: char| letter.is_control() || reorders(letter);
        if let Some(letter) = item.text.chars().find(|letter| unfit(*letter)) {
            let message = format!(
                "`{}` holds the character U+{:04X}",
                self.path(key),
                u32::from(letter)
            );
            problems
                .add(code, &item.span, message)
                .advise("write it as one line, without control characters");
            return None;
        }
        Some(item)
    }

    /// The string under `key`, which has to be there.
    pub(crate) fn needed_text(&self, key: &str, problems: &mut Problems) -> Option<Item> {
        if self.get(key).is_none() {
            self.missing(key, problems);
        }
        self.text(key, problems)
    }

    /// The string of an entry. Where all are read, looking each up by its key would take too long.
    pub(crate) fn text_of(&self, entry: &Entry<'_>, problems: &mut Problems) -> Option<Item> {
        as_text(&self.path(&entry.key), &entry.value, "a string", problems)
    }

    /// The strings under `key`: a list that is not empty, or one string where `one` allows it.
    pub(crate) fn texts(&self, key: &str, one: bool, problems: &mut Problems) -> Option<Vec<Item>> {
        self.texts_of(self.get(key)?, one, MOST_VALUES, problems)
    }

    /// The same for an entry, with at most so many strings.
    pub(crate) fn texts_of(
        &self,
        entry: &Entry<'_>,
        one: bool,
        most: usize,
        problems: &mut Problems,
    ) -> Option<Vec<Item>> {
        let path = self.path(&entry.key);
        let expected = if one {
            "a string or a list of strings"
        } else {
            "a list of strings"
        };
        match entry.value.get_ref() {
            DeValue::Array(values) if values.is_empty() => {
                problems.bad_value(&entry.value.span(), format!("`{path}` is empty"));
                None
            }
            DeValue::Array(values) if values.len() > most => {
                too_many(&path, &entry.value.span(), most, problems);
                None
            }
            DeValue::Array(values) => Some(
                values
                    .iter()
                    .filter_map(|value| as_text(&path, value, "a list of strings", problems))
                    .collect(),
            ),
            DeValue::String(_) if one => {
                as_text(&path, &entry.value, expected, problems).map(|item| vec![item])
            }
            other => {
                wrong_type(&path, &entry.value.span(), other, expected, problems);
                None
            }
        }
    }

    /// The boolean under `key`.
    pub(crate) fn flag(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let entry = self.get(key)?;
        match entry.value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => {
                wrong_type(
                    &self.path(key),
                    &entry.value.span(),
                    other,
                    "true or false",
                    problems,
                );
                None
            }
        }
    }

    /// Reports that `key` has to be there.
    pub(crate) fn missing(&self, key: &str, problems: &mut Problems) {
        let message = format!("`{}` needs `{key}`", self.name);
        problems.absent(Code::BAD_VALUE, &self.span, message);
    }
}

/// Whether a character changes where lines end or in which order text is shown.
fn reorders(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// The value as a string.
pub(crate) fn as_text(
    path: &str,
    value: &Value<'_>,
    expected: &str,
    problems: &mut Problems,
) -> Option<Item> {
    match value.get_ref() {
        DeValue::String(text) => Some(Item {
            text: text.clone().into_owned(),
            span: value.span(),
        }),
        other => {
            wrong_type(path, &value.span(), other, expected, problems);
            None
        }
    }
}

pub(crate) fn wrong_type(
    path: &str,
    span: &Span,
    value: &DeValue<'_>,
    expected: &str,
    problems: &mut Problems,
) {
    let article = if value.type_str().starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    let message = format!(
        "`{path}` is {article} {}, expected {expected}",
        value.type_str()
    );
    problems.bad_value(span, message);
}

/// The candidate that `word` is most likely a misspelling of.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let furthest = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= furthest)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a, b, c` with each in backticks.
pub(crate) fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Reports a name that nothing defines, with the one that was probably meant.
pub(crate) fn undefined(kind: &str, item: &Item, defined: &[&str], problems: &mut Problems) {
    let message = format!("no {kind} is called `{}`", item.text.escape_debug());
    let Some(problem) = problems.absent(Code::MISSING_NAME, &item.span, message) else {
        return;
    };
    if let Some(near) = nearest(&item.text, defined) {
        problem.advise(format!("did you mean `{near}`?"));
    } else if !defined.is_empty() {
        problem.advise(format!("defined: {}", list(defined)));
    }
}

/// Reports a name that other texts would have to quote or escape.
pub(crate) fn check_name(table: &Table<'_>, entry: &Entry<'_>, problems: &mut Problems) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let good = (1..=64).contains(&entry.key.len()) && entry.key.bytes().all(plain);
    if !good {
        let message = format!("`{}` is not a name", table.path(&entry.key));
        problems
            .bad_value(&entry.span, message)
            .advise("a name is 1 to 64 letters, digits, `.`, `_` and `-`");
    }
    good
}
