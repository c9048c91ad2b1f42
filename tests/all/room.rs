//! The room that a program has: tables, instances, stack and handles, each bounded.

use crate::bounds::{ends, goes_well};
use crate::support::agentbox::Ground;
use crate::support::texts;

#[test]
fn w03_tables_are_bounded() {
    ends(&growing_a_table(1), "table", "1000", 126, "AB0509");
    goes_well(&growing_a_table(1), "table", "1001");
}

#[test]
fn w03_tables_count_together_and_from_the_start() {
    let program = r#"(module (table 600 funcref) (table 600 funcref) (func (export "_start")))"#;
    ends(program, "table", "1199", 126, "AB0509");
    goes_well(program, "table", "1200");
}

#[test]
fn w03_tables_count_as_memory() {
    ends(&growing_a_table(1), "memory", "8000B", 126, "AB0501");
    goes_well(&growing_a_table(1), "memory", "8008B");
}

#[test]
fn a_program_that_can_do_without_a_larger_table_goes_on() {
    goes_well(&growing_a_table(0), "table", "1000");
}

/// A module that lets a table of one grow by a thousand, and crashes without if it is `needed`.
fn growing_a_table(needed: u32) -> String {
    format!(
        r#"(module (table 1 funcref)
          (func (export "_start")
            (if (i32.and (i32.const {needed})
                  (i32.eq (table.grow 0 (ref.null func) (i32.const 1000)) (i32.const -1)))
              (then unreachable))))"#
    )
}

#[test]
fn w10_instances_memories_and_tables_are_bounded() {
    for part in [
        "(core instance (instantiate $empty))",
        "(core instance (instantiate $memory))",
        "(core instance (instantiate $table))",
    ] {
        let program = texts::command_with(&format!(
            "(core module $empty) (core module $memory (memory 0)) (core module $table (table 0 funcref))
             {}",
            part.repeat(20)
        ));
        // Two more are the command's own.
        ends(&program, "instances", "21", 126, "AB0510");
        goes_well(&program, "instances", "22");
    }
    let program = r#"(module (memory 0) (memory 0) (memory 0) (memory 0) (memory 0) (memory 0)
      (memory 0) (memory 0) (func (export "_start")))"#;
    ends(program, "instances", "7", 126, "AB0510");
    goes_well(program, "instances", "8");
}

#[test]
fn w04_recursion_is_bounded() {
    let endless = r#"(module (func $r (call $r) (call $r)) (func (export "_start") (call $r)))"#;
    ends(endless, "stack", "64KiB", 126, "AB0511");
    ends(endless, "stack", "512KiB", 126, "AB0511");
    let deep = recursing(2000, "");
    ends(&deep, "stack", "16KiB", 126, "AB0511");
    goes_well(&deep, "stack", "256KiB");
}

#[test]
fn w04_a_policy_can_give_more_stack_and_the_host_is_never_out_of_its_own() {
    // At each level it writes a line: what the host needs for that is there at the last one as well.
    for stack in ["16 KiB", "512 KiB", "4 MiB"] {
        let ground = Ground::new();
        ground.write("program.wat", &recursing(u32::MAX, "(call $out)"));
        ground.write(
            "agentbox.toml",
            &format!("policy = 1\n[run]\nstack = \"{stack}\"\ncpu = \"60s\"\n"),
        );
        let outcome = ground.run(&["run", "--json", "program.wat"]);
        let outcome = outcome.exits(126);
        assert_eq!(outcome.last_line()["code"], "AB0511", "{stack}");
        let lines = outcome.out().lines().count();
        assert!(lines > 100, "{stack}: {lines}");
    }
}

