//! Tests of the parser.

mod connectors;
mod grants;
mod tables;
mod threats;
mod typed;

use crate::testing::{decision, policy, problems, toml, with_wit};
use crate::{Code, OriginPattern, Policy, PolicyProblem};

const WIDGETS: &str = r#"
policy = 1

[agent]
id    = "widget-bot"
owner = "widgets@acme.example"

[credentials.widgets]
from   = "env://WIDGETS_KEY"
as     = { header = "x-api-key" }
origin = "https://api.widgets.example"

[limits]
writes = ["20/hour", "100/day"]

[http.widgets]
use    = "widgets"
allow  = ["GET /v1/widgets", "GET /v1/widgets/{id}", "POST /v1/widgets/{id}/notes"]
limits = ["writes"]

[env]
LANG = "C.UTF-8"

[files."/data"]
host   = "data"
access = "read-write"

[run]
memory = "64 MiB"
cpu    = "5s"
wall   = "60s"
"#;

#[test]
fn the_policy_of_the_design_loads_without_a_warning() {
    let policy = policy(WIDGETS);
    assert_eq!(policy.agent().id(), "widget-bot");
    assert_eq!(policy.agent().owner(), Some("widgets@acme.example"));
    assert!(policy.uses_credentials());
    let grant = policy.http_grants().next().expect("one");
    assert_eq!(
        (grant.name(), grant.routes().len(), grant.limits().len()),
        ("http.widgets", 3, 1)
    );
    assert_eq!(
        grant
            .origins()
            .map(OriginPattern::to_string)
            .collect::<Vec<_>>(),
        ["https://api.widgets.example"]
    );
    assert_eq!(policy.env().collect::<Vec<_>>(), [("LANG", "C.UTF-8")]);
    assert_eq!(
        policy
            .files()
            .map(|f| (f.guest(), f.host()))
            .collect::<Vec<_>>(),
        [("/data", "data")]
    );
    assert_eq!(policy.bounds().memory, 64 << 20);
    assert!(policy.warnings().is_empty(), "{:?}", policy.warnings());
    decision(&policy, "GET https://api.widgets.example/v1/widgets/7").expect("granted");
}

const MISTAKES: &str = r#"policy = 1
wrold  = "acme:triage/bot"

[agent]
id = "Widget Bot"

[credentials]
short = "env://KEY"

[credentials.a]
from   = "envy://KEY"
as     = { header = "content-length" }
origin = "http://api.example"

[credentials.b]
from   = "env://KEY"
as     = "bearer"
origin = ["https://*.co.uk", "https://API.example", "https://b.example"]
orgin  = "https://b.example"

[limits]
writes = "20/week"
spend  = "1.00 USD/run"
calls  = "5/run"

[http.one]
use             = "bb"
allow           = ["get /a", "GET b"]
request-headers = ["cookie"]

[http.two]
use    = "b"
allow  = ["GET /a/{id}", "GET /a/b", "GET /a/../b"]
limits = ["cals"]

[http.three]
allow = []

[run]
memory = "64 MB"
wall   = 60

[files."/data"]
host   = "../data"
access = "write"

[never]
imports = ["stripe"]
"#;

#[test]
fn twenty_five_mistakes_are_twenty_five_problems_each_with_its_place() {
    let found = problems(&toml(MISTAKES));
    let expected = r#"
AB0104 2:1 unknown key `wrold`
AB0107 5:6 `Widget Bot` is not an agent id
AB0107 8:9 `credentials.short` leaves placement and origin to a connector, and no grant of an operation uses it
AB0404 11:10 `from` has a scheme that means nothing
AB0107 12:21 the header `content-length` cannot carry a key
AB0107 13:10 `http://api.example` would send calls in the clear
AB0107 18:11 `https://*.co.uk` covers hosts of more than one owner
AB0107 18:30 `https://API.example` is not an origin: the host is not in lower-case letters, digits, dots and inner hyphens
AB0104 19:1 unknown key `credentials.b.orgin`
AB0107 22:10 `20/week` is not a limit
AB0109 23:10 `1.00 USD/run`: limits of money are not enforced by this build
AB0108 27:19 no credential is called `bb`
AB0107 28:20 `get` is not a method that can be granted
AB0107 28:30 the path of `GET b` does not start with `/`
AB0107 29:20 `cookie` cannot be allowed: it carries credentials, and those are added by the host
AB0110 33:26 `GET /a/b` and `GET /a/{id}` can match one request
AB0107 33:38 the segment `..` can never be matched
AB0108 34:11 no limit is called `cals`
AB0107 36:7 `http.three` needs `use` or `origin`
AB0107 37:9 `http.three.allow` is empty
AB0107 40:10 `run.memory`: `64 MB` is not a number of bytes such as `64 MiB` (units: B, KiB, MiB, GiB)
AB0107 41:10 `run.wall` is an integer, expected a string with a unit, such as `"5s"`
AB0107 44:10 `files."/data".host` is not a path below the policy's folder
AB0107 45:10 `write` is not a kind of access
AB0107 48:12 `stripe` is not a pattern of imports
"#;
    assert_eq!(found.join("\n"), expected.trim());
}

/// The hints of a policy's problems.
fn hints(text: &str) -> Vec<String> {
    let errors = Policy::parse(&toml(text)).expect_err("mistakes");
    errors
        .problems()
        .iter()
        .filter_map(|p| p.hint().map(str::to_owned))
        .collect()
}

