//! Each bound of a run ends it by a code of its own, whether the policy sets it or a flag.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use agentbox_policy::{Bound, Bounds, Unit};

use crate::support::agentbox::{Ground, Outcome};
use crate::support::{attacks, texts};

/// Runs `program` with `bound` set to `value`: once by a flag, and once by the policy.
fn both_ways(program: &str, bound: &str, value: &str, check: impl Fn(&Ground, &Outcome)) {
    let by_flag = Ground::new();
    by_flag.write("program.wat", program);
    let flag = format!("--{bound}={value}");
    check(
        &by_flag,
        &by_flag.run(&["run", "--json", &flag, "program.wat"]),
    );

    let by_policy = Ground::new();
    by_policy.write("program.wat", program);
    by_policy.write(
        "agentbox.toml",
        &format!("policy = 1\n[run]\n{bound} = {}\n", in_toml(bound, value)),
    );
    check(
        &by_policy,
        &by_policy.run(&["run", "--json", "program.wat"]),
    );
}

/// A value as a policy writes it: counts are numbers, all else is text.
fn in_toml(bound: &str, value: &str) -> String {
    match Bound::named(bound).map(|bound| bound.unit) {
        Some(Unit::Count) => value.to_owned(),
        _ => format!("\"{value}\""),
    }
}

/// Checks that such a run is ended with `exit` and `code`, says so, and that its record says so.
pub(crate) fn ends(program: &str, bound: &str, value: &str, exit: i32, code: &str) {
    both_ways(program, bound, value, |ground, outcome| {
        outcome.exits(exit).says(&format!("error[{code}]: "));
        outcome.says(&format!("that `[run] {bound}` and `--{bound}` allow"));
        let last = outcome.last_line();
        assert_eq!(last["code"], code);
        assert_eq!(last["exit"], exit);
        let ended = ground.record_lines().pop().expect("the run is on record");
        assert_eq!(
            (&ended["event"], &ended["code"], &ended["exit"]),
            (&"run-ended".into(), &code.into(), &exit.into())
        );
        assert!(
            outcome.elapsed < Duration::from_secs(30),
            "{:?}",
            outcome.elapsed
        );
    });
}

pub(crate) fn goes_well(program: &str, bound: &str, value: &str) {
    both_ways(program, bound, value, |_, outcome| {
        outcome.exits(0);
        assert_eq!(outcome.last_line()["code"], serde_json::Value::Null);
    });
}

#[test]
fn memory_is_bounded() {
    ends(texts::GROW, "memory", "32MiB", 126, "AB0501");
    goes_well(texts::GROW, "memory", "128MiB");
}

#[test]
fn a_program_that_is_too_large_from_the_start_is_out_of_memory() {
    let program = r#"(module (memory 100) (func (export "_start")))"#;
    ends(program, "memory", "1MiB", 126, "AB0501");
}

#[test]
fn memories_count_together() {
    let program = r#"(module (memory 100) (memory 100) (func (export "_start")))"#;
    ends(program, "memory", "10MiB", 126, "AB0501");
    goes_well(program, "memory", "20MiB");
}

#[test]
fn a_program_that_can_do_without_goes_on() {
    goes_well(texts::TRY_GROW, "memory", "32MiB");
}

#[test]
fn computing_is_bounded() {
    ends(attacks::SPIN, "cpu", "200ms", 126, "AB0502");
}

#[test]
fn computing_before_the_entry_counts() {
    let program = r#"(module (func $spin (loop (br 0))) (start $spin) (func (export "_start")))"#;
    ends(program, "cpu", "200ms", 126, "AB0502");
}

#[test]
fn waiting_is_not_computing() {
    goes_well(&texts::sleeping(600), "cpu", "200ms");
}

#[test]
fn a_run_is_bounded_while_it_computes_and_while_it_waits() {
    ends(attacks::SPIN, "wall", "300ms", 124, "AB0503");
    ends(&texts::sleeping(60_000), "wall", "300ms", 124, "AB0503");
}

