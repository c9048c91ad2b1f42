//! A whole policy for a program that has none.

use ipnet::IpNet;

use crate::address::AddressRule;
use crate::base::{OUTGOING_HTTP, Standing, standing};
use crate::operation::{Connector, Operation};
use crate::origin::Scheme;
use crate::policy::{Policy, Text};

use super::Ungranted;
use super::lines::{HTTP_TABLE, find_known, grant_lines, import_line, namespace};

/// The files of a policy that would grant what a program without one asks for, with placeholders for
/// what only a person knows: first `wit/world.wit`, where operations are asked for, then
/// `agentbox.toml`. Each starts with a comment that names it.
///
/// What nothing would grant is left out; there are no files where nothing else is asked for.
#[must_use]
pub fn draft(policy: &Policy, ungranted: &[Ungranted]) -> Vec<Text> {
    let operations: Vec<_> = ungranted
        .iter()
        .filter_map(|missing| operation(policy, missing))
        .collect();
    let has_http = ungranted.iter().any(is_http);
    let mut files = Vec::new();
    if !operations.is_empty() {
        files.push(file("wit/world.wit", "//", &world(&operations, has_http)));
    }
    if has_http || !files.is_empty() {
        files.push(file("agentbox.toml", "#", &toml(&operations, has_http)));
    }
    files
}

/// Whether [`draft`] has what would grant this.
#[must_use]
pub fn is_drafted(policy: &Policy, missing: &Ungranted) -> bool {
    is_http(missing) || operation(policy, missing).is_some()
}

type Found<'p> = (&'p Connector, &'p Operation);

/// The operation that an import is, at the version that its connector has.
fn operation<'p>(policy: &'p Policy, missing: &Ungranted) -> Option<Found<'p>> {
    let (path, version) = missing.import.split_once('@')?;
    find_known(policy, path).filter(|(_, operation)| operation.version() == version)
}

fn is_http(missing: &Ungranted) -> bool {
    standing(&missing.import) == Standing::OutgoingHttp
}

fn file(name: &str, comment: &str, lines: &[String]) -> Text {
    Text {
        name: name.to_owned(),
        text: format!("{comment} {name}\n{}\n", lines.join("\n")),
    }
}

