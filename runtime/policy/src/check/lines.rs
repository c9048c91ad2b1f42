//! The lines that would grant an import.

use crate::Policy;
use crate::base::OUTGOING_HTTP;
use crate::operation::{Connector, Effect, Operation};
use crate::parse::document::nearest;
use crate::shape::Shape;

/// What stands for a credential whose name is not known.
const ANY_KEY: &str = "NAME";

pub(super) fn http_lines(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(world) = policy.world() {
        lines.push(format!("# in the world `{}`:", world.name()));
        lines.push(format!("import {OUTGOING_HTTP}@0.2.0;"));
        lines.push("# in the policy:".to_owned());
    }
    lines.extend(HTTP_TABLE.map(str::to_owned));
    lines
}

pub(super) const HTTP_TABLE: [&str; 3] = [
    "[http.NAME]",
    "origin = \"https://api.example.com\"",
    "allow  = [\"GET /v1/things/{id}\"]",
];

/// The lines that would grant an operation, by its import; a line that starts with `#` says where
/// they go, or why nothing would.
pub(crate) fn operation_lines(policy: &Policy, import: &str) -> Vec<String> {
    if !import.contains('/') {
        return vec![format!(
            "# `{import}` is no interface of a package, and agentbox links nothing else"
        )];
    }
    let (path, version) = import.split_once('@').unwrap_or((import, ""));
    let mut lines = Vec::new();
    let imports = policy.world().map(|world| world.imports());
    let other = imports.and_then(|mut imports| {
        imports.find(|other| {
            let (other, _) = other.split_once('@').unwrap_or((other, ""));
            other == path
        })
    });
    if let Some(other) = other {
        lines.push(format!(
            "# the world has `{other}`, the program another version"
        ));
    }
    let namespace = namespace(path);
    let table = match find_known(policy, path) {
        Some((connector, operation)) if operation.version() == version => {
            let key = connector.placement().map(|_| key_of(policy, namespace));
            grant_lines(operation, key)
        }
        Some((_, operation)) => {
            lines.push(format!(
                "# the connector has `{}`: build it from what `agentbox connector copy {namespace}` writes",
                operation.import()
            ));
            return lines;
        }
        None if policy.connectors.has(namespace) => {
            lines.push(match near(policy, path) {
                Some(near) => format!("# the connector `{namespace}` has `{near}`, and not this"),
                None => format!(
                    "# the connector does not have it; `agentbox connector show {namespace}` lists what there is"
                ),
            });
            return lines;
        }
        None => {
            lines.push(format!(
                "# no connector is called `{namespace}`: put one into `connectors/{namespace}/`, beside the policy"
            ));
            vec![
                format!("[grants.\"{path}\"]"),
                format!("use   = \"{ANY_KEY}\""),
            ]
        }
    };
    lines.push(match policy.world() {
        Some(world) => format!("# in the world `{}`:", world.name()),
        None => "# in a world in `wit/`, which the policy names:".to_owned(),
    });
    lines.push(import_line(import));
    lines.push("# in the policy:".to_owned());
    lines.extend(table);
    lines
}

/// The operation of this name that a connector has, whether the policy uses it or not.
pub(crate) fn find_known<'p>(
    policy: &'p Policy,
    path: &str,
) -> Option<(&'p Connector, &'p Operation)> {
    policy.connectors.all().find_map(|connector| {
        let mut operations = connector.operations();
        let operation = operations.find(|operation| operation.name() == path)?;
        Some((&**connector, &**operation))
    })
}

/// The operation that was probably meant by a name that is none.
pub(crate) fn near<'p>(policy: &'p Policy, path: &str) -> Option<&'p str> {
    // Comparing costs the product of the lengths, and a program says the name.
    if path.len() > LONGEST_NAME {
        return None;
    }
    let known = policy
        .connectors
        .all()
        .filter(|connector| nearest(namespace(path), &[connector.name()]).is_some())
        .flat_map(|connector| connector.operations())
        .map(|operation| operation.name());
    let granted = policy.operation_grants().map(|grant| grant.name());
    nearest(path, &known.chain(granted).collect::<Vec<_>>())
}

