//! Programs of a few lines, run to their end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentbox_gate::Stop;
use agentbox_policy::{Bounds, Code};
use agentbox_sandbox::{
    Compiler, Ending, Engine, Guest, GuestSetup, Host, Input, Output, ProgramError, Shortage, Sink,
    base_linker, run,
};
use wasmtime_wasi::{WasiCtxView, WasiView};

/// A store's data with no door at all.
struct Closed(Guest);

impl Host for Closed {
    fn guest(&mut self) -> &mut Guest {
        &mut self.0
    }
}

impl WasiView for Closed {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.0.wasi()
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bounds() -> Bounds {
    Bounds {
        memory: 4 << 20,
        cpu: Duration::from_secs(5),
        ..Bounds::default()
    }
}

/// Runs a program and gives its ending and what it wrote to standard output.
async fn ending(program: &str, bounds: Bounds, stop: &Stop) -> (Ending, String) {
    let engine = Engine::new().unwrap();
    let program = Compiler::InProcess
        .compile(&engine, program.as_bytes(), &Bounds::default())
        .unwrap();
    let out = Shared::default();
    let sink = |shared: &Shared| Sink {
        write: Box::new(shared.clone()),
        terminal: false,
    };
    let setup = GuestSetup {
        args: &["program".to_owned()],
        env: &[],
        input: Input::Bytes(Default::default()),
        output: Output {
            stdout: sink(&out),
            stderr: sink(&Shared::default()),
        },
        preopens: &[],
        bounds: &bounds,
    };
    let guest = Guest::new(setup, stop).unwrap();
    let linker = base_linker::<Closed>(&engine).unwrap();
    let ending = run(&engine, &program, &linker, Closed(guest), &bounds).await;
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    (ending, text)
}

const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello\n")
  (data (i32.const 0) "\10\00\00\00\06\00\00\00")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_core_module_with_wasi_runs_as_a_command() {
    let (ending, out) = ending(HELLO, bounds(), &Stop::new()).await;
    assert_eq!((ending, out.as_str()), (Ending::Exited(0), "hello\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_module_with_a_start_function_runs_as_a_command() {
    let (ending, _) = ending(
        r#"(module (func (export "_start")))"#,
        bounds(),
        &Stop::new(),
    )
    .await;
    assert_eq!(ending, Ending::Exited(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_are_the_programs_own() {
    let program = r#"(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start") (call $exit (i32.const 7))))"#;
    let (ending, _) = ending(program, bounds(), &Stop::new()).await;
    assert_eq!(ending, Ending::Exited(7));
}

/// A component whose `run` answers with the text at 16, as `ok` or as `err`.
fn answering(case: u8) -> String {
    format!(
        r#"(component
          (core module $m
            (memory (export "memory") 1)
            (data (i32.const 0) "\{case:02}\00\00\00\10\00\00\00\04\00\00\00")
            (data (i32.const 16) "text")
            (func (export "run") (result i32) (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "run") (result (result string (error string)))
            (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_export_returns_its_result() {
    let (ok, _) = ending(&answering(0), bounds(), &Stop::new()).await;
    assert_eq!(ok, Ending::Returned(Ok("text".into())));
    let (err, _) = ending(&answering(1), bounds(), &Stop::new()).await;
    assert_eq!(err, Ending::Returned(Err("text".into())));
    assert_eq!(err.code(), Some(Code::GUEST_ERROR));
}

#[tokio::test(flavor = "multi_thread")]
async fn w01_a_loop_ends_with_its_processor_time() {
    let spins = [
        r#"(module (func (export "_start") (loop (br 0))))"#,
        r#"(module (func $s (loop (br 0))) (start $s) (func (export "_start")))"#,
    ];
    for program in spins {
        let bounds = Bounds {
            cpu: Duration::from_millis(100),
            ..bounds()
        };
        let began = Instant::now();
        let (ending, _) = ending(program, bounds, &Stop::new()).await;
        assert_eq!(ending, Ending::CpuUsedUp);
        assert!(began.elapsed() >= Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w01_a_loop_ends_with_wall_time_and_when_stopped() {
    let spin = r#"(module (func (export "_start") (loop (br 0))))"#;
    let short = Bounds {
        wall: Duration::from_millis(100),
        ..bounds()
    };
    assert_eq!(
        ending(spin, short, &Stop::new()).await.0,
        Ending::WallUsedUp
    );

    let stop = Stop::new();
    let thrower = stop.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        thrower.stop(Code::ECHO, "enough");
    });
    let (ending, _) = ending(spin, bounds(), &stop).await;
    assert_eq!(ending.code(), Some(Code::ECHO));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_is_not_computing() {
    // Waits 300 ms by polling the clock, with 100 ms of processor time.
    let program = r#"(module
      (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 300000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#;
    let bounds = Bounds {
        cpu: Duration::from_millis(100),
        ..bounds()
    };
    let began = Instant::now();
    let (ending, _) = ending(program, bounds, &Stop::new()).await;
    assert_eq!(ending, Ending::Exited(0));
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn w02_memory_is_refused_beyond_the_bound() {
    // Traps when it does not get what it asks for.
    let program = r#"(module
      (memory (export "memory") 1)
      (func (export "_start")
        (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))))"#;
    let (refused, _) = ending(program, bounds(), &Stop::new()).await;
    assert!(
        matches!(refused, Ending::OutOfRoom(Shortage::Memory, _)),
        "{refused:?}"
    );
    let roomy = Bounds {
        memory: 128 << 20,
        ..bounds()
    };
    assert_eq!(
        ending(program, roomy, &Stop::new()).await.0,
        Ending::Exited(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn w03_tables_count_as_memory() {
    let program = r#"(module
      (table 1 funcref)
      (func (export "_start")
        (if (i32.eq (table.grow 0 (ref.null func) (i32.const 900000)) (i32.const -1))
          (then unreachable))))"#;
    let entries = Bounds {
        table: 1_000_000,
        ..bounds()
    };
    let (refused, _) = ending(program, entries, &Stop::new()).await;
    assert!(
        matches!(refused, Ending::OutOfRoom(Shortage::Memory, _)),
        "{refused:?}"
    );
    let roomy = Bounds {
        memory: 128 << 20,
        ..entries
    };
    assert_eq!(
        ending(program, roomy, &Stop::new()).await.0,
        Ending::Exited(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn w04_deep_recursion_is_a_crash_of_the_program_alone() {
    let program = r#"(module (func $r (call $r) (call $r)) (func (export "_start") (call $r)))"#;
    let (ending, _) = ending(program, bounds(), &Stop::new()).await;
    assert!(
        matches!(ending, Ending::OutOfRoom(Shortage::Stack, _)),
        "{ending:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn w19_output_is_bounded() {
    let flood = HELLO.replace(
        "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
        "(loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))",
    );
    let bounds = Bounds {
        output: 1000,
        ..bounds()
    };
    let (ending, out) = ending(&flood, bounds, &Stop::new()).await;
    assert_eq!(ending.code(), Some(Code::OUTPUT));
    assert!(out.len() <= 1000, "{}", out.len());
}

#[test]
fn what_is_no_program_is_refused() {
    let engine = Engine::new().unwrap();
    let refused = |bytes: &[u8]| {
        Compiler::InProcess
            .compile(&engine, bytes, &Bounds::default())
            .unwrap_err()
            .code()
    };
    assert_eq!(refused(b""), Code::BAD_PROGRAM);
    assert_eq!(refused(b"(module (func"), Code::BAD_PROGRAM);
    assert_eq!(refused(b"\0asm\x01\0\0\0\xff\xff"), Code::BAD_PROGRAM);
    assert_eq!(refused(b"\xff\xfe\x00"), Code::BAD_PROGRAM);
    assert_eq!(refused(b"\0asm"), Code::BAD_PROGRAM);
    assert_eq!(
        refused(b"(module (func (export \"main\")))"),
        Code::NOTHING_TO_RUN
    );
    assert_eq!(refused(b"(component)"), Code::NOTHING_TO_RUN);
    let compiled = engine
        .wasmtime()
        .precompile_module(b"\0asm\x01\0\0\0")
        .unwrap();
    assert!(matches!(
        Compiler::InProcess.compile(&engine, &compiled, &Bounds::default()),
        Err(ProgramError::Precompiled)
    ));
    let large = vec![b' '; agentbox_sandbox::PROGRAM_BYTES + 1];
    assert_eq!(refused(&large), Code::PROGRAM_TOO_LARGE);
}
