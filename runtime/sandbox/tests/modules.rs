//! Core modules that are made into components, and what is read of their imports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agentbox_gate::Stop;
use agentbox_policy::{Bounds, Code, Shape};
use agentbox_sandbox::{
    Compiler, Ending, Engine, Guest, GuestSetup, Host, Input, Output, Program, Sink, base_linker,
    run,
};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

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

fn compile(program: &[u8]) -> Result<Program, agentbox_sandbox::ProgramError> {
    Compiler::InProcess.compile(&Engine::new().unwrap(), program, &Bounds::default())
}

#[track_caller]
fn refused(program: &str) -> String {
    compile(program.as_bytes()).unwrap_err().to_string()
}

/// Runs a program, with `start` of `agentbox:host/invoke` answering 42.
async fn ending(program: &[u8]) -> Ending {
    let engine = Engine::new().unwrap();
    let program = Compiler::InProcess
        .compile(&engine, program, &Bounds::default())
        .unwrap();
    let sink = || Sink {
        write: Box::new(std::io::sink()),
        terminal: false,
    };
    let setup = GuestSetup {
        args: &["program".to_owned()],
        env: &[],
        input: Input::Bytes(Default::default()),
        output: Output {
            stdout: sink(),
            stderr: sink(),
        },
        preopens: &[],
        bounds: &Bounds::default(),
    };
    let guest = Guest::new(setup, &Stop::new()).unwrap();
    let mut linker = base_linker::<Closed>(&engine).unwrap();
    linker
        .instance("agentbox:host/invoke@0.1.0")
        .unwrap()
        .func_wrap("start", |_, _: (String, String, Vec<u8>)| Ok((42_u32,)))
        .unwrap();
    run(
        &engine,
        &program,
        &linker,
        Closed(guest),
        &Bounds::default(),
    )
    .await
}

/// A core module that carries the types of `world`.
fn typed(wit: &str, world: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

const RUN: &str = r#"(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\00\00\00\10\00\00\00\04\00\00\00")
  (data (i32.const 16) "text")
  (func (export "run") (result i32) (i32.const 0)))"#;

const START: &str = r#"(import "agentbox:host/invoke@0.1.0" "start"
    (func $start (param i32 i32 i32 i32 i32 i32) (result i32)))"#;

