//! Putting one run together, and running it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use agentbox_broker::{Broker, Mode, Observer, Parts};
use agentbox_gate::{Room, Stop};
use agentbox_host_apis::{State, link_operations};
use agentbox_ledger::{Ledger, RunId};
use agentbox_policy::{Bounds, Code, Policy, Ungranted, check};
use agentbox_record::{Record, RecordError, RunEnd, RunStart};
use agentbox_sandbox::{
    Compiler, EngineError, Guest, GuestSetup, Input, Output, Program, ProgramError, SetupError, run,
};
use agentbox_secrets::{Reach, Resolver, Secrets, Sender, SenderError};
use cap_std::fs::Dir;

use crate::engines::{Engines, Linked};
use crate::grants::Grants;
use crate::observing::Observing;
use crate::{Outcome, StateFolder};

/// Runs programs. One for a process is enough; runs share nothing but its engine and its counters.
pub struct Runtime {
    engines: Engines,
    state: StateFolder,
    ledger: Ledger,
}

/// The runtime could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The interfaces that every program gets.
    #[error("the host functions cannot be linked: {0}")]
    Link(String),
}

/// One run: what the program gets besides what its policy grants.
pub struct RunOptions {
    /// What the program is called, in its first argument and in the record.
    pub name: String,
    /// Its other arguments.
    pub args: Vec<String>,
    /// Its standard input.
    pub input: Input,
    /// Where its output goes.
    pub output: Output,
    /// Dry run, stop at a denial.
    pub mode: Mode,
    /// Certificate authorities to trust besides the system's: PEM files.
    pub authorities: Vec<Vec<u8>>,
    /// Addresses that this process listens on. No program reaches them, whatever its policy admits;
    /// an unspecified address stands for every one of this machine's.
    pub own: Vec<SocketAddr>,
    /// Who is asked for the addresses of names. What it answers is checked all the same.
    pub resolver: Arc<dyn Resolver>,
    /// The folder that the policy's paths are relative to; without one, paths lead nowhere.
    pub folder: Option<Dir>,
    /// Hears of calls that got no reply.
    pub observer: Observer,
    /// Ends the run when thrown.
    pub stop: Stop,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The program imports what the policy does not grant, or with other types than the connector's.
    #[error("the program imports what the policy does not grant")]
    Ungranted(Vec<Ungranted>),
    /// The record could not be begun, so nothing was run.
    #[error("the run cannot be recorded")]
    Unrecorded(#[source] RecordError),
    /// The run's end could not be recorded.
    #[error("the run's end cannot be recorded")]
    Record(#[from] RecordError),
    /// A granted directory cannot be opened.
    #[error("the directory granted as `{guest}` cannot be opened: {reason}")]
    Files {
        /// The directory, as the guest names it.
        guest: String,
        /// What the system said.
        reason: String,
    },
    /// The engine that gives it the stack it may have.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The operations that it calls cannot be linked.
    #[error("the operations cannot be linked: {0}")]
    Link(String),
    /// The guest cannot be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A file of certificate authorities cannot be used.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// The system has no randomness for a run's id.
    #[error("no id can be made for the run: {0}")]
    Id(String),
}

impl RunError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Ungranted(imports) => imports
                .iter()
                .map(|import| import.code)
                .min()
                .unwrap_or(Code::UNGRANTED_IMPORT),
            Self::Record(error) => error.code(),
            Self::Id(_) | Self::Unrecorded(_) => Code::STATE,
            Self::Files { .. } | Self::Setup(_) => Code::FILES,
            Self::Sender(_) => Code::CERTIFICATES,
            Self::Runtime(_) | Self::Link(_) => Code::BUG,
        }
    }
}

impl Runtime {
    /// A runtime that keeps counters and records in `state`.
    ///
    /// # Errors
    /// When this machine cannot run compiled WebAssembly.
    pub fn new(state: StateFolder) -> Result<Self, RuntimeError> {
        let ledger = Ledger::at(state.path().to_owned());
        Ok(Self {
            engines: Engines::new()?,
            state,
            ledger,
        })
    }

    /// Compiles a program within `bounds`, those of the policy that it is to run under. It blocks the
    /// calling thread, for `compile-time` at the longest where `compiler` is a child.
    ///
    /// # Errors
    /// When the bytes are no program that can be run, or cannot be compiled within the bounds.
    pub fn compile(
        &self,
        compiler: &Compiler,
        bytes: &[u8],
        bounds: &Bounds,
    ) -> Result<Program, ProgramError> {
        // Loaded for the engine that is to run it, it need not be loaded again.
        let linked = self
            .engines
            .of(bounds.stack)
            .map_err(|error| ProgramError::NoCompiler(error.to_string()))?;
        compiler.compile(&linked.engine, bytes, bounds)
    }

