//! Why a call has no reply, or a body no end.

use std::time::Duration;

use agentbox_policy::{Code, Denied};

/// The bound on what the host holds for a run's calls, as `[run]` names it.
pub(crate) const HOST_MEMORY: &str = "host-memory";

/// The bound on how many calls are under way, as `[run]` names it.
const CALLS_AT_ONCE: &str = "calls-at-once";

/// A call that did not get its reply: what the guest may know of it.
///
/// The text names the guest's own mistake or the kind of trouble, never anything of the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What kind of trouble it was; a door maps it to its own error type.
    pub cause: Cause,
    /// One line, lower case, fit for the guest.
    pub message: String,
    /// The same for the operator and the record, where there is more to say: no door passes it on.
    facts: Option<Box<str>>,
}

/// The kinds of trouble, as far as a caller acts on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The name leads to an address that is not allowed.
    AddressDenied,
    /// Nobody accepted the connection.
    ConnectionRefused,
    /// The connection took too long.
    ConnectTimeout,
    /// The credential could not be had.
    Credential,
    /// The policy, or a dry run, refused it. Trying again does not help.
    Denied,
    /// The name has no address.
    Dns,
    /// The host is at fault.
    Internal,
    /// The reply does not fit the operation's type.
    InvalidReply,
    /// A limit is used up, or a bound that the program's own calls take up.
    Limit {
        /// Its name in the policy.
        name: String,
        /// When it frees up; none when waiting will not help.
        retry_after: Option<Duration>,
    },
    /// The upstream does not speak HTTP as it should.
    Protocol,
    /// The connection broke in the middle of the reply.
    ReplyIncomplete,
    /// The reply is longer than allowed.
    ReplyTooLarge,
    /// The reply's encoding cannot be scanned.
    ReplyUnscannable,
    /// The request's body is longer than allowed, or not as long as announced.
    RequestBody,
    /// The request is not in canonical form.
    RequestUri,
    /// The run has been stopped.
    Stopped,
    /// The reply, or the next piece of it, did not come in time.
    Timeout,
    /// The upstream's certificate is not good.
    Tls,
    /// The upstream answered an operation, and not with success.
    Upstream {
        /// Its status.
        status: u16,
        /// How long it asks to wait before the next try.
        retry_after: Option<Duration>,
    },
}

impl Failure {
    /// A failure with this code, cause and text.
    pub fn new(code: Code, cause: Cause, message: impl Into<String>) -> Self {
        Self {
            code,
            cause,
            message: message.into(),
            facts: None,
        }
    }

    /// The same failure, with `facts` in place of its message for all but the guest.
    #[must_use]
    pub fn with_facts(mut self, facts: impl Into<Box<str>>) -> Self {
        self.facts = Some(facts.into());
        self
    }

    /// What the operator and the record are told.
    #[must_use]
    pub fn facts(&self) -> &str {
        self.facts.as_deref().unwrap_or(&self.message)
    }
}

/// A bound of the run that frees up when the program reads its replies, not by waiting.
fn used_up(name: &str) -> Cause {
    Cause::Limit {
        name: name.to_owned(),
        retry_after: None,
    }
}

impl From<&Denied> for Failure {
    fn from(denied: &Denied) -> Self {
        let cause = match denied.code() {
            Code::NOT_CANONICAL => Cause::RequestUri,
            // The program can make room, and then try again; nobody else can.
            Code::CALLS_AT_ONCE => used_up(CALLS_AT_ONCE),
            Code::HOST_MEMORY => used_up(HOST_MEMORY),
            _ => Cause::Denied,
        };
        Self::new(denied.code(), cause, denied.message())
    }
}

#[cfg(test)]
mod tests {
    use agentbox_policy::{CallHead, RefusedHead};

    use super::*;

    fn cause(code: Code) -> Cause {
        let head = CallHead::Refused(RefusedHead {
            call: "a:b/c".to_owned(),
            code,
            message: "no".to_owned(),
        });
        Failure::from(&head.refuse(code, "no")).cause
    }

    #[test]
    fn what_the_program_can_free_is_a_limit_and_not_denied_for_good() {
        for (code, name) in [
            (Code::CALLS_AT_ONCE, "calls-at-once"),
            (Code::HOST_MEMORY, "host-memory"),
        ] {
            let (name, retry_after) = (name.to_owned(), None);
            assert_eq!(cause(code), Cause::Limit { name, retry_after });
        }
        assert_eq!(cause(Code::CALLS), Cause::Denied);
    }

    #[test]
    fn facts_are_beside_what_the_guest_is_told() {
        let failure = Failure::new(Code::UPSTREAM_TIMEOUT, Cause::Timeout, "too long");
        assert_eq!(failure.facts(), "too long");
        let failure = failure.with_facts("longer than 5s");
        assert_eq!(failure.facts(), "longer than 5s");
        assert_eq!(failure.to_string(), "AB0604: too long");
    }
}
