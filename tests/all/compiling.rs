//! Programs that attack the compiler: each ends within the bounds of compiling, by its own code, and
//! nothing of the process that compiled is left behind.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::agentbox::{Ground, Outcome};
use crate::support::texts;

/// How much later than its bound a run may end on a machine that is busy with other tests. The bench
/// `containment` measures how much it is.
const SLACK: Duration = Duration::from_secs(10);

/// Text, over and over.
fn repeated(times: usize, piece: impl Fn(usize) -> String) -> String {
    (0..times).fold(String::new(), |mut text, at| {
        _ = write!(text, "{} ", piece(at));
        text
    })
}

/// A command of one function.
fn function(body: &str) -> String {
    format!(r#"(module (func (export "_start") {body}))"#)
}

fn nested(open: &str, times: usize) -> String {
    let ends = "end ".repeat(times);
    function(&format!("(local i32) {}{ends}", open.repeat(times)))
}

/// One function, 150 KB of it: a loop around as many values as there are locals.
fn quadratic() -> String {
    let loops = "loop ".repeat(3000);
    let locals = "i32 ".repeat(5000);
    let steps = repeated(5000, |at| {
        format!("local.get {at} i32.const 1 i32.add local.set {at}")
    });
    let ends = "end ".repeat(3000);
    function(&format!(
        "(local {locals}) {loops} {steps} local.get 0 br_if 0 {ends}"
    ))
}

/// A hundred thousand functions, each of a type of its own.
fn types() -> String {
    let params = |at: usize| repeated(17, |bit| ["i32", "i64"][at >> bit & 1].to_owned());
    let functions = repeated(100_000, |at| format!("(func (param {}))", params(at)));
    format!(r#"(module {functions} (func (export "_start")))"#)
}

/// A component that instantiates, twice each, components that instantiate components.
fn doubling(times: usize) -> String {
    let doubled = repeated(times, |at| {
        let next = at + 1;
        format!(
            "(component $c{next} (alias outer 1 $c{at} (component $c))
               (instance (instantiate $c)) (instance (instantiate $c)))"
        )
    });
    format!(
        "(component (component $c0 (core module $m) (core instance (instantiate $m)))
           {doubled} (instance (instantiate $c{times})))"
    )
}

