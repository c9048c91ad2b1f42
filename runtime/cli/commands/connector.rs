//! `agentbox connector`: checking, listing, showing and copying connectors.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use agentbox_embed::{built_in_connectors, connector_folder, connectors_beside};
use agentbox_policy::{
    Code, Connector, ConnectorText, HOST_WIT, Idempotency, Operation, Outline, PolicyErrors,
    PolicyProblem, nearest,
};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::{Value, json};

use crate::args::{
    BesideFlag, ConnectorCheckArgs, ConnectorCommand, ConnectorCopyArgs, ConnectorShowArgs,
    OutputFlags,
};
use crate::config::{self, POLICY_FILE};
use crate::error::{CommandError, Kind};
use crate::render;

pub(crate) fn run(command: &ConnectorCommand, output: &OutputFlags) -> Result<u8, CommandError> {
    match command {
        ConnectorCommand::Check(args) => check(args, output),
        ConnectorCommand::List(args) => list(&args.policy, output),
        ConnectorCommand::Show(args) => show(args, output),
        ConnectorCommand::Copy(args) => copy(args, output),
    }
}

/// A connector, its texts, and where it is from.
struct Entry {
    connector: Connector,
    texts: ConnectorText,
    /// The `connector.toml` of one that is not built in.
    path: Option<String>,
}

fn check(args: &ConnectorCheckArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let texts = connector_folder(&args.folder)?;
    let (entry, warnings) = read(texts, false)?;
    render::warn(&warnings, output);
    if output.json {
        let mut value = described(&entry);
        value["warnings"] = json!(render::problems(&warnings));
        render::data(&value)?;
        return Ok(0);
    }
    let connector = &entry.connector;
    for operation in connector.operations() {
        let effect = operation.effect();
        let route = render::plain(operation.route());
        render::line(&format!("{}  {effect}  {route}", operation.import()))?;
    }
    let (name, count) = (connector.name(), counted(connector));
    render::line(&format!("{name}: {count}, all good"))?;
    Ok(0)
}

fn list(beside: &BesideFlag, output: &OutputFlags) -> Result<u8, CommandError> {
    let mut entries = Vec::new();
    let mut broken = Vec::new();
    for found in all(beside)? {
        let read = found.texts.and_then(|texts| read(texts, found.built_in));
        match read {
            Ok((entry, _)) => entries.push(entry),
            Err(error) => broken.push((found.name, error)),
        }
    }
    let exit = u8::from(!broken.is_empty());
    if output.json {
        let mut list: Vec<_> = entries.iter().map(summary).collect();
        list.extend(broken.iter().map(|(name, error)| {
            let problems = error.policy.as_ref().map(|errors| errors.problems());
            json!({
                "name": name,
                "built-in": false,
                "broken": error.message,
                "problems": render::problems(problems.unwrap_or_default()),
            })
        }));
        render::data(&json!({ "v": 1, "kind": "connectors", "connectors": list }))?;
        return Ok(exit);
    }
    listed(&entries)?;
    for (name, _) in &broken {
        render::line(&format!("{:<10} broken", render::plain(name)))?;
    }
    for (_, error) in &broken {
        render::error(error, exit, output, false);
    }
    Ok(exit)
}

fn listed(entries: &[Entry]) -> Result<(), CommandError> {
    for entry in entries {
        let connector = &entry.connector;
        let about = render::plain(connector.about().unwrap_or_default());
        let place = if entry.path.is_some() {
            "beside"
        } else {
            "built in"
        };
        let count = counted(connector);
        render::line(&format!(
            "{:<10} {place:<9} {count:<14} {about}",
            connector.name()
        ))?;
    }
    Ok(())
}

fn show(args: &ConnectorShowArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let entry = named(&args.name, &mut all(&args.policy)?)?;
    if output.json {
        render::data(&described(&entry))?;
        return Ok(0);
    }
    let connector = &entry.connector;
    let outline = entry.texts.outline();
    let name = connector.name();
    match connector.about().map(render::plain) {
        Some(about) => render::line(&format!("{name}: {about}"))?,
        None => render::line(name)?,
    }
    let pair = |name: &str, value: &str| {
        let value = render::plain(value);
        render::line(&format!("  {name:<11} {value}"))
    };
    pair("from", entry.path.as_deref().unwrap_or("agentbox itself"))?;
    pair("origin", &connector.origin().to_string())?;
    let key = connector.placement().map(ToString::to_string);
    pair("key", key.as_deref().unwrap_or("none"))?;
    for operation in connector.operations() {
        render::line("")?;
        render::line(&operation.import())?;
        pair("request", operation.route())?;
        pair("effect", operation.effect().as_str())?;
        let scope: Vec<_> = operation.scope().collect();
        pair(
            "scope",
            if scope.is_empty() {
                "none".to_owned()
            } else {
                scope.join(", ")
            }
            .as_str(),
        )?;
        if let Some(permission) = operation.permission() {
            pair("permission", permission)?;
        }
        pair("repeatable", &repeatable(operation))?;
        indented(outline.interface(operation.name()).unwrap_or_default())?;
    }
    beside_operations(&outline)?;
    Ok(0)
}

