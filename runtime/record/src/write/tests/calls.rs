//! Lines about calls that the policy approved.

use agentbox_ledger::{Ledger, ReserveError};
use agentbox_policy::decide;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::line::{CredentialName, LONGEST_PATH, MOST_NAMES};
use crate::read::read;
use crate::testing::{CANARY, Scratch, end, head, now, outcome, policy, reserve, reserved, start};

/// The event that putting `path_and_query` on record makes, after the proof that no value of the
/// guest's is in the file.
fn intent(method: &str, path_and_query: &str) -> Event {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    let head = head(method, "api.widgets.example", path_and_query);
    let reserved = reserve(&Ledger::in_memory(), start.run, &head).expect("room");
    let recorded = record.intent(reserved, now()).expect("written");
    assert_eq!(recorded.call(), 1);
    record
        .outcome(recorded.call(), &outcome("sent"), now())
        .expect("written");
    record.ended(&end(), now()).expect("written");
    let text = std::fs::read_to_string(scratch.file(start.run)).expect("ours");
    assert!(!text.contains(CANARY), "{text}");
    let mut read = read(&scratch.dir(), &start.run.to_string()).expect("readable");
    assert_eq!(read.faults, []);
    assert!(matches!(
        read.lines[3].event,
        Event::RunEnded {
            calls: 1,
            denied: 0,
            ..
        }
    ));
    read.lines.remove(1).event
}

#[test]
fn an_intent_names_all_of_the_call_and_no_value_of_it() {
    let query = format!("page={CANARY}&empty=&bare&%C3%A9={CANARY}");
    let head = format!("GET\nhttps\napi.widgets.example\n/v1/7?{query}\nuser-agent:{CANARY}\n\n");
    let expected = Event::Intent {
        call: 1,
        grant: "http.widgets".to_owned(),
        operation: None,
        arguments: std::collections::BTreeMap::new(),
        route: "GET /v1/{id}?*".to_owned(),
        method: "GET".to_owned(),
        origin: "https://api.widgets.example".to_owned(),
        path: crate::Path {
            path: "/v1/7".to_owned(),
            path_digest: None,
        },
        query: ["page", "empty", "bare", "%C3%A9"]
            .map(str::to_owned)
            .to_vec(),
        query_more: 0,
        limits: vec!["writes".to_owned()],
        credential: Some(CredentialName {
            name: "widgets".to_owned(),
            reference: "env://WIDGETS_KEY".to_owned(),
        }),
        content_length: None,
        head: Some(
            Sha256::digest(head)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        ),
    };
    assert_eq!(intent("GET", &format!("/v1/7?{query}")), expected);
}

#[test]
fn a_query_of_many_names_is_cut_and_counted() {
    let query: Vec<String> = (0..500)
        .map(|number| format!("n{number}={CANARY}"))
        .collect();
    let query = query[..MOST_NAMES + 68].join("&");
    let Event::Intent {
        query,
        query_more: 68,
        ..
    } = intent("GET", &format!("/v1/7?{query}"))
    else {
        panic!("68 names are counted");
    };
    assert_eq!(query.len(), MOST_NAMES);
    assert_eq!(query[MOST_NAMES - 1], format!("n{}", MOST_NAMES - 1));
}

#[test]
fn a_call_without_a_query_has_no_names() {
    let Event::Intent {
        query,
        query_more: 0,
        ..
    } = intent("POST", "/v1/7/notes")
    else {
        panic!("an intent");
    };
    assert_eq!(query, Vec::<String>::new());
}

#[test]
fn the_longest_path_a_guest_can_send_is_cut_with_a_digest() {
    let path = format!("/v1/{}", "x".repeat(7000));
    let Event::Intent { path: shown, .. } = intent("GET", &path) else {
        panic!("an intent")
    };
    assert_eq!(shown.path, path[..LONGEST_PATH]);
    assert_eq!(shown.path_digest.map(|digest| digest.len()), Some(64));
}

#[test]
fn a_denied_call_leaves_no_value_in_the_record() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    let path = format!("/v1/7/notes?token={CANARY}");
    let mut head = head("POST", "api.widgets.example", &path);
    let names = [
        "authorization",
        "x-api-key",
        "cookie",
        "x-note",
        "connection",
        "host",
    ];
    for name in names {
        head.headers
            .push((name.to_owned(), CANARY.as_bytes().to_vec()));
        let denied = decide(&policy(), &head.clone().into()).expect_err("refused");
        record.denied(&denied, now()).expect("written");
        head.headers.truncate(1);
    }
    let text = std::fs::read_to_string(scratch.file(start.run)).expect("ours");
    assert_eq!(text.lines().count(), 1 + names.len());
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn an_exhausted_limit_is_recorded_and_counts_as_denied() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    let ledger = Ledger::in_memory();
    let head = head("GET", "few.example", "/");
    let first = reserve(&ledger, start.run, &head).expect("room for one");
    record.intent(first, now()).expect("written");
    let refused = reserve(&ledger, start.run, &head).expect_err("room for one");
    let ReserveError::Exhausted(exhausted) = refused else {
        panic!("{refused:?}")
    };
    record.exhausted(&exhausted, now()).expect("written");
    record.ended(&end(), now()).expect("written");
    let read = read(&scratch.dir(), &start.run.to_string()).expect("readable");
    let expected = Event::Exhausted {
        code: "AB0504".to_owned(),
        call: "GET https://few.example/".to_owned(),
        grant: "http.few".to_owned(),
        limit: "few".to_owned(),
        used: 1,
        of: 1,
        window: "run".to_owned(),
        retry_after_ms: None,
    };
    assert_eq!(read.lines[2].event, expected);
    let summary = read.summary();
    assert_eq!((summary.calls, summary.denied), (1, 1));
    assert!(matches!(
        read.lines[3].event,
        Event::RunEnded {
            calls: 1,
            denied: 1,
            ..
        }
    ));
}

#[test]
fn calls_are_numbered_from_one_and_a_refused_intent_takes_no_number() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    let never = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    record
        .intent(reserved(start.run), never)
        .expect_err("no such time");
    for number in 1..=3 {
        let recorded = record.intent(reserved(start.run), now()).expect("written");
        assert_eq!(recorded.call(), number);
        assert_eq!(recorded.approved().path(), "/v1/7");
    }
}

#[test]
fn nothing_may_leave_once_the_record_failed_or_ended() {
    let start = start();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let record = Record::over(File::from_std(full), None);
    let first = record
        .intent(reserved(start.run), now())
        .expect_err("no room");
    assert!(matches!(first, RecordError::Write(_)), "{first:?}");
    let later = record
        .intent(reserved(start.run), now())
        .expect_err("poisoned");
    assert!(matches!(later, RecordError::Poisoned), "{later:?}");

    let scratch = Scratch::new();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    record.ended(&end(), now()).expect("written");
    let ended = record
        .intent(reserved(start.run), now())
        .expect_err("ended");
    assert!(matches!(ended, RecordError::Ended), "{ended:?}");
    assert_eq!(ended.code(), Code::RECORD_UNAVAILABLE);
}
