//! Operations of an API, called as typed functions and by name: what is sent, what is refused
//! before anything is, what comes back, and what the record says of it.

use std::sync::Barrier;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{self, Api, Step};
use crate::support::bot::{Bot, answers};
use crate::support::canary::Canary;
use crate::support::github::{Exchange, GitHub};
use crate::support::guests;
use crate::support::http::find;

const LIST: &str = "github:issues/list-for-repo";
const COMMENT: &str = "github:issues/create-comment";
const LIST_IMPORT: &str = "github:issues/list-for-repo@2022.11.28";
const COMMENT_IMPORT: &str = "github:issues/create-comment@2022.11.28";

/// A comment that every test's policy allows.
const GOOD: &str = r#"{"owner":"acme","repo":"widgets","issue-number":7,"body":"x"}"#;

/// A ground with the policy of a GitHub example, changed to ask `github` instead.
fn example(name: &str, github: &GitHub, token: &Canary) -> Ground {
    let ground = Ground::new().key("GITHUB_TOKEN", token);
    let credential = format!(
        "github = {{ from = \"env://GITHUB_TOKEN\", origin = \"{}\" }}",
        github.url()
    );
    let policy = guests::policy(
        name,
        &[
            ("policy = 1", "policy = 1\ninsecure-loopback = true"),
            ("github = \"env://GITHUB_TOKEN\"", &credential),
        ],
    );
    ground.write("agentbox.toml", &policy);
    // The world alone: what it imports is known without a copy beside the policy.
    let world = guests::sources().join(name).join("wit/world.wit");
    let world = std::fs::read_to_string(world).expect("the example has a world");
    ground.write("wit/world.wit", &world);
    ground
}

fn run(ground: &Ground, program: &std::path::Path, words: &[&str]) -> Outcome {
    let program = program.to_str().expect("the target folder's name is UTF-8");
    let start = ["run", "--policy", "agentbox.toml", program];
    ground.run(&[&start[..], words].concat())
}

/// A bot that may comment on any issue of any repository at `origin`.
fn commenter(origin: &str, rest: &str) -> Bot {
    let grant = format!(
        "[grants.\"{COMMENT}\"]\nuse = \"api\"\n\
         where = {{ owner = {{ any = true }}, repo = {{ any = true }} }}\n{rest}"
    );
    Bot::new(&[COMMENT_IMPORT], origin, &grant)
}

/// A bot that may list the issues of `acme/widgets`, and comment there in few bytes.
fn bound(origin: &str) -> Bot {
    let rest = format!(
        "[grants.\"{LIST}\"]\nuse = \"api\"\n\
         where = {{ owner = \"acme\", repo = [\"widgets\", \"gadgets\"] }}\n\
         [grants.\"{COMMENT}\"]\nuse = \"api\"\n\
         where = {{ owner = \"acme\", repo = \"widgets\", body = {{ max-bytes = 64 }} }}\n"
    );
    Bot::new(&[LIST_IMPORT, COMMENT_IMPORT], origin, &rest)
}

#[test]
fn a_bot_labels_and_comments_where_it_may_and_goes_on_where_it_may_not() {
    let token = Canary::fresh();
    let github = GitHub::start(&token, GitHub::triaged());
    let ground = example("triage", &github, &token);
    let words = ["acme/secrets", "acme/widgets"];
    let outcome = run(&ground, &guests::guest("triage"), &words);
    outcome.exits(0).says("denied[AB0203]");
    let out = outcome.out();
    let denied = "acme/secrets: denied AB0203: repo \"secrets\" is not \"widgets\"\n";
    assert!(out.starts_with(denied), "{out}");
    // An id that no double holds arrives as it was sent.
    let commented =
        "    commented https://github.com/acme/widgets/issues/7#issuecomment-9007199254740993\n";
    assert!(out.contains(commented), "{out}");
    assert!(out.ends_with("2 triaged\n"), "{out}");
    github.followed();
    assert!(find(&github.bytes(), b"secrets").is_none());
}

#[test]
fn a_c_program_calls_typed_operations() {
    let token = Canary::fresh();
    let script = [GitHub::listed(""), GitHub::commented("Seen, from C.")];
    let github = GitHub::start(&token, script);
    let ground = example("c-issues", &github, &token);
    let outcome = run(&ground, &guests::c_issues(), &[]);
    let out = outcome.exits(0).out();
    assert!(out.contains("#8 No sky hook (1 labels)\n"), "{out}");
    assert!(out.ends_with("#issuecomment-9007199254740993\n"), "{out}");
}

