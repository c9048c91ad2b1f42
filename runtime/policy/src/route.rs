//! Routes: `METHOD /path?query` as a policy writes it.

use std::sync::Arc;

use http::Method;

/// One route of an `[http.NAME]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) text: Arc<str>,
    pub(crate) method: Method,
    pub(crate) segments: Vec<Segment>,
    // A trailing slash; `/` alone is no segment and a slash.
    pub(crate) slash: bool,
    pub(crate) query: QueryRule,
}

impl Route {
    /// The route as the policy writes it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Whether the method changes something at the upstream.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }
}

/// One segment of a route's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Any one segment.
    Hole(Box<str>),
    /// This segment, decoded, bytewise.
    Literal(Box<str>),
}

/// Which query a route allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryRule {
    /// Any: `?*`.
    Any,
    /// These names, at most once each; none at all for a route without `?`.
    Names(Vec<Box<str>>),
}
