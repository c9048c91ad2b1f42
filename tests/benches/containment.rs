//! By how much programs that keep the host busy overrun their time, and what a neighbour of theirs in
//! the same process loses.
//!
//! `cargo bench --bench containment` prints for each kind of attack how long after its wall time the
//! run ended, its memory being as large as a policy gives by default; and how many calls a second a
//! neighbour makes beside it, as a ratio to what it makes alone: one that computes between its calls,
//! and one that waits a millisecond for each. One thread runs both, then two.
//!
//! It fails when a run overruns by more than [`OVERRUN`], or when a neighbour that waits and has a
//! thread left keeps less than [`SPEED`]. A machine that others use stalls now and then, so each kind
//! has [`ROUNDS`] tries, and one that is within the limit is enough.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::Duration;

use agentbox_embed::{
    Compiler, Input, Mode, Output, Policy, Program, RunOptions, Runtime, Sink, StateFolder, Stop,
    SystemResolver, compile_if_asked,
};
use agentbox_policy::{Amount, Bound, Code, LowerBounds};
use anyhow::{Context as _, Result, ensure};
use tokio::runtime::Handle;

#[path = "../support/attacks.rs"]
mod attacks;

/// Pages of the memory that attacks fill: all but one of 256 MiB.
const PAGES: u32 = 4095;

/// The wall time of an attack.
const WALL: Duration = Duration::from_millis(500);

/// The most that an attack may overrun its wall time by.
const OVERRUN: Duration = Duration::from_millis(250);

/// The least that a neighbour keeps of its speed, which waits and has a thread left.
const SPEED: f64 = 0.5;

/// Tries of each attack; the best is held to the limit.
const ROUNDS: u32 = 3;

/// Calls of a neighbour that computes, and of one that waits.
const CALLS: (u32, u32) = (100_000, 200);

fn main() -> Result<()> {
    compile_if_asked();
    let state = tempfile::tempdir()?;
    let runtime = Arc::new(Runtime::new(StateFolder::open(
        &state.path().join("state"),
    )?)?);
    let mut endless = attacks::endless(PAGES);
    endless.push(attacks::flooding());
    let endless = endless
        .into_iter()
        .map(|(what, program)| Ok((what, compile(&runtime, &program)?)))
        .collect::<Result<Vec<_>>>()?;
    let asking = compile(&runtime, &attacks::asking(CALLS.0))?;
    let waiting = compile(&runtime, &attacks::waiting(CALLS.1))?;

    println!("overrun of {WALL:?} wall time, the shortest and the longest of {ROUNDS}");
    let threads = threads(2)?;
    for (what, program) in &endless {
        let (mut shortest, mut longest) = (Duration::MAX, Duration::ZERO);
        for _ in 0..ROUNDS {
            let ended = timed(
                &runtime,
                threads.handle(),
                program,
                Some(WALL),
                &Stop::new(),
            );
            let (time, code) = threads.block_on(ended)?;
            ensure!(
                matches!(code, Some(Code::WALL | Code::OUTPUT)),
                "{what}: {code:?}"
            );
            let overrun = time.saturating_sub(WALL);
            (shortest, longest) = (shortest.min(overrun), longest.max(overrun));
        }
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (least, most) = (ms(shortest), ms(longest));
        println!("  {what:<28} {least:>6.1} ms {most:>6.1} ms");
        ensure!(
            shortest <= OVERRUN,
            "one that {what} overran {OVERRUN:?} in each of {ROUNDS} tries"
        );
    }
    for workers in [1, 2] {
        beside(&runtime, workers, &endless, &asking, &waiting)?;
    }
    Ok(())
}

/// Prints what neighbours do on `workers` threads, alone and beside each attack, and holds them to
/// [`SPEED`] where there is a thread for each.
fn beside(
    runtime: &Arc<Runtime>,
    workers: usize,
    endless: &[(&'static str, Program)],
    asking: &Program,
    waiting: &Program,
) -> Result<()> {
    let threads = threads(workers)?;
    let calls = |program: &Program, calls: u32| -> Result<f64> {
        let ended = timed(runtime, threads.handle(), program, None, &Stop::new());
        let (time, code) = threads.block_on(ended)?;
        ensure!(code.is_none(), "a neighbour ended with {code:?}");
        Ok(f64::from(calls) / time.as_secs_f64())
    };
    let alone = (calls(asking, CALLS.0)?, calls(waiting, CALLS.1)?);
    println!(
        "calls a second on {workers} threads: {:.0} computing, {:.0} waiting; beside one that",
        alone.0, alone.1
    );
    for (what, program) in endless {
        let stop = Stop::new();
        let attack = timed(runtime, threads.handle(), program, None, &stop);
        let attack = threads.spawn(attack);
        let computing = calls(asking, CALLS.0)? / alone.0;
        let mut kept = calls(waiting, CALLS.1)? / alone.1;
        for _ in 1..ROUNDS {
            if kept < SPEED {
                kept = kept.max(calls(waiting, CALLS.1)? / alone.1);
            }
        }
        stop.stop(Code::INTERRUPTED, "measured");
        threads.block_on(attack)??;
        println!("  {what:<28} {computing:>6.2} computing {kept:>6.2} waiting");
        ensure!(
            workers < 2 || kept >= SPEED,
            "beside one that {what}, a neighbour kept {kept:.2} of its speed at best"
        );
    }
    Ok(())
}

fn threads(workers: usize) -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()?)
}

fn compile(runtime: &Runtime, program: &str) -> Result<Program> {
    let bounds = *Policy::nothing().bounds();
    let compiler = Compiler::own_child()?;
    Ok(runtime.compile(&compiler, program.as_bytes(), &bounds)?)
}

/// Runs `program` on `threads`: how long it took, without what its record took of the disk, and the
/// code it ended with.
fn timed(
    runtime: &Arc<Runtime>,
    threads: &Handle,
    program: &Program,
    wall: Option<Duration>,
    stop: &Stop,
) -> impl Future<Output = Result<(Duration, Option<Code>)>> + Send + 'static {
    let mut bounds = LowerBounds::default();
    if let Some((wall, bound)) = wall.zip(Bound::named("wall")) {
        bounds.lower(bound, Amount::Time(wall));
    }
    let policy = Policy::nothing().with_lower_bounds(&bounds);
    let sink = || Sink {
        write: Box::new(std::io::sink()),
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
    let (runtime, program) = (Arc::clone(runtime), program.clone());
    // At once, not when it is first awaited.
    let run = threads.spawn(async move {
        let policy = Arc::new(policy.context("the bounds are lower")?);
        let outcome = runtime.run(&program, policy, options).await?;
        anyhow::Ok((outcome.elapsed, outcome.code()))
    });
    async move { run.await? }
}
