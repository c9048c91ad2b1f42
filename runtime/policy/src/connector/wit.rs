//! The WIT of a connector: its packages resolved, and every mistake in them with its place.

use std::collections::HashMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use miette::NamedSource;
use wit_parser::{
    Function, Interface, Package, PackageName, Resolve, SourceMap, Span, UnresolvedPackage,
};

use crate::code::Code;
use crate::parse::document::{LONGEST_FILE, Problems, is_plain};
use crate::policy::Text;
use crate::problem::PolicyProblem;
use crate::shape::Signature;

use super::outline::braces;
use super::shapes::{Names, Shapes};

/// `agentbox:host`: the interfaces that agentbox itself has.
pub const HOST_WIT: &str = include_str!("../../../../wit/host/host.wit");

/// Packages, with the places of what is in them.
#[derive(Debug)]
pub(crate) struct Wit {
    pub(super) resolve: Resolve,
    files: Vec<File>,
    // Names of the packages that are not agentbox's own, and where each is given.
    packages: Vec<(PackageName, Span)>,
}

/// A file, and where it starts in the numbering of [`Resolve`].
#[derive(Debug)]
struct File {
    start: usize,
    source: Arc<NamedSource<String>>,
}

/// A package as it was parsed, before the packages it uses are known.
struct Parsed {
    unresolved: UnresolvedPackage,
    offset: u32,
    // Where its name is given.
    name_span: Span,
}

/// The most WIT: the interfaces of a large API take one of these sixteen files' worth.
const MOST_WIT: usize = 16 * LONGEST_FILE;

impl Wit {
    /// Reads groups of texts, each of one package; none where something is wrong with them.
    pub(crate) fn load(groups: &[&[Text]], problems: &mut Vec<PolicyProblem>) -> Option<Self> {
        let before = problems.len();
        let mut wit = Self {
            resolve: Resolve::new(),
            files: Vec::new(),
            packages: Vec::new(),
        };
        let texts = groups.iter().copied().flatten();
        if texts.map(|text| text.text.len()).sum::<usize>() > MOST_WIT {
            let first = groups.iter().copied().flatten().next();
            let mut found = Problems::new(first.unwrap_or(&Text::default()));
            let message = "the WIT files together are larger than 16 MiB";
            found.add(Code::CONNECTOR, &(0..0), message);
            problems.extend(found.into_found());
            return None;
        }
        let host = [Text {
            name: "agentbox:host".to_owned(),
            text: HOST_WIT.to_owned(),
        }];
        let mut waiting: Vec<_> = wit.parse(&host, problems).into_iter().collect();
        for group in groups {
            waiting.extend(wit.parse(group, problems));
        }
        wit.packages = waiting
            .iter()
            .skip(1)
            .map(|parsed| (parsed.unresolved.name.clone(), parsed.name_span))
            .collect();
        wit.refuse_twins(&waiting, problems);
        if problems.len() > before {
            return None;
        }
        wit.resolve(waiting, problems);
        (problems.len() == before).then_some(wit)
    }

