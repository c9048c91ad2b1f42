//! One run of a program, from its first instruction to its end.

use std::sync::Arc;
use std::time::Duration;

use agentbox_gate::Stopped;
use agentbox_policy::{Bounds, Code};
use tokio::time::Instant;
use wasmtime::component::Linker;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::Command;

use crate::engine::TICK;
use crate::meter::{Meter, Metered};
use crate::program::Entry;
use crate::{Engine, Host, Program, Shortage};

/// Bytes that one host call may copy out of a guest besides the arguments and the body of a call; a
/// megabyte is the largest chunk a stream takes.
const HOSTCALL_BYTES: u64 = 16 << 20;

/// What the host holds of an argument at most, for each of its bytes as JSON: a `list<u8>` is held
/// as a list of values, forty bytes each, and is four bytes of JSON for three.
const VALUE_BYTES: u64 = 32;

/// Handles of resources that a guest's own components may have between them, some 24 bytes each.
const OWN_HANDLES: u64 = 100_000;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ended with this exit code.
    Exited(u8),
    /// Its exported `run` returned.
    Returned(Result<String, String>),
    /// It crashed; the text says how.
    Trapped(String),
    /// It was refused what it asked for, and could not go on or crashed after it; the text says how.
    OutOfRoom(Shortage, String),
    /// It computed for longer than it may.
    CpuUsedUp,
    /// It took longer than it may.
    WallUsedUp,
    /// It was ended from outside.
    Stopped(Stopped),
    /// It could not be started: most likely it needs something that is not linked.
    NotStarted(String),
}

