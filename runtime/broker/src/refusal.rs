//! Why a call got no reply, at whichever step.

use std::time::Duration;

use agentbox_gate::{BodyFailure, Cause, Failure, Stopped};
use agentbox_ledger::{Exhausted, ReserveError, Unavailable};
use agentbox_policy::{Code, Denied, ReplyError};
use agentbox_record::RecordError;
use agentbox_secrets::{CredentialError, ScrubError, SendError, Traffic};

/// One variant for each step that can refuse.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the run has been stopped: {}", .0.message)]
    Stopped(Stopped),
    #[error("{}", .0.message())]
    Denied(Denied),
    #[error("{0}")]
    Exhausted(Box<Exhausted>),
    #[error("limits cannot be counted: {0}")]
    Uncounted(Unavailable),
    #[error("the record cannot be written: {0}")]
    Unrecorded(#[from] RecordError),
    #[error("approved; not sent, because this is a dry run")]
    DryRun,
    #[error("{0}")]
    Credential(#[from] CredentialError),
    #[error("{0}")]
    Send(#[from] SendError),
    #[error("{0}")]
    Scrub(#[from] ScrubError),
    /// The reply of an operation ended before its end.
    #[error("{}", .0.facts())]
    BrokenOff(BodyFailure),
    /// The API answered an operation with an error of its own.
    #[error("the API answered {status}")]
    Answered {
        status: u16,
        message: String,
        retry_after: Option<Duration>,
    },
    /// The reply does not fit the operation's type.
    #[error("{0}")]
    Unfit(String),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<ReserveError> for Refusal {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Exhausted(exhausted) => Self::Exhausted(exhausted),
            ReserveError::Unavailable(error) => Self::Uncounted(error),
        }
    }
}

impl Refusal {
    pub(crate) fn answered(status: u16, error: ReplyError) -> Self {
        match error {
            ReplyError::Invalid(what) => Self::Unfit(what),
            ReplyError::Upstream {
                message,
                retry_after,
            } => Self::Answered {
                status,
                message,
                retry_after,
            },
        }
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Stopped(_) => Code::STOPPED,
            Self::Denied(denied) => denied.code(),
            Self::Exhausted(_) => Code::LIMIT,
            Self::Uncounted(_) => Code::STATE,
            Self::Unrecorded(_) => Code::RECORD_UNAVAILABLE,
            Self::DryRun => Code::DRY_RUN,
            Self::Credential(error) => error.code(),
            Self::Send(error) => error.code(),
            Self::Scrub(error) => error.code(),
            Self::BrokenOff(failure) => failure.code,
            Self::Answered { .. } => Code::UPSTREAM_ERROR,
            Self::Unfit(_) => Code::INVALID_REPLY,
        }
    }

    /// What would make the call work, where the policy knows.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::Denied(denied) => denied.hint(),
            _ => None,
        }
    }

    /// Whether the observer is to hear of it: an API's own answer is the program's business, and a
    /// run that has been stopped has said why.
    pub(crate) fn is_news(&self) -> bool {
        !matches!(self, Self::Answered { .. } | Self::Stopped(_))
    }

    /// Whether it was refused before anything was sent, for what it asks for or for a bound.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Exhausted(_))
    }

    /// What went over the connection, where there was one and no reply.
    pub(crate) fn traffic(&self) -> Option<&Traffic> {
        match self {
            Self::Send(error) => error.traffic(),
            _ => None,
        }
    }

    /// What the guest is told: its own mistake, or the kind of trouble.
    pub(crate) fn told(&self) -> Failure {
        let code = self.code();
        match self {
            Self::Stopped(_) => Failure::new(code, Cause::Stopped, code.title()),
            Self::Denied(denied) => Failure::from(denied),
            Self::Exhausted(exhausted) => {
                let retry_after: Option<Duration> = exhausted.retry_after();
                let name = exhausted.limit().to_owned();
                Failure::new(code, Cause::Limit { name, retry_after }, self.to_string())
            }
            Self::Uncounted(_) | Self::Unrecorded(_) => {
                Failure::new(code, Cause::Denied, code.title())
            }
            Self::DryRun => Failure::new(code, Cause::Denied, code.title()),
            Self::Credential(error) => Failure::new(code, Cause::Credential, error.guest_message()),
            Self::Send(error) => Failure::new(code, error.cause(), error.guest_message()),
            Self::Scrub(error) => Failure::new(code, error.cause(), error.guest_message()),
            Self::BrokenOff(failure) => Failure::clone(failure),
            Self::Answered {
                status,
                message,
                retry_after,
            } => {
                let (status, retry_after) = (*status, *retry_after);
                let cause = Cause::Upstream {
                    status,
                    retry_after,
                };
                Failure::new(code, cause, message.as_str())
            }
            Self::Unfit(what) => Failure::new(code, Cause::InvalidReply, what.as_str()),
        }
    }

    /// A run does not go on without its key, its counters or its record, after an echo, or with
    /// more calls than it may make.
    pub(crate) fn ends_the_run(&self, stop_on_denial: bool) -> bool {
        match self {
            Self::Credential(_) | Self::Uncounted(_) | Self::Unrecorded(_) => true,
            Self::Denied(denied) => stop_on_denial || denied.code() == Code::CALLS,
            Self::Exhausted(_) => stop_on_denial,
            Self::Send(error) => stop_on_denial && error.code() == Code::ADDRESS_DENIED,
            Self::Scrub(error) => error.code() == Code::ECHO,
            Self::Stopped(_)
            | Self::DryRun
            | Self::BrokenOff(_)
            | Self::Answered { .. }
            | Self::Unfit(_) => false,
        }
    }
}
