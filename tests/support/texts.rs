//! Programs of a few lines, in WebAssembly's text form.

/// A module without imports that does nothing.
pub(crate) const NOTHING: &str = r#"(module (func (export "_start")))"#;

/// A module that crashes.
pub(crate) const CRASH: &str = r#"(module (func (export "_start") unreachable))"#;

/// A module that asks for 64 MiB and crashes when it does not get them.
pub(crate) const GROW: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 1024)) (i32.const -1)) (then unreachable))))"#;

/// A module that asks for 64 MiB and goes on without them.
pub(crate) const TRY_GROW: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "_start") (drop (memory.grow (i32.const 1024)))))"#;

/// A component that exports `wasi:cli/run`, which succeeds, and that imports each of `imports` as
/// an interface without functions.
pub(crate) fn command(imports: &[&str]) -> String {
    component(imports, 0)
}

/// A command that succeeds, with `parts` of its component beside it.
pub(crate) fn command_with(parts: &str) -> String {
    command_of(parts, "(core module $body (func (export \"body\")))", "")
}

/// A command whose `body` is exported by a core module of `functions`, which imports from `host`: a
/// core instance that `parts` make.
pub(crate) fn command_calling(parts: &str, functions: &str) -> String {
    let body = format!("(core module $body {functions})");
    command_of(parts, &body, "(with \"host\" (instance $host))")
}

fn command_of(parts: &str, body: &str, with: &str) -> String {
    format!(
        r#"(component
          {parts}
          {body}
          (core module $run
            (import "body" "body" (func $body))
            (func (export "run") (result i32) (call $body) (i32.const 0)))
          (core instance $b (instantiate $body {with}))
          (core instance $r (instantiate $run (with "body" (instance $b))))
          (func $run (result (result)) (canon lift (core func $r "run")))
          (component $interface
            (import "run" (func $run (result (result))))
            (export "run" (func $run)))
          (instance $command (instantiate $interface (with "run" (func $run))))
          (export "wasi:cli/run@0.2.0" (instance $command)))"#
    )
}

/// As [`command`], but it fails.
pub(crate) fn failing_command() -> String {
    component(&[], 1)
}

fn component(imports: &[&str], result: u8) -> String {
    let imports: String = imports
        .iter()
        .map(|import| format!("(import \"{import}\" (instance))\n"))
        .collect();
    format!(
        r#"(component
          {imports}
          (core module $m (func (export "run") (result i32) (i32.const {result})))
          (core instance $i (instantiate $m))
          (func $run (result (result)) (canon lift (core func $i "run")))
          (component $interface
            (import "run" (func $run (result (result))))
            (export "run" (func $run)))
          (instance $run (instantiate $interface (with "run" (func $run))))
          (export "wasi:cli/run@0.2.0" (instance $run)))"#
    )
}

/// A component whose exported `run` returns `text` as `ok`, or as `err`.
pub(crate) fn answering(ok: bool, text: &str) -> String {
    let (case, length) = (u8::from(!ok), text.len());
    format!(
        r#"(component
          (core module $m
            (memory (export "memory") 1)
            (data (i32.const 32) "{text}")
            (func (export "run") (result i32)
              (i32.store8 (i32.const 0) (i32.const {case}))
              (i32.store (i32.const 4) (i32.const 32))
              (i32.store (i32.const 8) (i32.const {length}))
              (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "run") (result (result string (error string)))
            (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    )
}

/// A module that ends with the exit code `code`.
pub(crate) fn exiting(code: u32) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1)
          (func (export "_start") (call $exit (i32.const {code}))))"#
    )
}

/// A module that sleeps.
pub(crate) fn sleeping(ms: u64) -> String {
    let ns = ms * 1_000_000;
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const {ns}))
            (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#
    )
}

/// A module that writes `err` to standard output a hundred times and then to standard error once,
/// whatever becomes of it.
pub(crate) const BOTH_STREAMS: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\04\00\00\00")
  (data (i32.const 16) "err\n")
  (func $to (param i32)
    (drop (call $write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 100))
    (loop $again
      (call $to (i32.const 1))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (call $to (i32.const 2))))"#;

/// A module that writes ten bytes to standard output and ten to standard error, `times` times, and
/// crashes when a write fails.
pub(crate) fn writing(times: u32) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\10\00\00\00\0a\00\00\00")
          (data (i32.const 16) "nine char\n")
          (func $to (param i32)
            (if (call $write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8))
              (then unreachable)))
          (func (export "_start") (local $left i32)
            (local.set $left (i32.const {times}))
            (loop $again
              (call $to (i32.const 1))
              (call $to (i32.const 2))
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $again (local.get $left)))))"#
    )
}

/// Calls by name, as [`calling`] makes a program of them.
#[derive(Clone, Debug)]
pub(crate) struct Calling<'a> {
    /// The operation.
    pub(crate) operation: &'a str,
    /// Its arguments.
    pub(crate) arguments: &'a str,
    /// How many bytes of zeros each has as its body.
    pub(crate) body: u32,
    /// How many calls there are.
    pub(crate) count: u32,
    /// Whether each is waited for before the next is started, or all of them at the end.
    pub(crate) one_by_one: bool,
    /// Whether the program crashes when one of them fails.
    pub(crate) must_succeed: bool,
}

/// A module that makes these calls, whatever becomes of them unless they must succeed.
pub(crate) fn calling(calls: &Calling<'_>) -> String {
    let Calling {
        operation,
        arguments,
        body,
        count,
        one_by_one,
        must_succeed,
    } = calls;
    let data = |text: &str| -> String { text.bytes().map(|b| format!("\\{b:02x}")).collect() };
    let (name, words) = (data(operation), data(arguments));
    let (name_length, length) = (operation.len(), arguments.len());
    let (each, all) = match one_by_one {
        true => ("(call $take)", ""),
        false => ("", "(call $times (i32.const 1))"),
    };
    let check = match must_succeed {
        true => "(if (i32.load8_u (i32.const 8)) (then unreachable))",
        false => "",
    };
    let start = 0x20000 + body.div_ceil(0x10000) * 0x10000;
    let pages = start / 0x10000 + 16;
    format!(
        r#"(module
  (import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "agentbox:host/invoke@0.1.0" "wait" (func $wait (param i32)))
  (memory (export "memory") {pages})
  (data (i32.const 0x100) "{name}")
  (data (i32.const 0x1000) "{words}")
  (global $next (mut i32) (i32.const {start}))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
      (then (drop (memory.grow (i32.add (i32.const 1)
        (i32.shr_u (local.get 3) (i32.const 16)))))))
    (local.get $at))
  (func $take
    (global.set $next (i32.const {start}))
    (call $wait (i32.const 0))
    (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
    {check})
  (func $times (param $take i32)
    (local $n i32)
    (loop $again
      (if (local.get $take)
        (then (call $take))
        (else
          (drop (call $start (i32.const 0x100) (i32.const {name_length})
            (i32.const 0x1000) (i32.const {length}) (i32.const 0x20000) (i32.const {body})))
          {each}))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const {count})))))
  (func (export "_start")
    (call $times (i32.const 0))
    {all}
    (call $wait (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))))"#
    )
}
