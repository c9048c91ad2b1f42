//! Connectors: an API as data. `connector.toml` and its WIT become operations.

mod body;
mod operation;
mod outline;
mod pointer;
mod reply;
mod sense;
mod shapes;
mod template;
#[cfg(test)]
mod tests;
mod types;
pub(crate) mod wit;

use std::sync::Arc;

use toml::de::DeValue;

use crate::code::Code;
use crate::credential::Placement;
use crate::operation::{Connector, Operation, ReplyTemplate};
use crate::origin::{Origin, Scheme};
use crate::parse::credentials::placement;
use crate::parse::digest_of;
use crate::parse::document::{
    Entry, Item, Problems, Table, is_plain, list, nearest, read, wrong_type,
};
use crate::policy::{ConnectorText, Text};
use crate::problem::{PolicyErrors, PolicyProblem};
use crate::shape::Pointer;

use operation::{Found, Place, Shared};
pub use outline::Outline;
use shapes::Names;
pub use wit::HOST_WIT;
use wit::Wit;

const KEYS: &[&str] = &[
    "connector",
    "name",
    "about",
    "origin",
    "as",
    "names",
    "headers",
    "errors",
    "types",
    "operations",
];

impl ConnectorText {
    /// The connector's name, as far as it can be told without reading all of it: its `name`, or the
    /// folder that its `connector.toml` is in.
    #[must_use]
    pub fn name(&self) -> String {
        let root = read(&self.toml.text, &mut Problems::new(&self.toml));
        if let Some(item) = root.text("name", &mut Problems::new(&Text::default())) {
            return item.text;
        }
        let mut parts = self.toml.name.rsplit('/').skip(1);
        parts.next().unwrap_or_default().to_owned()
    }
}

impl Connector {
    /// Reads a connector; beside it, what is probably not meant.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place.
    pub fn parse(text: &ConnectorText) -> Result<(Self, Vec<PolicyProblem>), PolicyErrors> {
        let mut problems = Problems::new(&text.toml);
        if text.wit.is_empty() {
            let message = "no `.wit` file is beside `connector.toml`";
            let problem = problems.add(Code::CONNECTOR, &(0..0), message);
            problem.advise("the operations are written in WIT, in files whose names end in `.wit`");
            return Err(PolicyErrors::of(problem.clone()));
        }
        let mut in_wit = Vec::new();
        let groups: Vec<&[Text]> = text.wit.iter().map(std::slice::from_ref).collect();
        let wit = Wit::load(&groups, &mut in_wit);
        let connector = if is_plain(&text.toml.text, &mut problems) {
            let root = read(&text.toml.text, &mut problems);
            let found = &mut Found {
                toml: &mut problems,
                wit: &mut in_wit,
            };
            version(&root, found.toml).then(|| connector(&root, wit.as_ref(), found))
        } else {
            None
        };
        let mut found = problems.into_found();
        found.append(&mut in_wit);
        let (warnings, errors): (Vec<_>, Vec<_>) =
            found.into_iter().partition(PolicyProblem::is_warning);
        match (PolicyErrors::new(errors), connector.flatten()) {
            (None, Some(connector)) => {
                let digest = digest_of(&text.toml, text.wit.iter());
                Ok((
                    Self {
                        digest,
                        ..connector
                    },
                    warnings,
                ))
            }
            (Some(errors), _) => Err(errors),
            (None, None) => refused_without_reason(&text.toml),
        }
    }
}

/// A text that was given up on has a problem that says why; this keeps the promise if not.
fn refused_without_reason(text: &Text) -> Result<(Connector, Vec<PolicyProblem>), PolicyErrors> {
    let mut problems = Problems::new(text);
    let message = "the connector was refused without a reason";
    let problem = problems.add(Code::BUG, &(0..0), message).clone();
    Err(PolicyErrors::of(problem))
}

/// Checks `connector = 1`; whether the rest is worth reading.
fn version(root: &Table<'_>, problems: &mut Problems) -> bool {
    let Some(entry) = root.get("connector") else {
        let message = "the connector does not say which version of the format it is written in";
        if let Some(problem) = problems.absent(Code::CONNECTOR, &(0..0), message) {
            problem.advise("start it with `connector = 1`");
        }
        return true;
    };
    let span = entry.value.span();
    match entry.value.get_ref() {
        DeValue::Integer(number) if number.as_str() == "1" => true,
        DeValue::Integer(number) => {
            let message = format!("`connector = {number}` is not a version that this build reads");
            problems
                .add(Code::CONNECTOR, &span, message)
                .advise("this build reads `connector = 1`");
            false
        }
        other => {
            wrong_type("connector", &span, other, "`connector = 1`", problems);
            true
        }
    }
}