/// A program that is refused at once: what is wrong with it, its text, its code.
fn refused_at_once() -> [(&'static str, String, &'static str); 7] {
    let options = repeated(10_000, |at| format!("(type $t{} (option $t{at}))", at + 1));
    let tuples = repeated(60, |at| {
        format!("(type $t{} (tuple $t{at} $t{at}))", at + 1)
    });
    let imports = repeated(100_000, |at| {
        format!(r#"(import "f{at}" (func (type $f)))"#)
    });
    [
        (
            "types nested ten thousand deep",
            format!(
                r#"(component (type $t0 (option u8)) {options} (import "f" (func (param "a" $t10000))))"#
            ),
            "AB0114",
        ),
        (
            "a type that holds 2^60 others",
            format!(
                r#"(component (type $t0 (tuple u8)) {tuples} (import "f" (func (param "a" $t60))))"#
            ),
            "AB0114",
        ),
        (
            "a hundred thousand imports",
            format!("(component (type $f (func)) {imports})"),
            "AB0117",
        ),
        (
            "twenty thousand instances",
            format!(
                "(component (core module $m) {})",
                "(core instance (instantiate $m)) ".repeat(20_000)
            ),
            "AB0114",
        ),
        (
            "a million functions and one",
            format!("(module {})", "(func) ".repeat(1_000_001)),
            "AB0117",
        ),
        (
            "a branch table of a million targets",
            function(&format!(
                "(local i32) block local.get 0 br_table {}0 end",
                "0 ".repeat(1_000_000)
            )),
            "AB0114",
        ),
        (
            "a function of more locals than there may be",
            function(&format!("(local {})", "i32 ".repeat(50_001))),
            "AB0114",
        ),
    ]
}

#[track_caller]
fn ends(outcome: &Outcome, what: &str, code: &str, bound: Duration) {
    outcome.exits(120);
    let err = outcome.err();
    assert!(
        err.starts_with(&format!("error[{code}]: ")),
        "{what}: {err}"
    );
    assert!(!err.contains("panicked"), "{what}: {err}");
    assert!(
        outcome.elapsed < bound + SLACK,
        "{what}: {:?}",
        outcome.elapsed
    );
}

#[test]
fn w08_programs_that_break_parsers_are_refused() {
    for (what, program, code) in refused_at_once() {
        let ground = Ground::new();
        ground.write("program.wat", &program);
        let outcome = ground.run(&["run", "--compile-time=50s", "program.wat"]);
        ends(&outcome, what, code, Duration::from_secs(50));
        assert_eq!(ground.record(), "", "{what}");
    }
}

#[test]
fn programs_that_take_long_to_compile_end_with_their_time() {
    for (what, program) in [
        ("200,000 blocks", nested("block ", 200_000)),
        ("20,000 loops", nested("loop ", 20_000)),
        (
            "nested branches",
            nested("loop local.get 0 br_if 0 ", 60_000),
        ),
        ("nested conditions", nested("local.get 0 if ", 60_000)),
        ("loops around locals", quadratic()),
        ("a hundred thousand types", types()),
        ("instances of instances", doubling(30)),
    ] {
        let ground = Ground::new();
        ground.write("program.wat", &program);
        let outcome = ground.run(&["run", "--compile-time=300ms", "program.wat"]);
        ends(&outcome, what, "AB0516", Duration::from_millis(300));
        assert!(outcome.elapsed >= Duration::from_millis(300), "{what}");
        outcome.says("`[run] compile-time`");
        assert_eq!(ground.record(), "", "{what}: it never began");
    }
}

#[test]
fn programs_that_take_much_memory_to_compile_end_with_it() {
    for (what, program) in [
        (
            "a hundred thousand functions",
            format!(
                r#"(module {} (func (export "_start")))"#,
                "(func) ".repeat(100_000)
            ),
        ),
        ("loops around locals", quadratic()),
        ("instances of instances", doubling(30)),
        (
            "a text that is large",
            format!("(module (;{};))", "x".repeat(60 << 20)),
        ),
    ] {
        let ground = Ground::new();
        ground.write("program.wat", &program);
        let outcome = ground.run(&["run", "--compile-memory=64MiB", "program.wat"]);
        ends(&outcome, what, "AB0517", Duration::from_secs(60));
        outcome.says("`[run] compile-memory`");
        assert_eq!(ground.record(), "", "{what}: it never began");
    }
}

/// A command of some bytes that brings along modules which are never instantiated, each with a memory
/// whose data, two bytes of it, ends at `end`.
fn sparse(modules: usize, end: usize) -> String {
    let pages = end.div_ceil(64 << 10);
    let module = format!(
        r#"(core module (memory {pages}) (data (i32.const 0) "x") (data (i32.const {}) "x"))"#,
        end - 1
    );
    texts::command_with(&module.repeat(modules))
}

/// What the host may hold of memory for a small program.
const SMALL: u64 = 100 << 20;

#[test]
fn data_that_is_sparse_costs_the_host_nothing() {
    let ground = Ground::new();
    ground.write("program.wat", &sparse(20, 16 << 20));
    for stack in ["--stack=512KiB", "--stack=256KiB"] {
        let outcome = ground.run(&["run", stack, "program.wat"]);
        outcome.exits(0);
        assert!(outcome.peak < SMALL, "{stack}: {} bytes", outcome.peak);
    }
}

#[test]
fn a_program_whose_native_code_is_many_times_its_size_is_refused() {
    let ground = Ground::new();
    ground.write("program.wat", &sparse(400, 65_000));
    for (command, code) in [("run", 120), ("check", 1)] {
        let outcome = ground.run(&[command, "program.wat"]);
        outcome.exits(code).says("error[AB0517]: ");
        assert!(outcome.peak < SMALL, "{command}: {} bytes", outcome.peak);
    }
}

#[test]
fn programs_compile_where_the_death_of_children_is_ignored() {
    let ground = Ground::new();
    let ignoring = |script: &str| ground.shell(&ground.work(), &format!("trap '' CHLD; {script}"));
    ground.write("good.wat", &texts::command(&[]));
    ignoring("exec agentbox run good.wat").exits(0);
    ground.write("bad.wat", "(module");
    ignoring("exec agentbox run bad.wat")
        .exits(120)
        .says("error[AB0114]: ");
    ground.write("slow.wat", &quadratic());
    ignoring("exec agentbox run --compile-time=300ms slow.wat")
        .exits(120)
        .says("error[AB0516]: ");
    ignoring("exec agentbox run --compile-memory=64MiB slow.wat")
        .exits(120)
        .says("error[AB0517]: ");
}

#[test]
fn the_bounds_of_compiling_are_the_policys_for_run_and_check() {
    for (bound, value, code) in [
        ("compile-time", "300ms", "AB0516"),
        ("compile-memory", "64 MiB", "AB0517"),
    ] {
        let ground = Ground::new();
        ground.write("program.wat", &quadratic());
        ground.write(
            "agentbox.toml",
            &format!("policy = 1\n[run]\n{bound} = \"{value}\"\n"),
        );
        let run = ground.run(&["run", "--json", "program.wat"]);
        assert_eq!(run.exits(120).last_line()["code"], code);
        let check = ground.run(&["check", "--json", "program.wat"]);
        assert_eq!(check.exits(1).json()["code"], code);
    }
}

#[test]
fn an_ordinary_program_compiles_within_the_least_memory() {
    let ground = Ground::new();
    ground.write("program.wat", &texts::writing(1));
    ground
        .run(&["run", "--compile-memory=64MiB", "program.wat"])
        .exits(0);
}

#[test]
fn the_process_that_compiles_is_gone_when_the_program_runs() {
    let ground = Ground::new();
    ground.write("program.wat", &texts::sleeping(60_000));
    let mut run = ground
        .command()
        .args(["run", "program.wat"])
        .stdin(Stdio::null())
        .spawn()
        .expect("agentbox is built");
    // The run is on record from the moment the program starts.
    until("the program runs", || {
        ground.record().contains("run-started")
    });
    let children = children(run.id());
    run.kill().expect("it runs");
    run.wait().expect("it was killed");
    assert_eq!(children, Vec::<u32>::new());
}

#[test]
fn the_process_that_compiles_dies_with_its_parent() {
    let ground = Ground::new();
    ground.write("program.wat", &nested("block ", 200_000));
    let mut run = ground
        .command()
        .args(["run", "program.wat"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("agentbox is built");
    until("it compiles", || !children(run.id()).is_empty());
    let child = children(run.id())[0];
    // It has what it needs to go on for minutes.
    until("it has bounded itself", || limits(child).contains(MEMORY));
    run.kill().expect("it runs");
    run.wait().expect("it was killed");
    until("its child is gone", || !is_alive(child));
}

#[test]
fn the_process_that_compiles_has_no_environment_and_bounds_itself() {
    let ground = Ground::new().env("SECRET", "of the parent's");
    ground.write("program.wat", &nested("block ", 200_000));
    let mut run = ground
        .command()
        .args(["run", "program.wat"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("agentbox is built");
    until("it compiles", || !children(run.id()).is_empty());
    let child = children(run.id())[0];
    until("it has bounded itself", || limits(child).contains(MEMORY));
    let environment = fs::read(format!("/proc/{child}/environ")).expect("it runs");
    run.kill().expect("it runs");
    run.wait().expect("it was killed");
    assert_eq!(environment, b"");
}

/// What the limits of such a process show: the memory that a policy gives where it says nothing.
const MEMORY: &str = "4294967296";

/// The processes that `process` has started and not waited for, dead ones included.
fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten();
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn limits(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/limits")).unwrap_or_default()
}

/// Whether `process` still runs; one that is dead and waits for its new parent does not.
fn is_alive(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .starts_with('Z')
    })
}

#[track_caller]
fn until(what: &str, happens: impl Fn() -> bool) {
    let began = Instant::now();
    while !happens() {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
