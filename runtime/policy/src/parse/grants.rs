//! `[grants]`: operations of connectors.

use std::collections::HashMap;
use std::sync::Arc;

use toml::de::DeValue;

use crate::address::AddressRule;
use crate::code::Code;
use crate::credential::{Credential, Placement};
use crate::grant::{OperationGrant, OriginPattern};
use crate::operation::{Connector, Effect, Operation};
use crate::origin::{Origin, Scheme};
use crate::policy::Text;

use super::conditions::conditions;
use super::connectors::{Connectors, namespace};
use super::document::{Problems, Span, Table, list, nearest, wrong_type};
use super::imports::Imports;
use super::origins::{addresses, rule};
use super::scope::{Scope, Used};

const KEYS: &[&str] = &["use", "where", "limits", "confirm", "addresses"];
const LATER_KEYS: &[&str] = &[
    "approve",
    "cache",
    "effect",
    "expires",
    "on-echo",
    "reply-headers",
    "request-headers",
    "retry",
    "rotate",
];

/// A grant, and where it is written.
pub(crate) struct Granted {
    /// The operation's name, as the policy writes it.
    pub(crate) name: String,
    pub(crate) span: Span,
    /// The operation, where the world imports it and a connector has it.
    pub(crate) operation: Option<Arc<Operation>>,
    pub(crate) limited: bool,
    // None where something in it is wrong, which has been reported.
    pub(crate) grant: Option<OperationGrant>,
}

/// What the grants are held against.
pub(crate) struct Surroundings<'p> {
    pub(crate) scope: &'p Scope<'p>,
    pub(crate) connectors: &'p Connectors<'p>,
    /// None where the policy names no world, or one that cannot be read.
    pub(crate) imports: Option<&'p Imports>,
}

/// The names under `[grants]`, without their versions, before anything else is read.
pub(crate) fn names(root: &Table<'_>) -> Vec<String> {
    let entries = tables(root)
        .map(|tables| tables.entries)
        .unwrap_or_default();
    let names = entries.iter().map(|entry| path(&entry.key).to_owned());
    names.collect()
}

/// The namespaces of the operations that each credential is used for.
pub(crate) fn users(root: &Table<'_>) -> HashMap<String, Vec<String>> {
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    let Some(tables) = tables(root) else {
        return users;
    };
    for entry in &tables.entries {
        let DeValue::Table(table) = entry.value.get_ref() else {
            continue;
        };
        let Some(credential) = table.get("use").and_then(|value| value.get_ref().as_str()) else {
            continue;
        };
        let namespaces = users.entry(credential.to_owned()).or_default();
        let namespace = namespace(&entry.key).to_owned();
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    users
}

/// `[grants]`, without a word about what is wrong with it.
fn tables<'t>(root: &Table<'t>) -> Option<Table<'t>> {
    root.table("grants", &mut Problems::new(&Text::default()))
}

/// `namespace:package/interface` without the version that may follow it.
fn path(name: &str) -> &str {
    name.split('@').next().unwrap_or_default()
}

