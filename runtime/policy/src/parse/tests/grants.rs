//! Tests of policies that grant operations of connectors: what is wrong with them.

use std::collections::BTreeSet;

use crate::testing::{connected, problems};
use crate::{ConnectorText, Policy, Sources, Text};

/// A connector of one operation whose arguments have many types.
fn zoo() -> ConnectorText {
    let text = |file: &str, text: &str| Text {
        name: format!("connectors/zoo/{file}"),
        text: text.to_owned(),
    };
    ConnectorText {
        toml: text(
            "connector.toml",
            r#"connector = 1
name   = "zoo"
origin = "https://zoo.example"
[operations."all/feed"]
request = "POST /{keeper}"
query   = { q = "{when}" }
headers = { x-zoo = "fed" }
body    = { amount = "{amount}", share = "{share}", wet = "{wet}", kind = "{kind}", notes = "{notes}", grade = "{grade}", photo = "{photo}" }
effect  = "write"
scope   = ["keeper"]
"#,
        ),
        wit: vec![text(
            "all.wit",
            r"package zoo:all@1.0.0;
interface feed {
  use agentbox:host/errors@0.1.0.{error};
  enum animal { ape, bear }
  record params {
    keeper: string,
    when: option<string>,
    amount: u8,
    share: option<f64>,
    wet: bool,
    kind: animal,
    notes: list<string>,
    grade: char,
    photo: list<u8>,
  }
  feed: func(p: params) -> result<_, error>;
}
",
        )],
    }
}

/// A policy that grants the zoo's operation with these lines.
fn feed(lines: &str) -> Sources {
    let toml = format!("policy = 1\nworld = \"a:b/w\"\n[grants.\"zoo:all/feed\"]\n{lines}");
    let mut sources = connected(
        &toml,
        &["package a:b;\nworld w { import zoo:all/feed@1.0.0; }"],
    );
    sources.connectors.push(zoo());
    sources
}

/// What is wrong with a matcher of the zoo's operation, without its place.
pub(super) fn where_(matcher: &str) -> Vec<String> {
    let found = problems(&feed(&format!("where = {{ keeper = \"k\", {matcher} }}")));
    let cut = |problem: String| {
        let mut parts = problem.splitn(3, ' ');
        let (code, place, message) = (parts.next(), parts.next(), parts.next());
        assert!(
            place.is_some_and(|place| place.starts_with("4:")),
            "{problem}"
        );
        format!(
            "{} {}",
            code.unwrap_or_default(),
            message.unwrap_or_default()
        )
    };
    found.into_iter().map(cut).collect()
}

#[test]
fn matchers_that_fit_their_types_are_read() {
    for matcher in [
        "when = \"now\"",
        "when = [\"now\", \"later\"]",
        "when = { prefix = \"n\", max-bytes = 10 }",
        "amount = 255",
        "amount = [0, 0xff]",
        "amount = { min = 1, max = 1 }",
        "share = 0.5",
        "share = 1",
        "share = { min = -1, max = 1e3 }",
        "wet = true",
        "kind = \"ape\"",
        "kind = [\"ape\", \"bear\"]",
        "grade = \"é\"",
        "photo = { max-bytes = 1_000 }",
        "photo = { any = true }",
        "notes = { any = true }",
    ] {
        assert_eq!(where_(matcher), [""; 0], "{matcher}");
    }
}

