//! Tests of policies that grant operations of connectors: what is good, and what is made of it.

use crate::condition::{Matcher, Scalar, Within};
use crate::testing::{connected, problems};
use crate::{Code, ConnectorText, Origin, Policy, PolicyProblem, Sources, Text};

/// The policy of the design, with all its WIT, as it stands in the folder `triage`.
fn triage() -> Sources {
    macro_rules! file {
        ($name:literal) => {
            Text {
                name: $name.to_owned(),
                text: include_str!(concat!("triage/", $name)).to_owned(),
            }
        };
    }
    let mut sources = connected("", &[]);
    sources.toml = file!("agentbox.toml");
    sources.wit = vec![file!("wit/world.wit")];
    sources.deps = vec![
        vec![file!("wit/deps/agentbox/types.wit")],
        vec![file!("wit/deps/github/issues.wit")],
        vec![file!("wit/deps/openai/chat.wit")],
        vec![file!("wit/deps/stripe/charges.wit")],
    ];
    sources
}

/// The policy of the design, without what is not enforced yet.
fn enforced() -> Sources {
    let mut sources = triage();
    let text = &mut sources.toml.text;
    for (later, now) in [
        ("op://Agents/triage-bot-github/token", "env://GITHUB_TOKEN"),
        (
            "vault://secret/agents/triage-bot/openai#api_key",
            "env://OPENAI_KEY",
        ),
        ("1.00 USD/run", "5/run"),
    ] {
        assert!(text.contains(later));
        *text = text.replace(later, now);
    }
    let from = text.find("[delegate").expect("there");
    let to = text.find("[never]").expect("there");
    text.replace_range(from..to, "");
    sources
}

