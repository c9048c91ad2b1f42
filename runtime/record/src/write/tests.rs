//! Tests of write.

mod calls;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::*;
use crate::read::read;
use crate::testing::{Scratch, denied, end, now, outcome, start};

fn mode(path: &Path) -> u32 {
    path.metadata().expect("is there").permissions().mode() & 0o777
}

fn on_full_device() -> Record {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    Record::over(File::from_std(full), None)
}

#[test]
fn a_record_is_a_private_file_of_its_own() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    assert_eq!(mode(&scratch.file(start.run)), 0o600);
    assert_eq!(mode(&scratch.path().join("runs")), 0o700);
    drop(record);
    let again = Record::create(&scratch.dir(), &start, now()).expect_err("the name is taken");
    assert!(matches!(again, RecordError::Create { .. }), "{again:?}");
    assert_eq!(again.code(), Code::STATE);
}

#[test]
fn a_link_in_place_of_the_record_is_refused() {
    let scratch = Scratch::new();
    let start = start();
    let elsewhere = scratch.path().join("elsewhere");
    std::fs::create_dir(scratch.path().join("runs")).expect("ours");
    symlink(&elsewhere, scratch.file(start.run)).expect("ours");
    let refused = Record::create(&scratch.dir(), &start, now()).expect_err("a link");
    assert!(matches!(refused, RecordError::Create { .. }), "{refused:?}");
    assert!(!elsewhere.exists());
}

#[test]
fn what_was_written_reads_back_in_order_with_the_counts() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    record
        .denied(&denied("a.example", "/x"), now())
        .expect("written");
    record
        .outcome(1, &outcome("a fact"), now())
        .expect("written");
    record.ended(&end(), now()).expect("written");
    let read = read(&scratch.dir(), &start.run.to_string()).expect("readable");
    assert_eq!(read.faults, []);
    assert_eq!(
        read.lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(read.lines[0].event, Event::started(&start));
    assert_eq!(read.lines[0].time.as_millisecond(), 1_795_000_000_123);
    assert_eq!(
        read.lines[1].event,
        Event::denied(&denied("a.example", "/x"))
    );
    assert_eq!(read.lines[2].event, Event::outcome(1, &outcome("a fact")));
    let Event::RunEnded {
        exit: 0,
        calls: 0,
        denied: 1,
        elapsed_ms: 1500,
        code: None,
    } = read.lines[3].event
    else {
        panic!("{:?}", read.lines[3]);
    };
}

#[test]
fn hostile_calls_make_one_short_line_each() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    let hostile = [
        "/\n{\"v\":1,\"seq\":3,\"event\":\"intent\"}".to_owned(),
        "/\u{1b}[2J\u{7}\u{9b}\0\r".to_owned(),
        "/\u{2028}\u{202e}\u{1f600}\"\\".to_owned(),
        "/x".repeat(5_000_000),
        "\u{10ffff}".repeat(2_000_000),
    ];
    for path in &hostile {
        record.denied(&denied(path, path), now()).expect("written");
    }
    let bytes = std::fs::read(scratch.file(start.run)).expect("ours");
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 1 + hostile.len());
    for line in lines {
        assert!(line.len() < 16 * 1024, "{} bytes", line.len());
        assert!(
            serde_json::from_slice::<serde_json::Value>(line)
                .expect("JSON")
                .is_object()
        );
    }
    assert_eq!(
        read(&scratch.dir(), &start.run.to_string())
            .expect("readable")
            .faults,
        []
    );
}

#[test]
fn sixty_four_writers_never_mix_their_lines() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    std::thread::scope(|scope| {
        for writer in 0..64_u64 {
            let record = record.clone();
            scope.spawn(move || {
                let note = format!("{writer} ").repeat(600);
                for _ in 0..20 {
                    record
                        .outcome(writer, &outcome(&note), now())
                        .expect("written");
                }
            });
        }
    });
    let read = read(&scratch.dir(), &start.run.to_string()).expect("readable");
    assert_eq!(read.faults, []);
    assert_eq!(read.lines.len(), 1 + 64 * 20);
    for line in &read.lines[1..] {
        let Event::Outcome {
            call,
            note: Some(note),
            ..
        } = &line.event
        else {
            panic!("{line:?}");
        };
        assert!(
            note.split_whitespace()
                .all(|part| part.trim_end_matches('…').len() <= 2)
        );
        assert!(note.starts_with(&format!("{call} {call} ")), "{note}");
    }
}