/// Matchers that do not fit, and what is said of them.
const UNFIT: &[(&str, &str)] = &[
    ("when = []", "AB0107 `where.when` is empty"),
    ("when = {}", "AB0107 `where.when` is empty"),
    (
        "when = 1",
        "AB0107 `where.when` is an integer, expected a string",
    ),
    (
        "when = [\"a\", 1]",
        "AB0107 `where.when` is an integer, expected a string",
    ),
    (
        "when = [\"a\", \"a\"]",
        "AB0106 `where.when` has \"a\" twice",
    ),
    (
        "when = { prefix = \"\" }",
        "AB0107 `where.when.prefix` is empty",
    ),
    (
        "when = { prefix = 1 }",
        "AB0107 `where.when.prefix` is an integer, expected a string",
    ),
    (
        "when = { min = 1 }",
        "AB0107 `min` is for a number, and `when` is `string`",
    ),
    (
        "when = { max-bytes = -1 }",
        "AB0107 `where.when.max-bytes` is not a number of bytes",
    ),
    (
        "when = { max-bytes = \"4 KiB\" }",
        "AB0107 `where.when.max-bytes` is not a number of bytes",
    ),
    (
        "when = { any = false }",
        "AB0107 `any = false` would fit nothing",
    ),
    (
        "when = { any = true, prefix = \"a\" }",
        "AB0107 what may be anything has no other matcher",
    ),
    (
        "when = { matches = \"a.*\" }",
        "AB0104 unknown key `where.when.matches`",
    ),
    (
        "when = 2026-11-23",
        "AB0107 `where.when` is a datetime, expected a string",
    ),
    ("amount = 256", "AB0107 `256` is no value of `u8`"),
    ("amount = -1", "AB0107 `-1` is no value of `u8`"),
    (
        "amount = 1.5",
        "AB0107 `where.amount` is a float, expected a number of `u8`",
    ),
    (
        "amount = \"1\"",
        "AB0107 `where.amount` is a string, expected a number of `u8`",
    ),
    (
        "amount = { min = 2, max = 1 }",
        "AB0107 `min` is 2 and `max` is 1, so nothing fits",
    ),
    (
        "amount = { max = 1000 }",
        "AB0107 `1000` is no value of `u8`",
    ),
    (
        "amount = { prefix = \"1\" }",
        "AB0107 `prefix` is for a `string`, and `amount` is `u8`",
    ),
    (
        "amount = { max-bytes = 1 }",
        "AB0107 `max-bytes` is for a `string` or a `list<u8>`, and `amount` is `u8`",
    ),
    ("share = nan", "AB0107 `nan` is not a finite number"),
    (
        "share = { max = inf }",
        "AB0107 `inf` is not a finite number",
    ),
    (
        "share = { min = 0.2, max = 0.1 }",
        "AB0107 `min` is 0.2 and `max` is 0.1, so nothing fits",
    ),
    (
        "wet = \"true\"",
        "AB0107 `where.wet` is a string, expected true or false",
    ),
    ("kind = \"bare\"", "AB0107 `kind` is never `bare`"),
    (
        "kind = { prefix = \"a\" }",
        "AB0107 `prefix` is for a `string`, and `kind` is `enum { ape, bear }`",
    ),
    (
        "grade = \"ab\"",
        "AB0107 `where.grade` is a string, expected a string of one character",
    ),
    (
        "notes = [\"a\"]",
        "AB0107 `notes` is `list<string>`, which cannot be compared with a value",
    ),
    (
        "notes = { max-bytes = 1 }",
        "AB0107 `max-bytes` is for a `string` or a `list<u8>`, and `notes` is `list<string>`",
    ),
    (
        "photo = \"AA==\"",
        "AB0107 `photo` is `list<u8>`, which cannot be compared with a value",
    ),
    (
        "whem = \"now\"",
        "AB0107 `zoo:all/feed` has no argument `whem`",
    ),
];

#[test]
fn matchers_that_do_not_fit_are_refused_each_by_name() {
    for (matcher, expected) in UNFIT {
        assert_eq!(where_(matcher), [*expected], "{matcher}");
    }
}

#[test]
fn what_decides_what_an_operation_may_touch_is_bound() {
    assert_eq!(
        problems(&feed("")),
        ["AB0105 3:9 `keeper` decides what feed may touch and is not bound"]
    );
    assert_eq!(
        problems(&feed("where = { wet = true }")),
        ["AB0105 4:1 `keeper` decides what feed may touch and is not bound"]
    );
    assert_eq!(
        problems(&feed("where = { keeper = { any = true } }")),
        [""; 0]
    );
}

#[test]
fn a_key_does_not_go_where_the_operation_puts_something_else() {
    for (placement, taken) in [
        ("{ query = \"Q\" }", "the query parameter `Q`"),
        ("{ header = \"x-zoo\" }", "the header `x-zoo`"),
    ] {
        let tables = format!(
            "use = \"z\"\nwhere = {{ keeper = \"k\" }}\n[agent]\nid = \"bot\"\n[credentials.z]\n\
             from = \"env://K\"\nas = {placement}"
        );
        assert_eq!(
            problems(&feed(&tables)),
            [format!(
                "AB0107 4:7 the key `z` goes into {taken}, which `zoo:all/feed` fills itself"
            )]
        );
    }
}

#[test]
fn a_key_that_was_pasted_in_the_short_form_is_not_repeated() {
    let canary = "canary-9f3kq27xvb41";
    for key in [canary.to_owned(), format!("{canary}://x")] {
        let tables = format!(
            "use = \"z\"\nwhere = {{ keeper = \"k\" }}\n[agent]\nid = \"bot\"\n[credentials]\nz = {key:?}"
        );
        let errors = Policy::parse(&feed(&tables)).expect_err("no reference");
        assert_eq!(errors.problems().len(), 1, "{errors}");
        let hint = errors.problems()[0].hint().unwrap_or_default();
        assert!(!errors.to_string().contains(canary) && !hint.contains(canary));
    }
}

