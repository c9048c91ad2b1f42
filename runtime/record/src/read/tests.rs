//! Tests of read.

use std::io::Write as _;
use std::time::Duration;

use super::*;
use crate::testing::{Scratch, denied, end, now, outcome, start};
use crate::write::{Record, RunStart};

fn recorded(scratch: &Scratch) -> RunId {
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    record.outcome(1, &outcome("one"), now()).expect("written");
    record.outcome(2, &outcome("two"), now()).expect("written");
    start.run
}

fn append(scratch: &Scratch, run: RunId, bytes: &[u8]) {
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open(scratch.file(run));
    file.expect("ours").write_all(bytes).expect("ours");
}

fn load(scratch: &Scratch, run: RunId) -> RunRecord {
    read(&scratch.dir(), &run.to_string()).expect("readable")
}

#[test]
fn a_torn_last_line_is_reported_and_the_lines_before_it_kept() {
    for tail in [&b"{\"v\":1,\"se"[..], &[0; 512], b"{}", b"\xff"] {
        let scratch = Scratch::new();
        let run = recorded(&scratch);
        append(&scratch, run, tail);
        let read = load(&scratch, run);
        assert_eq!(read.lines.len(), 3);
        assert_eq!(
            read.faults,
            [Fault {
                line: 4,
                kind: FaultKind::Torn
            }]
        );
    }
}

#[test]
fn a_record_cut_at_any_byte_keeps_its_whole_lines() {
    let scratch = Scratch::new();
    let run = recorded(&scratch);
    let bytes = std::fs::read(scratch.file(run)).expect("ours");
    for length in 0..bytes.len() {
        let read = RunRecord::parse(run, &bytes[..length]);
        let whole = bytes[..length]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert_eq!(read.lines.len(), whole, "{length}");
        let torn = length > 0 && bytes[length - 1] != b'\n';
        assert_eq!(read.faults.len(), usize::from(torn), "{length}");
    }
}

#[test]
fn foreign_lines_are_reported_and_skipped() {
    let foreign: [&[u8]; 6] = [
        b"\n",
        b"hello\n",
        b"{\"v\":2,\"seq\":4,\"time\":\"2026-01-01T00:00:00.000Z\",\"event\":\"outcome\"}\n",
        b"{\"v\":1,\"seq\":4,\"time\":\"2026-01-01T00:00:00.000Z\",\"event\":\"unheard-of\"}\n",
        b"{\"v\":1,\"seq\":4,\"time\":\"yesterday\",\"event\":\"run-ended\"}\n",
        b"\xff\xfe\0\n",
    ];
    for line in foreign {
        let scratch = Scratch::new();
        let run = recorded(&scratch);
        append(&scratch, run, line);
        let read = load(&scratch, run);
        assert_eq!(read.lines.len(), 3);
        assert_eq!(
            read.faults,
            [Fault {
                line: 4,
                kind: FaultKind::Foreign
            }]
        );
    }
}

#[test]
fn lines_without_digests_of_the_request_are_lines() {
    let lines = [
        r#"{"v":1,"seq":1,"time":"2026-01-01T00:00:00.000Z","event":"intent","call":1,"grant":"http.a","route":"GET /","method":"GET","origin":"https://a.example","path":"/"}"#,
        r#"{"v":1,"seq":2,"time":"2026-01-01T00:00:00.000Z","event":"outcome","call":1,"status":200,"sent":0,"received":2,"elapsed_ms":3}"#,
    ];
    let read = RunRecord::parse(start().run, format!("{}\n", lines.join("\n")).as_bytes());
    assert_eq!((read.faults, read.lines.len()), (vec![], 2));
    assert!(matches!(
        &read.lines[0].event,
        Event::Intent { head: None, .. }
    ));
    assert!(matches!(
        &read.lines[1].event,
        Event::Outcome { body: None, .. }
    ));
}

#[test]
fn a_missing_line_is_reported() {
    let scratch = Scratch::new();
    let run = recorded(&scratch);
    let text = std::fs::read_to_string(scratch.file(run)).expect("ours");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    std::fs::write(scratch.file(run), [lines[0], lines[2]].concat()).expect("ours");
    let gap = FaultKind::Gap {
        expected: 2,
        found: 3,
    };
    assert_eq!(load(&scratch, run).faults, [Fault { line: 2, kind: gap }]);
}

