//! Which error of `agentbox:host/errors` a failure is, for both doors of operations.

use std::time::Duration;

use agentbox_gate::{Cause, Failure};

/// A case of `agentbox:host/errors.error`, with what only that case has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    Denied,
    InvalidReply,
    Limit {
        name: &'a str,
        retry_after_ms: Option<u32>,
    },
    Unavailable,
    Upstream {
        status: u16,
        retry_after_ms: Option<u32>,
    },
}

/// The case for `failure`: denied is what trying again does not help.
pub(crate) fn kind(failure: &Failure) -> Kind<'_> {
    match &failure.cause {
        Cause::AddressDenied
        | Cause::Denied
        | Cause::RequestBody
        | Cause::RequestUri
        | Cause::Stopped => Kind::Denied,
        Cause::InvalidReply => Kind::InvalidReply,
        Cause::Limit { name, retry_after } => Kind::Limit {
            name,
            retry_after_ms: retry_after.map(milliseconds),
        },
        Cause::Upstream {
            status,
            retry_after,
        } => Kind::Upstream {
            status: *status,
            retry_after_ms: retry_after.map(milliseconds),
        },
        Cause::ConnectTimeout
        | Cause::ConnectionRefused
        | Cause::Credential
        | Cause::Dns
        | Cause::Internal
        | Cause::Protocol
        | Cause::ReplyIncomplete
        | Cause::ReplyTooLarge
        | Cause::ReplyUnscannable
        | Cause::Timeout
        | Cause::Tls => Kind::Unavailable,
    }
}

/// Whole milliseconds, rounded up: who waits for less comes too early.
fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_a_turn_is_a_limit_at_both_doors_of_operations() {
        let head = agentbox_policy::RefusedHead {
            call: "a:b/c".to_owned(),
            code: agentbox_policy::Code::CALLS_AT_ONCE,
            message: "no turn".to_owned(),
        };
        let denied = agentbox_policy::CallHead::Refused(head)
            .refuse(agentbox_policy::Code::CALLS_AT_ONCE, "no turn");
        let failure = Failure::from(&denied);
        let Kind::Limit {
            name,
            retry_after_ms: None,
        } = kind(&failure)
        else {
            panic!("{failure:?} is no limit");
        };
        assert_eq!(name, "calls-at-once");
    }

    #[test]
    fn waiting_times_are_rounded_up_and_never_wrap() {
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
        assert_eq!(milliseconds(Duration::MAX), u32::MAX);
    }
}