#[test]
fn what_a_connector_does_not_say_the_credential_has_to() {
    let tables = |lines: &str| {
        format!(
            "use = \"z\"\nwhere = {{ keeper = \"k\" }}\n[agent]\nid = \"bot\"\n[credentials]\nz = {lines}"
        )
    };
    assert_eq!(
        problems(&feed(&tables("\"env://K\""))),
        ["AB0107 9:5 the connector `zoo` does not say where a key goes, nor does `credentials.z`"]
    );
    let several = "{ from = \"env://K\", as = \"bearer\", \
                   origin = [\"https://a.test\", \"https://b.test\"] }";
    let found = problems(&feed(&tables(several)));
    assert!(
        found.len() == 1 && found[0].starts_with("AB0107 4:7 the credential `z` may go to more"),
        "{found:#?}"
    );
    let wild = several.replace(
        "[\"https://a.test\", \"https://b.test\"]",
        "\"https://*.acme.com\"",
    );
    assert_eq!(problems(&feed(&tables(&wild))).len(), 1);
}

const MISTAKES: &str = r#"policy = 1
world  = "a:b/w"

[agent]
id = "bot"

[credentials]
github = "envv://GITHUB"
other  = "env://OTHER"
both   = "env://BOTH"
wide   = { from = "env://WIDE", as = "bearer", origin = ["https://a.test", "https://b.test"] }

[limits]
writes = "20/hour"

[grants."github:issues/list-for-repo"]
use    = "github"
where  = { owner = [], repo = "widgets", stat = "open" }
expire = "1d"

[grants."github:issues/create-coment"]
use    = "githab"

[grants."github:issues/get@2022.11.28"]
use    = "both"
where  = { owner = "acme", issue-number = { max = -1 } }

[grants."openai:chat/create-chat-completion"]
use    = "both"
where  = { model = { prefix = "" }, messages = "hello", max-completion-tokens = { min = 2, max = 1 } }
limits = ["spend"]

[grants."matrix:client/send-message"]
use     = "wide"
where   = {}
limits  = ["writes"]
confirm = "always"
expires = "1d"

[never]
imports = ["matrix:*", "wasi:cli/*", "*"]
effects = ["delete"]
"#;

const WORLD: &str = "package a:b;
world w {
  import github:issues/list-for-repo@2022.11.28;
  import github:issues/create-comment@2022.11.28;
  import github:issues/get@2022.11.28;
  import github:issues/add-label@2022.11.28;
  import openai:chat/create-chat-completion@1.0.1;
  import matrix:client/send-message@1.11.0;
  import stripe:charges/create@2026.1.1;
}
";

#[test]
fn many_mistakes_are_as_many_problems_each_with_its_place() {
    let sources = connected(MISTAKES, &[WORLD]);
    let expected = r#"
AB0404 8:10 `credentials.github` has a scheme that means nothing
AB0107 9:10 `credentials.other` leaves placement and origin to a connector, and no grant of an operation uses it
AB0107 10:10 `credentials.both` leaves placement and origin to a connector, and grants of `github`, `openai` use it
AB0107 18:20 `where.owner` is empty
AB0107 18:42 `github:issues/list-for-repo` has no argument `stat`
AB0104 19:1 unknown key `grants."github:issues/list-for-repo".expire`
AB0103 21:9 grant "github:issues/create-coment" matches no import of the world `a:b/w`
AB0108 22:10 no credential is called `githab`
AB0107 24:9 the grant `github:issues/get@2022.11.28` names a version
AB0105 26:1 `repo` decides what get may touch and is not bound
AB0107 26:51 `-1` is no value of `u32`
AB0108 31:11 no limit is called `spend`
AB0124 33:9 `matrix:client/send-message` is granted, and never to be imported
AB0107 34:11 the credential `wide` may go to more than one origin, and an operation's requests go to one
AB0105 35:1 `room-id` decides what send-message may touch and is not bound
AB0107 37:11 `always` is not a way to confirm
AB0109 38:1 `grants."matrix:client/send-message".expires` is not enforced by this build
AB0107 41:24 every program has what `wasi:cli/*` covers
AB0107 41:38 `*` is not a pattern of imports
AB0107 42:12 `delete` is not an effect
AB0103 4:24 the world imports `github:issues/create-comment`, and nothing grants it
AB0108 6:24 no connector has `github:issues/add-label@2022.11.28`
AB0108 7:22 no connector has `openai:chat/create-chat-completion@1.0.1`
AB0108 9:25 no connector has `stripe:charges/create@2026.1.1`
"#;
    let found = problems(&sources);
    assert_eq!(found.join("\n"), expected.trim());
    let places: BTreeSet<_> = found
        .iter()
        .map(|problem| problem.split(' ').nth(1))
        .collect();
    assert_eq!(places.len(), found.len(), "no two are at one place");
}

