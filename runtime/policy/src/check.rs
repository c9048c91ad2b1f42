//! Whether a program asks for more than its policy grants.

use crate::Policy;
use crate::base::{OUTGOING_HTTP, Standing, standing};
use crate::shape::Signature;

/// An import of a program that its policy does not grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ungranted {
    /// The import, as the program has it.
    pub import: String,
    /// The lines that would grant it; a line that starts with `#` says why nothing would.
    pub lines: Vec<String>,
}

/// An import of a program.
#[derive(Clone, Debug)]
pub struct Import {
    /// `namespace:package/interface@version`, or a plain name.
    pub name: String,
    /// The functions it is to have, by name.
    pub functions: Vec<(String, Signature)>,
}

/// Checks every import of a program.
///
/// Interfaces of WASI are the same at any 0.2.x; all others have to match exactly.
///
/// # Errors
///
/// All imports that are not granted, each once, with the lines that would grant it.
pub fn check(policy: &Policy, imports: &[Import]) -> Result<(), Vec<Ungranted>> {
    let mut ungranted: Vec<Ungranted> = Vec::new();
    for Import { name: import, .. } in imports {
        let lines = match standing(import) {
            Standing::Base => continue,
            Standing::OutgoingHttp if is_http_granted(policy) => continue,
            // A world holds an operation only if its interface has no function to call.
            Standing::Operation if has_import(policy, import) => continue,
            Standing::OutgoingHttp => http_lines(policy),
            Standing::Operation => operation_lines(policy, import),
            Standing::Unsupported => unsupported_lines(import),
        };
        if !ungranted.iter().any(|other| other.import == *import) {
            ungranted.push(Ungranted {
                import: import.clone(),
                lines,
            });
        }
    }
    if ungranted.is_empty() {
        Ok(())
    } else {
        Err(ungranted)
    }
}

fn has_import(policy: &Policy, import: &str) -> bool {
    policy
        .world()
        .is_some_and(|world| world.imports().any(|granted| granted == import))
}

fn is_http_granted(policy: &Policy) -> bool {
    let in_world = policy.world().is_none_or(|world| {
        world
            .imports()
            .any(|import| standing(import) == Standing::OutgoingHttp)
    });
    in_world && policy.http_grants().next().is_some()
}

fn http_lines(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(world) = policy.world() {
        lines.push(format!("# in the world `{}`:", world.name()));
        lines.push(format!("import {OUTGOING_HTTP}@0.2.0;"));
        lines.push("# in the policy:".to_owned());
    }
    lines.extend(
        [
            "[http.NAME]",
            "origin = \"https://api.example.com\"",
            "allow  = [\"GET /v1/things/{id}\"]",
        ]
        .map(str::to_owned),
    );
    lines
}

fn operation_lines(policy: &Policy, import: &str) -> Vec<String> {
    if !import.contains('/') {
        return vec![format!(
            "# `{import}` is no interface of a package, and agentbox links nothing else"
        )];
    }
    let mut lines = Vec::new();
    if let Some(world) = policy.world() {
        lines.push(format!("# in the world `{}`:", world.name()));
    }
    lines.push(format!("import {import};"));
    lines.push("# and it needs a connector: this build has none".to_owned());
    lines
}

fn unsupported_lines(import: &str) -> Vec<String> {
    let version = import.split_once('@').map_or("", |(_, version)| version);
    let why = if import.starts_with("wasi:") && !version.starts_with("0.2.") {
        "this build has the interfaces of WASI 0.2; compile for `wasm32-wasip2`"
    } else {
        "this build does not have this interface"
    };
    vec![format!("# {why}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{policy, with_wit};

    const HTTP: &str = "policy = 1\n[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\"]";

    fn named(import: &str) -> Import {
        Import {
            name: import.to_owned(),
            functions: Vec::new(),
        }
    }

    #[track_caller]
    fn ungranted(policy: &Policy, imports: &[&str]) -> Vec<Ungranted> {
        let imports: Vec<_> = imports.iter().map(|import| named(import)).collect();
        check(policy, &imports).err().unwrap_or_default()
    }

    #[test]
    fn the_inert_base_needs_no_grant() {
        let imports = [
            "wasi:cli/environment@0.2.0",
            "wasi:cli/stdout@0.2.6",
            "wasi:io/streams@0.2.3",
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:random/random@0.2.0",
            "wasi:filesystem/preopens@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/types@0.2.4",
        ];
        assert_eq!(ungranted(&Policy::nothing(), &imports), []);
    }

    #[test]
    fn outgoing_http_is_granted_by_an_http_table_at_any_0_2_version() {
        let import = "wasi:http/outgoing-handler@0.2.7";
        assert_eq!(ungranted(&policy(HTTP), &[import]), []);
        let ungranted = ungranted(&Policy::nothing(), &[import]);
        assert_eq!(ungranted[0].import, import);
        let lines = format!("policy = 1\n{}", ungranted[0].lines.join("\n"));
        let granted = policy(&lines);
        assert!(
            check(&granted, &[named(import)]).is_ok(),
            "the lines grant what they say"
        );
    }

    #[test]
    fn all_ungranted_imports_are_listed_each_once() {
        let imports = [
            "stripe:charges/create@1.0.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:nn/graph@0.2.0",
            "stripe:charges/create@1.0.0",
            "wasi:cli/run@0.3.0",
            "run",
        ];
        let found = ungranted(&Policy::nothing(), &imports);
        let names: Vec<_> = found
            .iter()
            .map(|ungranted| ungranted.import.as_str())
            .collect();
        assert_eq!(
            names,
            [imports[0], imports[1], imports[2], imports[4], imports[5]]
        );
        assert!(found.iter().all(|ungranted| !ungranted.lines.is_empty()));
        assert_eq!(found[0].lines[0], "import stripe:charges/create@1.0.0;");
    }

    #[test]
    fn a_world_that_imports_only_types_of_an_interface_grants_it() {
        let wit = "package a:b; interface types { record r { x: u8 } } world w { import types; }";
        let sources = with_wit("policy = 1\nworld = \"a:b/w\"", &[wit]);
        let policy = Policy::parse(&sources).expect("types carry no authority");
        assert_eq!(ungranted(&policy, &["a:b/types"]), []);
        assert_eq!(ungranted(&policy, &["a:b/other"]).len(), 1);
    }
}
