//! The record of calls: nothing leaves before it is on record, or when it cannot be.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::support::agentbox::{Ground, Outcome, finish};
use crate::support::api::{self, Api, Step};
use crate::support::caller::{Caller, Terms, arguments, wait_until};
use crate::support::canary::Canary;

#[test]
fn a_dry_run_decides_and_records_every_call_and_sends_none() {
    let (api, caller) = Caller::keyed();
    let (good, bad) = (
        format!("{}/v1/things", api.url()),
        format!("{}/v2", api.url()),
    );
    let words = ["each", "GET", &good, "--", "GET", &bad, "--", "GET", &good];
    let outcome = caller.run_with(&["--dry-run"], &words);
    outcome.exits(0).says("denied[AB0202]");
    let would_send = format!("would send[AB0209]: GET {good}\n");
    assert_eq!(outcome.err().matches(&would_send).count(), 2);
    assert!(api.requests().is_empty());
    let denied = "error: ErrorCode::HttpRequestDenied\n";
    assert_eq!(outcome.out(), denied.repeat(3));
    assert_eq!(caller.event("run-started")["dry_run"], true);
    assert_eq!(caller.events("intent").len(), 2);
    let outcomes = caller.events("outcome");
    assert!(
        outcomes
            .iter()
            .all(|line| line["code"] == "AB0209" && line["sent"] == 0)
    );
    assert_eq!((outcomes.len(), caller.events("denied").len()), (2, 1));
    let run = caller.event("run-started")["run"].clone();
    let shown = caller
        .ground
        .run(&["audit", run.as_str().expect("an id")])
        .out();
    assert_eq!(shown.matches("not sent (dry run)\n").count(), 2, "{shown}");
}

#[test]
fn a_run_that_is_to_stop_at_a_denial_does() {
    let (api, caller) = Caller::keyed();
    let (good, bad) = (
        format!("{}/v1/things", api.url()),
        format!("{}/v2", api.url()),
    );
    let words = ["each", "GET", &bad, "--", "GET", &good];
    caller
        .run_with(&["--stop-on-denial"], &words)
        .exits(121)
        .says("AB0202");
    assert!(api.requests().is_empty());
    assert_eq!(
        (caller.events("denied").len(), caller.events("intent").len()),
        (1, 0)
    );
    let ended = caller.event("run-ended");
    assert_eq!(
        (&ended["exit"], &ended["code"]),
        (&121.into(), &"AB0202".into())
    );
}

#[test]
fn an_intent_is_on_record_before_the_request_leaves_and_survives_a_kill() {
    let key = Canary::fresh();
    let ground = Ground::new().key("API_KEY", &key);
    let runs = ground.state().join("runs");
    let on_arrival = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&on_arrival);
    let api = Api::start(move |_| {
        let files = fs::read_dir(&runs).expect("the record is there").flatten();
        let record: String = files
            .map(|file| fs::read_to_string(file.path()).expect("it can be read"))
            .collect();
        *seen.lock().expect("nobody panicked") = Some(record);
        vec![Step::Hang]
    });
    let caller = Caller::in_ground(ground, key, &Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    let mut child = caller.start(&[], &["http", "GET", &url]);
    let arrived = || on_arrival.lock().expect("nobody panicked").clone();
    wait_until("the request arrives", || arrived().is_some());
    child.kill().expect("it is ours");
    child.wait().expect("it is gone");

    let record = arrived().unwrap_or_default();
    assert!(record.contains("\"event\":\"intent\""), "{record}");
    let intent = caller.event("intent");
    assert_eq!(
        (&intent["call"], &intent["path"]),
        (&1.into(), &"/v1/things".into())
    );
    assert_eq!(caller.events("outcome").len(), 0);
    caller
        .key
        .assert_absent("the record", caller.ground.record().as_bytes());
    // The record of a run that was cut off can be read like any other.
    caller.ground.run(&["audit"]).exits(0);
}