#[test]
fn a_run_is_found_by_the_start_of_its_id_when_only_one_starts_so() {
    let scratch = Scratch::new();
    let run = recorded(&scratch);
    let text = run.to_string();
    for prefix in [&text[..1], &text[..20], &text, &text.to_uppercase()] {
        assert_eq!(
            read(&scratch.dir(), prefix).expect("found").run,
            run,
            "{prefix}"
        );
    }
    let other = recorded(&scratch);
    let ambiguous = read(&scratch.dir(), &text[..1]).expect_err("two runs");
    let ReadError::Ambiguous { runs, .. } = ambiguous else {
        panic!("{ambiguous:?}")
    };
    assert_eq!(runs, [run.max(other), run.min(other)]);
    assert_eq!(read(&scratch.dir(), &text).expect("found").run, run);
}

#[test]
fn what_is_no_start_of_an_id_is_not_found_and_never_a_path() {
    let scratch = Scratch::new();
    recorded(&scratch);
    std::fs::write(scratch.path().join("secret.jsonl"), "{}").expect("ours");
    for prefix in [
        "",
        "../secret",
        "/etc/passwd",
        "runs",
        "\u{1b}[2J",
        "é",
        "zzzz",
    ] {
        let missing = read(&scratch.dir(), prefix).expect_err("no such run");
        assert!(matches!(missing, ReadError::NotFound { .. }), "{missing:?}");
        assert!(missing.to_string().is_ascii(), "{missing}");
    }
    let empty = Scratch::new();
    let missing = read(&empty.dir(), "0").expect_err("no runs at all");
    assert!(matches!(missing, ReadError::NotFound { .. }), "{missing:?}");
}

#[test]
fn runs_are_listed_newest_first_and_other_files_are_not() {
    let scratch = Scratch::new();
    assert_eq!(runs(&scratch.dir()).expect("an empty list"), []);
    let mut ids = Vec::new();
    for later in [5, 1, 3] {
        let time = now() + Duration::from_secs(later);
        let run = RunId::new(time).expect("an id");
        let start = RunStart {
            run,
            program_name: format!("p{later}"),
            ..start()
        };
        drop(Record::create(&scratch.dir(), &start, time).expect("a record"));
        ids.push(run);
    }
    for name in [
        "notes.txt",
        "x.jsonl",
        "00000000000000000000000000",
        "\u{1b}.jsonl",
    ] {
        std::fs::write(scratch.path().join("runs").join(name), "{}").expect("ours");
    }
    let listed = runs(&scratch.dir()).expect("readable");
    let programs = listed
        .iter()
        .map(|run| run.program.as_deref().unwrap_or_default());
    assert_eq!(programs.collect::<Vec<_>>(), ["p5", "p3", "p1"]);
    assert_eq!(listed[0].run, ids[0]);
    assert_eq!(listed[0].started, "2026-11-18T11:06:45.123Z");
}

#[test]
fn a_summary_counts_what_the_lines_say() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    for _ in 0..3 {
        record
            .denied(&denied("a.example", "/"), now())
            .expect("written");
    }
    let running = load(&scratch, start.run).summary();
    assert_eq!((running.calls, running.denied, running.exit), (0, 3, None));
    record.ended(&end(), now()).expect("written");
    let ended = load(&scratch, start.run).summary();
    assert_eq!((ended.exit, ended.faults), (Some(0), 0));
    assert_eq!(ended.agent.as_deref(), Some("tester"));
}

#[test]
fn a_record_without_a_line_is_still_listed() {
    let scratch = Scratch::new();
    let run = recorded(&scratch);
    std::fs::write(scratch.file(run), "{\"v\":1").expect("ours");
    let listed = runs(&scratch.dir()).expect("readable");
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].agent.as_deref(), listed[0].faults), (None, 1));
    assert_eq!(listed[0].started, "2026-11-18T11:06:40.123Z");
}