const STARTS: &str = r#"(if (i32.ne (i32.const 42) (call $start (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))) (then unreachable))"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_module_that_exports_run_returns_its_result() {
    assert_eq!(
        ending(RUN.as_bytes()).await,
        Ending::Returned(Ok("text".into()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_module_calls_invoke_by_the_canonical_abi() {
    let program = RUN
        .replace("(memory", &format!("{START} (memory"))
        .replace("(result i32) (i32", &format!("(result i32) {STARTS} (i32"));
    assert_eq!(
        ending(program.as_bytes()).await,
        Ending::Returned(Ok("text".into()))
    );
    let imports = compile(program.as_bytes()).unwrap().imports().to_vec();
    let names: Vec<_> = imports.iter().map(|import| import.name.as_str()).collect();
    assert!(names.contains(&"agentbox:host/invoke@0.1.0"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_with_a_start_function_calls_invoke_with_wasi_and_without() {
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    for (import, end, code) in [("", "", 0), (exit, "(call $exit (i32.const 7))", 7)] {
        let program = format!(
            r#"(module {START} {import} (memory (export "memory") 1)
              (func (export "_start") {STARTS} {end}))"#
        );
        assert_eq!(ending(program.as_bytes()).await, Ending::Exited(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_function_goes_before_run() {
    let program = format!(
        r#"(module {START} (memory (export "memory") 1)
          (func (export "run") unreachable) (func (export "_start") {STARTS}))"#
    );
    assert_eq!(ending(program.as_bytes()).await, Ending::Exited(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_modules_may_use_wasi_preview_1() {
    let random = r#"(import "wasi_snapshot_preview1" "random_get"
        (func $random (param i32 i32) (result i32)))"#;
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    let world = "package test:t; world t { export run: func() -> result<string, string>; }";
    let reactor = RUN
        .replace("(memory", &format!("{random} (memory"))
        .replace(
            "(result i32) (i32",
            "(result i32) (drop (call $random (i32.const 64) (i32.const 8))) (i32",
        );
    assert_eq!(
        ending(&typed(world, "t", &reactor)).await,
        Ending::Returned(Ok("text".into()))
    );
    let command = format!(
        r#"(module {exit} (memory (export "memory") 1)
          (func (export "_start") (call $exit (i32.const 7))))"#
    );
    let world = "package test:t; world t { }";
    assert_eq!(
        ending(&typed(world, "t", &command)).await,
        Ending::Exited(7)
    );
}

#[test]
fn what_the_canonical_abi_needs_is_named_when_it_is_missing() {
    let wait = r#"(import "agentbox:host/invoke@0.1.0" "wait" (func (param i32)))"#;
    let run = r#"(func (export "run") (result i32) (i32.const 0))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    assert_eq!(
        refused(&format!("(module {run})")),
        "the program is not valid: it exports no memory named `memory`, through which text is passed"
    );
    assert_eq!(
        refused(&format!(
            r#"(module {START} {run} (func (export "memory")))"#
        )),
        "the program is not valid: it exports no memory named `memory`, through which text is passed"
    );
    assert_eq!(
        refused(&format!("(module {wait} {memory} {run})")),
        "the program is not valid: it imports `wait` and exports no function `cabi_realloc`, which \
         takes four `i32` and makes room for an answer"
    );
    let realloc =
        r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))"#;
    compile(format!("(module {wait} {memory} {run} {realloc})").as_bytes()).unwrap();
}

#[test]
fn a_bare_module_that_does_not_fit_its_world_is_told_why() {
    let memory = r#"(memory (export "memory") 1)"#;
    let run = r#"(func (export "run") (result i32) (i32.const 0))"#;
    for (module, says) in [
        (
            r#"(import "agentbox:host/invoke@0.1.0" "start" (func (param i32)))"#,
            "type mismatch for function `start`",
        ),
        (
            r#"(import "agentbox:host/invoke@0.1.0" "begin" (func))"#,
            "begin",
        ),
        (
            r#"(import "agentbox:host/unheard-of@0.1.0" "f" (func))"#,
            "agentbox:host/unheard-of@0.1.0",
        ),
        (
            r#"(import "github:issues/get@2022.11.28" "get" (func))"#,
            "`github:issues/get@2022.11.28`, and a module without types has only",
        ),
    ] {
        let message = refused(&format!("(module {module} {memory} {run})"));
        assert!(message.contains(says), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let message = refused(r#"(module (memory (export "memory") 1) (func (export "run")))"#);
    assert!(message.contains("run"), "{message}");
    let nothing = format!("(module {START} {memory})");
    assert_eq!(
        compile(nothing.as_bytes()).unwrap_err().code(),
        Code::NOTHING_TO_RUN
    );
}

#[test]
fn the_functions_of_an_import_are_read_with_their_types() {
    let wit = "package test:api@1.0.0;
        interface types { record item { id: u64, tags: list<string>, due: option<s8> } }
        interface find {
          use types.{item};
          enum order { up, down }
          variant shape { dot, circle(f32) }
          flags marks { seen, kept }
          resource handle;
          find: func(q: string, by: order) -> result<list<item>, shape>;
          mark: func(marks: marks, at: tuple<char, bool>, h: borrow<handle>);
        }
        world w { import find; import bare: func(); export run: func() -> result<string, string>; }";
    let module = r#"(module
        (import "test:api/find@1.0.0" "find" (func (param i32 i32 i32 i32)))
        (import "test:api/find@1.0.0" "mark" (func (param i32 i32 i32 i32)))
        (import "$root" "bare" (func))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export "run") (result i32) (i32.const 0)))"#;
    let program = compile(&typed(wit, "w", module)).unwrap();
    let functions = |name: &str| {
        let import = program.imports().iter().find(|import| import.name == name);
        import.unwrap().functions.as_slice()
    };
    let [(name, find), (other, mark)] = functions("test:api/find@1.0.0") else {
        panic!("{:?}", program.imports());
    };
    assert_eq!((name.as_str(), other.as_str()), ("find", "mark"));
    let params: Vec<_> = find.params().collect();
    assert!(
        matches!(
            params.as_slice(),
            [("q", Shape::String), ("by", Shape::Enum(_))]
        ),
        "{params:?}"
    );
    let result = format!("{:?}", find.result().unwrap());
    for part in [
        "Result(Some(List(Record(",
        "\"tags\"",
        "Option(S8)",
        "\"circle\", Some(F32)",
    ] {
        assert!(result.contains(part), "{part} in {result}");
    }
    let params: Vec<_> = mark.params().map(|(_, shape)| shape).collect();
    let [Shape::Flags(_), Shape::Tuple(pair), Shape::Other(handle)] = params.as_slice() else {
        panic!("{params:?}");
    };
    assert!(matches!(pair.as_slice(), [Shape::Char, Shape::Bool]));
    assert_eq!(handle, "borrow");
    assert!(mark.result().is_none());
    assert!(functions("bare").is_empty(), "a function is no interface");
    assert!(functions("test:api/types@1.0.0").is_empty());
    let types_only: Vec<_> = program
        .imports()
        .iter()
        .filter(|import| import.types_only)
        .map(|import| import.name.as_str())
        .collect();
    assert_eq!(types_only, ["test:api/types@1.0.0"]);
}

#[test]
fn types_that_grow_without_end_are_cut_off() {
    // Each record holds the one before twice: 2 to the 17th in all, and as many for each function.
    let mut wit = "package test:api@1.0.0; interface f { record r0 { a: u8 } ".to_owned();
    for at in 1..17 {
        let before = at - 1;
        wit.push_str(&format!("record r{at} {{ a: r{before}, b: r{before} }} "));
    }
    for at in 0..3 {
        wit.push_str(&format!("f{at}: func(r: list<r16>); "));
    }
    wit.push_str("} world w { import f; export run: func() -> result<string, string>; }");
    let imports: String = (0..3)
        .map(|at| format!(r#"(import "test:api/f@1.0.0" "f{at}" (func (param i32 i32)))"#))
        .collect();
    let module = format!(
        r#"(module {imports} (memory (export "memory") 1)
          (func (export "run") (result i32) (i32.const 0)))"#
    );
    let program = compile(&typed(&wit, "w", &module)).unwrap();
    let functions = &program.imports()[0].functions;
    let (_, last) = functions.last().unwrap();
    let shapes: Vec<_> = last.params().collect();
    assert!(
        matches!(shapes.as_slice(), [("r", Shape::Other(_))]),
        "{shapes:?}"
    );
}