#[test]
fn a_run_is_bounded_while_it_waits_for_input() {
    let program = r#"(module
      (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\10\00\00\00\0a\00\00\00")
      (func (export "_start")
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let ground = Ground::new();
    ground.write("program.wat", program);
    let mut command = ground.command();
    let mut child = command
        .args(["run", "--wall", "300ms", "program.wat"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("agentbox is built");
    // Held open, with nothing in it, until the run is over.
    let stdin = child.stdin.take();
    let done = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(124), "{err}");
    assert!(err.starts_with("error[AB0503]"), "{err}");
    // The other end is gone, and with it the run.
    let written = stdin.expect("it was piped").write_all(&[b'x'; 1 << 20]);
    assert!(written.is_err());
}

#[test]
fn output_is_bounded_both_streams_together() {
    both_ways(&texts::writing(u32::MAX), "output", "105B", |_, outcome| {
        outcome
            .exits(122)
            .says("error[AB0506]: ")
            .says("`[run] output`");
        assert_eq!(outcome.last_line()["code"], "AB0506");
        assert_eq!(outcome.out(), "nine char\n".repeat(5));
        assert_eq!(outcome.err().matches("nine char\n").count(), 5);
    });
    ends(&texts::writing(2), "output", "39B", 122, "AB0506");
    goes_well(&texts::writing(2), "output", "40B");
}

#[test]
fn the_text_of_a_result_is_output_too() {
    for ok in [true, false] {
        let program = texts::answering(ok, "0123456789");
        both_ways(&program, "output", "9B", |_, outcome| {
            outcome.exits(122).says("error[AB0506]: ");
            assert_eq!(outcome.out(), "");
            assert!(!outcome.err().contains("0123456789"), "{}", outcome.err());
        });
    }
    goes_well(&texts::answering(true, "0123456789"), "output", "10B");
}

const BOUNDS: [(&str, &str, &str); 20] = [
    ("memory", "8 MiB", "9MiB"),
    ("table", "100", "101"),
    ("instances", "10", "11"),
    ("stack", "64 KiB", "65537B"),
    ("cpu", "2s", "2001ms"),
    ("wall", "20s", "1m"),
    ("output", "1 KiB", "1025B"),
    ("request-body", "1 KiB", "1GiB"),
    ("reply-body", "1 KiB", "2KiB"),
    ("connect", "1s", "2s"),
    ("first-byte", "1s", "1h"),
    ("call", "1s", "1d"),
    ("calls", "10", "11"),
    ("denials", "10", "11"),
    ("calls-at-once", "10", "11"),
    ("handles", "1000", "1001"),
    ("host-memory", "1 MiB", "2MiB"),
    ("arguments", "1 KiB", "2KiB"),
    ("compile-time", "20s", "21s"),
    ("compile-memory", "1 GiB", "2GiB"),
];

/// The test that holds a run to each bound.
const HELD: [(&str, &str); 20] = [
    ("memory", "memory_is_bounded"),
    ("table", "w03_tables_are_bounded"),
    ("instances", "w10_instances_memories_and_tables_are_bounded"),
    ("stack", "w04_recursion_is_bounded"),
    ("cpu", "computing_is_bounded"),
    (
        "wall",
        "a_run_is_bounded_while_it_computes_and_while_it_waits",
    ),
    ("output", "output_is_bounded_both_streams_together"),
    ("calls", "calls_are_bounded_whatever_becomes_of_them"),
    ("denials", "denials_are_bounded"),
    (
        "calls-at-once",
        "no_more_calls_are_under_way_at_once_than_may_be",
    ),
    ("handles", "w11_handles_are_bounded"),
    (
        "host-memory",
        "a_call_that_the_host_has_no_room_for_is_refused_and_the_program_goes_on",
    ),
    (
        "arguments",
        "arguments_of_megabytes_are_refused_before_they_are_read",
    ),
    (
        "request-body",
        "a_request_larger_than_it_may_be_does_not_get_through",
    ),
    ("reply-body", "s14_a_body_without_end"),
    ("connect", "s12_an_upstream_without_tls_gets_no_request"),
    ("first-byte", "s13_an_upstream_that_never_answers"),
    ("call", "s13_an_upstream_that_never_answers"),
    (
        "compile-time",
        "programs_that_take_long_to_compile_end_with_their_time",
    ),
    (
        "compile-memory",
        "programs_that_take_much_memory_to_compile_end_with_it",
    ),
];

#[test]
fn every_bound_has_a_test_and_a_line_in_the_lesson_with_its_default() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests: String = fs::read_dir(root.join("tests/all"))
        .expect("the tests are there")
        .filter_map(|entry| fs::read_to_string(entry.expect("it is listed").path()).ok())
        .collect();
    let lesson = fs::read_to_string(root.join("wit/README.md")).expect("the lesson is there");
    let (_, table) = lesson.split_once("\n[run]\n").expect("it has the table");
    let (table, _) = table.split_once("```").expect("the table ends");
    for bound in Bound::all() {
        let name = bound.name;
        let held = HELD.iter().find(|held| held.0 == name);
        let (_, test) = held.unwrap_or_else(|| panic!("{name} has no test"));
        assert!(tests.contains(&format!("\nfn {test}()")), "{name}: {test}");
        assert!(BOUNDS.iter().any(|raised| raised.0 == name), "{name}");
        let line = table
            .lines()
            .find(|line| line.split_whitespace().next() == Some(name))
            .unwrap_or_else(|| panic!("{name} is not in the lesson"));
        let default = bound.of(&Bounds::default()).to_string();
        assert!(line.ends_with(&format!("  {default}")), "{line}: {default}");
    }
    assert_eq!(HELD.len(), Bound::all().len());
}

#[test]
fn no_flag_raises_a_bound_of_the_policy() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    let bounds: String = BOUNDS
        .iter()
        .map(|(bound, value, _)| format!("{bound} = {}\n", in_toml(bound, value)))
        .collect();
    ground.write("agentbox.toml", &format!("policy = 1\n[run]\n{bounds}"));
    for (bound, value, more) in BOUNDS {
        let flag = format!("--{bound}={more}");
        let refused = ground.run(&["run", &flag, "program.wat"]);
        refused
            .exits(120)
            .says("error[AB0121]: ")
            .says(&format!("--{bound}"))
            .says(value);
        // The policy's own value, and a lower one, are no widening.
        let same = format!("--{bound}={value}");
        ground.run(&["run", &same, "program.wat"]).exits(0);
    }
    assert_eq!(
        ground.record().matches("run-started").count(),
        BOUNDS.len(),
        "refused runs are not begun"
    );
}

#[test]
fn no_flag_raises_a_default() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    for flag in [
        "--memory=257MiB",
        "--cpu=11s",
        "--wall=3m",
        "--output=65MiB",
    ] {
        ground
            .run(&["run", flag, "program.wat"])
            .exits(120)
            .says("error[AB0121]: ");
    }
}

#[test]
fn a_lower_flag_wins_over_the_policy() {
    let ground = Ground::new();
    ground.write("program.wat", attacks::SPIN);
    ground.write(
        "agentbox.toml",
        "policy = 1\n[run]\nwall = \"100s\"\ncpu = \"100s\"\n",
    );
    ground
        .run(&["run", "--cpu=200ms", "program.wat"])
        .exits(126)
        .says("error[AB0502]");
    ground
        .run(&["run", "--wall=200ms", "program.wat"])
        .exits(124)
        .says("error[AB0503]");
}

#[test]
fn a_bound_without_a_unit_is_a_usage_mistake() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    for flag in [
        "--memory=64",
        "--cpu=5",
        "--wall=-1s",
        "--output=1e3B",
        "--call=",
    ] {
        ground
            .run(&["run", flag, "program.wat"])
            .exits(125)
            .says("invalid value");
    }
}