/// The longest name that is compared with others: no API has one of that length.
const LONGEST_NAME: usize = 200;

/// The namespace of `namespace:package/interface`.
pub(super) fn namespace(path: &str) -> &str {
    path.split(':').next().unwrap_or_default()
}

/// The credential that the policy uses for other operations of a connector.
fn key_of<'p>(policy: &'p Policy, of: &str) -> &'p str {
    policy
        .operation_grants()
        .filter(|grant| namespace(grant.name()) == of)
        .find_map(|grant| grant.credential())
        .map_or(ANY_KEY, |credential| credential.name())
}

/// The table that grants an operation of a connector, with what decides what it may touch left to
/// fill in.
pub(crate) fn grant_table(operation: &Operation, connector: Option<&Connector>) -> Vec<String> {
    let has_key = connector.is_none_or(|connector| connector.placement().is_some());
    grant_lines(operation, has_key.then_some(ANY_KEY))
}

/// The table that grants an operation with this key.
pub(super) fn grant_lines(operation: &Operation, key: Option<&str>) -> Vec<String> {
    let arguments = operation.arguments();
    let bound: Vec<_> = operation
        .scope()
        .map(|name| {
            let shape = arguments.iter().find(|(other, _)| *other == name);
            format!(
                "{name} = {}",
                placeholder(name, shape.map(|(_, shape)| *shape))
            )
        })
        .collect();
    let mut lines = vec![format!("[grants.\"{}\"]", operation.name())];
    lines.extend(key.map(|key| format!("use   = \"{key}\"")));
    if !bound.is_empty() {
        lines.push(format!("where = {{ {} }}", bound.join(", ")));
    }
    if matches!(operation.effect(), Effect::Admin | Effect::Destroy) {
        lines.push("confirm = \"never\"".to_owned());
    }
    lines
}

/// Something in the place of a value: nothing that exists, so that it grants nothing by chance.
fn placeholder(name: &str, shape: Option<&Shape>) -> String {
    match shape {
        Some(Shape::Option(inner)) => placeholder(name, Some(inner)),
        Some(Shape::Bool) => "false".to_owned(),
        Some(Shape::Char) => "\"?\"".to_owned(),
        Some(Shape::Enum(cases)) => format!(
            "\"{}\"",
            cases.first().map_or("", |case| case.name.as_str())
        ),
        Some(
            Shape::S8
            | Shape::S16
            | Shape::S32
            | Shape::S64
            | Shape::U8
            | Shape::U16
            | Shape::U32
            | Shape::U64,
        ) => "0".to_owned(),
        _ => format!("\"{}\"", name.to_uppercase()),
    }
}

/// `import NAME;`, where a name that is a word of WIT is marked as one that is not.
pub(super) fn import_line(import: &str) -> String {
    let (path, version) = match import.split_once('@') {
        Some((path, version)) => (path, format!("@{version}")),
        None => (import, String::new()),
    };
    let marked: Vec<String> = path
        .split_inclusive([':', '/'])
        .map(|part| {
            let name = part.trim_end_matches([':', '/']);
            let mark = if WORDS.contains(&name) { "%" } else { "" };
            format!("{mark}{part}")
        })
        .collect();
    format!("import {}{version};", marked.concat())
}

/// The words of WIT that are no names.
const WORDS: &[&str] = &[
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

pub(super) fn unsupported_lines(import: &str) -> Vec<String> {
    let version = import.split_once('@').map_or("", |(_, version)| version);
    let why = if import.starts_with("wasi:") && !version.starts_with("0.2.") {
        "this build has the interfaces of WASI 0.2; compile for `wasm32-wasip2`"
    } else {
        "this build does not have this interface"
    };
    vec![format!("# {why}")]
}
