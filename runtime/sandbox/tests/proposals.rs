//! What of WebAssembly programs may use, proposal by proposal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentbox_policy::{Bounds, Code};
use agentbox_sandbox::{Compiler, Engine, Program, ProgramError};

fn compile(program: &str) -> Result<Program, ProgramError> {
    let engine = Engine::new().unwrap();
    Compiler::InProcess.compile(&engine, program.as_bytes(), &Bounds::default())
}

/// A command of `parts` and an entry whose instructions are `body`.
fn module(parts: &str, body: &str) -> String {
    format!(r#"(module {parts} (func (export "_start") {body}))"#)
}

/// A proposal, and what of a core module needs it: parts, and instructions.
const OFF: [(&str, &str, &str); 27] = [
    ("threads", "(memory 1 1 shared)", ""),
    (
        "threads",
        "(memory 1)",
        "(drop (i32.atomic.load (i32.const 0)))",
    ),
    ("threads", "", "atomic.fence"),
    ("shared-everything threads", "(type (shared (func)))", ""),
    ("memory64", "(memory i64 1)", ""),
    ("memory64", "(table i64 1 funcref)", ""),
    ("tail calls", "(func $f (return_call $f))", ""),
    (
        "tail calls",
        "(table 1 funcref) (func (return_call_indirect (i32.const 0)))",
        "",
    ),
    ("exceptions", "(tag)", ""),
    ("exceptions", "", "(try_table)"),
    ("exceptions", "(tag $t)", "(throw $t)"),
    ("exceptions", "(func (param exnref))", ""),
    ("legacy exceptions", "", "try end"),
    (
        "function references",
        "(type $f (func)) (func (param (ref $f)))",
        "",
    ),
    (
        "function references",
        "(type $f (func)) (func (param (ref null $f)) (call_ref $f (local.get 0)))",
        "",
    ),
    ("gc", "(type (struct))", ""),
    ("gc", "(type (array i8))", ""),
    ("gc", "(rec (type (func)) (type (func)))", ""),
    ("gc", "(func (param anyref))", ""),
    ("gc", "", "(drop (ref.i31 (i32.const 0)))"),
    ("host references", "(func (param externref))", ""),
    ("stack switching", "(type $f (func)) (type (cont $f))", ""),
    (
        "relaxed simd",
        "",
        "(drop (i32x4.relaxed_trunc_f32x4_s (v128.const i64x2 0 0)))",
    ),
    (
        "wide arithmetic",
        "",
        "(i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)) drop drop",
    ),
    ("custom page sizes", "(memory 1 (pagesize 1))", ""),
    (
        "memory control",
        "(memory 1)",
        "(memory.discard (i32.const 0) (i32.const 0))",
    ),
    (
        "custom descriptors",
        "(rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct)))",
        "",
    ),
];

/// A proposal for components, and what needs it.
const OFF_IN_COMPONENTS: [(&str, &str); 14] = [
    ("async", r#"(import "f" (func async))"#),
    ("async", "(type (stream u8))"),
    ("async", "(type (future u8))"),
    ("async", "(core func (canon task.return))"),
    ("async", "(core func (canon waitable-set.new))"),
    ("async", "(core func (canon subtask.drop))"),
    ("async", "(core func (canon backpressure.inc))"),
    ("threading", "(core func (canon thread.index))"),
    ("error context", "(type error-context)"),
    ("error context", "(core func (canon error-context.drop))"),
    ("maps", "(type (map string u8))"),
    ("lists of fixed length", "(type (list u8 4))"),
    ("values", r#"(import "v" (value string))"#),
    (
        "implements",
        r#"(import "x" (implements "a:b/c") (instance))"#,
    ),
];

#[track_caller]
fn is_refused(proposal: &str, program: &str) {
    let error = compile(program).map(drop).expect_err(proposal);
    assert_eq!(error.code(), Code::BAD_PROGRAM, "{proposal}: {error}");
    let text = error.to_string();
    // Refused by what checks programs, not by what reads their text: that knows all of these.
    assert!(
        text.contains("failed to parse WebAssembly module")
            || text.contains("at offset")
            || text.contains("failed to validate"),
        "{proposal}: {program}: {text}"
    );
}

#[test]
fn w17_proposals_that_are_off_are_refused() {
    for (proposal, parts, body) in OFF {
        is_refused(proposal, &module(parts, body));
    }
    for (proposal, part) in OFF_IN_COMPONENTS {
        is_refused(proposal, &format!("(component {part})"));
    }
}

/// What compilers emit without being asked to.
const ON: [(&str, &str, &str); 10] = [
    ("sign extension", "", "(drop (i32.extend8_s (i32.const 0)))"),
    (
        "saturating conversions",
        "",
        "(drop (i32.trunc_sat_f32_s (f32.const 0)))",
    ),
    (
        "several values",
        "(func $f (result i32 i32) (i32.const 0) (i32.const 0))",
        "(call $f) drop drop",
    ),
    (
        "bulk memory",
        "(memory 1)",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
    ),
    (
        "reference types",
        "(table 1 funcref)",
        "(table.set (i32.const 0) (ref.null func))",
    ),
    ("simd", "", "(drop (i32x4.splat (i32.const 0)))"),
    (
        "mutable globals",
        r#"(global (export "g") (mut i32) (i32.const 0))"#,
        "",
    ),
    (
        "constant expressions",
        "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
        "",
    ),
    ("several memories", "(memory 1) (memory 1)", ""),
    ("floats", "", "(drop (f64.sqrt (f64.const 2)))"),
];

#[test]
fn what_ordinary_compilers_emit_is_on() {
    for (feature, parts, body) in ON {
        let compiled = compile(&module(parts, body));
        assert!(compiled.is_ok(), "{feature}: {compiled:?}");
    }
}

/// With multi-memory off, wasmtime panics while it compiles this.
#[test]
fn strings_pass_between_the_modules_of_a_component() {
    let memory = r#"(memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))"#;
    let program = format!(
        r#"(component
          (component $callee
            (core module $m {memory} (func (export "f") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "s" string)
              (canon lift (core func $i "f")
                (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
          (component $caller
            (import "f" (func $f (param "s" string)))
            (core module $memory {memory})
            (core instance $i (instantiate $memory))
            (core func $f (canon lower (func $f)
              (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (core module $m
              (import "host" "f" (func $f (param i32 i32)))
              (func (export "run") (result i32)
                (call $f (i32.const 0) (i32.const 1)) (i32.const 0)))
            (core instance $m
              (instantiate $m (with "host" (instance (export "f" (func $f))))))
            (func (export "run") (result (result)) (canon lift (core func $m "run"))))
          (instance $callee (instantiate $callee))
          (instance $caller (instantiate $caller (with "f" (func $callee "f"))))
          (instance $command (export "run" (func $caller "run")))
          (export "wasi:cli/run@0.2.0" (instance $command)))"#
    );
    let compiled = compile(&program);
    assert!(compiled.is_ok(), "{compiled:?}");
}