#[test]
fn a_module_in_text_calls_an_operation_by_name() {
    let token = Canary::fresh();
    let github = GitHub::start(&token, [GitHub::listed("")]);
    let ground = example("invoke", &github, &token);
    let outcome = run(&ground, &guests::invoke(), &[]);
    let issues: Value = outcome.exits(0).json();
    let seven = json!({
        "number": 7,
        "title": "The left-handed screw turns right",
        "body": "It does.",
        "labels": [],
    });
    assert_eq!(issues[0], seven);
    assert_eq!(issues[1]["labels"], json!(["bug"]));
    assert_eq!(issues[2].get("body"), None);
}

#[test]
fn text_in_a_body_arrives_as_it_was_given() {
    let text = "\"\\ \u{0} \u{1f} \u{7f} \r\n \u{2028} \u{10ffff} </script> {repo}";
    let arguments = json!({
        "owner": "acme", "repo": "a b+c&d?e#f", "issue-number": u32::MAX, "body": text,
    });
    let api = Api::start(|_| vec![Step::Send(api::json(201, r#"{"id":1,"html_url":"u"}"#))]);
    let bot = commenter(&api.url(), "");
    let outcome = bot.ask(&[[COMMENT, &arguments.to_string()]]);
    assert_eq!(
        answers(outcome.exits(0)),
        [r#"ok {"id":"1","html-url":"u"}"#]
    );
    let [seen] = &api.requests()[..] else {
        panic!("one request: {:?}", api.requests())
    };
    assert_eq!(
        seen.line,
        "POST /repos/acme/a%20b+c&d%3Fe%23f/issues/4294967295/comments HTTP/1.1"
    );
    let body: Value = serde_json::from_slice(&seen.body).expect("the body is JSON");
    assert_eq!(body, json!({ "body": text }));
}

#[test]
fn arguments_that_do_not_fit_are_refused_one_by_one_and_nothing_is_sent() {
    let api = Api::always(api::json(201, "{}"));
    let bot = commenter(&api.url(), "");
    let with = |from: &str, to: &str| {
        assert!(GOOD.contains(from));
        GOOD.replace(from, to)
    };
    let repo = |value: &str| with("\"widgets\"", value);
    let number = |value: &str| with(":7,", &format!(":{value},"));
    let body = |value: &str| with("\"x\"", value);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let cases: Vec<(String, &str)> = vec![
        // What would lead elsewhere than the path says.
        (repo(r#""""#), "repo"),
        (repo(r#"".""#), "repo"),
        (repo(r#""..""#), "repo"),
        (repo(r#""widgets/..""#), "repo"),
        (repo(r#""..\\secrets""#), "repo"),
        (repo(r#""%2e%2e""#), "repo"),
        (repo(r#""wid\ngets""#), "repo"),
        (repo(r#""wid\u0000gets""#), "repo"),
        (repo(r#""wid\u007fgets""#), "repo"),
        // What no text is.
        (body(r#""\ud800""#), "body"),
        (body(r#""\udc00\ud800""#), "body"),
        // What has another type, or another name.
        (body("5"), "body"),
        (body("null"), "body"),
        (body("[\"x\"]"), "body"),
        (body(&deep), "body"),
        (number("-1"), "issue-number"),
        (number("4294967296"), "issue-number"),
        (number("7.0"), "issue-number"),
        (number("7e0"), "issue-number"),
        (number("\"7\""), "issue-number"),
        (with("issue-number", "issue_number"), "issue_number"),
        (with(",\"body\":\"x\"", ""), "body"),
        (with("{", "{\"extra\":1,"), "extra"),
        (with("{", "{\"body\":\"y\","), "body"),
        // What is no object.
        (format!("{GOOD} x"), ""),
        (format!("{GOOD}{GOOD}"), ""),
        (GOOD.replace('}', ""), ""),
        (format!("[{GOOD}]"), ""),
        ("null".to_owned(), ""),
        (String::new(), ""),
    ];
    let calls: Vec<[&str; 2]> = cases
        .iter()
        .map(|(arguments, _)| [COMMENT, arguments.as_str()])
        .collect();
    let outcome = bot.ask(&calls);
    let answers = answers(outcome.exits(0));
    assert_eq!(answers.len(), cases.len());
    let start = format!("denied AB0213 {COMMENT}: ");
    for ((arguments, names), answer) in cases.iter().zip(&answers) {
        let message = answer.strip_prefix(&start);
        let message = message.unwrap_or_else(|| panic!("{arguments}\n{answer}"));
        assert!(message.contains(names), "{arguments}\n{answer}");
        assert!(message.len() < 256, "{arguments}\n{answer}");
    }
    assert_eq!(bot.events("denied").len(), cases.len());
    assert!(api.requests().is_empty(), "{:?}", api.requests());
}

#[test]
fn arguments_of_megabytes_are_refused_before_they_are_read() {
    let api = Api::always(api::json(201, "{}"));
    let bot = commenter(&api.url(), "");
    let huge = GOOD.replace("\"x\"", "\"<8388608>\"");
    let nested = GOOD.replace("\"x\"", "<8388608>");
    let name = format!("{COMMENT}<4096>");
    let outcome = bot.ask(&[[COMMENT, &huge], [COMMENT, &nested], [&name, GOOD]]);
    let answers = answers(outcome.exits(0));
    let start = format!("denied AB0507 {COMMENT}: ");
    assert!(answers[0].starts_with(&start), "{answers:?}");
    assert!(answers[1].starts_with(&start), "{answers:?}");
    assert!(answers[2].starts_with("denied AB0214 "), "{answers:?}");
    assert!(api.requests().is_empty());
    // A bound can be lowered to what a call needs, and is then met exactly.
    let exact = format!("{} B", GOOD.len());
    let words = [COMMENT, GOOD];
    let less = format!("{} B", GOOD.len() - 1);
    bot.ask_with(&["--arguments", &less], &words).says("AB0507");
    assert!(api.requests().is_empty());
    bot.ask_with(&["--arguments", &exact], &words).exits(0);
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn an_operation_that_is_not_granted_is_refused_whatever_its_spelling() {
    let api = Api::always(api::json(200, "[]"));
    let bot = bound(&api.url());
    let names = [
        "github:issues/get",
        "github:issues/create-comment@2022.11.29",
        "github:issues/Create-Comment",
        "github:issues/create-comment ",
        "github:issues",
        "create-comment",
        "agentbox:host/invoke",
        "",
        "\u{202e}\n",
    ];
    let calls: Vec<[&str; 2]> = names.iter().map(|name| [*name, GOOD]).collect();
    let outcome = bot.ask(&calls);
    for (name, answer) in names.iter().zip(answers(outcome.exits(0))) {
        assert!(answer.starts_with("denied AB0214 "), "{name:?}: {answer}");
    }
    assert_eq!(bot.events("denied").len(), names.len());
    // What a program called it reaches neither terminal nor record as it is.
    assert!(!outcome.err().contains('\u{202e}') && !bot.ground.record().contains('\u{202e}'));
    assert!(api.requests().is_empty());
    // With the right version it is the same as without.
    let listed = r#"{"owner":"acme","repo":"gadgets"}"#;
    let outcome = bot.ask(&[[LIST_IMPORT, listed], [LIST, listed]]);
    assert_eq!(answers(outcome.exits(0)), ["ok []", "ok []"]);
}

#[test]
fn arguments_that_the_grant_does_not_allow_are_refused_and_only_what_decides_is_shown() {
    let api = Api::always(api::json(201, "{}"));
    let bot = bound(&api.url());
    let text = Canary::fresh();
    let long = GOOD.replace("\"x\"", &format!("\"{}<64>\"", text.text()));
    let outcome = bot.ask(&[
        [LIST, r#"{"owner":"acme","repo":"secrets"}"#],
        [LIST, r#"{"owner":"Acme","repo":"widgets"}"#],
        [COMMENT, &GOOD.replace("widgets", "gadgets")],
        [COMMENT, &long],
    ]);
    let expected = [
        format!("denied AB0203 {LIST}: repo \"secrets\" is not one of \"widgets\", \"gadgets\""),
        format!("denied AB0203 {LIST}: owner \"Acme\" is not \"acme\""),
        format!("denied AB0203 {COMMENT}: repo \"gadgets\" is not \"widgets\""),
        format!("denied AB0203 {COMMENT}: body has more than 64 bytes"),
    ];
    for (expected, answer) in expected.iter().zip(answers(outcome.exits(0))) {
        assert!(answer.starts_with(expected), "{answer}");
    }
    outcome.says("denied[AB0203]: github:issues/list-for-repo: repo \"secrets\" is not one of");
    outcome.says("retry: no");
    text.assert_absent("standard error", &outcome.stderr);
    text.assert_absent("the record", bot.ground.record().as_bytes());
    assert!(api.requests().is_empty());
}

#[test]
fn the_record_names_the_operation_and_what_decided_and_holds_no_text() {
    let token = Canary::fresh();
    let [text, reply] = [Canary::fresh(), Canary::fresh()];
    let arguments = GOOD.replace("\"x\"", &format!("\"{}\"", text.text()));
    let body = json!({ "body": text.text() }).to_string();
    let commented = Exchange::post(
        "/repos/acme/widgets/issues/7/comments",
        &body,
        201,
        &json!({ "id": 1, "html_url": reply.text() }),
    );
    let github = GitHub::start(&token, [commented]);
    let mut bot = commenter(&github.url(), "");
    bot.ground = bot.ground.key("API_KEY", &token);
    let outcome = bot.ask(&[[COMMENT, &arguments]]);
    assert!(outcome.exits(0).out().contains(reply.text()));

    let intent = bot.event("intent");
    assert_eq!(intent["operation"], COMMENT_IMPORT, "{intent:#}");
    let decided = json!({ "owner": "acme", "repo": "widgets" });
    assert_eq!(intent["arguments"], decided, "{intent:#}");
    let record = bot.ground.record();
    for canary in [&text, &reply, &token] {
        canary.assert_absent("the record", record.as_bytes());
        canary.assert_absent("standard error", &outcome.stderr);
    }
    let started = bot.event("run-started");
    let run = started["run"].as_str().expect("a run has an id");
    let shown = bot.ground.run(&["audit", run]).exits(0).out();
    assert!(
        shown.contains(COMMENT) && shown.contains("widgets"),
        "{shown}"
    );
}

#[test]
fn a_dry_run_names_the_operation_and_sends_nothing() {
    let api = Api::always(api::json(201, "{}"));
    let bot = bound(&api.url());
    let outcome = bot.ask_with(&["--dry-run"], &[COMMENT, GOOD]);
    outcome.exits(0).says(&format!(
        "would send[AB0209]: {COMMENT} owner=\"acme\" repo=\"widgets\""
    ));
    assert!(api.requests().is_empty());
    let answers = answers(&outcome);
    assert!(answers[0].starts_with("denied AB0209 "), "{answers:?}");
}

#[test]
fn a_used_up_limit_is_an_error_of_its_own() {
    let api = Api::always(api::json(201, r#"{"id":1,"html_url":"u"}"#));
    let limited = "limits = [\"writes\"]\n[limits]\nwrites = \"1/hour\"\n";
    let bot = commenter(&api.url(), limited);
    let outcome = bot.ask(&[[COMMENT, GOOD], [COMMENT, GOOD]]);
    let mut answers = answers(outcome.exits(0));
    answers.sort();
    let wait = answers[0]
        .strip_prefix("limit AB0504 writes Some(")
        .and_then(|rest| rest.strip_suffix(')'));
    let wait: Option<u32> = wait.and_then(|wait| wait.parse().ok());
    assert!(wait.is_some_and(|wait| wait <= 3_600_000), "{answers:?}");
    assert_eq!(answers[1], r#"ok {"id":"1","html-url":"u"}"#);
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn an_api_that_says_when_its_limit_is_reset_is_passed_on_as_time_to_wait() {
    let token = Canary::fresh();
    let in_a_minute = SystemTime::now() + Duration::from_secs(60);
    let reset = in_a_minute.duration_since(UNIX_EPOCH);
    let reset = reset.expect("it is after 1970").as_secs().to_string();
    let refused = GitHub::listed("").answered(api::reply(
        403,
        &[("x-ratelimit-reset", &reset)],
        br#"{"message":"API rate limit exceeded","documentation_url":"u"}"#,
    ));
    let github = GitHub::start(&token, [refused]);
    let mut bot = bound(&github.url());
    bot.ground = bot.ground.key("API_KEY", &token);
    let outcome = bot.ask(&[[LIST, r#"{"owner":"acme","repo":"widgets"}"#]]);
    let answers = answers(outcome.exits(0));
    let wait: Option<u32> = answers[0]
        .strip_prefix("upstream 403 Some(")
        .and_then(|rest| rest.strip_suffix(") API rate limit exceeded"))
        .and_then(|wait| wait.parse().ok());
    let fits = wait.is_some_and(|wait| (1..=60_000).contains(&wait));
    assert!(fits, "{answers:?}");
    // It is the program's own business, and no word for whoever runs it.
    assert!(!outcome.err().contains("rate limit"), "{}", outcome.err());
}

#[test]
fn calls_by_name_are_under_way_together() {
    // None is answered before all have come.
    let all = Barrier::new(10);
    let api = Api::start(move |_| {
        all.wait();
        vec![Step::Send(api::json(200, "[]"))]
    });
    let bot = bound(&api.url());
    let outcome = bot.ask(&[[LIST, r#"{"owner":"acme","repo":"widgets"}"#]; 10]);
    assert_eq!(answers(outcome.exits(0)), ["ok []"; 10]);
}

#[test]
fn a_call_by_name_and_an_http_request_are_under_way_together() {
    // Neither is answered before both have come.
    let both = Barrier::new(2);
    let api = Api::start(move |_| {
        both.wait();
        vec![Step::Send(api::json(200, "[]"))]
    });
    let grants = "[http.api]\nuse = \"api\"\nallow = [\"GET /beside\"]\n\
        [grants.\"github:issues/list-for-repo\"]\nuse = \"api\"\n\
        where = { owner = \"acme\", repo = \"widgets\" }\n";
    let imports = ["wasi:http/outgoing-handler@0.2.6", LIST_IMPORT];
    let bot = Bot::new(&imports, &api.url(), &format!("as = \"bearer\"\n{grants}"));
    let probe = guests::guest("probe").display().to_string();
    let url = format!("{}/beside", api.url());
    let arguments = r#"{"owner":"acme","repo":"widgets"}"#;
    let words = ["beside", LIST, arguments, &url];
    let run = ["run", "--policy", "agentbox.toml", &probe];
    let outcome = bot.ground.run(&[&run[..], &words].concat());
    assert!(
        outcome.exits(0).out().ends_with("[]\n"),
        "{}",
        outcome.out()
    );
}

#[test]
fn an_http_request_by_name_is_decided_as_any_other() {
    let api = Api::always(api::reply(
        200,
        &[("x-own", "1"), ("etag", "\"1\"")],
        b"whole body",
    ));
    let rest = "[http.api]\nuse = \"api\"\nallow = [\"POST /v1/things\"]\n";
    let bot = Bot::new(
        &["wasi:http/outgoing-handler@0.2.6"],
        &api.url(),
        &format!("as = \"bearer\"\n{rest}"),
    );
    let url = format!("{}/v1/things", api.url());
    let http = "wasi:http/outgoing-handler";
    let good = json!({ "method": "POST", "url": url, "headers": [["x-own", "1"]] });
    let call = |arguments: &Value| arguments.to_string();
    let plain = json!({ "method": "POST", "url": url, "headers": [["accept", "text/plain"]] });
    let outcome = bot.ask_with(
        &[],
        &[
            http,
            &call(&plain),
            "body:sent as it is",
            http,
            &call(&good),
            http,
            &call(&json!({ "method": "GET", "url": url })),
            http,
            &call(&json!({ "method": "POST", "url": format!("{url}/../others") })),
            http,
            &call(&json!({ "method": "POST", "url": url, "headers": [["authorization", "x"]] })),
            http,
            &call(&json!({ "method": "POST", "url": url, "extra": 1 })),
            http,
            &call(&json!({ "method": "POST", "url": "things" })),
        ],
    );
    let answers = answers(outcome.exits(0));
    let whole = answers[0]
        .strip_prefix("ok ")
        .and_then(|whole| whole.split_once(" body "));
    let (head, body) = whole.expect("it is granted");
    let head: Value = serde_json::from_str(head).expect("it is JSON");
    assert_eq!(
        head,
        json!({ "status": 200, "headers": [["etag", "\"1\""]] })
    );
    assert_eq!(body, "whole body");
    for (answer, code) in answers[1..]
        .iter()
        .zip(["AB0205", "AB0202", "AB0204", "AB0206", "AB0213", "AB0213"])
    {
        assert!(answer.starts_with(&format!("denied {code}")), "{answer}");
    }
    let [seen] = &api.requests()[..] else {
        panic!("one request: {:?}", api.requests())
    };
    assert_eq!(seen.body, b"sent as it is");
    let bearer = format!("Bearer {}", bot.key.text());
    assert_eq!(seen.header("authorization"), Some(bearer.as_str()));
}

#[test]
fn an_operation_takes_no_body_beside_its_arguments() {
    let api = Api::always(api::json(201, "{}"));
    let bot = bound(&api.url());
    let outcome = bot.ask_with(&[], &[COMMENT, GOOD, "body:more"]);
    let answers = answers(outcome.exits(0));
    assert!(answers[0].starts_with("denied AB0213 "), "{answers:?}");
    assert_eq!(bot.events("denied")[0]["code"], "AB0213");
    bot.ask_with(&["--stop-on-denial"], &[COMMENT, GOOD, "body:more"])
        .exits(121)
        .says("AB0213");
    assert!(api.requests().is_empty());
}
