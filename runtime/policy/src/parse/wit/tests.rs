//! Tests of `world` and the WIT beside a policy.

use crate::testing::{problems, with_wit};
use crate::{Policy, Sources, Text};

const HTTP: &str = "[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\"]";

fn sources(more: &str, wit: &[&str]) -> Sources {
    with_wit(&format!("policy = 1\nworld = \"a:b/w\"\n{more}"), wit)
}

#[track_caller]
fn imports(sources: &Sources) -> Vec<String> {
    match Policy::parse(sources) {
        Ok(policy) => policy
            .world()
            .expect("named")
            .imports()
            .map(str::to_owned)
            .collect(),
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn a_world_lists_its_imports_without_the_packages_of_wasi() {
    let wit = "package a:b@0.1.0;\nworld w {\n  import wasi:http/outgoing-handler@0.2.3;\n  \
               import wasi:cli/stdout@0.2.0;\n  export run: func() -> result<string, string>;\n}";
    assert_eq!(
        imports(&sources(HTTP, &[wit])),
        ["wasi:http/outgoing-handler@0.2.3", "wasi:cli/stdout@0.2.0"]
    );
}

#[test]
fn includes_are_expanded_from_the_package_its_dependencies_and_wasi() {
    let own = "package a:b;\nworld base { include c:d/more@1.0.0; }\nworld w { include base; }";
    let mut sources = sources(HTTP, &[own]);
    sources.deps = vec![vec![Text {
        name: "wit/deps/c.wit".to_owned(),
        text: "package c:d@1.0.0;\nworld more { include wasi:http/imports@0.2.4; }".to_owned(),
    }]];
    let imports = imports(&sources);
    assert!(
        imports.contains(&"wasi:http/outgoing-handler@0.2.4".to_owned()),
        "{imports:?}"
    );
    assert!(
        imports.contains(&"wasi:io/streams@0.2.4".to_owned()),
        "{imports:?}"
    );
}

#[test]
fn types_taken_by_use_are_imports_too() {
    let wit = "package a:b;\nworld w { use wasi:http/types@0.2.0.{method}; use c:d/t.{r}; }";
    let mut sources = sources("", &[wit]);
    sources.deps = vec![vec![Text {
        name: "wit/deps/c/c.wit".to_owned(),
        text:
            "package c:d; interface s { type u = u8; } interface t { use s.{u}; record r { x: u } }"
                .to_owned(),
    }]];
    let mut imports = imports(&sources);
    imports.sort();
    assert_eq!(imports, ["c:d/s", "c:d/t", "wasi:http/types@0.2.0"]);
}

#[test]
fn an_import_without_a_grant_and_a_grant_without_an_import_are_errors() {
    let with = "package a:b;\nworld w { import wasi:http/outgoing-handler@0.2.0; }";
    assert_eq!(
        problems(&sources("", &[with])),
        [
            "AB0103 2:9 the world `a:b/w` imports `wasi:http/outgoing-handler`, and nothing grants it"
        ]
    );
    assert_eq!(
        problems(&sources(HTTP, &["package a:b;\nworld w { }"])),
        ["AB0103 3:7 `http.a` matches no import of the world `a:b/w`"]
    );
}

#[test]
fn mistakes_in_wit_have_their_place_in_its_file() {
    let errors = Policy::parse(&sources("", &["package a:b;\nworld w {\n  import ;\n}"]))
        .expect_err("not WIT");
    let problem = &errors.problems()[0];
    assert_eq!(
        (problem.file(), problem.line(), problem.column()),
        ("wit/0.wit", 3, 10)
    );
    assert_eq!(problem.code().to_string(), "AB0111");
    assert_eq!(
        errors.problems().len(),
        1,
        "the world is not also called missing"
    );
}

#[test]
fn a_misspelt_world_is_told_what_was_probably_meant() {
    let mut sources = sources("", &["package a:b@1.0.0;\nworld ww { }"]);
    let errors = Policy::parse(&sources).expect_err("no such world");
    assert_eq!(errors.problems()[0].hint(), Some("did you mean `a:b/ww`?"));
    sources.toml.text = "policy = 1\nworld = \"a:b/ww@1.0.0\"".to_owned();
    assert!(imports(&sources).is_empty(), "a version may be written");
}

#[test]
fn what_is_no_interface_of_a_package_cannot_be_imported() {
    for import in [
        "import f: func();",
        "import i: interface { f: func(); }",
        "import n: wasi:io/poll@0.2.0;",
        "include c:d/gone;",
    ] {
        let found = problems(&sources(
            "",
            &[&format!("package a:b;\nworld w {{ {import} }}")],
        ));
        assert!(
            found.len() == 1 && found[0].starts_with("AB0111"),
            "{import}: {found:#?}"
        );
    }
}

#[test]
fn what_no_connector_and_no_wasi_of_this_build_has_is_refused_by_name() {
    for (import, code) in [
        ("stripe:charges/create@1.0.0", "AB0108"),
        ("wasi:nn/graph@0.2.0", "AB0109"),
        ("wasi:cli/stdin@0.3.0", "AB0109"),
        ("agentbox:host/invoke@0.2.0", "AB0109"),
    ] {
        let wit = format!("package a:b;\nworld w {{ import {import}; }}");
        let found = problems(&sources("", &[&wit]));
        assert!(found.len() == 1 && found[0].contains(import), "{found:#?}");
        assert!(found[0].starts_with(&format!("{code} 2:")), "{found:#?}");
    }
    let own = "package a:b;\ninterface op { run: func(); }\nworld w { import op; }";
    let found = problems(&sources("", &[own]));
    assert!(
        found.len() == 1 && found[0].starts_with("AB0108 3:"),
        "{found:#?}"
    );
}

#[test]
fn an_interface_of_several_functions_is_no_operation() {
    let own = "package a:b;\ninterface op { f: func(); g: func(); }\nworld w { import op; }";
    assert_eq!(
        problems(&sources("", &[own])),
        ["AB0111 3:18 `a:b/op` has 2 functions, and an operation is an interface with one"]
    );
}

#[test]
fn agentboxs_own_package_resolves_without_a_copy() {
    let own = "package a:b;\nworld w { include agentbox:host/program@0.1.0; }";
    assert_eq!(
        imports(&sources("", &[own])),
        ["agentbox:host/invoke@0.1.0", "agentbox:host/errors@0.1.0"]
    );
}

#[test]
fn two_versions_of_one_interface_are_an_error() {
    let own = "package a:b;\nworld w { import c:d/t@1.0.0; import c:d/t@2.0.0; }";
    let mut sources = sources("", &[own]);
    sources.deps = ["1.0.0", "2.0.0"]
        .map(|version| {
            let text = format!("package c:d@{version};\ninterface t {{ type u = u8; }}");
            vec![Text {
                name: format!("wit/deps/{version}.wit"),
                text,
            }]
        })
        .to_vec();
    let found = problems(&sources);
    assert!(
        found.len() == 1 && found[0].starts_with("AB0106"),
        "{found:#?}"
    );
}

#[test]
fn wit_that_would_make_its_parser_panic_is_refused() {
    let wit =
        "package a:b;\nworld w { @since(version = 1.0.0) @since(version = 1.0.0) import c:d/t; }";
    let found = problems(&sources("", &[wit]));
    assert!(
        found.len() == 1 && found[0].starts_with("AB0111"),
        "{found:#?}"
    );
}

#[test]
fn worlds_that_include_each_other_end() {
    let wit = "package a:b;\nworld w { include c:d/v; }";
    let mut sources = sources("", &[wit]);
    sources.deps = vec![
        vec![Text {
            name: "wit/deps/c.wit".to_owned(),
            text: "package c:d;\nworld v { include e:f/u; }".to_owned(),
        }],
        vec![Text {
            name: "wit/deps/e.wit".to_owned(),
            text: "package e:f;\nworld u { include c:d/v; }".to_owned(),
        }],
    ];
    assert!(imports(&sources).is_empty());
}

#[test]
fn nested_packages_are_found() {
    let wit = "package a:b;\nworld w { include c:d/v; }\npackage c:d { world v { import wasi:cli/exit@0.2.0; } }";
    assert_eq!(imports(&sources("", &[wit])), ["wasi:cli/exit@0.2.0"]);
}
