//! What a command fails with, and its exit code.

use std::fmt;
use std::io;

use agentbox_embed::{PolicyFileError, ProgramError, RunError, RuntimeError, StateError, exit};
use agentbox_policy::{Code, Policy, PolicyErrors, Ungranted, draft, is_drafted};

use crate::config::POLICY_FILE;

/// A failure of a command: what happened, and what to do about it.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) kind: Kind,
    pub(crate) code: Option<Code>,
    pub(crate) message: String,
    pub(crate) hints: Vec<String>,
    /// A policy's errors, which are drawn with their lines.
    pub(crate) policy: Option<PolicyErrors>,
}

/// Kinds of failure, as far as exit codes tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// agentbox itself, or the machine, is at fault.
    Internal,
    /// The command was refused for what it was given.
    Refused,
    /// The command line makes no sense.
    Usage,
}

impl CommandError {
    pub(crate) fn new(kind: Kind, code: Code, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: Some(code),
            message: message.into(),
            hints: Vec::new(),
            policy: None,
        }
    }

    pub(crate) fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, code, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: None,
            ..Self::new(Kind::Usage, Code::BUG, message)
        }
    }

    /// Standard output that takes no more: a full disk, most likely.
    pub(crate) fn output(error: io::Error) -> Self {
        Self {
            kind: Kind::Internal,
            ..Self::usage(format!("standard output cannot be written: {error}"))
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code; `run` has codes of its own, since those below 120 are the program's.
    pub(crate) fn exit_code(&self, run: bool) -> u8 {
        match (run, self.kind) {
            (true, Kind::Refused) => exit::REFUSED,
            (true, Kind::Internal | Kind::Usage) => exit::INTERNAL,
            (false, Kind::Internal | Kind::Refused) => 1,
            (false, Kind::Usage) => 2,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "error[{code}]: {}", self.message),
            None => write!(f, "error: {}", self.message),
        }
    }
}

impl From<PolicyFileError> for CommandError {
    fn from(error: PolicyFileError) -> Self {
        match error {
            PolicyFileError::Policy(errors) => Self::from(errors),
            PolicyFileError::Unreadable { path, reason }
                if reason.kind() == io::ErrorKind::NotFound =>
            {
                let message = format!("`{}` does not exist", path.display());
                let refused = Self::refused(Code::UNSAFE_POLICY_FILE, message);
                if path.ends_with("connector.toml") {
                    refused.hint(
                        "a folder in `connectors/` is a connector: write its `connector.toml`, or \
                         remove the folder",
                    )
                } else {
                    refused
                }
            }
            PolicyFileError::Unsafe { path, why }
                if why.starts_with("is a folder") && path.ends_with(POLICY_FILE) =>
            {
                let message = format!("`{}` is a folder, not a policy", path.display());
                Self::refused(Code::UNSAFE_POLICY_FILE, message)
            }
            error => Self::refused(Code::UNSAFE_POLICY_FILE, error.to_string()),
        }
    }
}

impl From<PolicyErrors> for CommandError {
    fn from(errors: PolicyErrors) -> Self {
        let first = errors.problems().first().map(|problem| problem.code());
        Self {
            kind: Kind::Refused,
            code: first,
            message: "the policy cannot be used".into(),
            hints: Vec::new(),
            policy: Some(errors),
        }
    }
}

impl From<ProgramError> for CommandError {
    fn from(error: ProgramError) -> Self {
        let refused = Self::refused(error.code(), error.to_string());
        match error {
            ProgramError::TooLarge => {
                refused.hint("strip its debug information: `wasm-tools strip PROGRAM -o SMALLER`")
            }
            ProgramError::NoCompiler(_) => Self {
                kind: Kind::Internal,
                ..refused
            },
            _ => refused,
        }
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        Self::new(Kind::Internal, Code::STATE, with_cause(&error))
            .hint("name another folder with `--state FOLDER`")
    }
}

impl From<RuntimeError> for CommandError {
    fn from(error: RuntimeError) -> Self {
        Self::new(Kind::Internal, Code::BUG, with_cause(&error))
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        let kind = match error {
            RunError::Record(_)
            | RunError::Unrecorded(_)
            | RunError::Id(_)
            | RunError::Runtime(_) => Kind::Internal,
            _ => Kind::Refused,
        };
        match error {
            RunError::Ungranted(ungranted) => not_granted(&ungranted, &Policy::nothing(), true),
            error => Self::new(kind, error.code(), with_cause(&error)),
        }
    }
}

/// All imports that are not granted, with the lines that would grant them.
///
/// Where there is no policy yet, they are the whole of one.
pub(crate) fn not_granted(
    ungranted: &[Ungranted],
    policy: &Policy,
    has_policy: bool,
) -> CommandError {
    let names = |code| {
        let of = ungranted.iter().filter(|missing| missing.code == code);
        let names: Vec<_> = of.map(|missing| format!("`{}`", missing.import)).collect();
        names.join(", ")
    };
    let (missing, other) = (names(Code::UNGRANTED_IMPORT), names(Code::TYPE_MISMATCH));
    let mut error = if missing.is_empty() {
        let message = format!("the program was built from another WIT of {other}");
        CommandError::refused(Code::TYPE_MISMATCH, message)
    } else {
        let message = format!(
            "the program asks for {missing}, which {}",
            if has_policy {
                "the policy does not grant"
            } else {
                "nothing grants: there is no policy"
            }
        );
        CommandError::refused(Code::UNGRANTED_IMPORT, message)
    };
    for missing in ungranted {
        let lines = missing.lines.join("\n");
        if missing.code == Code::TYPE_MISMATCH {
            error = error.hint(format!(
                "`{}` is not the connector's:\n{lines}",
                missing.import
            ));
            continue;
        }
        if has_policy || !is_drafted(policy, missing) {
            error = error.hint(format!("to grant `{}`:\n{lines}", missing.import));
        }
    }
    let files = match has_policy {
        true => Vec::new(),
        false => draft(policy, ungranted),
    };
    let texts: String = files.iter().map(|file| file.text.as_str()).collect();
    match files.len() {
        0 => error,
        1 => error.hint(format!(
            "to grant it, save this file, with your own origin and routes:\n{}",
            texts.trim_end()
        )),
        _ => error.hint(format!(
            "to grant it, save these files, with your own values for the keys and in the tables:\n{}",
            texts.trim_end()
        )),
    }
}

/// An error and all that caused it, on one line.
pub(crate) fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