#[test]
fn a_misspelling_is_told_what_was_probably_meant() {
    let errors = Policy::parse(&connected(MISTAKES, &[WORLD])).expect_err("mistakes");
    let hints: Vec<_> = errors.problems().iter().filter_map(|p| p.hint()).collect();
    for hint in [
        "did you mean `env://`?",
        "did you mean `state`?",
        "did you mean `github:issues/create-comment`?",
        "did you mean `github`?",
        "the world says which; write `[grants.\"github:issues/get\"]`",
        "did you mean `github:issues/add-labels`?",
        "the connector has `openai:chat/create-chat-completion@1.0.0`",
        "put one into `connectors/stripe/`, beside the policy",
        "[grants.\"github:issues/create-comment\"]\nuse   = \"NAME\"\nwhere = { owner = \"OWNER\", repo = \"REPO\" }",
    ] {
        let said = hints.iter().any(|other| other.contains(hint));
        assert!(said, "{hint} is not in {hints:#?}");
    }
}

#[test]
fn the_lines_that_would_grant_an_import_grant_it() {
    let wit = "package a:b;\nworld w { import vault:kv/read@2.0.0; }";
    let errors = Policy::parse(&connected("policy = 1\nworld = \"a:b/w\"", &[wit]));
    let errors = errors.expect_err("nothing grants it");
    let hint = errors.problems()[0].hint().expect("lines").to_owned();
    let (_, lines) = hint.split_once('\n').expect("lines");
    let policy = format!(
        "policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\n\
         credentials.NAME = {{ from = \"env://K\", origin = \"https://vault.acme.example\" }}\n{lines}"
    );
    assert_eq!(problems(&connected(&policy, &[wit])), [""; 0]);
}

#[test]
fn what_a_role_imports_is_asked_for_by_the_line_that_includes_it() {
    let wit = "package a:b;\nworld w { include zoo:all/keeper@1.0.0; }";
    let mut sources = connected("policy = 1\nworld = \"a:b/w\"", &[wit]);
    let mut zoo = zoo();
    zoo.wit[0]
        .text
        .push_str("\n\n\nworld keeper { import feed; }\n");
    sources.connectors.push(zoo);
    let errors = Policy::parse(&sources).expect_err("nothing grants it");
    let [problem] = errors.problems() else {
        panic!("{errors}");
    };
    assert_eq!((problem.file(), problem.line()), ("wit/0.wit", 2));
}

#[test]
fn grants_without_a_world_grant_nothing_and_say_so() {
    let toml = "policy = 1\n[grants.\"matrix:client/whoami\"]";
    assert_eq!(
        problems(&connected(toml, &[])),
        ["AB0103 2:2 `[grants]` needs a world that imports what it grants"]
    );
}

#[test]
fn a_list_of_more_values_than_can_be_compared_is_refused() {
    let texts = |count: usize| {
        let texts: Vec<_> = (0..count).map(|at| format!("\"{at}\"")).collect();
        format!("when = [{}]", texts.join(","))
    };
    assert_eq!(where_(&texts(1000)), [""; 0]);
    assert_eq!(
        where_(&texts(1001)),
        ["AB0107 `where.when` has more than 1000 values"]
    );
}

#[test]
fn a_number_of_f32_is_read_as_an_argument_is() {
    let max = |max: &str| {
        let mut sources = feed(&format!(
            "where = {{ keeper = \"k\", share = {{ max = {max} }} }}"
        ));
        let zoo = sources.connectors.last_mut().expect("the zoo");
        zoo.wit[0].text = zoo.wit[0].text.replace("option<f64>", "option<f32>");
        sources
    };
    // The nearest `f32` is finite; that of the nearest `f64` is not.
    let problems = problems(&max("340282356779733661637539395458142568447.0"));
    assert!(
        problems[0].ends_with(" is not a finite number"),
        "{problems:?}"
    );
    let parsed = |text: &str| {
        let policy = Policy::parse(&max(text)).expect("a policy");
        let grant = policy.operation_grants().next().expect("one");
        grant.conditions().to_vec()
    };
    assert_eq!(parsed("0.1"), parsed("0.100000001"));
    assert_ne!(parsed("0.1"), parsed("0.1000001"));
}
