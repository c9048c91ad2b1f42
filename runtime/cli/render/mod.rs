//! Text for people and JSON for programs; the only place that prints.

pub(crate) mod diff;
mod sanitise;
mod streams;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use agentbox_embed::{Cause, Observer, Policy, Refused};
use agentbox_policy::{Code, PolicyProblem};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};

use crate::args::OutputFlags;
use crate::error::CommandError;

pub(crate) use sanitise::{Sanitised, plain, quoted};
use streams::talk;
pub(crate) use streams::{Tracked, are_one, print};

/// One line, or several, of data on standard output.
pub(crate) fn line(text: &str) -> Result<(), CommandError> {
    print(&mut io::stdout(), &format!("{}\n", multi_line(text))).map_err(CommandError::output)
}

/// A JSON document on standard output.
pub(crate) fn data(value: &Value) -> Result<(), CommandError> {
    let document = sanitise::json(&format!("{value:#}\n"));
    print(&mut io::stdout(), &document).map_err(CommandError::output)
}

/// A JSON document on one line of standard error, after all else that `run` says.
pub(crate) fn json_line(value: &Value) {
    talk(&sanitise::json(&value.to_string()));
}

/// Talk, on standard error.
fn say(text: &str) {
    say_after("", text);
}

/// Talk after a head of agentbox's own, which may be coloured.
fn say_after(head: &str, text: &str) {
    talk(&format!("{head}{}", multi_line(text)));
}

/// Each line without control codes.
fn multi_line(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// A failed command: every error of a policy with its lines, or what went wrong and what to do.
///
/// As JSON it is the command's data; `run` leaves standard output to the program.
pub(crate) fn error(error: &CommandError, exit: u8, output: &OutputFlags, run: bool) {
    if output.json {
        let errors = error.policy.as_ref();
        let value = json!({
            "v": 1,
            "kind": "error",
            "exit": exit,
            "code": error.code.map(|code| code.to_string()),
            "message": error.message,
            "hints": error.hints,
            "problems": problems(errors.map(|errors| errors.problems()).unwrap_or_default()),
        });
        if run || data(&value).is_err() {
            json_line(&value);
        }
        return;
    }
    match &error.policy {
        Some(errors) => {
            draw("error", errors.problems(), output);
        }
        None => {
            let text = error.to_string();
            let head = format!(
                "error[{}]",
                error.code.map(|code| code.to_string()).unwrap_or_default()
            );
            match text.strip_prefix(&head) {
                Some(rest) => say_after(&paint(&head, RED, output), rest),
                None => say(&text),
            }
        }
    }
    for hint in &error.hints {
        say(&format!("  hint: {}", hint.replace('\n', "\n    ")));
    }
}

/// A policy's warnings.
pub(crate) fn warnings(policy: &Policy, output: &OutputFlags) {
    warn(policy.warnings(), output);
}

/// Warnings of whatever kind; as JSON they are part of the data.
pub(crate) fn warn(problems: &[PolicyProblem], output: &OutputFlags) {
    if !output.json {
        draw("warning", problems, output);
    }
}

/// Problems of a policy as JSON.
pub(crate) fn problems(problems: &[PolicyProblem]) -> Vec<Value> {
    problems
        .iter()
        .map(|problem| {
            json!({
                "code": problem.code().to_string(),
                "message": problem.message(),
                "hint": problem.hint(),
                "file": problem.file(),
                "line": problem.line(),
                "column": problem.column(),
            })
        })
        .collect()
}

/// Problems, each with the line it is about.
///
/// What stands in the place of a key's reference may be the key itself, so a line with such a
/// mistake is named and not shown, whichever problem it is shown for.
fn draw(word: &str, problems: &[PolicyProblem], output: &OutputFlags) {
    let unshown: Vec<_> = problems
        .iter()
        .filter(|problem| problem.code() == Code::CREDENTIAL_SCHEME)
        .map(|problem| (problem.file(), problem.line()))
        .collect();
    for problem in problems {
        let head = format!("{word}[{}]", problem.code());
        let head = paint(&head, if word == "error" { RED } else { YELLOW }, output);
        say_after(&head, &format!(": {}", problem.message()));
        let holds_key = |frame: &str| {
            let is_hidden = |line| {
                unshown
                    .iter()
                    .any(|(_, hidden)| number(line) == Some(*hidden))
            };
            frame.lines().any(is_hidden)
        };
        // The lines around it are shown as well, unless one of them may hold a key.
        let frame = [1, 0].into_iter().find_map(|around| {
            let shown = frame(around, problem)?;
            (!holds_key(&shown)).then_some(shown)
        });
        if let Some(frame) = frame {
            // The policy may be anybody's: its control codes are shown, not obeyed.
            say(&frame);
        } else {
            say(&format!(
                "   at {}:{}:{}",
                problem.file(),
                problem.line(),
                problem.column()
            ));
            if let Some(hint) = problem.hint() {
                say(&format!("  help: {hint}"));
            }
        }
    }
}

/// The problem's lines in a frame. What comes before it repeats code and message.
fn frame(around: usize, problem: &PolicyProblem) -> Option<String> {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .with_context_lines(around)
        .render_report(&mut text, problem)
        .ok()?;
    let lines: Vec<_> = text
        .lines()
        .skip_while(|line| !line.contains('╭'))
        .collect();
    Some(lines.join("\n")).filter(|frame| !frame.is_empty())
}

/// The number that a line of a frame without colour starts with: which line of its file it shows.
fn number(line: &str) -> Option<usize> {
    let (_, line) = line.split_at(line.find(|letter: char| letter.is_ascii_digit())?);
    let end = line.find(|letter: char| !letter.is_ascii_digit())?;
    line.split_at(end).0.parse().ok()
}

/// What was last said of a call, so that the end of the run need not say it again.
static TOLD: Mutex<String> = Mutex::new(String::new());

/// Prints each call that gets no reply, as it happens; `hints` say what to do about a credential,
/// by its name.
pub(crate) fn observer(output: &OutputFlags, hints: BTreeMap<String, String>) -> Observer {
    let colour = colour(output);
    Arc::new(move |refused: &Refused<'_>| {
        if refused.code == Code::DRY_RUN {
            return talk(&format!(
                "would send[{}]: {}",
                refused.code,
                plain(refused.call)
            ));
        }
        let (word, retry) = match &refused.told.cause {
            Cause::Limit {
                retry_after: Some(after),
                ..
            } => (
                "denied",
                format!("    retry after {} s", after.as_secs().max(1)),
            ),
            // What the message says to do helps, and then the same call may be made again.
            Cause::Limit { .. } if is_freed_by_the_program(refused.code) => {
                ("denied", String::new())
            }
            Cause::AddressDenied | Cause::Denied | Cause::Limit { .. } | Cause::RequestUri => {
                ("denied", "    retry: no".to_owned())
            }
            _ => ("failed", String::new()),
        };
        let head = format!("{word}[{}]", refused.code);
        let head = if colour {
            format!("{RED}{head}{RESET}")
        } else {
            head
        };
        let message = plain(refused.message);
        let mut text = format!("{head}: {}: {message}{retry}", plain(refused.call));
        let of_credential = || {
            let named = |name: &str| {
                refused
                    .message
                    .starts_with(&format!("credential `{name}` "))
            };
            let missing = refused.code == Code::CREDENTIAL_MISSING;
            let hint = hints.iter().find(|(name, _)| missing && named(name))?;
            Some(hint.1.as_str())
        };
        if let Some(hint) = refused.hint.or_else(of_credential) {
            text = format!(
                "{text}\n  hint: {}",
                multi_line(hint).replace('\n', "\n    ")
            );
        }
        refused
            .message
            .clone_into(&mut TOLD.lock().unwrap_or_else(PoisonError::into_inner));
        talk(&text);
    })
}

