//! Text to policy: every mistake of a load is found, each with its place.

mod agent;
mod conditions;
mod connectors;
pub(crate) mod credentials;
pub(crate) mod document;
mod files;
mod grants;
mod http;
mod imports;
mod limits;
mod never;
mod origins;
pub(crate) mod routes;
mod run;
mod scope;
mod warn;
mod wit;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::base::{OUTGOING_HTTP, Standing, standing};
use crate::catalogue::Catalogue;
use crate::code::Code;
use crate::index::Index;
use crate::operation::Connector;
use crate::policy::{Policy, Sources, Text};
use crate::problem::{PolicyErrors, PolicyProblem};

use connectors::{Connectors, namespace};
use credentials::Lenders;
use document::{Problems, Table};
use grants::Surroundings;
use imports::Imports;
#[cfg(test)]
pub(crate) use routes::route;
pub(crate) use routes::{METHODS, is_disguised};
use scope::{Scope, Used};

use crate::check::grant_table;

const KEYS: &[&str] = &[
    "policy",
    "world",
    "insecure-loopback",
    "agent",
    "credentials",
    "http",
    "limits",
    "env",
    "files",
    "run",
    "tls",
    "grants",
    "never",
];
const LATER_KEYS: &[&str] = &[
    "delegate",
    "delegates",
    "audit",
    "approval",
    "approvals",
    "connectors",
    "expires",
    "boundary",
];

pub(crate) fn parse(sources: &Sources) -> Result<Policy, PolicyErrors> {
    let mut problems = Problems::new(&sources.toml);
    let mut wit = wit::packages(sources);
    let policy = if document::is_plain(&sources.toml.text, &mut problems) {
        let root = document::read(&sources.toml.text, &mut problems);
        agent::version(&root, &mut problems).then(|| {
            let mut namespaces = wit.namespaces();
            let granted = grants::names(&root);
            namespaces.extend(granted.iter().map(|name| namespace(name).to_owned()));
            let connectors = connectors::connectors(sources, &namespaces, &mut wit.problems);
            wit.add_built(&connectors);
            policy(&root, &mut wit, &connectors, &mut problems)
        })
    } else {
        None
    };
    let mut found = problems.into_found();
    found.append(&mut wit.problems);
    let (warnings, errors): (Vec<_>, Vec<_>) =
        found.into_iter().partition(PolicyProblem::is_warning);
    match (PolicyErrors::new(errors), policy) {
        (None, Some(policy)) => Ok(Policy {
            digest: digest(sources, &policy.connectors.used),
            warnings,
            ..policy.knowing(sources.connectors.clone())
        }),
        (Some(errors), _) => Err(errors),
        (None, None) => unreachable_without_problem(&sources.toml),
    }
}

/// A text that was given up on has a problem that says why; this keeps the promise if not.
fn unreachable_without_problem(text: &Text) -> Result<Policy, PolicyErrors> {
    let mut problems = Problems::new(text);
    problems.add(
        Code::BUG,
        &(0..0),
        "the policy was refused without a reason",
    );
    PolicyErrors::new(problems.into_found()).map_or_else(|| Ok(Policy::nothing()), Err)
}

fn policy(
    root: &Table<'_>,
    wit: &mut wit::Packages,
    connectors: &Connectors<'_>,
    problems: &mut Problems,
) -> Policy {
    root.check_keys(KEYS, LATER_KEYS, problems);
    let insecure_loopback = root.flag("insecure-loopback", problems).unwrap_or(false);
    let limits = limits::limits(root, problems);
    let lenders = Lenders {
        connectors,
        users: grants::users(root),
        insecure_loopback,
    };
    let credentials: Vec<_> = credentials::credentials(root, &lenders, problems)
        .into_iter()
        .map(|mut defined| {
            let credential = defined.credential.take().map(Arc::new);
            (defined, credential)
        })
        .collect();
    let needed = match (credentials.is_empty(), limits.is_empty()) {
        (false, _) => Some("credentials"),
        (true, false) => Some("limits"),
        (true, true) => None,
    };
    let agent = agent::agent(root, needed, problems);
    let scope = Scope {
        credentials: &credentials,
        limits: &limits,
        insecure_loopback,
    };
    let mut used = Used::default();
    let routes = http::http(root, &scope, &mut used, problems);
    let imports = imports(root, wit, connectors, problems);
    let around = Surroundings {
        scope: &scope,
        connectors,
        imports: imports.as_ref(),
    };
    let operations = grants::grants(root, &around, &mut used, problems);
    if let Some(imports) = &imports {
        ungranted(imports, root, wit, connectors, problems);
    }
    let never = never::never(root, &operations, &routes, problems);
    let env = files::env(root, problems);
    let files = files::files(root, problems);
    let tls_ca = agent::tls_ca(root, problems);
    let bounds = run::bounds(root, problems);
    let readable: Vec<_> = credentials.iter().filter_map(|(_, c)| c.clone()).collect();
    files::guard(
        &files,
        readable.iter().map(|c| &**c),
        tls_ca.as_deref(),
        problems,
    );
    warn::unused(&scope, &used, problems);
    warn::unlimited(&routes, &operations, problems);
    let index = index(&routes, problems);
    Policy {
        agent,
        connectors: Catalogue::of(imported_from(imports.as_ref(), connectors)),
        world: imports.map(|imports| imports.world),
        credentials: readable,
        http: routes
            .into_iter()
            .map(|granted| Arc::new(granted.grant))
            .collect(),
        operations: operations
            .into_iter()
            .filter_map(|granted| granted.grant)
            .map(|grant| (Arc::clone(&grant.name), Arc::new(grant)))
            .collect(),
        never,
        limits: limits
            .into_iter()
            .filter_map(|defined| defined.limit)
            .collect(),
        env,
        files: files.into_iter().map(|directory| directory.grant).collect(),
        bounds,
        tls_ca,
        index: Arc::new(index),
        ..Policy::nothing()
    }
}