/// A command that makes `times` handles, each of which the one after it owns, and drops the last: each
/// destructor drops the next, through the host.
fn dropping_in_destructors(times: u32) -> String {
    texts::command_calling(
        r#"(core module $d
            (type $drop (func (param i32)))
            (table (export "table") 1 funcref)
            (func (export "destroy") (param $next i32)
              (if (local.get $next)
                (then (call_indirect (type $drop) (local.get $next) (i32.const 0))))))
          (core instance $d (instantiate $d))
          (type $r (resource (rep i32) (dtor (core func $d "destroy"))))
          (core func $new (canon resource.new $r))
          (core func $drop (canon resource.drop $r))
          (core module $link
            (import "d" "table" (table 1 funcref))
            (import "d" "drop" (func $drop (param i32)))
            (elem (i32.const 0) $drop))
          (core instance (instantiate $link (with "d" (instance
            (export "table" (table $d "table")) (export "drop" (func $drop))))))
          (core instance $host (export "new" (func $new)) (export "drop" (func $drop)))"#,
        &format!(
            r#"(import "host" "new" (func $new (param i32) (result i32)))
              (import "host" "drop" (func $drop (param i32)))
              (func (export "body") (local $left i32) (local $last i32)
                (local.set $left (i32.const {times}))
                (loop
                  (local.set $last (call $new (local.get $last)))
                  (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                (call $drop (local.get $last)))"#
        ),
    )
}

#[test]
fn w04_recursion_through_the_host_is_bounded() {
    ends(
        &dropping_in_destructors(90_000),
        "stack",
        "512KiB",
        126,
        "AB0511",
    );
    goes_well(&dropping_in_destructors(100), "stack", "512KiB");
}

#[test]
fn the_largest_stack_is_as_large_as_it_says() {
    let ground = Ground::new();
    ground.write("program.wat", &recursing(500_000, ""));
    let run = || ground.run(&["run", "program.wat"]);
    run().exits(126).says("error[AB0511]: ");
    ground.write("agentbox.toml", "policy = 1\n[run]\nstack = \"64 MiB\"\n");
    run().exits(0);
}

/// A module that calls itself `depth` times, and does `each` at each level.
fn recursing(depth: u32, each: &str) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "x\n")
          (data (i32.const 0) "\10\00\00\00\02\00\00\00")
          (func $out
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
          (func $deeper (param $left i32) (result i32)
            {each}
            (if (result i32) (local.get $left)
              (then (i32.add (i32.const 1)
                (call $deeper (i32.sub (local.get $left) (i32.const 1)))))
              (else (i32.const 0))))
          (func (export "_start") (drop (call $deeper (i32.const {depth})))))"#
    )
}

#[test]
fn w11_handles_are_bounded() {
    let (many, dropped) = (subscribing(1000, ""), subscribing(1000, "(call $drop)"));
    ends(&many, "handles", "100", 126, "AB0514");
    // Each is two of the host's: the sleep, and the handle to wait for it.
    goes_well(&many, "handles", "2000");
    goes_well(&dropped, "handles", "16");
}

#[test]
fn w11_a_programs_own_handles_are_bounded() {
    let own = |times: u32| {
        texts::command_calling(
            r#"(type $r (resource (rep i32)))
              (core func $new (canon resource.new $r))
              (core instance $host (export "new" (func $new)))"#,
            &format!(
                r#"(import "host" "new" (func $new (param i32) (result i32)))
                  (func (export "body") (local $left i32)
                    (local.set $left (i32.const {times}))
                    (loop
                      (drop (call $new (i32.const 0)))
                      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))"#
            ),
        )
    };
    goes_well(&own(100_000), "handles", "16");
    ends(&own(200_000), "handles", "16", 126, "AB0514");
}

/// A command that asks the clock for `times` handles, and does `after` with each.
fn subscribing(times: u32, after: &str) -> String {
    texts::command_calling(
        r#"(import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
          (alias export $poll "pollable" (type $pollable))
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (alias outer 1 $pollable (type $outer))
            (export "pollable" (type $pollable (eq $outer)))
            (export "subscribe-duration"
              (func (param "when" u64) (result (own $pollable))))))
          (core func $subscribe (canon lower (func $clock "subscribe-duration")))
          (core func $drop (canon resource.drop $pollable))
          (core instance $host (export "subscribe" (func $subscribe)) (export "drop" (func $drop)))"#,
        &format!(
            r#"(import "host" "subscribe" (func $subscribe (param i64) (result i32)))
              (import "host" "drop" (func $drop (param i32)))
              (func (export "body") (local $left i32)
                (local.set $left (i32.const {times}))
                (loop
                  (call $subscribe (i64.const 0))
                  {}
                  (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))"#,
            if after.is_empty() { "drop" } else { after }
        ),
    )
}
