//! Tests of reserve.

use std::time::Duration;

use agentbox_policy::{Approved, HttpHead, Policy, Sources, Text, decide};

use super::*;
use crate::testing::Scratch;

const POLICY: &str = r#"
policy = 1

[agent]
id = "tester"

[limits]
reads = "3/hour"
spend = "2/run"

[http.plain]
origin = "https://plain.example"
allow  = ["GET /things/{id}?*"]

[http.limited]
origin = "https://limited.example"
allow  = ["GET /things/{id}?*"]
limits = ["reads", "spend"]
"#;

fn approved(host: &str) -> Approved {
    let toml = Text {
        name: "agentbox.toml".to_owned(),
        text: POLICY.to_owned(),
    };
    let sources = Sources {
        toml,
        wit: Vec::new(),
        deps: Vec::new(),
        connectors: Vec::new(),
    };
    let policy = Policy::parse(&sources).expect("a policy");
    let head = HttpHead {
        method: "GET".to_owned(),
        scheme: "https".to_owned(),
        authority: host.to_owned(),
        path_and_query: "/things/7?q=canary-in-query".to_owned(),
        headers: Vec::new(),
    };
    decide(&policy, &head.into()).expect("granted")
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000)
}

fn run() -> RunId {
    RunId::new(now()).expect("an id")
}

fn reserve(
    ledger: &Ledger,
    host: &str,
    run: &RunId,
    now: SystemTime,
) -> Result<Reserved, ReserveError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(ledger.reserve(approved(host), run, now))
}

#[test]
fn a_call_without_limits_opens_no_database() {
    let scratch = Scratch::new();
    let ledger = Ledger::at(scratch.path().join("state"));
    for _ in 0..10 {
        let reserved = reserve(&ledger, "plain.example", &run(), now()).expect("no limit");
        assert_eq!(reserved.approved().path(), "/things/7");
    }
    assert!(!scratch.path().join("state").exists());
}

#[test]
fn a_call_is_counted_under_all_of_its_limits_and_the_refusal_says_which() {
    let ledger = Ledger::in_memory();
    let (first, second) = (run(), run());
    for _ in 0..2 {
        let reserved = reserve(&ledger, "limited.example", &first, now()).expect("room");
        assert_eq!(reserved.approved().agent(), "tester");
    }
    let refused = reserve(&ledger, "limited.example", &first, now()).expect_err("2/run");
    assert_eq!(refused.to_string(), "spend: 2 of 2 used this run");
    reserve(&ledger, "limited.example", &second, now()).expect("one of 3/hour is left");
    let later = now() + Duration::from_secs(60);
    let refused = reserve(&ledger, "limited.example", &second, later).expect_err("3/hour");
    assert_eq!(refused.code(), agentbox_policy::Code::LIMIT);
    let ReserveError::Exhausted(exhausted) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(exhausted.to_string(), "reads: 3 of 3 used this hour");
    assert_eq!(exhausted.call(), "GET https://limited.example/things/7");
    assert_eq!(exhausted.grant(), "http.limited");
    assert_eq!(exhausted.retry_after(), Some(Duration::from_secs(3540)));
}

#[test]
fn a_clock_outside_what_can_be_counted_refuses() {
    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000);
    for clock in [before, after] {
        let refused = reserve(&Ledger::in_memory(), "limited.example", &run(), clock);
        let refused = refused.expect_err("no such time");
        assert!(
            matches!(refused, ReserveError::Unavailable(_)),
            "{refused:?}"
        );
        assert_eq!(refused.code(), agentbox_policy::Code::STATE);
    }
}

#[test]
fn an_unusable_folder_refuses_and_an_approved_call_goes_no_further() {
    let ledger = Ledger::at("/proc/self".into());
    let refused = reserve(&ledger, "limited.example", &run(), now()).expect_err("no database");
    assert!(
        matches!(refused, ReserveError::Unavailable(_)),
        "{refused:?}"
    );
    assert_eq!(refused.to_string(), "the ledger cannot be used");
}
