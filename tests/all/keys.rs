//! A key that cannot be had or cannot be used: nothing is sent, and the operator is told why.

use std::fs;

use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{self, Api};
use crate::support::caller::{Caller, Terms};
use crate::support::canary::Canary;

/// Runs one call with a key `from` a source, in a ground that is laid out for it, and checks that
/// it ends with `exit` and `code`, and that nothing is sent.
fn check(from: &str, ground: Ground, exit: i32, code: &str) -> (Caller, Outcome) {
    let api = Api::always(api::json(200, "{}"));
    let from = from.replace("KEYS", &ground.keys().display().to_string());
    let origin = api.url();
    let terms = Terms {
        from: &from,
        ..Terms::at(&origin)
    };
    let caller = Caller::in_ground(ground, Canary::fresh(), &terms);
    let url = format!("{}/v1/things", api.url());
    // The second call is not even tried: a run does not go on without its key.
    let outcome = caller.run(&["each", "GET", &url, "--", "GET", &url]);
    outcome.exits(exit).says(code);
    assert!(api.requests().is_empty(), "{from}");
    (caller, outcome)
}

/// The same for a run that starts and stops at its first call.
fn check_call(from: &str, ground: Ground, code: &str) -> Outcome {
    let (caller, outcome) = check(from, ground, 123, code);
    assert_eq!(caller.events("intent").len(), 1);
    assert_eq!(caller.event("outcome")["code"], code);
    assert_eq!(caller.event("run-ended")["code"], code);
    // A guest is not told where keys come from.
    assert!(!outcome.out().contains("API_KEY") && !outcome.out().contains("keys"));
    outcome
}

fn env(value: &str) -> Ground {
    Ground::new().env("API_KEY", value)
}

fn file(bytes: &[u8]) -> Ground {
    let ground = Ground::new();
    fs::write(ground.keys().join("api"), bytes).expect("it is ours");
    ground
}

fn dotenv(text: &str) -> Ground {
    let ground = Ground::new();
    ground.write(".env", text);
    ground
}

#[test]
fn a_key_that_is_not_there_stops_the_run_before_anything_is_sent() {
    let outcome = check_call("env://API_KEY", Ground::new(), "AB0401");
    outcome.says("`env://API_KEY`");
    outcome.says("  hint: set API_KEY in the environment of agentbox\n");
    let reason = "the variable is not set";
    assert_eq!(
        outcome.err().matches(reason).count(),
        1,
        "{}",
        outcome.err()
    );
    check_call("file://KEYS/api", Ground::new(), "AB0401");
    check_call("dotenv://.env#API_KEY", Ground::new(), "AB0401");
    check_call(
        "dotenv://.env#API_KEY",
        dotenv("OTHER=canary-of-another\n"),
        "AB0401",
    );
}

#[test]
fn a_key_that_no_header_can_carry_stops_the_run() {
    let key = Canary::fresh();
    check_call("env://API_KEY", env(""), "AB0402");
    let broken = format!("{0}\nx-injected: 1{0}", key.text());
    check_call("env://API_KEY", env(&broken).guard(&key), "AB0402");
    let twice = format!("{}\n\n", key.text());
    check_call(
        "file://KEYS/api",
        file(twice.as_bytes()).guard(&key),
        "AB0402",
    );
    let quoted = format!("API_KEY=\"{}\\r\\nx: 1\"\n", key.text());
    check_call(
        "dotenv://.env#API_KEY",
        dotenv(&quoted).guard(&key),
        "AB0402",
    );
}

#[test]
fn a_key_too_short_to_be_guarded_stops_the_run() {
    check_call("env://API_KEY", env("short-7"), "AB0405");
    check_call("file://KEYS/api", file(b"short-7\n"), "AB0405");
}

#[test]
fn a_source_that_cannot_be_read_stops_the_run() {
    let ground = Ground::new();
    fs::create_dir(ground.keys().join("api")).expect("it is ours");
    check_call("file://KEYS/api", ground, "AB0403");
    let ground = Ground::new();
    let outside = ground.keys().join("api");
    fs::write(&outside, "API_KEY=canary-outside-of-the-policy").expect("it is ours");
    std::os::unix::fs::symlink(outside, ground.work().join(".env")).expect("it is ours");
    check_call("dotenv://.env#API_KEY", ground, "AB0403");
}

#[test]
fn a_source_of_an_unknown_kind_is_refused_before_the_run_starts() {
    for from in [
        "http://keys.example/api",
        "env:API_KEY",
        "canary-pasted-by-mistake",
    ] {
        let (caller, _) = check(from, Ground::new(), 120, "error[AB0404]");
        assert_eq!(caller.ground.record(), "", "{from}");
    }
}

#[test]
fn a_log_of_everything_holds_no_key() {
    let key = Canary::fresh();
    let echo = key.text().to_owned();
    let api = Api::start(move |request| {
        let reply = if request.target().starts_with("/v1/echo") {
            api::reply(200, &[("x-debug", &echo)], echo.as_bytes())
        } else {
            api::json(200, "{}")
        };
        vec![api::Step::Send(reply)]
    });
    let origin = api.url();
    for place in ["\"bearer\"", "{ basic = \"me\" }", "{ query = \"key\" }"] {
        let terms = Terms {
            place,
            ..Terms::at(&origin)
        };
        let ground = Ground::new().key("API_KEY", &key);
        // The second is heeded by many libraries.
        let ground = ground.env("AGENTBOX_LOG", "trace").env("RUST_LOG", "trace");
        let caller = Caller::in_ground(ground, key.clone(), &terms);
        let (good, bad) = (format!("{origin}/v1/things"), format!("{origin}/v1/echo"));
        let words = ["each", "GET", &good, "--", "GET", &bad];
        let outcome = caller.run(&words);
        // That there is a log at all is what makes it worth searching.
        outcome.exits(121).says("TRACE").says("DEBUG");
    }
    assert_eq!(api.requests().len(), 6);
}
