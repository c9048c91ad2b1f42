//! Programs that keep the host busy end at their bounds, and a neighbour in the same process goes on.
//!
//! By how much they overrun, and what a neighbour loses, is for the bench `containment` to measure.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentbox_embed::{
    Compiler, Input, Mode, Outcome, Output, Policy, Program, RunOptions, Runtime, Sink,
    StateFolder, Stop, SystemResolver,
};
use agentbox_policy::{Amount, Bound, Code, LowerBounds};
use tokio::runtime::{self, Handle};
use tokio::task::JoinHandle;

use crate::support::attacks;

/// Pages of the memory that attacks fill: 16 MiB.
const PAGES: u32 = 256;

/// A runtime of agentbox in this process, in a state folder of its own.
struct House {
    runtime: Arc<Runtime>,
    _state: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a temporary folder can be made");
        let folder = StateFolder::open(&state.path().join("state")).expect("it can be made");
        Self {
            runtime: Arc::new(Runtime::new(folder).expect("wasmtime runs here")),
            _state: state,
        }
    }

    fn compile(&self, program: &str) -> Program {
        let compiler = Compiler::Child(Path::new(env!("CARGO_BIN_EXE_agentbox")).to_owned());
        let policy = Policy::nothing();
        self.runtime
            .compile(&compiler, program.as_bytes(), policy.bounds())
            .expect("it is a program")
    }

    /// Starts a run of `program` on `threads`, with bounds lowered; `stop` ends it.
    fn start(
        &self,
        threads: &Handle,
        program: &Program,
        lower: &[(&str, Amount)],
        stop: &Stop,
    ) -> JoinHandle<Outcome> {
        let mut bounds = LowerBounds::default();
        for (name, amount) in lower {
            bounds.lower(Bound::named(name).expect("a bound"), *amount);
        }
        let policy = Policy::nothing()
            .with_lower_bounds(&bounds)
            .expect("they are lower");
        let sink = || Sink {
            write: Box::new(io::sink()),
            terminal: false,
        };
        let options = RunOptions {
            name: "program".into(),
            args: vec!["an argument".into()],
            input: Input::Bytes(Default::default()),
            output: Output {
                stdout: sink(),
                stderr: sink(),
            },
            mode: Mode::default(),
            authorities: Vec::new(),
            own: Vec::new(),
            resolver: Arc::new(SystemResolver),
            folder: None,
            observer: Arc::new(|_| {}),
            stop: stop.clone(),
        };
        let (runtime, program) = (Arc::clone(&self.runtime), program.clone());
        threads.spawn(async move {
            runtime
                .run(&program, Arc::new(policy), options)
                .await
                .expect("it starts")
        })
    }
}

fn threads(workers: usize) -> runtime::Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("threads can be started")
}

const SOON: Amount = Amount::Time(Duration::from_millis(200));

#[test]
fn w01_every_endless_program_ends_with_its_wall_time() {
    let (house, threads) = (House::new(), threads(2));
    for (what, program) in attacks::endless(PAGES) {
        let program = house.compile(&program);
        let began = Instant::now();
        let run = house.start(threads.handle(), &program, &[("wall", SOON)], &Stop::new());
        let outcome = threads.block_on(run).expect("no run panics");
        assert_eq!(outcome.code(), Some(Code::WALL), "{what}: {outcome:?}");
        assert_eq!(outcome.exit_code(), 124, "{what}");
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
    }
}

#[test]
fn w01_every_endless_program_ends_with_its_processor_time() {
    let (house, threads) = (House::new(), threads(1));
    for (what, program) in attacks::endless(PAGES) {
        let program = house.compile(&program);
        let run = house.start(threads.handle(), &program, &[("cpu", SOON)], &Stop::new());
        let outcome = threads.block_on(run).expect("no run panics");
        assert_eq!(outcome.code(), Some(Code::CPU), "{what}: {outcome:?}");
        assert_eq!(outcome.exit_code(), 126, "{what}");
    }
}

#[test]
fn w19_a_flood_ends_with_its_output_or_its_time() {
    let (house, threads) = (House::new(), threads(1));
    let program = house.compile(&attacks::flooding().1);
    for (bound, amount, code) in [
        ("output", Amount::Bytes(1 << 20), Code::OUTPUT),
        ("output", Amount::Bytes(0), Code::OUTPUT),
    ] {
        let run = house.start(threads.handle(), &program, &[(bound, amount)], &Stop::new());
        let outcome = threads.block_on(run).expect("no run panics");
        assert_eq!(outcome.code(), Some(code), "{outcome:?}");
    }
}

#[test]
fn a_neighbour_ends_its_work_while_an_attack_goes_on() {
    let house = House::new();
    let neighbours = [
        ("computes", house.compile(&attacks::asking(1000))),
        ("waits", house.compile(&attacks::waiting(20))),
    ];
    for workers in [1, 2] {
        let threads = threads(workers);
        for (what, program) in attacks::endless(PAGES) {
            let program = house.compile(&program);
            let stop = Stop::new();
            // Twice, so that two workers have no room left either.
            let attack = || house.start(threads.handle(), &program, &[], &stop);
            let attacks = [attack(), attack()];
            for (how, neighbour) in &neighbours {
                let run = house.start(threads.handle(), neighbour, &[], &Stop::new());
                let outcome = threads.block_on(run).expect("no run panics");
                let case = format!("{how} beside one that {what}, {workers} workers");
                assert_eq!(outcome.exit_code(), 0, "{case}: {outcome:?}");
            }
            for attack in &attacks {
                assert!(!attack.is_finished(), "{what}: it ended too early");
            }
            stop.stop(Code::INTERRUPTED, "the test is over");
            for attack in attacks {
                let outcome = threads.block_on(attack).expect("no run panics");
                assert_eq!(outcome.code(), Some(Code::INTERRUPTED), "{what}");
            }
        }
    }
}
