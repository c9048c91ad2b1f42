//! Credentials as the policy names them: where the key is, how it is placed, where it may go.

use std::fmt;

use http::HeaderName;
use ipnet::IpNet;

use crate::grant::OriginPattern;

/// A named key: its source, its placement and its origins. Never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub(crate) name: String,
    pub(crate) reference: Reference,
    pub(crate) placement: Placement,
    pub(crate) origins: Vec<OriginPattern>,
    pub(crate) addresses: Vec<IpNet>,
}

impl Credential {
    /// The name under `[credentials]`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the key is found.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Where in a request the key goes.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The origins the key may be sent to; at least one.
    #[must_use]
    pub fn origins(&self) -> &[OriginPattern] {
        &self.origins
    }

    /// Ranges of addresses that are not public and that its origins may lead to.
    #[must_use]
    pub fn addresses(&self) -> &[IpNet] {
        &self.addresses
    }
}

/// Where a key is found. Prints as it is written in the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `dotenv://FILE#KEY`.
    Dotenv {
        /// Relative to the policy; no `..`.
        file: String,
        /// The variable in the file.
        key: String,
    },
    /// `env://NAME`.
    Env {
        /// The variable of agentbox's own environment.
        name: String,
    },
    /// `file:///PATH`.
    File {
        /// Absolute.
        path: String,
    },
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dotenv { file, key } => write!(f, "dotenv://{file}#{key}"),
            Self::Env { name } => write!(f, "env://{name}"),
            Self::File { path } => write!(f, "file://{path}"),
        }
    }
}

/// Where in a request a key goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `authorization: Basic base64(USER:KEY)`.
    Basic {
        /// The user name; visible ASCII without `:`.
        user: String,
    },
    /// `authorization: Bearer KEY`.
    Bearer,
    /// A header of its own.
    Header {
        /// The header's name.
        name: HeaderName,
        /// What stands before the key, often nothing; visible ASCII and spaces.
        prefix: String,
    },
    /// A query parameter, added last.
    Query {
        /// The parameter's name: letters, digits, `.`, `_`, `~` and `-`.
        name: String,
    },
}

impl Placement {
    /// The header that holds the key, if a header does.
    #[must_use]
    pub fn header(&self) -> Option<HeaderName> {
        match self {
            Self::Basic { .. } | Self::Bearer => Some(http::header::AUTHORIZATION),
            Self::Header { name, .. } => Some(name.clone()),
            Self::Query { .. } => None,
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user } => write!(f, "as the password of `{user}` (basic)"),
            Self::Bearer => write!(f, "as a bearer token"),
            Self::Header { name, .. } => write!(f, "in the header `{name}`"),
            Self::Query { name } => write!(f, "in the query parameter `{name}`"),
        }
    }
}