    /// Counts of a dry run are its own: what is not sent uses nothing up.
    fn ledger(&self, mode: Mode) -> Ledger {
        if mode.dry_run {
            Ledger::in_memory()
        } else {
            self.ledger.clone()
        }
    }

    /// Runs `program` under `policy` to its end.
    ///
    /// # Errors
    /// When the run cannot be started; what happens after that is an [`Outcome`].
    pub async fn run(
        &self,
        program: &Program,
        policy: Arc<Policy>,
        mut options: RunOptions,
    ) -> Result<Outcome, RunError> {
        check(&policy, program.imports()).map_err(RunError::Ungranted)?;
        let Linked { engine, mut linker } = self.engines.of(policy.bounds().stack)?;
        link_operations(&mut linker, program.imports(), &policy)
            .map_err(|error| RunError::Link(format!("{error:#}")))?;
        // One for each run, so that no connection and no TLS session is used by two.
        let reach = Reach {
            authorities: std::mem::take(&mut options.authorities),
            own: std::mem::take(&mut options.own),
            resolver: Arc::clone(&options.resolver),
        };
        let sender = Sender::new(reach, policy.bounds())?;
        let secrets = Secrets::new(
            options
                .folder
                .as_ref()
                .map(Dir::try_clone)
                .transpose()
                .map_err(files)?,
            policy.credentials().cloned().collect(),
        );
        let grants = Grants::open(&policy, options.folder.as_ref(), self.state.path())?;
        let run_id = RunId::new(now()).map_err(|error| RunError::Id(error.to_string()))?;
        let (start, args) = {
            let setup = Setup {
                program,
                policy: &policy,
                options: &options,
                run: &run_id,
            };
            (setup.start(), setup.args())
        };
        let env: Vec<_> = policy
            .env()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let guest = Guest::new(
            GuestSetup {
                args: &args,
                env: &env,
                input: options.input,
                output: options.output,
                preopens: &grants.preopens,
                bounds: policy.bounds(),
            },
            &options.stop,
        )?;
        // What was refused before this line is no run, and leaves no record of one.
        let record =
            Record::create(self.state.dir(), &start, now()).map_err(RunError::Unrecorded)?;
        let ended = Ended {
            record: record.clone(),
            began: Instant::now(),
            run: run_id,
        };
        let (observing, observer) = Observing::start(options.observer).map_err(SetupError::from)?;
        let room = Room::new(policy.bounds().host_memory);
        let broker = Broker::new(Parts {
            room: room.clone(),
            run: run_id,
            policy: Arc::clone(&policy),
            ledger: self.ledger(options.mode),
            record,
            secrets,
            sender,
            stop: options.stop.clone(),
            mode: options.mode,
            observer,
        });
        drop(grants);
        let state = State::new(guest, Arc::new(broker.clone()), policy.bounds(), &room);
        let ending = run(&engine, program, &linker, state, policy.bounds()).await;
        broker.close();
        drop(broker);
        observing.finish();
        ended.write(ending)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a run begins with, in the form that the record and the guest take it.
struct Setup<'a> {
    program: &'a Program,
    policy: &'a Policy,
    options: &'a RunOptions,
    run: &'a RunId,
}

impl Setup<'_> {
    fn start(&self) -> RunStart {
        RunStart {
            run: *self.run,
            agent: self.policy.agent().id().to_owned(),
            owner: self.policy.agent().owner().map(ToOwned::to_owned),
            policy_digest: self.policy.digest().to_owned(),
            program_digest: self.program.digest().to_owned(),
            program_name: self.options.name.clone(),
            dry_run: self.options.mode.dry_run,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    fn args(&self) -> Vec<String> {
        std::iter::once(&self.options.name)
            .chain(&self.options.args)
            .cloned()
            .collect()
    }
}

/// Writes a run's end.
struct Ended {
    record: Record,
    began: Instant,
    run: RunId,
}

impl Ended {
    fn write(self, ending: agentbox_sandbox::Ending) -> Result<Outcome, RunError> {
        let elapsed = self.began.elapsed();
        let outcome = Outcome {
            run: self.run.to_string(),
            ending,
            elapsed,
        };
        let end = RunEnd {
            exit: i32::from(outcome.exit_code()),
            code: outcome.code(),
            elapsed,
        };
        self.record.ended(&end, now())?;
        Ok(outcome)
    }
}

fn files(error: std::io::Error) -> RunError {
    RunError::Files {
        guest: "/".into(),
        reason: error.to_string(),
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}
