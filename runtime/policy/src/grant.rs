//! What a policy grants: operations, sets of HTTP routes, and directories.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::address::AddressRule;
use crate::condition::Condition;
use crate::credential::Credential;
use crate::headers::ReplyHeaders;
use crate::limit::Limit;
use crate::operation::Operation;
use crate::origin::{Origin, Scheme};
use crate::route::Route;

/// An `[http.NAME]` table: routes at some origins, with the credential and the limits that hold.
#[derive(Clone, Debug)]
pub struct HttpGrant {
    // INVARIANT: `name` starts with `http.`.
    pub(crate) name: Arc<str>,
    pub(crate) credential: Option<Arc<Credential>>,
    pub(crate) origins: Vec<(OriginPattern, Arc<AddressRule>)>,
    pub(crate) routes: Vec<Route>,
    pub(crate) limits: Arc<[Limit]>,
    pub(crate) request_headers: Vec<HeaderName>,
    pub(crate) reply_headers: Arc<ReplyHeaders>,
}

impl HttpGrant {
    /// The name as calls are recorded under it: `http.NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credential it uses; none sends no key.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_deref()
    }

    /// The origins it covers.
    pub fn origins(&self) -> impl Iterator<Item = &OriginPattern> {
        self.origins.iter().map(|(origin, _)| origin)
    }

    /// The routes it allows, in the policy's order.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The limits that count its calls.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The request headers a guest may send beyond the ordinary ones.
    #[must_use]
    pub fn request_headers(&self) -> &[HeaderName] {
        &self.request_headers
    }

    /// The reply headers a guest may see.
    #[must_use]
    pub fn reply_headers(&self) -> &ReplyHeaders {
        &self.reply_headers
    }
}

/// A `[grants."OPERATION"]` table: one operation, on what it may be called, with which key.
#[derive(Clone, Debug)]
pub struct OperationGrant {
    // INVARIANT: `name` is the operation's.
    pub(crate) name: Arc<str>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) credential: Option<Arc<Credential>>,
    /// Where its requests go: the credential's one origin, or the connector's.
    pub(crate) origin: Origin,
    pub(crate) addresses: Arc<AddressRule>,
    /// At most one for each argument, in the policy's order.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) limits: Arc<[Limit]>,
}

impl OperationGrant {
    /// The name calls are recorded under: the operation's, without version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> &Arc<Operation> {
        &self.operation
    }

    /// The credential it uses; none sends no key.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_deref()
    }

    /// Where its requests go.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it asks of the arguments, in the policy's order.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The limits that count its calls.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }
}

/// An origin of the policy: one, or all names below a domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginPattern {
    /// `scheme://*.DOMAIN[:port]`: every host that ends in `.DOMAIN`, at any depth, and belongs to
    /// the same registrable domain.
    Below(Origin),
    /// `scheme://host[:port]`.
    Exact(Origin),
}

impl OriginPattern {
    /// Whether every origin that `other` covers is covered by this one as well.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(one), Self::Exact(other)) => one == other,
            (Self::Exact(_), Self::Below(_)) => false,
            (Self::Below(domain), Self::Below(other)) => domain == other || is_below(domain, other),
            (Self::Below(domain), Self::Exact(origin)) => is_below(domain, origin),
        }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Below(origin) | Self::Exact(origin) => origin.scheme(),
        }
    }
}

fn is_below(domain: &Origin, origin: &Origin) -> bool {
    domain.scheme() == origin.scheme()
        && domain.port() == origin.port()
        && origin.ip().is_none()
        && origin
            .host()
            .strip_suffix(domain.host())
            .is_some_and(|rest| rest.ends_with('.'))
        && one_owner(domain, origin)
}

/// Whether two hosts belong to one registrable domain: what is below `amazonaws.com` does not, since
/// anyone can have a name below `s3.amazonaws.com`.
pub(crate) fn one_owner(domain: &Origin, origin: &Origin) -> bool {
    psl::domain_str(domain.host()) == psl::domain_str(origin.host())
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => origin.fmt(f),
            Self::Below(origin) => {
                write!(f, "{}://*.{}", origin.scheme().as_str(), origin.authority())
            }
        }
    }
}

/// A `[files."GUEST"]` table: a directory the program may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGrant {
    pub(crate) guest: String,
    pub(crate) host: String,
    pub(crate) access: Access,
}

impl FileGrant {
    /// Where the program sees it: absolute, such as `/data`.
    #[must_use]
    pub fn guest(&self) -> &str {
        &self.guest
    }

    /// The directory, relative to the policy; no `..` and not absolute.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What the program may do in it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }
}

/// What a program may do in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read files and list directories.
    Read,
    /// Also write, create, rename and delete.
    ReadWrite,
}

impl Access {
    /// As it is written in the policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u23_a_wildcard_stays_with_one_owner() {
        let origin = |text| Origin::parse(text).expect("origin");
        let cloud = OriginPattern::Below(origin("https://amazonaws.com"));
        let own = OriginPattern::Exact(origin("https://api.amazonaws.com"));
        let bucket = OriginPattern::Exact(origin("https://any.s3.amazonaws.com"));
        assert!(cloud.covers(&own));
        assert!(!cloud.covers(&bucket), "anyone can have a bucket");
    }

    #[test]
    fn u23_a_wildcard_matches_on_a_label_boundary_only() {
        let below = OriginPattern::Below(Origin::parse("https://api.test").expect("origin"));
        let covers =
            |host: &str| below.covers(&OriginPattern::Exact(Origin::parse(host).expect("origin")));
        assert!(covers("https://x.api.test"));
        assert!(covers("https://y.x.api.test"));
        for host in [
            "https://api.test",
            "https://evil-api.test",
            "https://apixtest.test",
            "https://api.test.evil.test",
            "https://notapi.test",
            "https://x.api.test:8443",
            "http://x.api.test",
            "https://127.0.0.1",
        ] {
            assert!(!covers(host), "{host}");
        }
    }
}