#[test]
fn an_outcome_holds_status_size_and_address() {
    let api = Api::always(api::json(404, r#"{"error":"no such thing"}"#));
    let caller = Caller::new(&Terms::at(&api.url()));
    let url = format!("{}/v1/things", api.url());
    caller.run(&["http", "GET", &url]).exits(0);
    let intent = caller.event("intent");
    assert_eq!(intent["route"], "GET /v1/{name}");
    assert_eq!(intent["grant"], "http.api");
    let outcome = caller.event("outcome");
    assert_eq!(
        (&outcome["status"], &outcome["received"]),
        (&404.into(), &25.into())
    );
    assert_eq!(outcome["address"], api.authority());
    assert_eq!(
        (&outcome["code"], &outcome["note"]),
        (&().into(), &().into())
    );
    assert_eq!(caller.event("run-ended")["calls"], 1);
}

#[test]
fn a_call_that_is_cut_off_has_an_outcome_too() {
    let api = Api::start(|_| vec![Step::Hang]);
    let origin = api.url();
    let caller = Caller::new(&Terms::at(&origin));
    let url = format!("{origin}/v1/things");
    caller
        .run_with(&["--wall", "500ms"], &["http", "GET", &url])
        .exits(124);
    let outcome = caller.event("outcome");
    assert_eq!(
        outcome["note"],
        "the call was cut off before its reply was over"
    );
    assert_eq!(outcome["call"], caller.event("intent")["call"]);
    // The run's end is the last line.
    let lines = caller.ground.record_lines();
    assert_eq!(
        lines.last().map(|line| &line["event"]),
        Some(&"run-ended".into())
    );
}

#[test]
fn nobody_reading_what_is_refused_does_not_hold_a_run_up() {
    let (api, caller) = Caller::keyed();
    let url = format!("{}/v2/things", api.url());
    // Some hundred refusals fill a pipe, and nobody empties this one.
    let mut child = caller.start(&[], &["repeat", "100000", "GET", &url]);
    let ended = || caller.ground.record().contains("\"event\":\"run-ended\"");
    wait_until("the run has ended", ended);
    assert_eq!(caller.event("run-ended")["code"], "AB0513");
    child.kill().expect("it may still have something to say");
    child.wait().expect("it has ended");
}

#[test]
fn nothing_leaves_without_a_state_folder() {
    let (api, caller) = Caller::keyed();
    let url = format!("{}/v1/things", api.url());
    let flags = ["--state", "agentbox.toml/state"];
    caller
        .run_with(&flags, &["http", "GET", &url])
        .exits(125)
        .says("AB0120");
    // There is a state folder, and no place for records in it.
    fs::create_dir_all(caller.ground.state()).expect("it is ours");
    fs::write(caller.ground.state().join("runs"), "").expect("it is ours");
    caller.run(&["http", "GET", &url]).exits(125).says("AB0120");
    assert!(api.requests().is_empty());
}

#[test]
fn nothing_leaves_once_the_record_cannot_be_written() {
    let (api, caller) = Caller::keyed();
    let url = format!("{}/v1/things", api.url());
    // The record may grow to 256 KiB, and a path of 1000 bytes makes that some hundred calls.
    let url = format!("{url}{}", "s".repeat(1000));
    let outcome = limited_files(&caller, 512, &["repeat", "400", "GET", &url]);
    outcome.exits(125).says("AB0208");
    caller.ground.assert_no_key(&outcome);
    let record = caller.ground.record();
    let whole = record
        .split_inclusive('\n')
        .filter(|line| line.ends_with("}\n"));
    let intents = whole
        .filter(|line| line.contains("\"event\":\"intent\""))
        .count();
    let arrived = api.requests().len();
    assert!(
        (1..400).contains(&arrived),
        "{arrived} calls, {intents} intents"
    );
    assert!(arrived <= intents, "{arrived} calls, {intents} intents");
}

#[test]
fn a_run_whose_denials_cannot_be_recorded_ends() {
    let (api, caller) = Caller::keyed();
    let url = format!("{}/v2/{}", api.url(), "s".repeat(1000));
    let outcome = limited_files(&caller, 512, &["repeat", "100000", "GET", &url]);
    outcome.exits(125).says("AB0208");
    let denied = outcome.err().matches("denied[AB0202]").count();
    assert!((1..1000).contains(&denied), "{denied}");
}

#[test]
fn nothing_starts_when_the_record_cannot_be_begun() {
    let (api, caller) = Caller::keyed();
    let url = format!("{}/v1/things", api.url());
    let outcome = limited_files(&caller, 0, &["http", "GET", &url]);
    outcome.exits(125).says("AB0120");
    assert!(api.requests().is_empty());
}

/// Runs the probe with no file growing beyond `blocks` of 512 bytes, as on a disk that is full.
fn limited_files(caller: &Caller, blocks: u32, words: &[&str]) -> Outcome {
    let agentbox = caller.ground.command();
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &script, "sh"])
        .arg(agentbox.get_program())
        .args(arguments(&[], words))
        .env_clear()
        .envs(
            agentbox
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(caller.ground.work());
    finish(shell, b"")
}
