//! What the host holds for one guest.

use std::fmt;

use agentbox_gate::Stop;
use agentbox_policy::Bounds;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::shortage::Taken;
use crate::stdio::{Input, Output, Pump};

/// The most random bytes in one call, so that a guest cannot make the host allocate at will.
const RANDOM_BYTES: u64 = 1 << 20;

/// What a store's data must offer; `host-apis` implements it for the state its doors live in.
pub trait Host: WasiView + 'static {
    /// The guest this state belongs to.
    fn guest(&mut self) -> &mut Guest;
}

/// How a guest is set up: everything it can see besides what the doors give it.
#[derive(Debug)]
pub struct GuestSetup<'a> {
    /// Arguments, the program's name first.
    pub args: &'a [String],
    /// The whole environment.
    pub env: &'a [(String, String)],
    /// Standard input.
    pub input: Input,
    /// Standard output and error.
    pub output: Output,
    /// Directories it may use.
    pub preopens: &'a [Preopen],
    /// What it may use at most.
    pub bounds: &'a Bounds,
}

/// A directory a guest may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// The directory, as the host opens it.
    pub host: std::path::PathBuf,
    /// The directory, as the guest names it.
    pub guest: String,
    /// Whether it may be written.
    pub write: bool,
}

/// One guest's share of the host: its WASI context, its handles, the room it has.
pub struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) taken: Taken,
    pub(crate) stop: Stop,
    pub(crate) pump: Option<Pump>,
}

impl Guest {
    /// A guest that can see `setup` and nothing else of the machine.
    ///
    /// # Errors
    /// When a granted directory cannot be opened, or no thread can be started.
    pub fn new(setup: GuestSetup<'_>, stop: &Stop) -> Result<Self, SetupError> {
        let (pump, stdout, stderr) = Pump::start(setup.output, setup.bounds.output, stop)?;
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(setup.args)
            .envs(setup.env)
            .stdout(stdout)
            .stderr(stderr);
        wasi.max_random_size(RANDOM_BYTES);
        match setup.input {
            Input::Inherit => wasi.inherit_stdin(),
            Input::Bytes(bytes) => wasi.stdin(MemoryInputPipe::new(bytes)),
        };
        for preopen in setup.preopens {
            let perms = if preopen.write {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            wasi.preopened_dir(&preopen.host, &preopen.guest, perms)
                .map_err(|error| SetupError::Preopen {
                    guest: preopen.guest.clone(),
                    reason: error.to_string(),
                })?;
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(setup.bounds.handles).unwrap_or(usize::MAX));
        Ok(Self {
            wasi: wasi.build(),
            table,
            taken: Taken::new(setup.bounds),
            stop: stop.clone(),
            pump: Some(pump),
        })
    }

    /// The guest's WASI context and handles.
    pub fn wasi(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }

    /// The guest's handles, for the doors' own resources.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// Why a guest could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A granted directory cannot be opened.
    #[error("the directory granted as `{guest}` cannot be opened: {reason}")]
    Preopen {
        /// The directory, as the guest names it.
        guest: String,
        /// What the system said.
        reason: String,
    },
    /// No thread for the guest's output.
    #[error("no thread can be started for the program's output")]
    Thread(#[from] std::io::Error),
}
