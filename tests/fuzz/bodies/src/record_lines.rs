//! Records that something else has written to.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use agentbox_ledger::{Ledger, RunId};
use agentbox_policy::{HttpHead, Policy, Sources, Text, decide};
use agentbox_record::{FaultKind, Outcome, Record, RunEnd, RunRecord, RunStart, read, runs};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::Reached;
use crate::bytes::Bytes;

thread_local! {
    static FOLDER: RefCell<Option<(tempfile::TempDir, RunId)>> = const { RefCell::new(None) };
    static LINES: Vec<u8> = lines();
}

/// Of any bytes each line is understood or is a fault, never both or neither, and what was
/// understood is understood again when it is written again.
pub fn record_lines(data: &[u8]) -> Reached {
    let text = match data.split_first() {
        Some((0, choices)) => spoilt(&mut Bytes::new(choices)),
        _ => data.to_vec(),
    };
    let record = parsed(&text);
    let lost = |fault: &&agentbox_record::Fault| !matches!(fault.kind, FaultKind::Gap { .. });
    let lines = text.split_inclusive(|byte| *byte == b'\n').count();
    assert_eq!(
        record.lines.len() + record.faults.iter().filter(lost).count(),
        lines
    );
    let again: Vec<String> = record
        .lines
        .iter()
        .map(|line| serde_json::to_string(line).expect("a line can be written") + "\n")
        .collect();
    let again = parsed(again.concat().as_bytes());
    assert_eq!(again.lines, record.lines);
    assert!(
        again
            .faults
            .iter()
            .all(|fault| matches!(fault.kind, FaultKind::Gap { .. }))
    );
    vec![
        if record.faults.is_empty() {
            "whole"
        } else {
            "faults"
        },
        if record.lines.is_empty() {
            "nothing understood"
        } else {
            "something understood"
        },
    ]
}

fn parsed(text: &[u8]) -> RunRecord {
    FOLDER.with_borrow_mut(|folder| {
        let (folder, run) = folder.get_or_insert_with(|| {
            let run = RunId::new(SystemTime::now()).expect("an id");
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(folder.path().join("runs")).expect("a folder");
            (folder, run)
        });
        let path = folder.path().join("runs").join(format!("{run}.jsonl"));
        std::fs::write(path, text).expect("a record");
        let state = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("the folder");
        let record = read(&state, &run.to_string()).expect("it can be read");
        let listed = runs(&state).expect("it can be listed");
        assert_eq!(listed, [record.summary()]);
        record
    })
}

fn spoilt(choices: &mut Bytes<'_>) -> Vec<u8> {
    let mut text = LINES.with(Vec::clone);
    for _ in 0..choices.below(4) {
        let at = choices.below(text.len() + 1);
        let end = (at + choices.below(60)).min(text.len());
        match choices.below(4) {
            0 => drop(text.drain(at..end)),
            1 => drop(text.splice(at..end, choices.raw(20))),
            2 => text.insert(at, choices.pick(b"\n\0{}\"\\,9")),
            _ => {
                let piece = text[at..end].to_vec();
                text.splice(at..at, piece);
            }
        }
    }
    text
}

/// A record as it is written: of a call, of one that is denied, and of the end.
fn lines() -> Vec<u8> {
    let toml = "policy = 1\n[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /{x}\"]";
    let toml = Text {
        name: "agentbox.toml".to_owned(),
        text: toml.to_owned(),
    };
    let policy = Policy::parse(&Sources {
        toml,
        ..Sources::default()
    })
    .expect("a policy");
    let head = |method: &str| HttpHead {
        method: method.to_owned(),
        scheme: "https".to_owned(),
        authority: "a.test".to_owned(),
        path_and_query: "/a".to_owned(),
        headers: Vec::new(),
    };
    let now = SystemTime::now();
    let run = RunId::new(now).expect("an id");
    let start = RunStart {
        run,
        agent: "bot".to_owned(),
        owner: Some("somebody".to_owned()),
        policy_digest: "0".repeat(64),
        program_digest: "0".repeat(64),
        program_name: "fuzz".to_owned(),
        dry_run: false,
        version: "0".to_owned(),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let state = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("the folder");
    let record = Record::create(&state, &start, now).expect("a record");
    let approved = decide(&policy, &head("GET").into()).expect("it is granted");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let reserved = runtime.block_on(Ledger::in_memory().reserve(approved, &run, now));
    let recorded = record
        .intent(reserved.expect("there is no limit"), now)
        .expect("a line");
    let outcome = Outcome {
        status: Some(200),
        code: None,
        note: None,
        sent: 0,
        body: Some([7; 32]),
        received: 3,
        address: Some(([127, 0, 0, 1], 443).into()),
        elapsed: Duration::from_millis(5),
    };
    record
        .outcome(recorded.call(), &outcome, now)
        .expect("a line");
    let denied = decide(&policy, &head("PUT").into()).expect_err("it is not granted");
    record.denied(&denied, now).expect("a line");
    let end = RunEnd {
        exit: 0,
        code: None,
        elapsed: Duration::from_secs(1),
    };
    record.ended(&end, now).expect("a line");
    std::fs::read(folder.path().join("runs").join(format!("{run}.jsonl"))).expect("a record")
}
