//! `[env]` and `[files]`.

use crate::code::Code;
use crate::credential::{Credential, Reference};
use crate::grant::{Access, FileGrant};

use super::document::{Item, Problems, Span, Table, list, nearest};

/// Reads `[env]`: the program's environment, never secret.
pub(crate) fn env(root: &Table<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(table) = root.table("env", problems) else {
        return Vec::new();
    };
    let mut variables = Vec::new();
    for entry in &table.entries {
        let Some(value) = table.text_of(entry, problems) else {
            continue;
        };
        if !is_variable(&entry.key) {
            let message = format!("`{}` is not a variable's name", table.path(&entry.key));
            problems
                .bad_value(&entry.span, message)
                .advise("letters, digits and `_`, not starting with a digit");
        } else if super::credentials::SCHEMES
            .iter()
            .any(|scheme| starts(&value.text, scheme))
        {
            let message = format!(
                "`{}` is written out for the program, not looked up",
                table.path(&entry.key)
            );
            problems
                .bad_value(&value.span, message)
                .advise("a key belongs under `[credentials]`, where the program never sees it");
        } else if value.text.contains('\0') {
            problems.bad_value(&value.span, "a variable cannot hold a NUL character");
        } else {
            variables.push((entry.key.clone(), value.text));
        }
    }
    variables
}

fn starts(text: &str, scheme: &str) -> bool {
    text.strip_prefix(scheme)
        .is_some_and(|rest| rest.starts_with("://"))
}

/// Whether `name` can be a variable's name.
pub(crate) fn is_variable(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// A directory grant and the place of its `host`.
pub(crate) struct Directory {
    pub(crate) grant: FileGrant,
    pub(crate) host_span: Span,
}

/// Reads `[files."/guest"]` tables.
pub(crate) fn files(root: &Table<'_>, problems: &mut Problems) -> Vec<Directory> {
    let Some(tables) = root.table("files", problems) else {
        return Vec::new();
    };
    let mut directories = Vec::new();
    for entry in &tables.entries {
        let Some(table) = tables.as_table(entry, problems) else {
            continue;
        };
        table.check_keys(&["host", "access"], &["max-bytes", "quota"], problems);
        let named = is_guest_path(&entry.key);
        if !named {
            problems
                .bad_value(
                    &entry.span,
                    format!("`{}` is not a path for a program", table.name),
                )
                .advise(
                    "an absolute path without `.`, `..`, empty parts or a trailing slash: `/data`",
                );
        }
        let access = access(&table, problems);
        let host = table.needed_text("host", problems);
        let Some(host) = host else { continue };
        let host_span = host.span.clone();
        let host = relative(&table.path("host"), host, problems);
        if let (true, Some(host), Some(access)) = (named, host, access) {
            let grant = FileGrant {
                guest: entry.key.clone(),
                host,
                access,
            };
            directories.push(Directory { grant, host_span });
        }
    }
    directories
}

fn access(table: &Table<'_>, problems: &mut Problems) -> Option<Access> {
    let access = table.needed_text("access", problems)?;
    let known = [Access::Read, Access::ReadWrite];
    let found = known
        .into_iter()
        .find(|known| known.as_str() == access.text);
    if found.is_none() {
        let names = known.map(Access::as_str);
        let message = format!("`{}` is not a kind of access", access.text.escape_debug());
        let problem = problems.bad_value(&access.span, message);
        match nearest(&access.text, &names) {
            Some(near) => problem.advise(format!("did you mean `{near}`?")),
            None => problem.advise(format!("known: {}", list(&names))),
        };
    }
    found
}

fn is_guest_path(path: &str) -> bool {
    path == "/" || path.strip_prefix('/').is_some_and(is_clean)
}

/// Whether a relative path has no part that leads up, nowhere, or means something elsewhere.
fn is_clean(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains(|c: char| c.is_control() || c == '\\')
}

/// The text as a path relative to the policy; a leading `./` and a trailing `/` are dropped.
pub(crate) fn relative(path: &str, item: Item, problems: &mut Problems) -> Option<String> {
    let text = item.text.strip_prefix("./").unwrap_or(&item.text);
    let text = text.strip_suffix('/').unwrap_or(text);
    if item.text == "." || item.text == "./" {
        return Some(".".to_owned());
    }
    if !item.text.starts_with('/') && is_clean(text) {
        return Some(text.to_owned());
    }
    let message = format!("`{path}` is not a path below the policy's folder");
    problems
        .bad_value(&item.span, message)
        .advise("relative to the policy, without `..`");
    None
}

/// Refuses a directory by which a program could read a key or change what binds it.
pub(crate) fn guard<'c>(
    directories: &[Directory],
    credentials: impl Iterator<Item = &'c Credential> + Clone,
    tls_ca: Option<&str>,
    problems: &mut Problems,
) {
    for Directory { grant, host_span } in directories {
        let covers = |path: &str| {
            let path = path.strip_prefix("./").unwrap_or(path);
            let below = path.strip_prefix(&grant.host);
            grant.host == "." || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for credential in credentials.clone() {
            if let Reference::Dotenv { file, .. } = &credential.reference
                && covers(file)
            {
                let message = format!(
                    "`{}` holds `{file}`, where the key of `{}` is",
                    grant.host, credential.name
                );
                problems
                    .add(Code::BAD_VALUE, host_span, message)
                    .advise("keep keys out of it");
            }
        }
        if grant.access == Access::Read {
            continue;
        }
        let own = ["agentbox.toml", "connectors", "wit"]
            .into_iter()
            .find(|own| covers(own));
        if own.is_some() || is_inside_policy(&grant.host) {
            let message = format!(
                "with `{}` the program could change its own policy",
                grant.host
            );
            problems
                .bad_value(host_span, message)
                .advise("grant a folder beside the policy");
        } else if let Some(ca) = tls_ca.filter(|ca| covers(ca)) {
            let message = format!("with `{}` the program could change `{ca}`", grant.host);
            problems
                .bad_value(host_span, message)
                .advise("keep certificates out of it");
        }
    }
}

fn is_inside_policy(host: &str) -> bool {
    host.starts_with("connectors/") || host.starts_with("wit/")
}
