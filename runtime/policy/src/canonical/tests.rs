//! Tests of canonical.

use sha2::{Digest as _, Sha256};

use crate::testing::{call, connected, decide, policy};
use crate::{HttpHead, OperationHead, Policy};

const POLICY: &str = r#"
policy = 1
insecure-loopback = true
agent.id = "bot"

[credentials.widgets]
from   = "env://WIDGETS_KEY"
as     = { query = "key" }
origin = "https://api.widgets.example"

[http.widgets]
use             = "widgets"
allow           = ["GET /v1/{id}?*", "POST /v1/widgets/{id}/notes?*"]
request-headers = ["x-trace", "x"]

[http.local]
origin = ["http://127.0.0.1:8080", "http://[::1]:80", "https://api.widgets.example:8443"]
allow  = ["GET /v1/{id}?*"]
"#;

/// The canonical head of a request, as text.
#[track_caller]
fn head(head: &HttpHead) -> String {
    let approved = decide(&policy(POLICY), head).unwrap_or_else(|denied| panic!("{denied}"));
    String::from_utf8(approved.canonical_head()).expect("all parts are ASCII")
}

#[track_caller]
fn of(line: &str, headers: &[(&str, &str)]) -> String {
    head(&call(line, headers))
}

#[test]
fn the_canonical_request_is_as_it_is_published() {
    let lesson = include_str!("../../../../wit/README.md");
    let (_, section) = lesson
        .split_once("\n## The canonical request\n")
        .expect("the lesson has the section");
    let (_, example) = section.split_once("```text\n").expect("an example");
    let (example, after) = example.split_once("```\n").expect("its end");
    let text = of(
        "POST https://api.widgets.example:443/v1/widgets/7/notes?draft=1",
        &[
            ("x-trace", "b"),
            ("accept-encoding", "gzip"),
            ("content-type", "application/json"),
            ("content-length", "16"),
            ("host", "api.widgets.example"),
            ("accept", "application/json"),
            ("x-trace", "a"),
        ],
    );
    let body = r#"{"text":"Hello"}"#;
    assert_eq!(example, format!("{text}{body}\n"));
    for (name, part) in [("head", text.as_str()), ("body", body)] {
        let digest: String = Sha256::digest(part)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let line = format!("`{name}` is `{digest}`");
        assert!(after.contains(&line), "the lesson does not say: {line}");
    }
}

#[test]
fn each_part_is_in_it_once_and_nothing_the_host_adds() {
    assert_eq!(
        of("GET https://api.widgets.example/v1/7", &[]),
        "GET\nhttps\napi.widgets.example\n/v1/7\n\n"
    );
    assert_eq!(
        of(
            "GET https://api.widgets.example/v1/7?a=b",
            &[
                ("host", "api.widgets.example"),
                ("content-length", "0"),
                ("accept-encoding", "br"),
                ("accept", "*/*"),
            ]
        ),
        "GET\nhttps\napi.widgets.example\n/v1/7?a=b\naccept:*/*\n\n"
    );
}

#[test]
fn the_authority_has_one_spelling() {
    for (url, authority) in [
        ("http://127.0.0.1:8080", "http\n127.0.0.1:8080"),
        ("http://[::1]", "http\n[::1]"),
        ("http://[::1]:80", "http\n[::1]"),
        (
            "https://api.widgets.example:443",
            "https\napi.widgets.example",
        ),
        (
            "https://api.widgets.example:8443",
            "https\napi.widgets.example:8443",
        ),
    ] {
        let expected = format!("GET\n{authority}\n/v1/7\n\n");
        assert_eq!(of(&format!("GET {url}/v1/7"), &[]), expected);
    }
}

#[test]
fn requests_that_differ_anywhere_have_different_heads() {
    let at = "GET https://api.widgets.example/v1";
    let heads = [
        of(&format!("{at}/7"), &[]),
        of(&format!("{at}/8"), &[]),
        of(&format!("{at}/7%3Fa"), &[]),
        of(&format!("{at}/7?a"), &[]),
        of(&format!("{at}/7?a="), &[]),
        of(&format!("{at}/7?a=b"), &[]),
        of(&format!("{at}/7?a&b"), &[]),
        of(&format!("{at}/7?b&a"), &[]),
        of(&format!("{at}/7"), &[("accept", "")]),
        of(&format!("{at}/7"), &[("accept", "x:y")]),
        of(&format!("{at}/7"), &[("x", "y")]),
        of(&format!("{at}/7"), &[("accept", "a"), ("accept", "b")]),
        of(&format!("{at}/7"), &[("accept", "b"), ("accept", "a")]),
        of(&format!("{at}/7"), &[("accept", "a, b")]),
        of(&format!("{at}/7"), &[("accept", "a\tb")]),
        of("GET https://api.widgets.example:8443/v1/7", &[]),
        of("GET http://127.0.0.1:8080/v1/7", &[]),
        of("GET http://[::1]/v1/7", &[]),
    ];
    for (at, head) in heads.iter().enumerate() {
        assert!(!heads[..at].contains(head), "{head}");
        assert!(head.ends_with("\n\n") && head.matches("\n\n").count() == 1);
    }
}

#[test]
fn headers_are_sorted_by_name_and_those_of_one_name_keep_their_order() {
    let line = "GET https://api.widgets.example/v1/7";
    let pairs = [
        ("x-trace", "2"),
        ("accept", "b"),
        ("user-agent", "u"),
        ("x-trace", "1"),
        ("x", "0"),
        ("accept", "a"),
    ];
    let expected = "accept:b\naccept:a\nuser-agent:u\nx:0\nx-trace:2\nx-trace:1\n\n";
    assert!(of(line, &pairs).ends_with(expected));
    // Wherever the others of a name stand between.
    let grouped = [pairs[1], pairs[5], pairs[4], pairs[2], pairs[0], pairs[3]];
    assert_eq!(of(line, &grouped), of(line, &pairs));
}

#[test]
fn an_operation_has_the_head_of_the_request_that_its_arguments_make() {
    let toml = r#"
policy = 1
world  = "acme:bot/bot"
agent.id = "bot"

[credentials]
github = "env://GITHUB_TOKEN"

[grants."github:issues/list-for-repo"]
use   = "github"
where = { owner = "acme", repo = "widgets" }
"#;
    let wit =
        "package acme:bot@0.1.0;\nworld bot { import github:issues/list-for-repo@2022.11.28; }";
    let policy = Policy::parse(&connected(toml, &[wit])).unwrap_or_else(|e| panic!("{e}"));
    let call = OperationHead {
        operation: "github:issues/list-for-repo".to_owned(),
        arguments: r#"{"owner":"acme","repo":"widgets","state":"open"}"#.to_owned(),
    };
    let approved = crate::decide(&policy, &call.into()).unwrap_or_else(|e| panic!("{e}"));
    let head = String::from_utf8(approved.canonical_head()).expect("ASCII");
    assert_eq!(
        head,
        concat!(
            "GET\nhttps\napi.github.com\n/repos/acme/widgets/issues?state=open\n",
            "accept:application/vnd.github+json\nuser-agent:agentbox/",
            env!("CARGO_PKG_VERSION"),
            "\nx-github-api-version:2022-11-28\n\n"
        )
    );
}