#[track_caller]
fn good(sources: &Sources) -> Policy {
    match Policy::parse(sources) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn the_policy_of_the_design_is_refused_for_what_is_not_enforced_and_nothing_else() {
    let expected = "\
AB0109 9:10 this build has no source for `op://`
AB0109 10:10 this build has no source for `vault://`
AB0109 14:10 `1.00 USD/run`: limits of money are not enforced by this build
AB0109 30:2 `delegate` is not enforced by this build";
    assert_eq!(problems(&triage()).join("\n"), expected);
    let mut without_copies = triage();
    without_copies.deps.clear();
    assert_eq!(problems(&without_copies).join("\n"), expected);
}

#[test]
fn the_policy_of_the_design_grants_three_operations() {
    let policy = good(&enforced());
    assert!(policy.warnings().is_empty(), "{:?}", policy.warnings());
    let names: Vec<_> = policy
        .operation_grants()
        .map(|grant| grant.name())
        .collect();
    assert_eq!(
        names,
        [
            "github:issues/list-for-repo",
            "github:issues/create-comment",
            "openai:chat/create-chat-completion"
        ]
    );
    let connectors: Vec<_> = policy
        .connectors()
        .map(|connector| connector.name())
        .collect();
    assert_eq!(connectors, ["github", "openai"]);
    let grant = policy
        .operation_grant("github:issues/create-comment")
        .expect("granted");
    assert_eq!(grant.origin(), &origin("https://api.github.com"));
    let credential = grant.credential().expect("a key");
    assert_eq!(credential.placement().to_string(), "as a bearer token");
    assert_eq!(grant.limits()[0].name(), "writes");
    let text = |text: &str| Matcher::OneOf(vec![Scalar::Text(text.to_owned())]);
    let conditions: Vec<_> = grant
        .conditions()
        .iter()
        .map(|condition| (condition.argument.as_str(), condition.matcher.clone()))
        .collect();
    let short = Within {
        max_bytes: Some(4096),
        ..Within::default()
    };
    assert_eq!(
        conditions,
        [
            ("owner", text("acme")),
            ("repo", text("widgets")),
            ("body", Matcher::Within(short)),
        ]
    );
}

fn origin(text: &str) -> Origin {
    Origin::parse(text).expect("an origin")
}

/// A world `a:b/w` of these imports, under a policy of these tables.
fn typed(imports: &str, tables: &str) -> Sources {
    let wit = format!("package a:b;\nworld w {{ {imports} }}");
    let toml = format!("policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\n{tables}");
    connected(&toml, &[&wit])
}

const WHOAMI: &str = "import matrix:client/whoami@1.11.0;";

#[test]
fn a_credential_takes_from_the_connector_what_it_leaves_out() {
    for (credential, placement, origin) in [
        (
            "\"env://K\"",
            "as a bearer token",
            "https://matrix-client.matrix.org",
        ),
        (
            "{ from = \"env://K\", as = { header = \"x-key\" } }",
            "in the header `x-key`",
            "https://matrix-client.matrix.org",
        ),
        (
            "{ from = \"env://K\", origin = \"https://matrix.acme.example\" }",
            "as a bearer token",
            "https://matrix.acme.example",
        ),
    ] {
        let tables =
            format!("credentials.m = {credential}\n[grants.\"matrix:client/whoami\"]\nuse = \"m\"");
        let policy = good(&typed(WHOAMI, &tables));
        let grant = policy.operation_grants().next().expect("one");
        let found = grant.credential().expect("a key");
        assert_eq!(found.placement().to_string(), placement);
        assert_eq!(grant.origin().to_string(), origin);
        assert_eq!(found.origins()[0].to_string(), origin);
    }
}

#[test]
fn a_grant_without_use_sends_no_key() {
    let policy = good(&typed(WHOAMI, "[grants.\"matrix:client/whoami\"]"));
    let grant = policy.operation_grants().next().expect("one");
    assert!(grant.credential().is_none());
    assert!(!policy.uses_credentials());
    let warnings: Vec<_> = policy.warnings().iter().map(PolicyProblem::code).collect();
    assert_eq!(warnings, [Code::KEYLESS_GRANT]);
    let hint = policy.warnings()[0].hint();
    assert_eq!(
        hint,
        Some("`use = \"NAME\"`, with the name of a credential")
    );
}

#[test]
fn a_grant_without_use_is_no_surprise_where_the_connector_has_no_place_for_a_key() {
    let policy = good(&notes(
        "[grants.\"notes:book/read\"]",
        "https://notes.example",
    ));
    assert_eq!(policy.warnings().len(), 0);
}

#[test]
fn a_connector_on_this_machine_is_called_in_the_clear_only_where_the_policy_says_so() {
    let grant = "[grants.\"notes:book/read\"]";
    let origin = "http://127.0.0.1:8080";
    let found = problems(&notes(grant, origin));
    assert!(
        found.len() == 1 && found[0].contains("in the clear"),
        "{found:#?}"
    );
    good(&notes(
        &format!("insecure-loopback = true\n{grant}"),
        origin,
    ));
}

/// A policy with a connector that has no place for a key, at this origin.
fn notes(tables: &str, origin: &str) -> Sources {
    let text = |name: &str, text: String| Text {
        name: format!("connectors/notes/{name}"),
        text,
    };
    let toml = format!(
        "connector = 1\nname = \"notes\"\norigin = \"{origin}\"\n\
         [operations.\"book/read\"]\nrequest = \"GET /\"\neffect = \"read\"\nscope = []"
    );
    let wit = "package notes:book@1.0.0; interface read { \
               use agentbox:host/errors@0.1.0.{error}; read: func() -> result<string, error>; }";
    let mut sources = typed("import notes:book/read@1.0.0;", tables);
    sources.connectors.push(ConnectorText {
        toml: text("connector.toml", toml),
        wit: vec![text("book.wit", wit.to_owned())],
    });
    sources
}

#[test]
fn a_local_server_is_reached_by_the_credentials_origin() {
    let tables = "insecure-loopback = true\n\
        credentials.m = { from = \"env://K\", origin = \"http://127.0.0.1:8008\" }\n\
        [grants.\"matrix:client/whoami\"]\nuse = \"m\"";
    let policy = good(&typed(WHOAMI, tables));
    let grant = policy.operation_grants().next().expect("one");
    assert_eq!(grant.origin(), &origin("http://127.0.0.1:8008"));
    assert!(grant.addresses.admits([127, 0, 0, 1].into()));
    assert!(!grant.addresses.admits([127, 0, 0, 2].into()));
    let clear = typed(WHOAMI, &tables.replace("insecure-loopback = true", ""));
    let found = problems(&clear);
    assert!(
        found.len() == 1 && found[0].contains("in the clear"),
        "{found:#?}"
    );
}

#[test]
fn addresses_of_a_grant_and_of_its_credential_hold_together() {
    let tables = "credentials.v = { from = \"env://K\", origin = \"https://vault.acme.example\", \
        addresses = [\"10.1.0.0/16\"] }\n\
        [grants.\"vault:kv/read\"]\nuse = \"v\"\naddresses = [\"10.2.0.0/16\"]\n\
        where = { mount = \"secret\", path = { prefix = \"bot/\" } }";
    let policy = good(&typed("import vault:kv/read@2.0.0;", tables));
    let grant = policy.operation_grants().next().expect("one");
    for (address, admitted) in [
        ([10, 1, 0, 1], true),
        ([10, 2, 0, 1], true),
        ([10, 3, 0, 1], false),
    ] {
        assert_eq!(grant.addresses.admits(address.into()), admitted);
    }
}

#[test]
fn roles_and_types_of_a_connector_resolve_without_a_copy() {
    let mut sources = typed(
        "include github:issues/role@2022.11.28; use github:issues/types@2022.11.28.{issue};",
        "[grants.\"github:issues/get\"]\nwhere = { owner = \"a\", repo = { any = true } }",
    );
    let with_role = sources
        .connectors
        .iter_mut()
        .find(|connector| connector.toml.name.contains("github"))
        .expect("built in");
    with_role.wit[0]
        .text
        .push_str("\nworld role { import get; }\n");
    let policy = good(&sources);
    let mut imports: Vec<_> = policy.world().expect("named").imports().collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "agentbox:host/errors@0.1.0",
            "github:issues/get@2022.11.28",
            "github:issues/types@2022.11.28"
        ]
    );
}