/// The types that operations share, and the worlds that a program's own can include.
fn beside_operations(outline: &Outline) -> Result<(), CommandError> {
    for (name, text) in outline.shared() {
        render::line(&format!("\n{name}"))?;
        indented(text)?;
    }
    for (at, (name, about)) in outline.roles().enumerate() {
        if at == 0 {
            render::line("\nroles, for the world of a program")?;
        }
        let about = about.map(|about| format!("  // {}", render::plain(about)));
        render::line(&format!("  include {name};{}", about.unwrap_or_default()))?;
    }
    Ok(())
}

fn indented(text: &str) -> Result<(), CommandError> {
    let mut lines = text.lines();
    lines.try_for_each(|line| render::line(format!("    {line}").trim_end()))
}

/// How many operations it has, in words.
fn counted(connector: &Connector) -> String {
    match connector.operations().count() {
        1 => "1 operation".to_owned(),
        count => format!("{count} operations"),
    }
}

/// Whether an operation may be called again, in words.
fn repeatable(operation: &Operation) -> String {
    match operation.idempotency() {
        Idempotency::Always => "yes".to_owned(),
        Idempotency::Never => "no: each call does it again".to_owned(),
        Idempotency::ByKey(name) => format!("yes, with the same `{name}`"),
    }
}

fn copy(args: &ConnectorCopyArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let mut files = vec![("agentbox/host.wit".to_owned(), HOST_WIT.to_owned())];
    let names: BTreeSet<_> = args.names.iter().collect();
    let mut all = all(&args.policy)?;
    for name in names {
        let entry = named(name, &mut all)?;
        files.extend(packages(&entry));
    }
    let mut seen = HashSet::new();
    files.retain(|(name, _)| seen.insert(name.clone()));
    let written = write(&args.to, &files, args.force)?;
    if output.json {
        let paths: Vec<_> = files
            .iter()
            .map(|(name, _)| args.to.join(name).display().to_string())
            .collect();
        let written: Vec<_> = written
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        render::data(&json!({
            "v": 1,
            "kind": "connector-copy",
            "files": paths,
            "written": written,
        }))?;
        return Ok(0);
    }
    for path in &written {
        render::line(&format!("wrote {}", path.display()))?;
    }
    if written.is_empty() {
        render::line(&format!("{}: all up to date", args.to.display()))?;
    }
    Ok(0)
}

/// The files of a connector's packages, below the folder of dependencies: a folder there is one
/// package, so that each of several has its own.
fn packages(entry: &Entry) -> Vec<(String, String)> {
    let name = entry.connector.name();
    let alone = entry.texts.wit.len() == 1;
    entry
        .texts
        .wit
        .iter()
        .map(|text| {
            let file = Path::new(&text.name).file_stem().unwrap_or_default();
            let file = file.to_string_lossy();
            let folder = if alone {
                name.to_owned()
            } else {
                format!("{name}-{file}")
            };
            (format!("{folder}/{file}.wit"), text.text.clone())
        })
        .collect()
}

/// Writes what is not there yet, or nothing where a file would be lost; says what was written.
fn write(to: &Path, files: &[(String, String)], force: bool) -> Result<Vec<PathBuf>, CommandError> {
    let failed = |path: &Path, error: std::io::Error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        refused(message)
    };
    let authority = ambient_authority();
    Dir::create_ambient_dir_all(to, authority).map_err(|error| failed(to, error))?;
    let folder = Dir::open_ambient_dir(to, authority).map_err(|error| failed(to, error))?;
    let mut wanted = Vec::new();
    for (name, text) in files {
        match folder.read(name) {
            Ok(there) if there == text.as_bytes() => {}
            Ok(_) if !force => {
                let path = to.join(name);
                let message = format!("`{}` is there and differs", path.display());
                return Err(refused(message).hint("`--force` overwrites it"));
            }
            Ok(_) => wanted.push((name, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                wanted.push((name, text));
            }
            Err(error) => return Err(failed(&to.join(name), error)),
        }
    }
    let mut written = Vec::new();
    for (name, text) in wanted {
        let path = to.join(name);
        if let Some(parent) = Path::new(name).parent() {
            folder
                .create_dir_all(parent)
                .map_err(|error| failed(&path, error))?;
        }
        folder
            .write(name, text)
            .map_err(|error| failed(&path, error))?;
        written.push(path);
    }
    Ok(written)
}