    /// Parses one package's texts.
    fn parse(&mut self, group: &[Text], problems: &mut Vec<PolicyProblem>) -> Option<Parsed> {
        let first = group.first()?;
        let mut map = SourceMap::new();
        let mut files = Vec::new();
        let mut start = 0;
        for text in group {
            let mut found = Problems::new(text);
            let plain = is_plain(&text.text, &mut found);
            problems.extend(found.into_found());
            if !plain {
                return None;
            }
            map.push_str(&text.name, &text.text);
            let source = Arc::new(NamedSource::new(&text.name, text.text.clone()));
            files.push(File { start, source });
            // The parser puts a newline after each file.
            start += text.text.len() + 1;
        }
        // wit-parser panics on attributes that contradict each other before a foreign path.
        let Ok(parsed) = catch_unwind(AssertUnwindSafe(|| map.parse())) else {
            let mut found = Problems::new(first);
            found.add(Code::CONNECTOR, &(0..0), UNREADABLE);
            problems.extend(found.into_found());
            return None;
        };
        let (map, result) = match parsed {
            Ok(group) => (group.source_map, Ok((group.main, group.nested))),
            Err((map, error)) => {
                let message = error.kind().to_string();
                (map, Err((error.kind().span(), message)))
            }
        };
        let offset = self.resolve.push_source_map(map);
        let base = usize::try_from(offset).unwrap_or(usize::MAX);
        self.files.extend(files.into_iter().map(|file| File {
            start: base + file.start,
            ..file
        }));
        match result {
            Ok((unresolved, nested)) => {
                for other in &nested {
                    let span = name_span(&other.name, group, offset);
                    let message = format!("`{}` is nested in another package", other.name);
                    problems.push(self.problem(Code::CONNECTOR, span, message));
                    advise_last(problems, "write each package in a file of its own");
                }
                Some(Parsed {
                    name_span: name_span(&unresolved.name, group, offset),
                    unresolved,
                    offset,
                })
            }
            Err((mut span, message)) => {
                span.adjust(offset);
                if !span.is_known() {
                    span = Span::new(offset, offset);
                }
                problems.push(self.problem(Code::CONNECTOR, span, one_line(&message)));
                None
            }
        }
    }

    /// Reports packages of one name, whatever their versions: an operation is named without one.
    fn refuse_twins(&self, waiting: &[Parsed], problems: &mut Vec<PolicyProblem>) {
        let mut seen: HashMap<(&str, &str), ()> = HashMap::new();
        for parsed in waiting {
            let name = &parsed.unresolved.name;
            if seen.insert((&name.namespace, &name.name), ()).is_none() {
                continue;
            }
            let span = parsed.name_span;
            let message = format!(
                "the package `{}:{}` is there twice",
                name.namespace, name.name
            );
            problems.push(self.problem(Code::DUPLICATE, span, message));
        }
    }

    /// Adds each package after those that it uses.
    fn resolve(&mut self, mut waiting: Vec<Parsed>, problems: &mut Vec<PolicyProblem>) {
        while !waiting.is_empty() {
            let ready = waiting.iter().position(|parsed| {
                let mut uses = parsed.unresolved.foreign_deps.keys();
                uses.all(|name| self.resolve.package_names.contains_key(name))
            });
            // Where none is ready, the first says which package it misses.
            let parsed = waiting.remove(ready.unwrap_or(0));
            let name_span = parsed.name_span;
            let missing = foreign(&parsed.unresolved, &waiting, &self.resolve);
            let resolve = &mut self.resolve;
            let pushed = catch_unwind(AssertUnwindSafe(|| {
                resolve.push(parsed.unresolved, parsed.offset)
            }));
            let (span, message) = match pushed {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => (error.kind().span(), error.kind().to_string()),
                Err(_) => (name_span, UNREADABLE.to_owned()),
            };
            let span = if span.is_known() { span } else { name_span };
            let message = missing.unwrap_or_else(|| one_line(&message));
            problems.push(self.problem(Code::CONNECTOR, span, message));
            return;
        }
    }

    /// A problem with what is at `span`.
    pub(crate) fn problem(
        &self,
        code: Code,
        span: Span,
        message: impl Into<String>,
    ) -> PolicyProblem {
        let (source, range) = self.place(span);
        PolicyProblem::new(code, &source, range, message)
    }

    /// An interface as its file has it, from its name on; a comment before it is no part of it.
    pub(super) fn interface_text(&self, interface: &Interface) -> String {
        let (source, range) = self.place(interface.span);
        let text = source.inner();
        let name = text.get(range.clone()).unwrap_or_default();
        let body = braces(text.get(range.end..).unwrap_or_default());
        format!("interface {name} {body}")
    }

