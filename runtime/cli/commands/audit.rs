//! `agentbox audit`: what was run, and what it did.

use agentbox_embed::record::{Event, Fault, ReadError, RunRecord, RunSummary, read, runs};
use agentbox_policy::Code;
use serde_json::{Value, json};

use crate::args::{AuditArgs, OutputFlags};
use crate::config;
use crate::error::{CommandError, Kind, with_cause};
use crate::render;

pub(crate) fn run(args: &AuditArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let state = config::state(output)?;
    match &args.run {
        None => list(
            &runs(state.dir()).map_err(|error| unreadable(&error))?,
            args.denied,
            output,
        )?,
        Some(run) => show(
            &read(state.dir(), run).map_err(|error| unreadable(&error))?,
            args.denied,
            output,
        )?,
    }
    Ok(0)
}

fn unreadable(error: &ReadError) -> CommandError {
    match error {
        ReadError::NotFound { prefix } => {
            CommandError::usage(format!("no run begins with `{prefix}`"))
        }
        ReadError::Ambiguous { .. } => CommandError::usage(with_cause(error)),
        _ => return CommandError::new(Kind::Internal, Code::STATE, with_cause(error)),
    }
    .hint("`agentbox audit` lists the runs there are")
}

/// One line for each run.
fn list(runs: &[RunSummary], denied: bool, output: &OutputFlags) -> Result<(), CommandError> {
    let runs: Vec<_> = runs
        .iter()
        .filter(|run| !denied || run.denied > 0)
        .collect();
    if output.json {
        let runs: Vec<_> = runs.into_iter().map(summary).collect();
        return render::data(&json!({ "v": 1, "kind": "audit", "runs": runs }));
    }
    if runs.is_empty() {
        return render::line("No runs.");
    }
    for run in runs {
        render::line(&format!(
            "{}  {}  {:<16}  {:<20}  {:>4} calls  {:>3} denied  {}{}{}",
            run.run,
            run.started,
            run.agent.as_deref().unwrap_or("?"),
            run.program.as_deref().unwrap_or("?"),
            run.calls,
            run.denied,
            run.exit
                .map_or_else(|| "not ended".to_owned(), |exit| format!("exit {exit}")),
            run.code
                .as_deref()
                .map(|code| format!(" ({code})"))
                .unwrap_or_default(),
            if run.dry_run { "  dry run" } else { "" },
        ))?;
    }
    Ok(())
}

fn summary(run: &RunSummary) -> Value {
    json!({
        "run": run.run.to_string(),
        "started": run.started,
        "agent": run.agent,
        "program": run.program,
        "dry-run": run.dry_run,
        "calls": run.calls,
        "denied": run.denied,
        "exit": run.exit,
        "code": run.code,
        "faults": run.faults,
    })
}

/// One line for each thing that happened in a run.
fn show(record: &RunRecord, denied: bool, output: &OutputFlags) -> Result<(), CommandError> {
    let lines: Vec<_> = record
        .lines
        .iter()
        .filter(|line| !denied || is_denial(&line.event))
        .collect();
    if output.json {
        let faults: Vec<_> = record.faults.iter().map(Fault::to_string).collect();
        return render::data(&json!({
            "v": 1,
            "kind": "record",
            "run": record.run.to_string(),
            "lines": lines,
            "faults": faults,
        }));
    }
    for line in lines {
        render::line(&format!("{:.3}  {}", line.time, sentence(&line.event)))?;
    }
    for fault in &record.faults {
        render::line(&format!("The record is damaged: {fault}."))?;
    }
    Ok(())
}

fn is_denial(event: &Event) -> bool {
    matches!(event, Event::Denied { .. } | Event::Exhausted { .. })
}

fn sentence(event: &Event) -> String {
    match event {
        Event::Intent {
            call,
            grant,
            operation,
            arguments,
            method,
            origin,
            path,
            credential,
            ..
        } => {
            let key = credential.as_ref().map(|key| format!("`{}`", key.name));
            let key = with(" with key ", &key);
            let request = format!("{method} {origin}{}", path.path);
            if operation.is_none() {
                return format!("call {call:<4} {request} by {grant}{key}");
            }
            let arguments: String = arguments
                .iter()
                .map(|(name, value)| format!(" {name}={value:?}"))
                .collect();
            format!("call {call:<4} {grant}{arguments}: {request}{key}")
        }
        Event::Outcome { call, .. } => format!("call {call:<4} {}", outcome(event)),
        Event::Denied {
            code,
            call,
            message,
            ..
        } => format!("denied    {code} {call}: {message}"),
        Event::Exhausted {
            code,
            call,
            limit,
            used,
            of,
            window,
            ..
        } => {
            format!("denied    {code} {call}: {limit}: {used} of {of} used this {window}")
        }
        Event::RunEnded {
            exit,
            code,
            calls,
            denied,
            elapsed_ms,
        } => {
            let code = with(" ", code);
            format!("ended     exit {exit}{code}, {calls} calls, {denied} denied, {elapsed_ms} ms")
        }
        Event::RunStarted { .. } => format!("started   {}", start(event)),
    }
}

/// What was started, for a line of that kind.
fn start(event: &Event) -> String {
    let Event::RunStarted {
        agent,
        program_name,
        program_digest,
        policy_digest,
        dry_run,
        ..
    } = event
    else {
        return String::new();
    };
    let dry_run = if *dry_run { ", dry run" } else { "" };
    format!(
        "{program_name} (sha256 {}) as {agent}, policy {}{dry_run}",
        short(program_digest),
        short(policy_digest),
    )
}

/// What became of a call, for a line of that kind.
fn outcome(event: &Event) -> String {
    let Event::Outcome {
        status,
        code,
        note,
        sent,
        received,
        elapsed_ms,
        ..
    } = event
    else {
        return String::new();
    };
    if *code == Some(Code::DRY_RUN.to_string()) {
        return "not sent (dry run)".to_owned();
    }
    let status = status.map_or("no reply".to_owned(), |status| format!("answered {status}"));
    let (code, note) = (with(", ", code), with(": ", note));
    format!("{status}{code}{note}, {sent} bytes out, {received} in, {elapsed_ms} ms")
}

/// `before` and the value, where there is one.
fn with(before: &str, value: &Option<String>) -> String {
    value
        .as_ref()
        .map(|value| format!("{before}{value}"))
        .unwrap_or_default()
}

/// The beginning of a digest: enough to tell two apart by eye.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