/// A refusal that has no code: no policy and no program is at fault.
fn refused(message: String) -> CommandError {
    CommandError {
        kind: Kind::Refused,
        ..CommandError::usage(message)
    }
}

/// Reads a connector's texts.
fn read(texts: ConnectorText, built_in: bool) -> Result<(Entry, Vec<PolicyProblem>), CommandError> {
    let (connector, warnings) = Connector::parse(&texts).map_err(unusable)?;
    let path = (!built_in).then(|| texts.toml.name.clone());
    let entry = Entry {
        connector,
        texts,
        path,
    };
    Ok((entry, warnings))
}

fn unusable(errors: PolicyErrors) -> CommandError {
    CommandError {
        message: "the connector cannot be used".into(),
        ..CommandError::from(errors)
    }
}

/// A connector that a policy here could use, as far as it can be read.
struct Found {
    /// What it calls itself, or else its folder.
    name: String,
    texts: Result<ConnectorText, CommandError>,
    built_in: bool,
}

/// All connectors that a policy here could use, by name.
fn all(beside: &BesideFlag) -> Result<Vec<Found>, CommandError> {
    let policy = match &beside.policy {
        Some(path) => Some(path.clone()),
        None => config::search()?,
    };
    let policy = policy.unwrap_or_else(|| PathBuf::from(POLICY_FILE));
    let own = connectors_beside(&policy)?.into_iter();
    let mut found: Vec<_> = own
        .map(|(folder, texts)| {
            let folder = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = texts.as_ref().map(ConnectorText::name);
            Found {
                name: name.unwrap_or_else(|_| folder.into_owned()),
                texts: texts.map_err(CommandError::from),
                built_in: false,
            }
        })
        .collect();
    for texts in built_in_connectors() {
        let name = texts.name();
        if !found.iter().any(|own| own.name == name) {
            found.push(Found {
                name,
                texts: Ok(texts),
                built_in: true,
            });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The connector of this name, taken out of those there are.
fn named(name: &str, all: &mut Vec<Found>) -> Result<Entry, CommandError> {
    let Some(at) = all.iter().position(|found| found.name == name) else {
        let names: Vec<_> = all.iter().map(|found| found.name.as_str()).collect();
        let hint = match nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are `{}`", names.join("`, `")),
        };
        let message = format!("no connector is called `{}`", render::plain(name));
        return Err(CommandError::refused(Code::MISSING_NAME, message).hint(hint));
    };
    let found = all.remove(at);
    Ok(read(found.texts?, found.built_in)?.0)
}

fn summary(entry: &Entry) -> Value {
    let connector = &entry.connector;
    json!({
        "name": connector.name(),
        "about": connector.about(),
        "built-in": entry.path.is_none(),
        "path": entry.path,
        "digest": connector.digest(),
        "origin": connector.origin().to_string(),
        "placement": connector.placement().map(ToString::to_string),
        "operations": connector.operations().map(|operation| operation.import()).collect::<Vec<_>>(),
    })
}

fn described(entry: &Entry) -> Value {
    let outline = entry.texts.outline();
    let operations: Vec<_> = entry
        .connector
        .operations()
        .map(|operation| {
            let idempotent = match operation.idempotency() {
                Idempotency::Always => json!(true),
                Idempotency::Never => json!(false),
                Idempotency::ByKey(name) => json!({ "key": **name }),
            };
            json!({
                "import": operation.import(),
                "request": operation.route(),
                "effect": operation.effect().as_str(),
                "scope": operation.scope().collect::<Vec<_>>(),
                "permission": operation.permission(),
                "idempotent": idempotent,
                "wit": outline.interface(operation.name()),
            })
        })
        .collect();
    let mut value = summary(entry);
    value["v"] = json!(1);
    value["kind"] = json!("connector");
    value["operations"] = json!(operations);
    let shared = outline.shared();
    value["types"] = shared
        .map(|(name, text)| json!({ "interface": name, "wit": text }))
        .collect();
    let roles = outline.roles();
    value["roles"] = roles
        .map(|(name, about)| json!({ "world": name, "about": about }))
        .collect();
    value
}