fn connector(root: &Table<'_>, wit: Option<&Wit>, found: &mut Found<'_>) -> Option<Connector> {
    let problems = &mut *found.toml;
    root.check_keys(KEYS, &["auth", "oauth", "origins", "limits"], problems);
    let name = name(root, wit, found);
    let problems = &mut *found.toml;
    let about = root.words(Code::CONNECTOR, "about", problems);
    let origin = origin(root, problems);
    let placement = key_placement(root, problems);
    let names = names(root, problems);
    let headers = template::headers(root, placement.as_ref(), None, problems);
    let errors = errors(root, problems);
    let operations = match wit {
        Some(wit) => {
            let shared = Shared {
                names,
                rules: types::rules(root, wit, problems),
                wit,
                placement: placement.clone(),
                headers,
                errors,
            };
            operations(root, &shared, found)
        }
        None => Vec::new(),
    };
    Some(Connector {
        name: name?.into(),
        about: about.map(|item| item.text),
        origin: origin?,
        placement,
        operations,
        digest: String::new(),
    })
}

/// Reads `name`, which is the namespace of all packages.
fn name(root: &Table<'_>, wit: Option<&Wit>, found: &mut Found<'_>) -> Option<String> {
    let item = needed(root, "name", found.toml)?;
    let good = item.text.len() <= 64
        && item.text.split('-').all(|word| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    if !good {
        let message = format!("`{}` is not a connector's name", item.text.escape_debug());
        let hint = "a name is words of lower-case letters and digits, with `-` between them";
        found.toml.bad_value(&item.span, message).advise(hint);
        return None;
    }
    if matches!(item.text.as_str(), "agentbox" | "wasi") {
        let message = format!("`{}` is no connector's name: it is taken", item.text);
        found.toml.bad_value(&item.span, message);
        return None;
    }
    for (package, span) in wit.into_iter().flat_map(Wit::packages) {
        let wit = wit?;
        let (namespace, shown) = (&package.name.namespace, &package.name);
        if *namespace != item.text {
            let message = format!(
                "the package `{shown}` is not of the namespace `{}`",
                item.text
            );
            let mut problem = wit.problem(Code::CONNECTOR, span, message);
            problem.advise(format!("call it `{}:{}`", item.text, package.name.name));
            found.wit.push(problem);
        }
        if package.name.version.is_none() {
            let message = format!("the package `{shown}` has no version");
            let mut problem = wit.problem(Code::CONNECTOR, span, message);
            problem.advise(format!("write one: `package {shown}@1.0.0;`"));
            found.wit.push(problem);
        }
    }
    Some(item.text)
}

/// The string under a key that has to be there.
fn needed(root: &Table<'_>, key: &str, problems: &mut Problems) -> Option<Item> {
    if root.get(key).is_none() {
        let message = format!("the connector needs `{key}`");
        problems.absent(Code::BAD_VALUE, &(0..0), message);
    }
    root.text(key, problems)
}

fn origin(root: &Table<'_>, problems: &mut Problems) -> Option<Origin> {
    let item = needed(root, "origin", problems)?;
    let shown = item.text.escape_debug();
    let origin = match Origin::parse(&item.text) {
        Ok(origin) => origin,
        Err(error) => {
            problems.bad_value(&item.span, format!("`{shown}` is not an origin: {error}"));
            return None;
        }
    };
    let loopback = origin.ip().is_some_and(|ip| ip.is_loopback());
    if origin.scheme() == Scheme::Http && !loopback {
        problems
            .bad_value(
                &item.span,
                format!("`{shown}` would send calls in the clear"),
            )
            .advise("plain HTTP goes to a loopback address such as `127.0.0.1` only; use `https`");
        return None;
    }
    Some(origin)
}

fn key_placement(root: &Table<'_>, problems: &mut Problems) -> Option<Placement> {
    let entry = root.get("as")?;
    placement(root, entry, problems)
}

fn names(root: &Table<'_>, problems: &mut Problems) -> Names {
    let Some(item) = root.text("names", problems) else {
        return Names::Snake;
    };
    let known = Names::ALL.iter().find(|(name, _)| *name == item.text);
    let Some((_, names)) = known else {
        let message = format!("`{}` is no way to spell names", item.text.escape_debug());
        problems
            .bad_value(&item.span, message)
            .advise("one of `snake_case`, `camelCase`, `kebab-case`");
        return Names::Snake;
    };
    *names
}

/// Reads `[errors]`.
fn errors(root: &Table<'_>, problems: &mut Problems) -> ReplyTemplate {
    let mut errors = ReplyTemplate::default();
    let Some(table) = root.table("errors", problems) else {
        return errors;
    };
    table.check_keys(&["message", "retry-after-ms", "reset"], &[], problems);
    let message = table.texts("message", true, problems).unwrap_or_default();
    errors.message = message
        .iter()
        .filter_map(|item| single(item, problems))
        .collect();
    let after = table.text("retry-after-ms", problems);
    errors.retry_after_ms = after.and_then(|item| single(&item, problems));
    if let Some(item) = table.text("reset", problems) {
        let name = http::HeaderName::from_bytes(item.text.as_bytes());
        match name.ok() {
            Some(name) if !crate::headers::is_reserved_in_replies(name.as_str()) => {
                errors.reset = Some(name);
            }
            _ => {
                let shown = item.text.escape_debug();
                let message = format!("`{shown}` is not a reply's header that can be read");
                problems.bad_value(&item.span, message);
            }
        }
    }
    errors
}

/// Reads a pointer to one place.
fn single(item: &Item, problems: &mut Problems) -> Option<Pointer> {
    let pointer = reply::pointer(item, problems)?;
    if pointer.is_each() {
        let message = format!("`{}` gives a list, and this is none", item.text);
        problems.add(Code::CONNECTOR, &item.span, message);
        return None;
    }
    Some(pointer)
}

/// Reads `[operations]`, and compares it with the WIT.
fn operations(root: &Table<'_>, shared: &Shared<'_>, found: &mut Found<'_>) -> Vec<Arc<Operation>> {
    let places: Vec<_> = places(shared.wit).collect();
    let Some(table) = root.table("operations", found.toml) else {
        if root.get("operations").is_none() {
            let message = "the connector has no operations";
            let problem = found.toml.absent(Code::CONNECTOR, &(0..0), message);
            if let Some(problem) = problem {
                problem.advise("write a table for each: `[operations.\"package/interface\"]`");
            }
        }
        return Vec::new();
    };
    let mut operations = Vec::new();
    for entry in &table.entries {
        let place = places.iter().find(|place| place.key() == entry.key);
        if place.is_none() {
            unknown(entry, &places, found.toml);
        }
        let Some(table) = table.as_table(entry, found.toml) else {
            continue;
        };
        operations.extend(operation::operation(&table, place.copied(), shared, found));
    }
    for place in &places {
        if table.get(&place.key()).is_none() {
            let message = format!("nothing says how `{}` is requested", place.key());
            let mut problem = shared.wit.problem(Code::UNUSED, place.span(), message);
            problem.advise(format!("write `[operations.\"{}\"]`", place.key()));
            found.wit.push(problem);
        }
    }
    operations.into_iter().map(Arc::new).collect()
}

fn unknown(entry: &Entry<'_>, places: &[Place<'_>], problems: &mut Problems) {
    let names: Vec<_> = places.iter().map(Place::key).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let shown = entry.key.escape_debug();
    let message = format!("no interface with a function is called `{shown}`");
    let problem = problems.add(Code::CONNECTOR, &entry.span, message);
    match nearest(&entry.key, &names) {
        Some(near) => problem.advise(format!("did you mean `{near}`?")),
        None if names.is_empty() => problem.advise("the WIT has none"),
        None => problem.advise(format!("the WIT has {}", list(&names))),
    };
}

/// The interfaces that have functions.
fn places(wit: &Wit) -> impl Iterator<Item = Place<'_>> {
    wit.packages().flat_map(move |(package, _)| {
        wit.interfaces(package)
            .filter(|(_, interface)| !interface.functions.is_empty())
            .map(move |(name, interface)| Place {
                package,
                name,
                interface,
            })
    })
}
