//! The `agentbox` command: reads flags and environment, prints, and maps results to exit codes.
//!
//! `args` is what was typed, `config` what is ready to use, `commands` has one file for each
//! command, `render` makes text. Everything else is `agentbox-embed`.

mod approval;
mod args;
mod commands;
mod config;
mod error;
mod render;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use agentbox_embed::{compile_if_asked, exit};
use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command, OutputFlags, PolicyCommand};
use crate::error::CommandError;

/// Sets how much agentbox says of its own work: `error`, `debug`, `agentbox_broker=trace`.
const LOG: &str = "AGENTBOX_LOG";

fn main() -> ExitCode {
    // This executable is also the process that compiles programs for another one of itself.
    compile_if_asked();
    std::panic::set_hook(Box::new(own_up));
    // The hook has said what happened.
    std::panic::catch_unwind(dispatch).unwrap_or(ExitCode::from(exit::INTERNAL))
}

/// A panic is a bug. Its text could hold anything, so only its place is told.
fn own_up(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    // The parser of WIT panics on some input; `policy` catches that and reports it as an error.
    if !place.contains("wit-parser") {
        render::bug(&place);
    }
}

fn dispatch() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    log();
    let output = &cli.output;
    match cli.command {
        Command::Run(args) => finish(commands::run::run(&args, output), output, true),
        Command::Check(args) => finish(commands::check::run(&args, output), output, false),
        Command::Policy(PolicyCommand::Approve(args)) => {
            finish(commands::policy::approve(&args, output), output, false)
        }
        Command::Policy(PolicyCommand::Diff(args)) => {
            finish(commands::policy_diff::run(&args, output), output, false)
        }
        Command::Policy(PolicyCommand::Explain(args)) => {
            finish(commands::policy::explain(&args, output), output, false)
        }
        Command::Connector(command) => {
            finish(commands::connector::run(&command, output), output, false)
        }
        Command::Audit(args) => finish(commands::audit::run(&args, output), output, false),
        Command::Explain(args) => finish(commands::explain::run(&args, output), output, false),
    }
}

/// A command's exit code; what went wrong is said here and nowhere else.
fn finish(result: Result<u8, CommandError>, output: &OutputFlags, run: bool) -> ExitCode {
    match result {
        Ok(code) => code.into(),
        Err(error) => {
            let code = error.exit_code(run);
            render::error(&error, code, output, run);
            code.into()
        }
    }
}

/// What clap says; a mistake in `run` has a code that no program's can be taken for.
fn usage(error: &clap::Error) -> ExitCode {
    let run = is_run(std::env::args_os().skip(1));
    if error.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let output = OutputFlags {
            json: true,
            state: None,
            color: clap::ColorChoice::Never,
        };
        return finish(Err(CommandError::usage(mistake(error))), &output, run);
    }
    // Nothing can be done when standard error is closed.
    drop(error.print());
    match (error.use_stderr(), run) {
        (false, _) => ExitCode::SUCCESS,
        (true, true) => exit::INTERNAL.into(),
        (true, false) => 2.into(),
    }
}

/// What clap says is wrong, on one line and without what it says of usage.
fn mistake(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = first.split_whitespace().collect();
    let text = words.join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

/// Whether the first word that is no flag, and no flag's value, is `run`.
fn is_run(mut words: impl Iterator<Item = OsString>) -> bool {
    while let Some(word) = words.next() {
        if word == "--state" || word == "--color" {
            drop(words.next());
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return word == "run";
        }
    }
    false
}

fn log() {
    let filter = EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new("error"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A log that cannot be written is no reason to fail.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // The default colours unless `NO_COLOR` is set, wherever the lines go.
    if std::io::stderr().is_terminal() {
        log.init();
    } else {
        log.with_ansi(false).init();
    }
}
