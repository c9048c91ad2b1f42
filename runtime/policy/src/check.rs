//! Whether a program asks for more than its policy grants.

mod draft;
mod lines;

use crate::base::{Standing, standing};
use crate::shape::Signature;
use crate::{Code, Policy};

pub use draft::{draft, is_drafted};
pub(crate) use lines::{find_known, grant_table, near, operation_lines};
use lines::{http_lines, unsupported_lines};

/// An import of a program that its policy does not grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ungranted {
    /// The import, as the program has it.
    pub import: String,
    /// [`Code::UNGRANTED_IMPORT`], or [`Code::TYPE_MISMATCH`] for an operation that is granted and
    /// was built from other WIT than the connector's.
    pub code: Code,
    /// The lines that would grant it; a line that starts with `#` says why nothing would.
    pub lines: Vec<String>,
}

/// An import of a program.
#[derive(Clone, Debug)]
pub struct Import {
    /// `namespace:package/interface@version`, or a plain name.
    pub name: String,
    /// Whether it is a type or an interface of types alone, which carries no authority.
    pub types_only: bool,
    /// The functions it is to have, by name.
    pub functions: Vec<(String, Signature)>,
}

/// Checks every import of a program.
///
/// Interfaces of WASI are the same at any 0.2.x; all others have to match exactly, and an operation
/// in its types too.
///
/// # Errors
///
/// All imports that are not granted, each once, with the lines that would grant it.
pub fn check(policy: &Policy, imports: &[Import]) -> Result<(), Vec<Ungranted>> {
    let mut ungranted: Vec<Ungranted> = Vec::new();
    for import in imports {
        let name = &import.name;
        let missing = Code::UNGRANTED_IMPORT;
        let (code, lines) = match standing(name) {
            Standing::Base => continue,
            Standing::OutgoingHttp if is_http_granted(policy) => continue,
            Standing::OutgoingHttp => (missing, http_lines(policy)),
            Standing::Operation if import.types_only => continue,
            Standing::Operation if has_import(policy, name) => match differences(policy, import) {
                differences if differences.is_empty() => continue,
                differences => (Code::TYPE_MISMATCH, differences),
            },
            Standing::Operation => (missing, operation_lines(policy, name)),
            Standing::Unsupported => (missing, unsupported_lines(name)),
        };
        if !ungranted.iter().any(|other| other.import == *name) {
            ungranted.push(Ungranted {
                import: name.clone(),
                code,
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

/// Where the functions of an import of the world are not those of its operation.
///
/// An interface of the world that is no operation has no function to call.
fn differences(policy: &Policy, import: &Import) -> Vec<String> {
    let path = import.name.split('@').next().unwrap_or_default();
    let operation = policy.operation_grant(path).map(|grant| grant.operation());
    let mut lines = Vec::new();
    for (name, signature) in &import.functions {
        let difference = match operation {
            Some(operation) if operation.function() == name => {
                signature.difference(operation.signature())
            }
            _ => Some("there is no such function".to_owned()),
        };
        if let Some(difference) = difference {
            lines.push(format!("# the program's `{name}` differs: {difference}"));
        }
    }
    if !lines.is_empty() {
        let namespace = path.split(':').next().unwrap_or_default();
        lines.push(format!(
            "# build it from what `agentbox connector copy {namespace}` writes"
        ));
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::lines::import_line;
    use super::*;
    use crate::testing::{built_in, connected, operation, policy, with_wit};
    use crate::{Effect, Operation, Shape};

    const HTTP: &str = "policy = 1\n[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\"]";

    fn named(import: &str) -> Import {
        Import {
            name: import.to_owned(),
            types_only: false,
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
        let line = "import stripe:charges/create@1.0.0;".to_owned();
        assert!(found[0].lines.contains(&line));
        assert!(
            found
                .iter()
                .all(|found| found.code == Code::UNGRANTED_IMPORT)
        );
    }

    const TYPED: &str = "policy = 1\nworld = \"a:b/w\"\n[grants.\"github:issues/get\"]\n\
                         where = { owner = \"acme\", repo = \"widgets\" }";
    const WORLD: &str = "package a:b; world w { import github:issues/get@2022.11.28; }";

    fn typed() -> Policy {
        Policy::parse(&connected(TYPED, &[WORLD])).expect("good")
    }

    /// The import of an operation, with the connector's own types.
    fn built(name: &str) -> Import {
        let operation = operation(name);
        Import {
            name: operation.import(),
            types_only: false,
            functions: vec![(
                operation.function().to_owned(),
                operation.signature().clone(),
            )],
        }
    }

    #[test]
    fn an_operation_is_granted_with_the_connectors_own_types_and_no_other() {
        let good = built("github:issues/get");
        assert!(check(&typed(), &[good.clone(), named(&good.name)]).is_ok());
        let mut other = good.clone();
        other.functions[0].1 = Signature::new(Vec::new(), Some(Shape::String));
        let mut more = good.clone();
        more.functions
            .push(("set".to_owned(), good.functions[0].1.clone()));
        for (import, says) in [
            (other, "differs: it has 0 parameters, not 1"),
            (more, "`set` differs: there is no such function"),
        ] {
            let found = check(&typed(), &[import]).expect_err("another type");
            assert_eq!(found[0].code, Code::TYPE_MISMATCH);
            assert!(found[0].lines[0].contains(says), "{:?}", found[0].lines);
        }
    }

    #[test]
    fn what_would_grant_an_operation_is_said_with_what_decides_left_to_fill_in() {
        let found = check(&typed(), &[built("github:issues/create-comment")]);
        let found = found.expect_err("not granted");
        assert_eq!(found[0].code, Code::UNGRANTED_IMPORT);
        assert_eq!(
            found[0].lines,
            [
                "# in the world `a:b/w`:",
                "import github:issues/create-comment@2022.11.28;",
                "# in the policy:",
                "[grants.\"github:issues/create-comment\"]",
                "use   = \"NAME\"",
                "where = { owner = \"OWNER\", repo = \"REPO\" }",
            ]
        );
    }

    /// The lines for an import of an operation without anything built of it.
    fn lines(policy: &Policy, import: &str) -> String {
        ungranted(policy, &[import])[0].lines.join("\n")
    }

    #[test]
    fn operations_of_connectors_that_the_policy_does_not_use_are_known() {
        let granting = "import github:issues/get@2022.11.28;\n# in the policy:\n\
                        [grants.\"github:issues/get\"]\nuse   = \"NAME\"\n\
                        where = { owner = \"OWNER\", repo = \"REPO\" }";
        let import = "github:issues/get@2022.11.28";
        let unused = Policy::parse(&connected("policy = 1", &[])).expect("good");
        let told = Policy::nothing().knowing(vec![built_in("github")]);
        assert_eq!(told.digest(), Policy::nothing().digest());
        for policy in [unused, told] {
            assert_eq!(
                lines(&policy, import),
                format!("# in a world in `wit/`, which the policy names:\n{granting}")
            );
        }
        let missing = lines(&Policy::nothing(), import);
        assert!(
            missing.starts_with(
                "# no connector is called `github`: put one into `connectors/github/`"
            ),
            "{missing}"
        );
        assert!(!missing.contains("connector show"), "{missing}");
    }

    #[test]
    fn what_no_line_would_grant_is_said_instead() {
        for (import, line) in [
            (
                "github:issues/get@1.0.0",
                "# the connector has `github:issues/get@2022.11.28`: build it from what \
                 `agentbox connector copy github` writes",
            ),
            (
                "github:issues/gets@2022.11.28",
                "# the connector `github` has `github:issues/get`, and not this",
            ),
            (
                "github:repos/unheard-of@2022.11.28",
                "# the connector does not have it; `agentbox connector show github` lists what there is",
            ),
        ] {
            let policy = Policy::nothing().knowing(vec![built_in("github")]);
            assert_eq!(lines(&policy, import), line);
        }
    }

    #[test]
    fn what_destroys_is_granted_with_a_word_about_confirmation() {
        let mut operation = Operation::clone(&operation("github:issues/get"));
        for (effect, confirmed) in [
            (Effect::Admin, true),
            (Effect::Destroy, true),
            (Effect::Read, false),
            (Effect::Spend, false),
            (Effect::Write, false),
        ] {
            operation.effect = effect;
            let lines = grant_table(&operation, None);
            assert_eq!(lines.contains(&"confirm = \"never\"".to_owned()), confirmed);
        }
    }

    #[test]
    fn a_policys_own_key_is_named_and_none_where_the_connector_has_no_place_for_it() {
        let text = format!(
            "{TYPED}\nuse = \"mine\"\n[agent]\nid = \"b\"\n[credentials]\nmine = \"env://K\""
        );
        let policy = Policy::parse(&connected(&text, &[WORLD])).expect("good");
        let told = lines(&policy, "github:issues/add-labels@2022.11.28");
        assert!(told.contains("use   = \"mine\""), "{told}");
        let mut keyless = built_in("github");
        keyless.toml.text = keyless.toml.text.replace("as        = \"bearer\"", "");
        let policy = Policy::nothing().knowing(vec![keyless]);
        let told = lines(&policy, "github:issues/get@2022.11.28");
        assert!(!told.contains("use "), "{told}");
    }

    #[test]
    fn a_name_that_is_a_word_of_wit_is_marked() {
        for (import, line) in [
            ("a:b/list@1.0.0", "import a:b/%list@1.0.0;"),
            ("a:record/lists", "import a:%record/lists;"),
            ("use:b/c-list@1.0.0", "import %use:b/c-list@1.0.0;"),
        ] {
            assert_eq!(import_line(import), line);
        }
    }

    #[test]
    fn another_version_of_a_granted_operation_is_not_granted() {
        let mut import = built("github:issues/get");
        import.name = "github:issues/get@2026.1.1".to_owned();
        let found = check(&typed(), &[import]).expect_err("another version");
        assert_eq!(
            found[0].lines[0],
            "# the world has `github:issues/get@2022.11.28`, the program another version"
        );
    }

    #[test]
    fn invoke_needs_no_grant() {
        let import = "agentbox:host/invoke@0.1.0";
        assert_eq!(ungranted(&Policy::nothing(), &[import]), []);
    }

    #[test]
    fn an_interface_without_functions_needs_no_grant_and_a_plain_function_is_refused() {
        let types = Import {
            types_only: true,
            ..named("github:issues/types@2022.11.28")
        };
        for policy in [Policy::nothing(), typed()] {
            assert_eq!(check(&policy, std::slice::from_ref(&types)), Ok(()));
            assert_eq!(ungranted(&policy, &["run"]).len(), 1);
        }
        assert_eq!(ungranted(&Policy::nothing(), &[&types.name]).len(), 1);
        // A version or an interface of WASI that this build does not have stays refused.
        let wasi = Import {
            types_only: true,
            ..named("wasi:nn/tensor@0.2.0")
        };
        assert!(check(&Policy::nothing(), &[wasi]).is_err());
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