#[test]
fn a_full_disk_poisons_the_record() {
    let record = on_full_device();
    let first = record.outcome(1, &outcome(""), now()).expect_err("no room");
    assert!(matches!(first, RecordError::Write(_)), "{first:?}");
    let refused = [
        record.outcome(1, &outcome(""), now()),
        record.denied(&denied("a.example", "/"), now()),
        record.ended(&end(), now()),
    ];
    for refused in refused {
        let refused = refused.expect_err("poisoned");
        assert!(matches!(refused, RecordError::Poisoned), "{refused:?}");
        assert_eq!(refused.code(), Code::RECORD_UNAVAILABLE);
    }
}

/// This same test, started by its parent under a bound on the size of files, when it is set.
const FOLDER: &str = "AGENTBOX_RECORD_TEST_FOLDER";

#[test]
fn a_line_that_was_only_partly_written_poisons_the_record() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = Dir::open_ambient_dir(folder, cap_std::ambient_authority()).expect("ours");
        let record = Record::create(&folder, &start(), now()).expect("fits");
        let mut tries = (0..100).map(|_| record.outcome(1, &outcome(&"x".repeat(700)), now()));
        let first = tries.find_map(Result::err).expect("the bound is reached");
        let RecordError::Write(short) = first else {
            panic!("{first:?}")
        };
        assert_eq!(short.kind(), io::ErrorKind::WriteZero, "a part was written");
        let after = tries.next().expect("more").expect_err("poisoned");
        assert!(matches!(after, RecordError::Poisoned), "{after:?}");
        return;
    }
    let scratch = Scratch::new();
    // A shell, because a process cannot bound itself without unsafe code. The signal is ignored,
    // so that the write itself tells.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "write::tests::a_line_that_was_only_partly_written_poisons_the_record",
        ])
        .env(FOLDER, scratch.path())
        .output()
        .expect("a shell");
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    let run = std::fs::read_dir(scratch.path().join("runs"))
        .expect("made")
        .next();
    let run = run.expect("one record").expect("one record").file_name();
    let run = run.to_str().expect("an id").trim_end_matches(".jsonl");
    let read = read(&scratch.dir(), run).expect("readable");
    let torn = crate::read::FaultKind::Torn;
    assert_eq!(
        read.faults
            .iter()
            .map(|fault| &fault.kind)
            .collect::<Vec<_>>(),
        [&torn]
    );
}

#[test]
fn a_record_that_was_moved_or_removed_takes_no_more_lines() {
    for removed in [true, false] {
        let scratch = Scratch::new();
        let start = start();
        let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
        let file = scratch.file(start.run);
        if removed {
            std::fs::remove_file(&file).expect("ours");
        } else {
            std::fs::rename(&file, file.with_extension("old")).expect("ours");
            std::fs::write(&file, "").expect("ours");
        }
        let gone = record.outcome(1, &outcome(""), now()).expect_err("gone");
        assert!(matches!(gone, RecordError::Gone), "{gone:?}");
        let after = record
            .outcome(1, &outcome(""), now())
            .expect_err("poisoned");
        assert!(matches!(after, RecordError::Poisoned), "{after:?}");
    }
}

#[test]
fn after_the_end_only_outcomes_follow() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    record.ended(&end(), now()).expect("written");
    let refused = record
        .denied(&denied("a.example", "/"), now())
        .expect_err("has ended");
    assert!(matches!(refused, RecordError::Ended), "{refused:?}");
    let refused = record.ended(&end(), now()).expect_err("has ended");
    assert!(matches!(refused, RecordError::Ended), "{refused:?}");
    record.outcome(1, &outcome("late"), now()).expect("written");
}

#[test]
fn a_clock_that_cannot_be_written_is_an_error_and_poisons_nothing() {
    let scratch = Scratch::new();
    let start = start();
    let record = Record::create(&scratch.dir(), &start, now()).expect("a record");
    let never = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    let refused = record
        .outcome(1, &outcome(""), never)
        .expect_err("the year 36812");
    assert!(matches!(refused, RecordError::Clock(_)), "{refused:?}");
    record.outcome(1, &outcome(""), now()).expect("written");
}
