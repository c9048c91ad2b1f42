//! A call as a guest made it: plain data, nothing of it believed yet.

use crate::code::Code;
use crate::verdict::Denied;

/// What a guest asks for, through whichever door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallHead {
    /// An HTTP request of the guest's own.
    Http(HttpHead),
    /// An operation by name.
    Operation(OperationHead),
    /// What no call can be made of; it is denied.
    Refused(RefusedHead),
}

/// The head of an HTTP request as the guest gave it: nothing normalised, nothing dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpHead {
    /// The method, as spelt by the guest.
    pub method: String,
    /// The scheme, without `://`.
    pub scheme: String,
    /// Host, and port where the guest wrote one; may hold anything.
    pub authority: String,
    /// Path and query, as written; starts with `/` when the guest wrote a path.
    pub path_and_query: String,
    /// Names in lower case, in the guest's order; values may be any bytes.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// An operation and its arguments as the guest gave them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationHead {
    /// `namespace:package/interface`, with or without `@version`; may hold anything.
    pub operation: String,
    /// The arguments: one JSON object, by the names of the operation's WIT.
    pub arguments: String,
}

/// A call that its door could not put into words, or had no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedHead {
    /// What was called, by the guest's name for it; may hold anything.
    pub call: String,
    /// Why it is denied.
    pub code: Code,
    /// What is wrong with it: one line for the guest, about its own mistake.
    pub message: String,
}

/// The longest summary, in characters.
const LONGEST_SUMMARY: usize = 512;

impl CallHead {
    /// What the call is, for people: its name, or [`HttpHead::summary`].
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Http(head) => head.summary(),
            Self::Operation(head) => shown(&head.operation),
            Self::Refused(head) => shown(&head.call),
        }
    }
}

impl CallHead {
    /// Refuses the call whatever the policy says of it, for a bound of the run.
    #[must_use]
    pub fn refuse(&self, code: Code, message: impl Into<String>) -> Denied {
        Denied {
            code,
            call: self.summary(),
            grant: None,
            message: cut_message(message.into()),
            hint: None,
        }
    }
}

impl HttpHead {
    /// What the call is, for people: method, scheme, authority and path, without the query, with
    /// control characters escaped and cut at 512 characters.
    #[must_use]
    pub fn summary(&self) -> String {
        let path = self
            .path_and_query
            .split(['?', '#'])
            .next()
            .unwrap_or_default();
        shown(&format!(
            "{} {}://{}{path}",
            self.method, self.scheme, self.authority
        ))
    }
}

/// A guest's text for people: escaped, and cut at [`LONGEST_SUMMARY`].
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .take(LONGEST_SUMMARY)
        .flat_map(char::escape_default)
        .collect()
}

/// What is escaped already, cut at [`LONGEST_SUMMARY`].
pub(crate) fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST_SUMMARY) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// The longest message of a denial, in bytes.
const LONGEST_MESSAGE: usize = 1 << 10;

/// A denial's message, which may repeat a guest's text, cut at [`LONGEST_MESSAGE`]. It is kept, told
/// and recorded.
pub(crate) fn cut_message(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    message.shrink_to_fit();
    message
}

impl From<HttpHead> for CallHead {
    fn from(head: HttpHead) -> Self {
        Self::Http(head)
    }
}

impl From<OperationHead> for CallHead {
    fn from(head: OperationHead) -> Self {
        Self::Operation(head)
    }
}

impl From<RefusedHead> for CallHead {
    fn from(head: RefusedHead) -> Self {
        Self::Refused(head)
    }
}