/// A linker with what every program gets: WASI 0.2 without authority.
///
/// # Errors
/// Never in practice: the interfaces linked are the same in every build.
pub fn base_linker<T: Host>(engine: &Engine) -> Result<Linker<T>, wasmtime::Error> {
    let mut linker = Linker::new(engine.wasmtime());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// Runs `program` with `host` as its state, within `bounds`.
///
/// Returns once the guest is gone and all its output has been passed on.
pub async fn run<T: Host>(
    engine: &Engine,
    program: &Program,
    linker: &Linker<T>,
    host: T,
    bounds: &Bounds,
) -> Ending {
    let mut store = Store::new(engine.wasmtime(), host);
    let stop = store.data_mut().guest().stop.clone();
    let pump = store.data_mut().guest().pump.take();
    let meter = Arc::new(Meter::default());
    let deadline = Instant::now() + bounds.wall;
    bound(&mut store, &meter, bounds, deadline);

    let ended = {
        let guest = Metered::new(enter(&mut store, engine, program, linker), meter);
        tokio::select! {
            biased;
            stopped = stop.stopped() => Ending::Stopped(stopped),
            ended = guest => ended,
            () = tokio::time::sleep_until(deadline) => Ending::WallUsedUp,
        }
    };
    let refused = store.data_mut().guest().taken.refused();
    // The guest is gone before its output is awaited: its pipes have to be closed.
    drop(store);
    if let Some(pump) = pump {
        if let Ending::Returned(Ok(text) | Err(text)) = &ended {
            pump.count(text);
        }
        _ = tokio::time::timeout(OUTPUT_GRACE, pump.finish()).await;
    }
    match ended {
        Ending::Trapped(text) if let Some(shortage) = refused => Ending::OutOfRoom(shortage, text),
        // A guest that saw its pipe closed may end by itself; why it was closed says more.
        ended => stop.reason().map_or(ended, Ending::Stopped),
    }
}

/// How long a slow reader has to take what is left of the output once the guest is gone.
const OUTPUT_GRACE: Duration = Duration::from_secs(5);

/// Sets all the store's bounds.
fn bound<T: Host>(store: &mut Store<T>, meter: &Arc<Meter>, bounds: &Bounds, wall: Instant) {
    let cpu = bounds.cpu;
    store.limiter(|host| &mut host.guest().taken);
    store.set_hostcall_fuel(hostcall_bytes(bounds));
    store.set_max_component_handles(component_handles(bounds));
    store.set_epoch_deadline(1);
    let meter = Arc::clone(meter);
    store.epoch_deadline_callback(move |mut context| {
        if meter.used() >= cpu {
            return Err(Overdue::Cpu.into());
        }
        if Instant::now() >= wall {
            return Err(Overdue::Wall.into());
        }
        if let Some(reason) = context.data_mut().guest().stop.reason() {
            return Err(Overdue::Stopped(reason).into());
        }
        // One that has only just been resumed, after a call say, has its turn first.
        if meter.turn() < TICK / 2 {
            return Ok(UpdateDeadline::Continue(1));
        }
        // It gives way as far as tokio looks after its timers and sockets, also on a runtime of one
        // thread: a guest that is merely woken again would hold those up for some sixty turns.
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    // A guest that has little left is looked at no less often than one that has much.
    debug_assert!(TICK < Duration::from_millis(250));
}

/// Bytes that one host call may copy out of a guest. What is in bounds has to come through, so that
/// what is not gets its error and does not end the guest.
fn hostcall_bytes(bounds: &Bounds) -> usize {
    let bytes = bounds
        .arguments
        .saturating_mul(VALUE_BYTES)
        .saturating_add(bounds.request_body)
        .saturating_add(HOSTCALL_BYTES);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Handles of component-model resources. Each of the host's is one, and one more while it is lent,
/// so that the bound on the host's is reached first.
fn component_handles(bounds: &Bounds) -> usize {
    let handles = bounds.handles.saturating_mul(2).saturating_add(OWN_HANDLES);
    usize::try_from(handles).unwrap_or(usize::MAX)
}

/// Why a guest that would not give way was interrupted.
#[derive(Clone, Debug, thiserror::Error)]
enum Overdue {
    #[error("processor time used up")]
    Cpu,
    #[error("time used up")]
    Wall,
    #[error("stopped")]
    Stopped(Stopped),
}

/// Instantiates and calls the program's entry.
async fn enter<T: Host>(
    store: &mut Store<T>,
    engine: &Engine,
    program: &Program,
    linker: &Linker<T>,
) -> Ending {
    let component = program.component(engine);
    let pre = match component.and_then(|component| linker.instantiate_pre(&component)) {
        Ok(pre) => pre,
        Err(error) => return Ending::NotStarted(format!("{error:#}")),
    };
    let instance = match pre.instantiate_async(&mut *store).await {
        Ok(instance) => instance,
        Err(error) => return ending(&error),
    };
    match program.entry() {
        Entry::Command => {
            let command = match Command::new(&mut *store, &instance) {
                Ok(command) => command,
                Err(error) => return Ending::NotStarted(format!("{error:#}")),
            };
            match command.wasi_cli_run().call_run(&mut *store).await {
                Ok(Ok(())) => Ending::Exited(0),
                Ok(Err(())) => Ending::Exited(1),
                Err(error) => ending(&error),
            }
        }
        Entry::Run => {
            let run = match instance
                .get_typed_func::<(), (Result<String, String>,)>(&mut *store, "run")
            {
                Ok(run) => run,
                Err(error) => return Ending::NotStarted(format!("{error:#}")),
            };
            match run.call_async(&mut *store, ()).await {
                Ok((result,)) => Ending::Returned(result),
                Err(error) => ending(&error),
            }
        }
    }
}

/// What an error that ended a guest means.
fn ending(error: &wasmtime::Error) -> Ending {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        // As a shell sees it: the low eight bits.
        return Ending::Exited(code.to_le_bytes()[0]);
    }
    match error.downcast_ref() {
        Some(Overdue::Cpu) => return Ending::CpuUsedUp,
        Some(Overdue::Wall) => return Ending::WallUsedUp,
        Some(Overdue::Stopped(reason)) => return Ending::Stopped(reason.clone()),
        None => {}
    }
    let text = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    match Shortage::exceeded(error) {
        // The library speaks of its own table.
        Some(Shortage::Handles) => {
            Ending::OutOfRoom(Shortage::Handles, "it holds as many as it may".to_owned())
        }
        Some(shortage) => Ending::OutOfRoom(shortage, text),
        None => Ending::Trapped(text),
    }
}

impl Ending {
    /// The stable code, for an ending that is agentbox's word and not the program's.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Exited(_) | Self::Returned(Ok(_)) => None,
            Self::Returned(Err(_)) => Some(Code::GUEST_ERROR),
            Self::Trapped(_) => Some(Code::TRAP),
            Self::OutOfRoom(shortage, _) => Some(shortage.code()),
            Self::CpuUsedUp => Some(Code::CPU),
            Self::WallUsedUp => Some(Code::WALL),
            Self::Stopped(stopped) => Some(stopped.code),
            Self::NotStarted(_) => Some(Code::UNGRANTED_IMPORT),
        }
    }
}
