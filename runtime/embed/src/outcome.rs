//! What a run came to, as an exit code.

use std::time::Duration;

use agentbox_policy::Code;
use agentbox_sandbox::Ending;

/// The exit codes that are agentbox's own; any other is the program's.
pub mod exit {
    /// Refused before it started.
    pub const REFUSED: u8 = 120;
    /// Stopped for an echoed key, or at a denial where that was asked for.
    pub const STOPPED: u8 = 121;
    /// A bound on output or calls.
    pub const OUTPUT: u8 = 122;
    /// A credential could not be had.
    pub const CREDENTIAL: u8 = 123;
    /// Wall time.
    pub const TIME: u8 = 124;
    /// A mistake in the command, or in agentbox.
    pub const INTERNAL: u8 = 125;
    /// Processor time, memory, tables, instances, stack or handles.
    pub const RESOURCES: u8 = 126;
    /// Interrupted by a signal, as a shell says it.
    pub const INTERRUPTED: u8 = 130;
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run's id, under which its record is found.
    pub run: String,
    /// What the program did, or what was done to it.
    pub ending: Ending,
    /// From the program's first instruction to its last.
    pub elapsed: Duration,
}

impl Outcome {
    /// The exit code: the program's own, or one of [`exit`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match &self.ending {
            Ending::Exited(code) => *code,
            Ending::Returned(Ok(_)) => 0,
            Ending::Returned(Err(_)) | Ending::Trapped(_) => 1,
            Ending::CpuUsedUp | Ending::OutOfRoom(..) => exit::RESOURCES,
            Ending::WallUsedUp => exit::TIME,
            Ending::NotStarted(_) => exit::REFUSED,
            Ending::Stopped(stopped) => stop_code(stopped.code),
        }
    }

    /// The stable code, unless the program ended well or by its own exit code.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.ending.code()
    }
}

fn stop_code(code: Code) -> u8 {
    match code {
        Code::OUTPUT | Code::CALLS | Code::DENIALS => exit::OUTPUT,
        Code::INTERRUPTED => exit::INTERRUPTED,
        Code::CREDENTIAL_MISSING
        | Code::CREDENTIAL_MALFORMED
        | Code::CREDENTIAL_UNREADABLE
        | Code::CREDENTIAL_SCHEME
        | Code::CREDENTIAL_SHORT => exit::CREDENTIAL,
        Code::STATE | Code::RECORD_UNAVAILABLE | Code::BUG => exit::INTERNAL,
        _ => exit::STOPPED,
    }
}