/// The connectors of a world's operations.
fn imported_from(imports: Option<&Imports>, connectors: &Connectors<'_>) -> Vec<Arc<Connector>> {
    let operations = imports.map_or(&[][..], |imports| &imports.operations);
    connectors
        .all()
        .filter(|connector| {
            operations
                .iter()
                .any(|import| namespace(&import.path) == connector.name())
        })
        .cloned()
        .collect()
}

/// Reads `world`, and compares its import of HTTP with what is granted.
fn imports(
    root: &Table<'_>,
    wit: &mut wit::Packages,
    connectors: &Connectors<'_>,
    problems: &mut Problems,
) -> Option<Imports> {
    let entry = root.get("world")?;
    let name = root.text("world", problems)?;
    let found = imports::imports(&name, wit, connectors, problems)?;
    let world = &found.world;
    let imports = world
        .imports()
        .any(|import| standing(import) == Standing::OutgoingHttp);
    let first = root.table("http", &mut Problems::new(&Text::default()));
    let first = first.and_then(|tables| tables.entries.into_iter().next());
    match first {
        Some(first) if !imports => {
            let message = format!(
                "`http.{}` matches no import of the world `{}`",
                first.key.escape_debug(),
                world.name
            );
            problems
                .add(Code::UNMATCHED_GRANT, &first.span, message)
                .advise(format!("add `import {OUTGOING_HTTP}@0.2.0;` to the world"));
        }
        None if imports => {
            let message = format!(
                "the world `{}` imports `{OUTGOING_HTTP}`, and nothing grants it",
                world.name
            );
            if let Some(problem) =
                problems.absent(Code::UNMATCHED_GRANT, &entry.value.span(), message)
            {
                problem.advise("grant it by an `[http.NAME]` table, or remove the import");
            }
        }
        _ => {}
    }
    Some(found)
}

/// Reports the operations that the world imports and the policy has no grant for.
fn ungranted(
    imports: &Imports,
    root: &Table<'_>,
    wit: &mut wit::Packages,
    connectors: &Connectors<'_>,
    problems: &Problems,
) {
    let granted = grants::names(root);
    for import in &imports.operations {
        let Some(operation) = &import.operation else {
            continue;
        };
        // What could not be read may hold the grant.
        if granted.contains(&import.path) || problems.is_incomplete() {
            continue;
        }
        let message = format!("the world imports `{}`, and nothing grants it", import.path);
        let connector = connectors.of(namespace(&import.path));
        wit.problem(Code::UNMATCHED_GRANT, &import.place, message)
            .advise(format!(
                "grant it, or remove the import:\n{}",
                grant_table(operation, connector.map(|c| &**c)).join("\n")
            ));
    }
}

/// Adds the grants' routes to an index, and reports those that overlap.
fn index(grants: &[http::Granted], problems: &mut Problems) -> Index {
    let all: Vec<_> = grants
        .iter()
        .map(|granted| Arc::new(granted.grant.clone()))
        .collect();
    let (index, overlaps) = Index::new(&all);
    let Ok(overlaps) = overlaps else {
        let span = grants.first().map_or(0..0, |granted| granted.span.clone());
        problems.bad_value(
            &span,
            "the routes are too many, with too many holes, to be compared",
        );
        return index;
    };
    for overlap in overlaps {
        let place = |(grant, route): (usize, usize)| {
            let granted = &grants[grant];
            (&granted.grant.routes[route], &granted.route_spans[route])
        };
        let ((later, span), (earlier, other)) = (place(overlap.later), place(overlap.earlier));
        let message = format!(
            "`{}` and `{}` can match one request",
            later.text.escape_debug(),
            earlier.text.escape_debug()
        );
        problems
            .add(Code::AMBIGUOUS_ROUTES, span, message)
            .also(other.clone(), "the other route")
            .advise("make one of them narrower, or remove it");
    }
    index
}

/// SHA-256 over all texts, see [`digest_of`]; where the policy uses connectors, over that and their
/// names and digests, wherever they are.
pub(crate) fn digest(sources: &Sources, connectors: &[Arc<Connector>]) -> String {
    let deps = sources.deps.iter().flatten();
    let texts = digest_of(&sources.toml, sources.wit.iter().chain(deps));
    if connectors.is_empty() {
        return texts;
    }
    let used = connectors
        .iter()
        .flat_map(|connector| [connector.name(), connector.digest()]);
    hashed([texts.as_str()].into_iter().chain(used))
}

/// SHA-256 over a text and those beside it: for each its name and itself, see [`hashed`].
///
/// Names count from the first text's own folder, so that moving the folder changes nothing.
pub(crate) fn digest_of<'t>(first: &'t Text, others: impl Iterator<Item = &'t Text>) -> String {
    let name = first.name.as_str();
    let folder = name.rfind('/').map_or("", |end| &name[..=end]);
    let texts = [first].into_iter().chain(others);
    hashed(texts.flat_map(|text| {
        let name = text.name.strip_prefix(folder).unwrap_or(&text.name);
        [name, &text.text]
    }))
}

/// SHA-256 over each part's length and itself, lower-case hexadecimal.
fn hashed<'p>(parts: impl Iterator<Item = &'p str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
