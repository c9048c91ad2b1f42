//! Text to policy: every mistake of a load is found, each with its place.

mod agent;
pub(crate) mod credentials;
pub(crate) mod document;
mod files;
mod http;
mod limits;
mod origins;
pub(crate) mod routes;
mod run;
mod wit;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::base::{OUTGOING_HTTP, Standing, standing};
use crate::code::Code;
use crate::index::Index;
use crate::policy::{Policy, Sources, Text, World};
use crate::problem::{PolicyErrors, PolicyProblem};

use document::{Problems, Table};
use http::Grants;
#[cfg(test)]
pub(crate) use routes::route;
pub(crate) use routes::{METHODS, is_disguised};

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
];
const LATER_KEYS: &[&str] = &[
    "grants",
    "never",
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
        agent::version(&root, &mut problems).then(|| policy(&root, &mut wit, &mut problems))
    } else {
        None
    };
    let mut found = problems.into_found();
    found.append(&mut wit.problems);
    let (warnings, errors): (Vec<_>, Vec<_>) =
        found.into_iter().partition(PolicyProblem::is_warning);
    match (PolicyErrors::new(errors), policy) {
        (None, Some(policy)) => Ok(Policy {
            digest: digest(sources),
            warnings,
            ..policy
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

fn policy(root: &Table<'_>, wit: &mut wit::Packages, problems: &mut Problems) -> Policy {
    root.check_keys(KEYS, LATER_KEYS, problems);
    let insecure_loopback = root.flag("insecure-loopback", problems).unwrap_or(false);
    let limits = limits::limits(root, problems);
    let credentials: Vec<_> = credentials::credentials(root, insecure_loopback, problems)
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
    let scope = http::Scope {
        credentials: &credentials,
        limits: &limits,
        insecure_loopback,
    };
    let grants = http::http(root, &scope, problems);
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
    let world = world(root, wit, problems);
    warn(&credentials, &limits, &grants, problems);
    let index = index(&grants, problems);
    Policy {
        agent,
        world,
        credentials: readable,
        http: grants
            .granted
            .into_iter()
            .map(|granted| Arc::new(granted.grant))
            .collect(),
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

/// Reads `world`, and compares its imports with what is granted.
fn world(root: &Table<'_>, wit: &mut wit::Packages, problems: &mut Problems) -> Option<World> {
    let entry = root.get("world")?;
    let name = root.text("world", problems)?;
    let world = wit.world(&name, problems)?;
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
    Some(world)
}

/// Adds the grants' routes to an index, and reports those that overlap.
fn index(grants: &Grants, problems: &mut Problems) -> Index {
    let all: Vec<_> = grants
        .granted
        .iter()
        .map(|granted| Arc::new(granted.grant.clone()))
        .collect();
    let (index, overlaps) = Index::new(&all);
    let Ok(overlaps) = overlaps else {
        let span = grants
            .granted
            .first()
            .map_or(0..0, |granted| granted.span.clone());
        problems.bad_value(
            &span,
            "the routes are too many, with too many holes, to be compared",
        );
        return index;
    };
    for overlap in overlaps {
        let place = |(grant, route): (usize, usize)| {
            let granted = &grants.granted[grant];
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

fn warn(
    credentials: &[(credentials::Defined, Option<Arc<crate::Credential>>)],
    limits: &[limits::Defined],
    grants: &Grants,
    problems: &mut Problems,
) {
    for (defined, _) in credentials {
        if !grants.used_credentials.contains(&defined.name) {
            let message = format!(
                "no grant uses the credential `{}`",
                defined.name.escape_debug()
            );
            problems.absent(Code::UNUSED, &defined.span, message);
        }
    }
    for defined in limits {
        if !grants.used_limits.contains(&defined.name) {
            let message = format!("no grant uses the limit `{}`", defined.name.escape_debug());
            problems.absent(Code::UNUSED, &defined.span, message);
        }
    }
    for granted in &grants.granted {
        let grant = &granted.grant;
        let writes = grant.routes.iter().position(crate::Route::writes);
        if let (Some(route), true) = (writes, grant.limits.is_empty()) {
            let message = format!(
                "`{}` writes, and `{}` has no limit",
                grant.routes[route].text, grant.name
            );
            if let Some(problem) =
                problems.absent(Code::UNLIMITED_WRITE, &granted.route_spans[route], message)
            {
                problem.advise("name a limit: `limits = [\"writes\"]`");
            }
        }
    }
}

/// SHA-256 over all texts: for each the length of its name, its name, its length, and itself.
///
/// Names count from the policy's own folder, so that moving the folder changes nothing.
pub(crate) fn digest(sources: &Sources) -> String {
    let deps = sources.deps.iter().flatten();
    digest_of(&sources.toml, sources.wit.iter().chain(deps))
}

/// [`digest`], of a text and those beside it.
pub(crate) fn digest_of<'t>(first: &'t Text, others: impl Iterator<Item = &'t Text>) -> String {
    let name = first.name.as_str();
    let folder = name.rfind('/').map_or("", |end| &name[..=end]);
    let mut hash = Sha256::new();
    for text in [first].into_iter().chain(others) {
        let name = text.name.strip_prefix(folder).unwrap_or(&text.name);
        for part in [name, &text.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