#[test]
fn only_connectors_that_are_used_are_read_and_count_in_the_digest() {
    let sources = typed(WHOAMI, "[grants.\"matrix:client/whoami\"]");
    let digest = |sources: &Sources| good(sources).digest().to_owned();
    let one = digest(&sources);
    let change = |name: &str| {
        let mut changed = sources.clone();
        let connector: &mut ConnectorText = changed
            .connectors
            .iter_mut()
            .find(|connector| connector.toml.name.contains(name))
            .expect("built in");
        connector.toml.text.push_str("\n# a comment\n");
        changed
    };
    assert_eq!(one, digest(&change("github")));
    assert_ne!(one, digest(&change("matrix")));
    let mut broken = sources.clone();
    for connector in &mut broken.connectors {
        if connector.toml.name.contains("github") {
            connector.toml.text = "connector = 2".to_owned();
        }
    }
    assert_eq!(one, digest(&broken), "nobody uses it");
}

#[test]
fn what_asks_nobody_says_so() {
    let sources = destructive("confirm = \"never\"");
    assert_eq!(problems(&sources), [""; 0]);
    assert_eq!(
        problems(&destructive("")),
        [
            "AB0125 4:9 `matrix:client/whoami` has the effect `destroy`, and its grant does not say whether to ask"
        ]
    );
    assert_eq!(
        problems(&destructive("confirm = \"each\"")),
        ["AB0109 5:11 `grants.\"matrix:client/whoami\".confirm`: asking a person is not enforced"]
    );
}

/// A policy of an operation that destroys.
fn destructive(line: &str) -> Sources {
    let mut sources = typed(
        WHOAMI,
        &format!("[grants.\"matrix:client/whoami\"]\n{line}"),
    );
    for connector in &mut sources.connectors {
        let text = &mut connector.toml.text;
        *text = text.replacen("effect  = \"read\"", "effect  = \"destroy\"", 1);
    }
    sources
}

