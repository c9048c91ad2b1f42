//! Grants of operations, beside each other.

use crate::testing::{built_in, connected};
use crate::{ConnectorText, Policy};

use super::beyond;

const SCOPE: &str = r#"limits.writes = "20/hour"
[credentials]
one  = { from = "env://ONE", as = "bearer", origin = "https://api.github.com" }
two  = { from = "env://TWO", as = "bearer", origin = "https://api.github.com" }
away = { from = "env://ONE", as = "bearer", origin = "https://git.acme.example" }
"#;

/// A policy that grants `github:issues/create-comment`, with this connector.
#[track_caller]
fn with(connector: ConnectorText, grant: &str) -> Policy {
    let version = connector.wit[0].text.lines().next().expect("a package");
    let version = version.trim_end_matches(';').rsplit('@').next();
    let wit = format!(
        "package a:b; world w {{ import github:issues/create-comment@{}; }}",
        version.expect("a version")
    );
    let toml = format!(
        "policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\n{SCOPE}\n\
         [grants.\"github:issues/create-comment\"]\n{grant}"
    );
    let mut sources = connected(&toml, &[&wit]);
    sources.connectors = vec![connector];
    match Policy::parse(&sources) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

fn grant(grant: &str) -> Policy {
    with(built_in("github"), grant)
}

/// What each of two grants allows beyond the other: `one` first.
#[track_caller]
fn check(one: &Policy, other: &Policy, more: &[&str], less: &[&str]) {
    let named = |all: &[&str]| -> Vec<String> {
        all.iter()
            .map(|what| format!("github:issues/create-comment: {what}"))
            .collect()
    };
    assert_eq!(beyond(one, other), named(more), "more");
    assert_eq!(beyond(other, one), named(less), "less");
    assert_eq!(beyond(one, one), [""; 0], "the same");
}

#[test]
fn an_operation_that_is_new_is_told_with_its_terms() {
    let none = crate::testing::policy("policy = 1\nagent.id = \"bot\"");
    let some = grant(
        "use = \"one\"\nlimits = [\"writes\"]\naddresses = [\"10.0.0.0/8\"]\n\
         where = { owner = \"acme\", repo = { any = true }, issue-number = { min = 1, max = 5 }, \
         body = { prefix = \"bot: \", max-bytes = 99 } }",
    );
    check(
        &some,
        &none,
        &[
            "it may be called, as `POST /repos/{owner}/{repo}/issues/{issue-number}/comments` \
             to `https://api.github.com`",
            "`owner` may be `acme`",
            "`repo` may be anything",
            "`issue-number` may be what is at least `1` and is at most `5`",
            "`body` may be what starts with `bot: ` and has at most 99 bytes",
            "the host adds the key from `env://ONE` as a bearer token",
            "names may lead to addresses in `10.0.0.0/8`",
            "each call counts towards `writes` (20/hour)",
        ],
        &[],
    );
}

#[test]
fn each_argument_is_held_against_its_own_condition() {
    let on = |owner: &str, repo: &str, rest: &str| {
        grant(&format!(
            "where = {{ owner = {owner}, repo = {repo}{rest} }}"
        ))
    };
    let one = on("\"acme\"", "\"widgets\"", "");
    check(&one, &one, &[], &[]);
    check(
        &on("\"acme\"", "[\"secrets\", \"widgets\"]", ""),
        &one,
        &["`repo` may be `secrets`"],
        &[],
    );
    check(
        &on("{ any = true }", "\"Widgets\"", ""),
        &one,
        &["`owner` may be anything", "`repo` may be `Widgets`"],
        &["`repo` may be `widgets`"],
    );
    check(
        &one,
        &on(
            "\"acme\"",
            "\"widgets\"",
            ", body = { max-bytes = 9 }, issue-number = [1, 2]",
        ),
        &["`body` may be anything", "`issue-number` may be anything"],
        &[],
    );
}

#[test]
fn each_part_of_a_matcher_is_told_alone() {
    let on = |owner: &str, repo: &str, rest: &str| {
        grant(&format!(
            "where = {{ owner = {owner}, repo = {repo}{rest} }}"
        ))
    };
    check(
        &on(
            "{ prefix = \"ac\" }",
            "{ prefix = \"w\", max-bytes = 9 }",
            "",
        ),
        &on(
            "{ prefix = \"acme\" }",
            "{ prefix = \"wi\", max-bytes = 8 }",
            "",
        ),
        &[
            "`owner` may start with `ac`",
            "`repo` may start with `w`",
            "`repo` may have as many as 9 bytes",
        ],
        &[],
    );
    check(
        &on(
            "\"acme\"",
            "{ prefix = \"w\" }",
            ", issue-number = { min = 1 }",
        ),
        &on(
            "\"acme\"",
            "{ max-bytes = 8 }",
            ", issue-number = { max = 9 }",
        ),
        &[
            "`repo` may have more than 8 bytes",
            "`issue-number` may be more than `9`",
        ],
        &[
            "`repo` need not start with `w`",
            "`issue-number` may be less than `1`",
        ],
    );
    check(
        &on(
            "\"acme\"",
            "\"widgets\"",
            ", issue-number = { min = 1, max = 9 }",
        ),
        &on(
            "\"acme\"",
            "\"widgets\"",
            ", issue-number = { min = 2, max = 8 }",
        ),
        &[
            "`issue-number` may be as small as `1`",
            "`issue-number` may be as large as `9`",
        ],
        &[],
    );
    check(
        &on(
            "\"acme\"",
            "[\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\"]",
            "",
        ),
        &on("\"acme\"", "[\"\", \"a`b\"]", ""),
        &["`repo` may be `a` or `b` or `c` or `d` or `e` or `f` or `g`"],
        &["`repo` may be an empty text or `a\\u{60}b`"],
    );
}

#[test]
fn key_place_addresses_and_limits_of_an_operation_are_compared() {
    let on = |rest: &str| {
        grant(&format!(
            "where = {{ owner = \"a\", repo = \"b\" }}\n{rest}"
        ))
    };
    check(
        &on("use = \"one\""),
        &on(""),
        &["the host adds the key from `env://ONE` as a bearer token"],
        &["no key is sent"],
    );
    check(
        &on("use = \"one\""),
        &on("use = \"two\""),
        &["the host adds the key from `env://ONE` as a bearer token"],
        &["the host adds the key from `env://TWO` as a bearer token"],
    );
    check(
        &on("use = \"one\""),
        &on("use = \"away\""),
        &["it goes to `https://api.github.com`"],
        &["it goes to `https://git.acme.example`"],
    );
    check(
        &on("addresses = [\"10.0.0.0/8\"]"),
        &on(""),
        &["names may lead to addresses in `10.0.0.0/8`"],
        &[],
    );
    check(
        &on(""),
        &on("limits = [\"writes\"]"),
        &["it may be used without the limit 20/hour (`writes`)"],
        &[],
    );
}

#[test]
fn an_operation_that_leaves_loopback_is_told_by_its_origin_alone() {
    let at = |origin: &str| {
        let toml = format!(
            "policy = 1\nworld = \"a:b/w\"\ninsecure-loopback = true\nagent.id = \"bot\"\n\
             [credentials.k]\nfrom = \"env://K\"\nas = \"bearer\"\norigin = {origin:?}\n\
             [grants.\"github:issues/create-comment\"]\nuse = \"k\"\n\
             where = {{ owner = \"acme\", repo = \"widgets\" }}\n"
        );
        let wit = "package a:b; world w { import github:issues/create-comment@2022.11.28; }";
        Policy::parse(&connected(&toml, &[wit])).expect("a policy")
    };
    check(
        &at("https://git.acme.example"),
        &at("http://127.0.0.1:9"),
        &["it goes to `https://git.acme.example`"],
        &["it goes to `http://127.0.0.1:9`"],
    );
}

/// The built-in connector with something else in the place of `from`.
#[track_caller]
fn edited(from: &str, to: &str) -> ConnectorText {
    let mut connector = built_in("github");
    let text = if connector.toml.text.contains(from) {
        &mut connector.toml.text
    } else {
        &mut connector.wit[0].text
    };
    assert!(text.contains(from), "{from}");
    *text = text.replace(from, to);
    connector
}

#[test]
fn another_connectors_operation_is_another_operation() {
    let on = "where = { owner = \"a\", repo = \"b\" }";
    let own = grant(on);
    for (from, to, more, less) in [
        ("about     = \"GitHub's REST API\"\n", "", "", ""),
        ("permission = \"issues: write\"\n", "", "", ""),
        (
            "issues@2022.11.28",
            "issues@2027.1.1",
            "it is of version `2027.1.1`",
            "it is of version `2022.11.28`",
        ),
        (
            "effect     = \"write\"",
            "effect     = \"spend\"",
            "its effect is `spend`",
            "its effect is `write`",
        ),
        (
            "scope      = [\"owner\", \"repo\"]",
            "scope      = [\"owner\"]",
            "what it may touch is decided by `owner`",
            "what it may touch is decided by `owner` and `repo`",
        ),
        (
            "{issue-number}/comments\"\nbody ",
            "{issue-number}/comments\"\nidempotent = true\nbody ",
            "to call it twice is to call it once",
            "to call it twice is not to call it once",
        ),
        (
            "POST /repos/{owner}/{repo}/issues/{issue-number}/comments",
            "POST /repos/{owner}/{repo}/pulls/{issue-number}/comments",
            "it sends `POST /repos/{owner}/{repo}/pulls/{issue-number}/comments`",
            "it sends `POST /repos/{owner}/{repo}/issues/{issue-number}/comments`",
        ),
        (
            "{ body = \"{body}\" }",
            "{ body = \"{body}\", admin = true }",
            "its connector makes another request of the same arguments",
            "its connector makes another request of the same arguments",
        ),
        (
            "html-url: string",
            "html-url: option<string>",
            "its types are not the same",
            "its types are not the same",
        ),
        (
            "message = [\"/message\"]",
            "message = [\"/error\"]",
            "its connector reads the reply in another way",
            "its connector reads the reply in another way",
        ),
    ] {
        let other = with(edited(from, to), on);
        let told = |what: &'static str| Some(what).filter(|what| !what.is_empty());
        let all = |what| told(what).into_iter().collect::<Vec<_>>();
        check(&other, &own, &all(more), &all(less));
    }
}
