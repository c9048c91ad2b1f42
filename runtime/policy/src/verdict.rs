//! The two answers to a call: [`Approved`] and [`Denied`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};

use crate::call::{cut, cut_message, shown};
use crate::code::Code;
use crate::operation::Operation;
use crate::{AddressRule, Credential, Limit, Origin, ReplyHeaders};

/// Proof that a call was checked against the policy and may go on, with all that later steps need.
///
/// What is in here is what is sent: the request is built from these fields and from nothing else.
#[derive(Debug)]
pub struct Approved {
    // INVARIANT: made only by `decide`; no field can be changed from outside this crate.
    pub(crate) agent: Arc<str>,
    pub(crate) grant: Arc<str>,
    /// The operation, where it was called by name; its arguments made the rest.
    pub(crate) operation: Option<Arc<Operation>>,
    /// Its scope parameters that were given, and their values as text.
    pub(crate) arguments: Vec<(Arc<str>, String)>,
    /// The body its arguments made; a guest's own body is not known here.
    pub(crate) body: Option<Arc<[u8]>>,
    pub(crate) route: Arc<str>,
    pub(crate) method: Method,
    pub(crate) origin: Origin,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) content_length: Option<u64>,
    pub(crate) credential: Option<Arc<Credential>>,
    pub(crate) limits: Arc<[Limit]>,
    pub(crate) addresses: Arc<AddressRule>,
    pub(crate) reply_headers: Arc<ReplyHeaders>,
}

/// What a header takes up beside its name and value: its place in the map, twice over.
const HEADER_BYTES: usize = 256;

impl Approved {
    /// Refuses the call after all, for a bound of the run.
    #[must_use]
    pub fn refuse(self, code: Code, message: impl Into<String>) -> Denied {
        Denied {
            code,
            call: self.summary(),
            grant: Some(self.grant),
            message: cut_message(message.into()),
            hint: None,
        }
    }

    /// The agent id the call is counted and recorded under.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The grant that allowed it, such as `http.widgets`.
    #[must_use]
    pub fn grant(&self) -> &str {
        &self.grant
    }

    /// The operation, for a call by name.
    #[must_use]
    pub fn operation(&self) -> Option<&Arc<Operation>> {
        self.operation.as_ref()
    }

    /// The scope parameters of an operation that decided, and their values as text.
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.arguments
            .iter()
            .map(|(name, value)| (&**name, value.as_str()))
    }

    /// The body that an operation's arguments made; a guest's own request has its own.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// The same, to be sent without a copy.
    #[must_use]
    pub fn shared_body(&self) -> Option<Arc<[u8]>> {
        self.body.clone()
    }

    /// How many bytes it takes up, apart from what all calls of its policy share.
    #[must_use]
    pub fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len() + HEADER_BYTES)
            .sum();
        let arguments = self.arguments.iter().map(|(_, value)| value.len());
        size_of::<Self>()
            + headers
            + arguments.sum::<usize>()
            + self.body.as_ref().map_or(0, |body| body.len())
            + self.path.len()
            + self.query.as_ref().map_or(0, String::len)
    }

    /// What the call is, for people: an operation with its scope parameters, or method, origin and
    /// path; control characters escaped, cut at 512 characters.
    #[must_use]
    pub fn summary(&self) -> String {
        let Some(operation) = &self.operation else {
            return shown(&format!("{} {}{}", self.method, self.origin, self.path));
        };
        let mut text = operation.name().to_owned();
        for (name, value) in &self.arguments {
            text.push_str(&format!(" {name}=\"{}\"", shown(value)));
        }
        cut(text)
    }

    /// The route that allowed it, as the policy writes it: `GET /v1/widgets/{id}`.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where it goes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, in canonical form: starts with `/`, no dot or empty segments, escapes in upper
    /// case and only where needed.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without its `?`, as the guest wrote it.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The guest's headers that may be sent; never one about framing, routing or authority.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// How many bytes the body has, where the guest said so.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The credential to add; none for a grant that sends no key.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_deref()
    }

    /// The limits that count it.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Which addresses the origin's name may lead to.
    #[must_use]
    pub fn addresses(&self) -> &AddressRule {
        &self.addresses
    }

    /// Which headers of the reply the guest may see.
    #[must_use]
    pub fn reply_headers(&self) -> &ReplyHeaders {
        &self.reply_headers
    }
}

/// A refusal by the policy or by a bound of the run: nothing of the call has left or will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub(crate) code: Code,
    pub(crate) call: String,
    pub(crate) grant: Option<Arc<str>>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Denied {
    /// Which rule refused it.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What was tried, from [`CallHead::summary`](crate::CallHead::summary).
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// The grant whose origin it was for, where there is one.
    #[must_use]
    pub fn grant(&self) -> Option<&str> {
        self.grant.as_deref()
    }

    /// What is wrong with the call; tells a guest its own mistake and nothing about the host.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// For the operator: what would allow it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied[{}]: {}: {}", self.code, self.call, self.message)
    }
}

/// A window of a limit: so many calls in any stretch of this length, or in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// At most `count` in any stretch of `per`.
    Sliding {
        /// Calls; at least one.
        count: u32,
        /// A second, a minute, an hour or a day.
        per: Duration,
    },
    /// At most `count` in one run.
    Run {
        /// Calls; at least one.
        count: u32,
    },
}
