//! A call as a guest made it: plain data, nothing of it believed yet.

/// The head of an HTTP request as the guest gave it: nothing normalised, nothing dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallHead {
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

impl CallHead {
    /// What the call is, for people: method, scheme, authority and path, without the query, with
    /// control characters escaped and cut at 512 characters.
    #[must_use]
    pub fn summary(&self) -> String {
        let path = self
            .path_and_query
            .split(['?', '#'])
            .next()
            .unwrap_or_default();
        format!("{} {}://{}{path}", self.method, self.scheme, self.authority)
            .chars()
            .take(512)
            .flat_map(char::escape_default)
            .collect()
    }
}
