//! `agentbox run`: one program, under one policy.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use agentbox_embed::{
    Ending, Input, Mode, NameServer, Outcome, Output, Policy, Resolver, RunError, RunOptions,
    Runtime, Sink, Stop, SystemResolver,
};
use agentbox_policy::{Bound, Bounds, Code, Credential, Reference};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{compiler, program_name, read_program};
use crate::approval;
use crate::args::{OutputFlags, RunArgs};
use crate::config::{self, Found};
use crate::error::{CommandError, Kind, not_granted};
use crate::render::{self, Sanitised, Tracked};

pub(crate) fn run(args: &RunArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let words = words(args.args())?;
    let bytes = read_program(args.program())?;
    let found = config::policy(&args.policy)?;
    let state = config::state(output)?;
    approval::require(&found, &state)?;
    let authorities = authorities(args, &found)?;
    let path = found.path();
    let (policy, folder) = match found {
        Found::Nowhere => (config::nothing(), None),
        Found::Named(file) | Found::Searched(file) => {
            let (policy, folder) = file.into_parts();
            (policy, Some(folder))
        }
    };
    render::warnings(&policy, output);
    let policy = policy
        .with_lower_bounds(args.bounds.lower())
        .map_err(|error| CommandError::refused(Code::WIDENING, error.to_string()))?;

    let runtime = Runtime::new(state)?;
    let program = runtime.compile(&compiler()?, &bytes, policy.bounds())?;
    drop(bytes);
    let facts = json!({
        "v": 1,
        "kind": "run",
        "program": program_name(args.program()),
        "program-digest": program.digest(),
        "policy": path,
        "policy-digest": policy.digest(),
        "warnings": render::problems(policy.warnings()),
    });
    let options = RunOptions {
        name: program_name(args.program()),
        args: words,
        input: input(args.program()),
        output: streams(),
        mode: Mode {
            dry_run: args.dry_run,
            stop_on_denial: args.stop_on_denial,
        },
        authorities,
        // A command listens nowhere.
        own: Vec::new(),
        resolver: resolver(args),
        folder,
        observer: render::observer(output, hints(&policy)),
        stop: Stop::new(),
    };
    let policy = Arc::new(policy);
    let bounds = *policy.bounds();
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(Kind::Internal, Code::BUG, error.to_string()))?;
    threads.spawn(stop_when_interrupted(options.stop.clone()));
    let outcome = threads.block_on(runtime.run(&program, Arc::clone(&policy), options));
    // What is still waiting, for a terminal or an upstream, is not waited for.
    threads.shutdown_background();
    match outcome {
        Ok(outcome) => report(&outcome, &bounds, facts, output),
        Err(RunError::Ungranted(missing)) => Err(not_granted(&missing, &policy, path.is_some())),
        Err(error) => Err(error.into()),
    }
}

/// Ends the run, so that its end is on record, when agentbox is asked to end.
async fn stop_when_interrupted(stop: Stop) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { return },
        _ = terminate.recv() => {}
    }
    stop.stop(Code::INTERRUPTED, "agentbox was asked to end");
}

/// The program's arguments; WebAssembly knows text alone.
fn words(args: &[OsString]) -> Result<Vec<String>, CommandError> {
    let word = |(place, arg): (usize, &OsString)| {
        arg.to_str().map(ToOwned::to_owned).ok_or_else(|| {
            let shown = render::plain(&arg.to_string_lossy());
            CommandError::usage(format!(
                "argument {} of the program, `{shown}`, is not UTF-8, and programs take nothing else",
                place + 1
            ))
        })
    };
    args.iter().enumerate().map(word).collect()
}

/// A program that came through standard input leaves nothing there to read.
fn input(program: &Path) -> Input {
    if program == Path::new("-") {
        Input::Bytes(Default::default())
    } else {
        Input::Inherit
    }
}

/// The program's streams are agentbox's own; on a terminal, without control codes.
fn streams() -> Output {
    let sink = |write: Box<dyn Write + Send>, terminal| Sink {
        write: if terminal {
            Box::new(Sanitised::new(write))
        } else {
            write
        },
        terminal,
    };
    let stdout: Box<dyn Write + Send> = if render::are_one() {
        Box::new(Tracked(io::stdout()))
    } else {
        Box::new(io::stdout())
    };
    let stderr = Box::new(Tracked(io::stderr()));
    Output {
        stdout: sink(stdout, io::stdout().is_terminal()),
        stderr: sink(stderr, io::stderr().is_terminal()),
    }
}