#[test]
fn what_writes_or_spends_without_a_limit_is_warned_of() {
    let tables = "credentials.m = \"env://K\"\n\
        [grants.\"matrix:client/send-message\"]\nuse = \"m\"\nwhere = { room-id = \"!a:b\" }";
    let policy = good(&typed("import matrix:client/send-message@1.11.0;", tables));
    let warnings: Vec<_> = policy
        .warnings()
        .iter()
        .map(|warning| format!("{} {}", warning.code(), warning.message()))
        .collect();
    assert_eq!(
        warnings,
        ["AB0302 `matrix:client/send-message` writes, and has no limit"]
    );
    let limited = format!("limits.w = \"1/hour\"\n{tables}\nlimits = [\"w\"]");
    let policy = good(&typed(
        "import matrix:client/send-message@1.11.0;",
        &limited,
    ));
    assert!(policy.warnings().is_empty());
}

#[test]
fn a_promise_that_is_kept_says_nothing() {
    let tables = "[grants.\"matrix:client/whoami\"]\n\
        [never]\nimports = [\"stripe:*\", \"github:repos/*\", \"github:issues/get\"]\n\
        effects = [\"destroy\", \"admin\", \"write\"]";
    let policy = good(&typed(WHOAMI, tables));
    assert_eq!(policy.never.imports.len() + policy.never.effects.len(), 6);
}

#[test]
fn a_promise_that_is_broken_is_an_error_at_the_grant() {
    for (promise, broken) in [
        ("imports = [\"matrix:*\"]", true),
        ("imports = [\"matrix:client/*\"]", true),
        ("imports = [\"matrix:client/whoami\"]", true),
        ("imports = [\"matrix:client/who\"]", false),
        ("imports = [\"matrix:cli/*\"]", false),
        ("imports = [\"mat:*\"]", false),
        ("effects = [\"read\"]", true),
        ("effects = [\"write\"]", false),
    ] {
        let tables = format!("[never]\n{promise}\n[grants.\"matrix:client/whoami\"]");
        let found = problems(&typed(WHOAMI, &tables));
        let expected = usize::from(broken);
        assert_eq!(found.len(), expected, "{promise}: {found:#?}");
        assert!(
            found.iter().all(|p| p.starts_with("AB0124 6:9")),
            "{found:#?}"
        );
    }
}

#[test]
fn an_operation_that_deletes_counts_as_one_that_destroys_whatever_its_connector_says() {
    for (request, found) in [("PUT", 0), ("DELETE", 1)] {
        let promise = "[never]\neffects = [\"destroy\"]\n[grants.\"matrix:client/whoami\"]";
        let mut sources = typed(WHOAMI, promise);
        for connector in &mut sources.connectors {
            let text = &mut connector.toml.text;
            let said = "GET /_matrix/client/v3/account/whoami\"\neffect  = \"read\"";
            let says = said.replace("GET", request).replace("read", "write");
            *text = text.replacen(said, &says, 1);
        }
        assert_eq!(problems(&sources).len(), found, "{request}");
    }
}

#[test]
fn routes_count_for_promises_by_their_method() {
    for (promise, route) in [
        ("effects = [\"destroy\"]", Some("DELETE /a")),
        ("effects = [\"write\"]", Some("POST /a")),
        ("effects = [\"read\"]", Some("GET /a")),
        ("effects = [\"spend\", \"admin\"]", None),
    ] {
        let text = format!(
            "policy = 1\n[never]\n{promise}\n[http.a]\norigin = \"https://a.test\"\n\
             allow = [\"GET /a\", \"POST /a\", \"DELETE /a\"]"
        );
        let found = problems(&connected(&text, &[]));
        let expected: Vec<_> = route
            .into_iter()
            .map(|route| format!("`{route}` is granted"))
            .collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        assert!(
            expected.iter().all(|start| found[0].contains(start)),
            "{found:#?}"
        );
    }
    let text = "policy = 1\n[never]\nimports = [\"wasi:http/outgoing-handler\"]\n[http.a]\n\
                origin = \"https://a.test\"\nallow = [\"GET /a\"]";
    assert!(problems(&connected(text, &[]))[0].starts_with("AB0124 4:7"));
}