/// Whether the program can free what its own calls take up.
fn is_freed_by_the_program(code: Code) -> bool {
    [Code::CALLS_AT_ONCE, Code::HOST_MEMORY].contains(&code)
}

/// A panic, by its place in the source.
pub(crate) fn bug(place: &str) {
    say(&format!(
        "error[{}]: {} (at {place})",
        Code::BUG,
        Code::BUG.title()
    ));
    say("  hint: please report it, with the command and `agentbox --version`");
}

/// Whether the operator has been told this of the last call that failed.
pub(crate) fn is_told(message: &str) -> bool {
    *TOLD.lock().unwrap_or_else(PoisonError::into_inner) == message
}

/// How a run ended, where agentbox has something to say about it.
pub(crate) fn ending(code: Code, message: &str, output: &OutputFlags) {
    let head = paint(&format!("error[{code}]"), RED, output);
    talk(&format!("{head}: {}", multi_line(message)));
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const RESET: &str = "\u{1b}[0m";

fn paint(text: &str, with: &str, output: &OutputFlags) -> String {
    if colour(output) {
        format!("{with}{text}{RESET}")
    } else {
        text.to_owned()
    }
}

/// Whether standard error gets colour.
fn colour(output: &OutputFlags) -> bool {
    match output.color {
        clap::ColorChoice::Always => true,
        clap::ColorChoice::Never => false,
        clap::ColorChoice::Auto => {
            let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            wanted && io::stderr().is_terminal()
        }
    }
}
