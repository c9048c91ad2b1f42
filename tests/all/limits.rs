//! Limits hold across runs, processes and time, and count what leaves and nothing else.

use std::fs;
use std::process::Child;

use crate::support::api::{self, Api};
use crate::support::caller::{Caller, Terms};

/// A server, and a caller whose calls there are counted as `rest` says.
fn limited(rest: &str) -> (Api, Caller, String) {
    let api = Api::always(api::json(200, "{}"));
    let caller = Caller::new(&Terms {
        rest,
        ..Terms::at(&api.url())
    });
    let url = format!("{}/v1/things", api.url());
    (api, caller, url)
}

/// How many of `count` calls of one run got a reply.
fn answered(caller: &Caller, count: &str, url: &str) -> usize {
    let outcome = caller.run(&["repeat", count, "GET", url]);
    outcome.exits(0).out().matches("status: 200\n").count()
}

#[test]
fn calls_of_the_last_hour_count_whichever_run_made_them() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"3/hour\"");
    assert_eq!(answered(&caller, "2", &url), 2);
    let outcome = caller.run(&["repeat", "3", "GET", &url]);
    let expected = "status: 200\nerror: ErrorCode::HttpRequestDenied\n\
                    error: ErrorCode::HttpRequestDenied\n";
    assert_eq!(outcome.exits(0).out(), expected);
    outcome
        .says("denied[AB0504]: GET ")
        .says("calls: 3 of 3 used this hour");
    let err = outcome.err();
    let retry = err
        .split("retry after ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let seconds: u64 = retry
        .and_then(|text| text.parse().ok())
        .expect("it says when");
    assert!((3000..=3600).contains(&seconds), "{err}");
    assert_eq!(api.requests().len(), 3);

    let exhausted = caller.events("exhausted");
    assert_eq!(exhausted.len(), 2);
    let facts = ["code", "limit", "used", "of", "window"].map(|name| &exhausted[0][name]);
    let expected: [serde_json::Value; 5] = [
        "AB0504".into(),
        "calls".into(),
        3.into(),
        3.into(),
        "hour".into(),
    ];
    assert_eq!(facts, expected.each_ref());
    assert_eq!(caller.events("intent").len(), 3);
}

#[test]
fn two_processes_at_once_never_exceed_a_limit_together() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"15/hour\"");
    let start = || caller.start(&[], &["repeat", "20", "GET", &url]);
    let running: Vec<Child> = (0..2).map(|_| start()).collect();
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        caller.key.assert_absent("standard error", &output.stderr);
    }
    assert_eq!(api.requests().len(), 15);
    assert_eq!(caller.events("intent").len(), 15);
    assert_eq!(caller.events("exhausted").len(), 25);
}

#[test]
fn a_limit_per_run_begins_anew_with_each_run() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"2/run\"");
    assert_eq!(answered(&caller, "4", &url), 2);
    assert_eq!(answered(&caller, "4", &url), 2);
    assert_eq!(api.requests().len(), 4);
    let outcome = caller.run(&["repeat", "3", "GET", &url]);
    outcome
        .says("calls: 2 of 2 used this run")
        .says("retry: no");
}

#[test]
fn every_window_of_a_limit_holds() {
    let rest = "limits = [\"calls\"]\n[limits]\ncalls = [\"2/run\", \"3/day\"]";
    let (api, caller, url) = limited(rest);
    assert_eq!(answered(&caller, "3", &url), 2);
    assert_eq!(answered(&caller, "3", &url), 1);
    assert_eq!(answered(&caller, "3", &url), 0);
    assert_eq!(api.requests().len(), 3);
}

#[test]
fn a_call_that_one_limit_refuses_counts_towards_none() {
    let rest = "limits = [\"all\", \"each\"]\n[limits]\nall = \"3/hour\"\neach = \"1/run\"";
    let (api, caller, url) = limited(rest);
    // In each run the second call is refused by `each` alone.
    for _ in 0..3 {
        assert_eq!(answered(&caller, "2", &url), 1);
    }
    assert_eq!(answered(&caller, "2", &url), 0);
    assert_eq!(api.requests().len(), 3);
}

#[test]
fn a_call_that_is_denied_counts_towards_no_limit() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"1/hour\"");
    let denied = format!("{url}/more");
    assert_eq!(answered(&caller, "3", &denied), 0);
    assert_eq!(answered(&caller, "3", &url), 1);
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn a_call_that_fails_counts() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"2/hour\"");
    drop(api);
    let outcome = caller.run(&["repeat", "3", "GET", &url]);
    let refused = "error: ErrorCode::ConnectionRefused\n";
    let expected = format!("{}error: ErrorCode::HttpRequestDenied\n", refused.repeat(2));
    assert_eq!(outcome.out(), expected);
}

#[test]
fn a_dry_run_counts_as_the_real_one_would() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"2/run\"");
    let outcome = caller.run_with(&["--dry-run"], &["repeat", "3", "GET", &url]);
    outcome.exits(0).says("AB0209").says("denied[AB0504]");
    assert_eq!(
        (
            caller.events("intent").len(),
            caller.events("exhausted").len()
        ),
        (2, 1)
    );
    assert!(api.requests().is_empty());
}

#[test]
fn nothing_leaves_that_cannot_be_counted() {
    let (api, caller, url) = limited("limits = [\"calls\"]\n[limits]\ncalls = \"5/hour\"");
    fs::create_dir_all(caller.ground.state().join("ledger.db")).expect("it is ours");
    let outcome = caller.run(&["http", "GET", &url]);
    outcome.exits(125).says("AB0120");
    fs::remove_dir(caller.ground.state().join("ledger.db")).expect("it is ours");
    fs::write(
        caller.ground.state().join("ledger.db"),
        "no database".repeat(1000),
    )
    .expect("ours");
    caller.run(&["http", "GET", &url]).exits(125).says("AB0120");
    assert!(api.requests().is_empty());
    assert_eq!(caller.events("intent").len(), 0);
}
