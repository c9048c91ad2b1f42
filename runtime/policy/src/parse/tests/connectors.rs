//! Tests of policies whose connectors are copied, broken or there twice.

use crate::connector::wit::tests::READ;
use crate::testing::{built_in, connected, problems};
use crate::{Policy, Text};

#[test]
fn a_copy_that_differs_from_the_connectors_wit_is_refused_at_the_import() {
    let toml = "policy = 1\nworld = \"a:b/w\"\n[grants.\"matrix:client/whoami\"]";
    let wit = "package a:b;\nworld w { import matrix:client/whoami@1.11.0; }";
    let mut sources = connected(toml, &[wit]);
    let copy = |text: &str| {
        vec![vec![Text {
            name: "wit/deps/matrix.wit".to_owned(),
            text: text.to_owned(),
        }]]
    };
    let own = sources
        .connectors
        .iter()
        .find(|connector| connector.toml.name.contains("matrix"))
        .expect("built in")
        .wit[0]
        .text
        .clone();
    sources.deps = copy(&own);
    assert_eq!(problems(&sources), [""; 0]);
    let other = "package matrix:client@1.11.0;\ninterface whoami {\n  \
                 use agentbox:host/errors@0.1.0.{error};\n  \
                 whoami: func(of: string) -> result<string, error>;\n}";
    sources.deps = copy(other);
    let found = problems(&sources);
    assert!(
        found.len() == 1
            && found[0].starts_with("AB0123 2:")
            && found[0].contains("it has 1 parameter, not 0"),
        "{found:#?}"
    );
    sources.deps =
        copy("package matrix:client@1.11.0;\ninterface whoami { f: func(); g: func(); }");
    let found = problems(&sources);
    assert!(
        found.len() == 1 && found[0].starts_with("AB0123 2:"),
        "{found:#?}"
    );
}

#[test]
fn a_copy_is_read_once_however_many_of_its_operations_are_imported() {
    let operations = ["list-for-repo", "create-comment", "get", "add-labels"];
    for count in 1..=operations.len() {
        let imports = operations[..count]
            .iter()
            .map(|name| format!("import github:issues/{name}@2022.11.28;"));
        let imports: Vec<_> = imports.collect();
        let wit = format!("package a:b;\nworld w {{ {} }}", imports.join(" "));
        let mut sources = connected("policy = 1\nworld = \"a:b/w\"", &[&wit]);
        sources.deps = vec![built_in("github").wit];
        let before = READ.get();
        let ungranted = problems(&sources);
        assert_eq!(ungranted.len(), count, "{ungranted:#?}");
        assert_eq!(READ.get() - before, 1, "of {count}");
    }
}

#[test]
fn a_connectors_own_mistakes_are_reported_once_and_cause_no_others() {
    let toml = "policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\ncredentials.m = \"env://K\"\n\
                [grants.\"matrix:client/whoami\"]\nuse = \"m\"";
    let wit = "package a:b;\nworld w { import matrix:client/whoami@1.11.0; include matrix:client/role@1.11.0; }";
    let mut sources = connected(toml, &[wit]);
    for connector in &mut sources.connectors {
        let text = &mut connector.toml.text;
        *text = text.replace("name      = \"matrix\"", "name      = \"matrix\"\nnmae = 1");
    }
    let errors = Policy::parse(&sources).expect_err("a mistake");
    let found: Vec<_> = errors
        .problems()
        .iter()
        .map(|problem| format!("{} {}", problem.code(), problem.file()))
        .collect();
    assert_eq!(found, ["AB0104 connectors/matrix/connector.toml"]);
}

#[test]
fn two_connectors_of_one_name_are_an_error() {
    let toml = "policy = 1\nworld = \"a:b/w\"\n[grants.\"matrix:client/whoami\"]";
    let wit = "package a:b;\nworld w { import matrix:client/whoami@1.11.0; }";
    let mut sources = connected(toml, &[wit]);
    let mut second = sources.connectors[1].clone();
    second.toml.name = "connectors/other/connector.toml".to_owned();
    sources.connectors.push(second);
    assert_eq!(
        problems(&sources),
        ["AB0106 1:1 a second connector is called `matrix`"]
    );
}