pub(crate) fn grants(
    root: &Table<'_>,
    around: &Surroundings<'_>,
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Granted> {
    let Some(tables) = root.table("grants", problems) else {
        return Vec::new();
    };
    if root.get("world").is_none() && !tables.entries.is_empty() {
        let message = "`[grants]` needs a world that imports what it grants";
        if let Some(problem) = problems.absent(Code::UNMATCHED_GRANT, &tables.span, message) {
            problem.advise("name one: `world = \"namespace:package/world\"`, in `wit/`");
        }
    }
    let mut granted = Vec::new();
    for entry in &tables.entries {
        let operation = operation(&entry.key, &entry.span, around, problems);
        let Some(table) = tables.as_table(entry, problems) else {
            continue;
        };
        let imported = operation.as_ref().filter(|(_, imported)| *imported);
        granted.push(Granted {
            name: entry.key.clone(),
            span: entry.span.clone(),
            operation: imported.map(|(operation, _)| Arc::clone(operation)),
            limited: table.get("limits").is_some(),
            grant: grant(
                &table,
                operation.as_ref().map(|(operation, _)| operation),
                around,
                used,
                problems,
            ),
        });
    }
    granted
}

/// The operation that a grant's name means, and whether the world imports it.
fn operation(
    name: &str,
    span: &Span,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<(Arc<Operation>, bool)> {
    let path = path(name);
    if path != name {
        let message = format!("the grant `{}` names a version", name.escape_debug());
        problems.bad_value(span, message).advise(format!(
            "the world says which; write `[grants.\"{}\"]`",
            path.escape_debug()
        ));
    }
    let Some(imports) = around.imports else {
        let operation = around.connectors.operation(path).cloned();
        return operation.map(|operation| (operation, false));
    };
    if let Some(import) = imports.operations.iter().find(|import| import.path == path) {
        let operation = import.operation.clone();
        return operation.map(|operation| (operation, true));
    }
    let message = format!(
        "grant \"{}\" matches no import of the world `{}`",
        path.escape_debug(),
        imports.world.name
    );
    let known = around.connectors.operation(path).cloned();
    let names: Vec<_> = imports
        .operations
        .iter()
        .map(|import| import.path.as_str())
        .collect();
    let problem = problems.add(Code::UNMATCHED_GRANT, span, message);
    match (&known, nearest(path, &names)) {
        (Some(known), _) => problem.advise(format!("add `import {};` to it", known.import())),
        (None, Some(near)) => problem.advise(format!("did you mean `{near}`?")),
        (None, None) if names.is_empty() => problem.advise("it imports no operation"),
        (None, None) => problem.advise(format!("it imports {}", list(&names))),
    };
    known.map(|operation| (operation, false))
}

fn grant(
    table: &Table<'_>,
    operation: Option<&Arc<Operation>>,
    around: &Surroundings<'_>,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<OperationGrant> {
    table.check_keys(KEYS, LATER_KEYS, problems);
    let named = table.text("use", problems);
    let credential = named
        .as_ref()
        .and_then(|named| around.scope.credential(named, used, problems))
        .and_then(|(_, credential)| credential.clone());
    let limits = around.scope.limits(table, used, problems);
    let mut ranges = addresses(table, problems);
    let confirmed = confirm(table, problems);
    let operation = operation?;
    if matches!(operation.effect(), Effect::Admin | Effect::Destroy) && !confirmed {
        let message = format!(
            "`{}` has the effect `{}`, and its grant does not say whether to ask",
            operation.name(),
            operation.effect()
        );
        if let Some(problem) = problems.absent(Code::UNCONFIRMED, &table.span, message) {
            problem.advise("where no person is to be asked, write `confirm = \"never\"`");
        }
    }
    let conditions = conditions(table, operation, problems);
    let connector = around.connectors.of(namespace(operation.name()))?;
    let (origin, span) = match (&named, &credential) {
        (Some(_), None) => return None,
        (Some(named), Some(credential)) => {
            refuse_collision(credential, operation, &named.span, problems);
            let origin = one_origin(credential, &named.span, problems)?;
            (origin, named.span.clone())
        }
        (None, _) => {
            keyless(connector, operation, &table.span, problems);
            let insecure = around.scope.insecure_loopback;
            let clear = connector.origin().scheme() == Scheme::Http && !insecure;
            if clear {
                refuse_clear(connector, &table.span, problems);
            }
            (connector.origin().clone(), table.span.clone())
        }
    };
    ranges.extend(
        credential
            .iter()
            .flat_map(|credential| &credential.addresses),
    );
    let rule = rule(
        &OriginPattern::Exact(origin.clone()),
        &span,
        &Arc::new(AddressRule::public_or(&ranges)),
        problems,
    );
    Some(OperationGrant {
        name: Arc::clone(&operation.name),
        operation: Arc::clone(operation),
        credential,
        origin,
        addresses: rule,
        conditions,
        limits: limits.into(),
    })
}

/// Reads `confirm`; whether the grant says anything of it.
fn confirm(table: &Table<'_>, problems: &mut Problems) -> bool {
    let Some(entry) = table.get("confirm") else {
        return false;
    };
    let span = entry.value.span();
    match entry.value.get_ref() {
        DeValue::String(word) if word == "never" => {}
        DeValue::String(word) if word == "each" => {
            let message = format!(
                "`{}`: asking a person is not enforced",
                table.path("confirm")
            );
            problems
                .add(Code::NOT_ENFORCED, &span, message)
                .advise("this build has `confirm = \"never\"`");
        }
        DeValue::String(word) => {
            let message = format!("`{}` is not a way to confirm", word.escape_debug());
            problems.bad_value(&span, message).advise("known: `never`");
        }
        other => wrong_type(
            &table.path("confirm"),
            &span,
            other,
            "`\"never\"`",
            problems,
        ),
    }
    true
}

/// The one origin that an operation's requests go to.
fn one_origin(credential: &Credential, span: &Span, problems: &mut Problems) -> Option<Origin> {
    if let [OriginPattern::Exact(origin)] = credential.origins.as_slice() {
        return Some(origin.clone());
    }
    let message = format!(
        "the credential `{}` may go to more than one origin, and an operation's requests go to one",
        credential.name
    );
    problems
        .bad_value(span, message)
        .advise("define a credential with one exact origin for it");
    None
}

/// Refuses a key in a place that the operation fills itself.
fn refuse_collision(
    credential: &Credential,
    operation: &Operation,
    span: &Span,
    problems: &mut Problems,
) {
    let request = &operation.request;
    let taken = match &credential.placement {
        Placement::Query { name } => request
            .query
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
            .then(|| format!("the query parameter `{name}`")),
        placement => placement
            .header()
            .filter(|name| request.headers.iter().any(|(other, _)| other == name))
            .map(|name| format!("the header `{name}`")),
    };
    if let Some(taken) = taken {
        let message = format!(
            "the key `{}` goes into {taken}, which `{}` fills itself",
            credential.name,
            operation.name()
        );
        problems.bad_value(span, message);
    }
}

/// Warns of a grant without a key where the connector has a place for one.
fn keyless(connector: &Connector, operation: &Operation, span: &Span, problems: &mut Problems) {
    if connector.placement().is_none() {
        return;
    }
    let message = format!(
        "no key is sent with `{}`, though the connector has a place for one",
        operation.name()
    );
    if let Some(problem) = problems.absent(Code::KEYLESS_GRANT, span, message) {
        problem.advise("`use = \"NAME\"`, with the name of a credential");
    }
}

/// Refuses a connector's origin of plain HTTP where the policy does not allow it.
pub(crate) fn refuse_clear(connector: &Connector, span: &Span, problems: &mut Problems) {
    let message = format!(
        "the connector `{}` sends calls to `{}`, in the clear",
        connector.name(),
        connector.origin()
    );
    problems
        .bad_value(span, message)
        .advise("write `insecure-loopback = true` at the top of the policy");
}