/// The PEM files of `--ca` and of the policy's `[tls] ca`.
fn authorities(args: &RunArgs, found: &Found) -> Result<Vec<Vec<u8>>, CommandError> {
    let mut authorities = Vec::new();
    if let Some(path) = &args.ca {
        let pem = std::fs::read(path).map_err(|error| {
            let shown = render::plain(&path.display().to_string());
            CommandError::refused(
                Code::CERTIFICATES,
                format!("`{shown}` cannot be read: {error}"),
            )
        })?;
        authorities.push(pem);
    }
    if let Found::Named(file) | Found::Searched(file) = found
        && let Some(name) = file.policy().tls_ca()
    {
        let pem = file
            .read_beside(name)
            .map_err(|error| CommandError::refused(Code::CERTIFICATES, error.to_string()))?;
        authorities.push(pem);
    }
    Ok(authorities)
}

/// The DNS server of `--resolver`, or the system's resolver.
fn resolver(args: &RunArgs) -> Arc<dyn Resolver> {
    match args.resolver {
        Some(address) => Arc::new(NameServer::at(address)),
        None => Arc::new(SystemResolver),
    }
}

/// What to do about each credential that is not there, by its name.
fn hints(policy: &Policy) -> BTreeMap<String, String> {
    let hint = |credential: &Credential| {
        let hint = match credential.reference() {
            Reference::Env { name } => format!("set {name} in the environment of agentbox"),
            Reference::Dotenv { file, key } => format!("write `{key}=…` into {file}"),
            Reference::File { path } => format!("write the key into {path}"),
        };
        (credential.name().to_owned(), hint)
    };
    policy.credentials().map(hint).collect()
}

/// Says how the run ended, and with what exit code; `facts` are what was known before it.
fn report(
    outcome: &Outcome,
    bounds: &Bounds,
    facts: Value,
    output: &OutputFlags,
) -> Result<u8, CommandError> {
    let message = match &outcome.ending {
        Ending::Exited(_) => None,
        Ending::Returned(Ok(text)) => {
            print_result(text).map_err(CommandError::output)?;
            None
        }
        Ending::Returned(Err(text)) => Some(text.clone()),
        Ending::Trapped(how) => Some(format!("the program crashed: {how}")),
        Ending::OutOfRoom(shortage, how) => Some(format!(
            "the program crashed after it was refused {}: {how}",
            shortage.against(bounds)
        )),
        Ending::CpuUsedUp => Some(format!(
            "the program computed for longer than {}",
            Bound::cpu().allowed_by(bounds)
        )),
        Ending::WallUsedUp => Some(format!(
            "the run took longer than {}",
            Bound::wall().allowed_by(bounds)
        )),
        Ending::Stopped(stopped) => Some(format!("the run was stopped: {}", stopped.message)),
        Ending::NotStarted(why) => Some(format!("the program could not be started: {why}")),
    };
    let code = outcome.code();
    if let (Some(message), Some(code)) = (&message, code) {
        let message = match &outcome.ending {
            Ending::Stopped(stopped) if render::is_told(&stopped.message) => {
                "the run was stopped at that call"
            }
            _ => message,
        };
        render::ending(code, message, output);
    }
    if output.json {
        let mut ended = facts;
        ended["run"] = json!(outcome.run);
        ended["exit"] = json!(outcome.exit_code());
        ended["code"] = json!(code.map(|code| code.to_string()));
        ended["message"] = json!(message);
        let elapsed = u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX);
        ended["elapsed-ms"] = json!(elapsed);
        render::json_line(&ended);
    }
    Ok(outcome.exit_code())
}

/// The text of an `ok` result is the program's output.
fn print_result(text: &str) -> io::Result<()> {
    let stdout = io::stdout();
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let text = format!("{text}{end}");
    if stdout.is_terminal() {
        render::print(&mut Sanitised::new(stdout), &text)
    } else {
        render::print(&mut stdout.lock(), &text)
    }
}