    fn place(&self, span: Span) -> (Arc<NamedSource<String>>, Range<usize>) {
        let nowhere = || (Arc::new(NamedSource::new("", String::new())), 0..0);
        if !span.is_known() {
            return nowhere();
        }
        let within = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let (start, end) = (within(span.start()), within(span.end()));
        let file = self.files.iter().rev().find(|file| file.start <= start);
        file.map_or_else(nowhere, |file| {
            let range = start - file.start..end.max(start) - file.start;
            (Arc::clone(&file.source), range)
        })
    }

    /// The packages that are not agentbox's own, in the order of the texts.
    pub(super) fn packages(&self) -> impl Iterator<Item = (&Package, Span)> {
        self.packages.iter().filter_map(|(name, span)| {
            let id = self.resolve.package_names.get(name)?;
            Some((self.resolve.packages.get(*id)?, *span))
        })
    }

    /// The interfaces of a package, by name.
    pub(super) fn interfaces<'w>(
        &'w self,
        package: &'w Package,
    ) -> impl Iterator<Item = (&'w str, &'w Interface)> {
        package
            .interfaces
            .iter()
            .filter_map(|(name, id)| Some((name.as_str(), self.resolve.interfaces.get(*id)?)))
    }
}

/// What a package uses and nobody has.
fn foreign(package: &UnresolvedPackage, waiting: &[Parsed], resolve: &Resolve) -> Option<String> {
    let mut uses = package.foreign_deps.keys();
    let missing = uses.find(|name| {
        !resolve.package_names.contains_key(*name)
            && !waiting.iter().any(|other| other.unresolved.name == **name)
    })?;
    Some(format!("the package `{missing}` is not here"))
}

/// Where a package's name is given: the parser knows, and does not tell.
fn name_span(name: &PackageName, group: &[Text], offset: u32) -> Span {
    let wanted = format!("{}:{}", name.namespace, name.name);
    let mut at = usize::try_from(offset).unwrap_or(usize::MAX);
    for text in group {
        for line in text.text.split_inclusive('\n') {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(found) = code.find(&wanted).filter(|_| code.contains("package")) {
                let within = |at| u32::try_from(at).unwrap_or(u32::MAX);
                let start = at.saturating_add(found);
                return Span::new(within(start), within(start.saturating_add(wanted.len())));
            }
            at = at.saturating_add(line.len());
        }
        at = at.saturating_add(1);
    }
    Span::new(offset, offset)
}

const UNREADABLE: &str = "the WIT cannot be read; an attribute may contradict another";

fn one_line(message: &str) -> String {
    let mut message = message.trim().replace('\n', ", ");
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    message
}

pub(super) fn advise_last(problems: &mut [PolicyProblem], hint: impl Into<String>) {
    if let Some(last) = problems.last_mut() {
        last.advise(hint);
    }
}

/// A package beside a policy that a connector has too, read once for all of its interfaces.
#[derive(Debug)]
pub(crate) struct Copy(Option<Wit>);

impl Copy {
    /// Reads the texts of a package.
    pub(crate) fn read(texts: &[Text]) -> Self {
        #[cfg(test)]
        tests::READ.set(tests::READ.get() + 1);
        Self(Wit::load(&[texts], &mut Vec::new()))
    }

    /// The signature of an interface's one function; none where the package has no such interface,
    /// or cannot be read.
    pub(crate) fn signature(&self, interface: &str) -> Option<Result<Signature, String>> {
        let wit = self.0.as_ref()?;
        let (package, _) = wit.packages().next()?;
        let found = wit
            .resolve
            .interfaces
            .get(*package.interfaces.get(interface)?)?;
        let mut functions = found.functions.values();
        let (Some(function), None) = (functions.next(), functions.next()) else {
            return Some(Err(format!("`{interface}` has not exactly one function")));
        };
        Some(plain_signature(wit, function))
    }
}

fn plain_signature(wit: &Wit, function: &Function) -> Result<Signature, String> {
    Shapes::new(&wit.resolve, Names::Kebab, &HashMap::new()).signature(function)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// How many copies this thread has read.
        pub(crate) static READ: Cell<usize> = const { Cell::new(0) };
    }
}