#[test]
fn a_misspelling_is_told_what_was_probably_meant() {
    let hints = hints(MISTAKES);
    for hint in [
        "did you mean `world`?",
        "did you mean `env://`?",
        "did you mean `origin`?",
        "did you mean `GET`?",
        "did you mean `b`?",
        "did you mean `calls`?",
    ] {
        assert!(
            hints.iter().any(|other| other == hint),
            "{hint} is not in {hints:#?}"
        );
    }
}

#[test]
fn a_problem_is_a_diagnostic_with_code_source_label_and_help() {
    use miette::Diagnostic as _;
    let errors = Policy::parse(&toml(MISTAKES)).expect_err("mistakes");
    assert_eq!(errors.related().map(Iterator::count), Some(25));
    let overlap = errors
        .problems()
        .iter()
        .find(|p| p.code() == Code::AMBIGUOUS_ROUTES);
    let overlap = overlap.expect("there is one");
    assert_eq!(
        overlap.labels().map(Iterator::count),
        Some(2),
        "both routes are shown"
    );
    let code = miette::Diagnostic::code(overlap).map(|code| code.to_string());
    assert_eq!(code.as_deref(), Some("AB0110"));
    assert!(overlap.source_code().is_some() && overlap.help().is_some());
    assert_eq!(overlap.file(), "agentbox.toml");
    assert_eq!(&MISTAKES[overlap.span()], "\"GET /a/b\"");
}

#[test]
fn errors_print_one_line_each() {
    let errors = Policy::parse(&toml("policy = 1\nx = 1\ny = 2")).expect_err("mistakes");
    assert_eq!(
        errors.to_string(),
        "error[AB0104]: unknown key `x`: agentbox.toml:2:1\nerror[AB0104]: unknown key `y`: agentbox.toml:3:1"
    );
}

/// Codes of the problems of a policy that starts with `policy = 1`.
fn codes(rest: &str) -> Vec<String> {
    let found = problems(&toml(&format!("policy = 1\n{rest}")));
    found
        .iter()
        .map(|problem| problem[..6].to_owned())
        .collect()
}

#[track_caller]
fn one(code: Code, rest: &str) {
    let found = problems(&toml(&format!("policy = 1\n{rest}")));
    assert!(
        found.len() == 1 && found[0].starts_with(&code.to_string()),
        "expected one {code} for {rest}\nfound {found:#?}"
    );
}

#[track_caller]
fn good(rest: &str) -> Policy {
    policy(&format!("policy = 1\n{rest}"))
}

/// A policy of one http table with this origin and these further lines.
fn http_table(origin: &str, more: &str) -> String {
    format!("[http.a]\norigin = {origin}\n{more}\nallow = [\"GET /\"]")
}

/// A policy of one credential with these lines.
fn credential(lines: &str) -> String {
    format!(
        "agent.id = \"bot\"\n[credentials.a]\n{lines}\n[http.a]\nuse = \"a\"\nallow = [\"GET /\"]"
    )
}

#[test]
fn a_key_that_was_pasted_into_the_policy_is_not_repeated() {
    let canary = "canary-9f3kq27xvb41";
    let text = credential(&format!(
        "from = {canary:?}\nas = \"bearer\"\norigin = \"https://a.test\""
    ));
    let errors = Policy::parse(&toml(&format!("policy = 1\n{text}"))).expect_err("no reference");
    assert!(!errors.to_string().contains(canary), "{errors}");
    assert!(
        errors
            .problems()
            .iter()
            .all(|p| !p.hint().unwrap_or_default().contains(canary))
    );
}

fn warnings(rest: &str) -> Vec<String> {
    let policy = good(rest);
    policy
        .warnings()
        .iter()
        .map(|w: &PolicyProblem| format!("{} {}", w.code(), w.message()))
        .collect()
}

#[test]
fn a_syntax_error_is_reported_without_mistakes_that_it_causes() {
    let text = "policy = 1\n[credentials.a]\nfrom = \"env://K\nas = \"bearer\"\norigin = \"https://a.test\"\n[http.a]\nuse = \"a\"\nallow = [\"GET /\"]\nx = 1\n";
    let found = problems(&toml(text));
    assert!(
        found
            .iter()
            .all(|p| p.starts_with("AB0102") || p.starts_with("AB0104")),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|p| p.starts_with("AB0104 9:1")),
        "the rest is still read: {found:#?}"
    );
}

#[test]
fn the_digest_changes_with_every_text_and_name_and_not_with_the_folder() {
    let digest = |sources| Policy::parse(&sources).expect("good").digest().to_owned();
    let world = "package a:b; world w { }";
    let one = digest(with_wit("policy = 1", &[world]));
    assert_eq!(one.len(), 64);
    assert_ne!(one, digest(with_wit("policy = 1\n", &[world])));
    assert_ne!(
        one,
        digest(with_wit("policy = 1", &["package a:b; world w {  }"]))
    );
    assert_ne!(one, digest(toml("policy = 1")));
    let mut moved = with_wit("policy = 1", &[world]);
    moved.toml.name = "/srv/bot/agentbox.toml".to_owned();
    moved.wit[0].name = "/srv/bot/wit/0.wit".to_owned();
    assert_eq!(one, digest(moved.clone()));
    moved.wit[0].name = "/srv/bot/wit/1.wit".to_owned();
    assert_ne!(one, digest(moved));
}
