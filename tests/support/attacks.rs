//! Programs that keep the host busy, each in its own way and without end, and a neighbour of them.

/// What it does, and the program.
pub(crate) type Attack = (&'static str, String);

/// A module that computes for ever.
pub(crate) const SPIN: &str = r#"(module (func (export "_start") (loop (br 0))))"#;

/// Programs that never end by themselves and stay within every bound but time, whose memory is of
/// `pages`.
pub(crate) fn endless(pages: u32) -> Vec<Attack> {
    let bytes = u64::from(pages) * 65_536 - 1;
    let memory = format!(r#"(memory (export "memory") {pages})"#);
    let looping = |parts: &str, body: &str| {
        format!(r#"(module {parts} (func (export "_start") (loop {body} (br 0))))"#)
    };
    vec![
        ("spins", SPIN.into()),
        (
            "calls itself",
            looping(
                r#"(func $deeper (param $left i32)
                  (if (local.get $left)
                    (then (call $deeper (i32.sub (local.get $left) (i32.const 1))))))"#,
                "(call $deeper (i32.const 4000))",
            ),
        ),
        (
            "asks for memory",
            looping("(memory 1)", "(drop (memory.grow (i32.const 1)))"),
        ),
        (
            "fills its memory",
            looping(
                &memory,
                &format!("(memory.fill (i32.const 0) (i32.const 1) (i32.const {bytes}))"),
            ),
        ),
        (
            "copies its memory",
            looping(
                &memory,
                &format!("(memory.copy (i32.const 1) (i32.const 0) (i32.const {bytes}))"),
            ),
        ),
        (
            "fills a table",
            looping(
                "(table 100000 funcref)",
                "(table.fill (i32.const 0) (ref.null func) (i32.const 100000))",
            ),
        ),
        (
            "asks for tables",
            looping(
                "(table 1 funcref)",
                "(drop (table.grow (ref.null func) (i32.const 1)))",
            ),
        ),
        (
            "spins in its start function",
            include_str!("../../guest-examples/hostile/w01-loops-in-a-start-function/attack.wat")
                .into(),
        ),
        ("writes nothing", looping(&writing(0), WRITE)),
        ("asks the time", looping(CLOCK, ASK)),
        (
            "spins in its allocator",
            include_str!("../../guest-examples/hostile/w01-loops-in-an-allocator/attack.wat")
                .into(),
        ),
        (
            "spins in a destructor",
            include_str!("../../guest-examples/hostile/w01-loops-in-a-destructor/attack.wat")
                .into(),
        ),
    ]
}

/// A program that writes without end: it uses up its output first, where that has a bound.
pub(crate) fn flooding() -> Attack {
    (
        "floods",
        format!(
            r#"(module {} (func (export "_start") (loop {WRITE} (br 0))))"#,
            writing(60_000)
        ),
    )
}

/// A well-behaved program that asks the host for the time `calls` times.
pub(crate) fn asking(calls: u32) -> String {
    counted(calls, CLOCK, ASK)
}

/// A well-behaved program that waits for a millisecond `calls` times.
pub(crate) fn waiting(calls: u32) -> String {
    let parts = r#"(import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "\01") (data (i32.const 24) "\40\42\0f")"#;
    let wait = "(drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))";
    counted(calls, parts, wait)
}

fn counted(calls: u32, parts: &str, call: &str) -> String {
    format!(
        r#"(module {parts}
          (func (export "_start") (local $left i32)
            (local.set $left (i32.const {calls}))
            (loop
              {call}
              (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"#
    )
}

const CLOCK: &str = r#"(import "wasi_snapshot_preview1" "clock_time_get"
    (func $now (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)"#;

const ASK: &str = "(drop (call $now (i32.const 1) (i64.const 0) (i32.const 0)))";

/// What writing `bytes` bytes at once needs.
fn writing(bytes: u32) -> String {
    let length: String = bytes
        .to_le_bytes()
        .iter()
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    format!(
        r#"(import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\10\00\00\00{length}")"#
    )
}

const WRITE: &str = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";