fn world(operations: &[Found<'_>], has_http: bool) -> Vec<String> {
    let mut lines = vec!["package my:bot;".to_owned(), "world bot {".to_owned()];
    let imports = operations.iter().map(|(_, operation)| operation.import());
    let http = has_http.then(|| format!("{OUTGOING_HTTP}@0.2.0"));
    lines.extend(
        imports
            .chain(http)
            .map(|import| format!("  {}", import_line(&import))),
    );
    lines.push("}".to_owned());
    lines
}

fn toml(operations: &[Found<'_>], has_http: bool) -> Vec<String> {
    let mut connectors: Vec<&Connector> = Vec::new();
    for (connector, _) in operations {
        if !connectors
            .iter()
            .any(|other| other.name() == connector.name())
        {
            connectors.push(connector);
        }
    }
    let mut lines = vec!["policy = 1".to_owned()];
    if !operations.is_empty() {
        lines.push("world  = \"my:bot/bot\"".to_owned());
    }
    if connectors
        .iter()
        .any(|connector| connector.origin().scheme() == Scheme::Http)
    {
        lines.push("insecure-loopback = true".to_owned());
    }
    connectors.retain(|connector| connector.placement().is_some());
    if !operations.is_empty() {
        lines.extend(["[agent]", "id = \"my-bot\""].map(str::to_owned));
    }
    if !connectors.is_empty() {
        lines.push("[credentials]".to_owned());
    }
    for connector in connectors {
        let name = connector.name();
        let variable = name.to_uppercase().replace('-', "_");
        lines.push(format!("{name} = \"env://{variable}_KEY\""));
    }
    for (connector, operation) in operations {
        let key = connector.placement().map(|_| namespace(operation.name()));
        lines.extend(grant_lines(operation, key));
        lines.extend(addresses(connector));
    }
    if has_http {
        lines.extend(HTTP_TABLE.map(str::to_owned));
    }
    lines
}

/// What admits the address that a connector sends calls to, where it is not a public one.
fn addresses(connector: &Connector) -> Option<String> {
    let origin = connector.origin();
    let own = origin
        .ip()
        .filter(|ip| !AddressRule::public_or(&[]).admits(*ip))?;
    let range = IpNet::from(own);
    // Plain HTTP goes to that address and to no other, whatever the policy says.
    (origin.scheme() == Scheme::Https).then(|| format!("addresses = [\"{range}\"]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Import, check};
    use crate::testing::{built_in, connected, connector};
    use crate::{ConnectorText, Sources};

    const BUILT_IN: [&str; 4] = ["github", "matrix", "openai", "vault"];

    /// A shop on this machine, with names that are words of WIT and every kind of scope.
    fn shop() -> ConnectorText {
        let text = |name: &str, text: &str| Text {
            name: format!("connectors/corner-shop/{name}"),
            text: text.to_owned(),
        };
        ConnectorText {
            toml: text(
                "connector.toml",
                r#"connector = 1
                name = "corner-shop"
                origin = "http://127.0.0.1:8080"
                [operations."record/list"]
                request = "DELETE /{a}/{b}/{c}/{d}"
                query = { e = "{e}" }
                effect = "destroy"
                scope = ["a", "b", "c", "d", "e"]"#,
            ),
            wit: vec![text(
                "record.wit",
                "package corner-shop:%record@1.0.0;
                interface %list {
                  use agentbox:host/errors@0.1.0.{error};
                  enum size { small, large }
                  %list: func(a: string, b: s32, c: char, d: size, e: option<bool>)
                    -> result<_, error>;
                }",
            )],
        }
    }

    fn there() -> Vec<ConnectorText> {
        BUILT_IN.map(built_in).into_iter().chain([shop()]).collect()
    }

    fn asked(names: &[String]) -> Vec<Import> {
        let import = |name: &String| Import {
            name: name.clone(),
            types_only: false,
            functions: Vec::new(),
        };
        names.iter().map(import).collect()
    }

    /// The policy that the draft is, for a program that asks for this.
    #[track_caller]
    fn saved(names: &[String]) -> (Policy, Vec<Text>) {
        let nothing = Policy::nothing().knowing(there());
        let imports = asked(names);
        let ungranted = check(&nothing, &imports).expect_err("there is no policy");
        let files = draft(&nothing, &ungranted);
        let (toml, wit) = files.split_last().expect("there is a policy");
        let sources = Sources {
            toml: toml.clone(),
            wit: wit.to_vec(),
            connectors: there(),
            ..connected("", &[])
        };
        let policy =
            Policy::parse(&sources).unwrap_or_else(|errors| panic!("{errors}\n{}", toml.text));
        assert_eq!(check(&policy, &imports), Ok(()));
        (policy, files)
    }

    #[test]
    fn a_draft_that_is_saved_grants_each_operation_alone_and_all_of_them_with_http() {
        let nothing = Policy::nothing().knowing(there());
        let mut all: Vec<_> = nothing
            .connectors
            .all()
            .flat_map(|connector| connector.operations())
            .map(|operation| operation.import())
            .collect();
        assert_eq!(connector(&shop()).operations().count(), 1);
        for name in &all {
            let (policy, files) = saved(std::slice::from_ref(name));
            assert_eq!((policy.operation_grants().count(), files.len()), (1, 2));
        }
        all.push("wasi:http/outgoing-handler@0.2.6".to_owned());
        let (policy, files) = saved(&all);
        assert_eq!(policy.operation_grants().count() + 1, all.len());
        assert_eq!(policy.credentials().count(), BUILT_IN.len());
        assert!(files[0].text.starts_with("// wit/world.wit\n"));
        assert!(files[1].text.starts_with("# agentbox.toml\n"));
    }

    #[test]
    fn a_draft_for_http_alone_needs_no_world() {
        let (_, files) = saved(&["wasi:http/outgoing-handler@0.2.0".to_owned()]);
        assert_eq!(files.len(), 1);
        assert!(!files[0].text.contains("world"), "{}", files[0].text);
    }

    #[test]
    fn what_nothing_would_grant_is_left_out() {
        let nothing = Policy::nothing().knowing(there());
        let names = [
            "stripe:charges/create@1.0.0",
            "github:issues/get@1.0.0",
            "run",
        ];
        let imports = asked(&names.map(str::to_owned));
        let ungranted = check(&nothing, &imports).expect_err("none is granted");
        assert_eq!(draft(&nothing, &ungranted), []);
        assert!(
            !ungranted
                .iter()
                .any(|missing| is_drafted(&nothing, missing))
        );
    }
}
