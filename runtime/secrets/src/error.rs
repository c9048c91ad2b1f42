//! What can go wrong with a key, a request or a reply, for three readers.
//!
//! `Display` is for the operator and the record: facts, never a value, and no text that an upstream
//! chose. `guest_message` tells a guest the kind of trouble and nothing of the host. For the same
//! reason the errors of the HTTP and TLS libraries are put into words of our own: they quote what
//! the upstream sent.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use agentbox_gate::{Cause, Failure};
use agentbox_policy::{Code, Credential};

use crate::scrub::Echo;
use crate::secret::Unusable;
use crate::send::Traffic;
use crate::sources::SourceError;

/// A key that could not be had. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("credential `{credential}` from `{reference}`: {fault}")]
pub struct CredentialError {
    credential: String,
    reference: String,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("{0}")]
    Missing(&'static str),
    #[error("it has fewer than 8 bytes")]
    Short,
    #[error("{what}")]
    Unreadable {
        what: String,
        source: Option<io::Error>,
    },
}

impl CredentialError {
    /// The stable code, one of `AB04`.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.fault {
            Fault::Malformed(_) => Code::CREDENTIAL_MALFORMED,
            Fault::Missing(_) => Code::CREDENTIAL_MISSING,
            Fault::Short => Code::CREDENTIAL_SHORT,
            Fault::Unreadable { .. } => Code::CREDENTIAL_UNREADABLE,
        }
    }

    /// What kind of trouble it is to a caller.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause::Credential
    }

    /// What a guest may know of it.
    #[must_use]
    pub fn guest_message(&self) -> String {
        "the credential for this call is not available".to_owned()
    }

    /// The credential's name in the policy.
    #[must_use]
    pub fn credential(&self) -> &str {
        &self.credential
    }

    fn new(credential: &Credential, fault: Fault) -> Self {
        Self {
            credential: credential.name().to_owned(),
            reference: credential.reference().to_string(),
            fault,
        }
    }

    pub(crate) fn unusable(credential: &Credential, unusable: Unusable) -> Self {
        let fault = match unusable {
            Unusable::Malformed(what) => Fault::Malformed(what),
            Unusable::Short => Fault::Short,
        };
        Self::new(credential, fault)
    }

    pub(crate) fn source(credential: &Credential, error: SourceError) -> Self {
        let fault = match error {
            SourceError::Malformed(what) => Fault::Malformed(what),
            SourceError::Missing(what) => Fault::Missing(what),
            SourceError::Unreadable { what, source } => Fault::Unreadable {
                what: match &source {
                    Some(source) => format!("{what}: {source}"),
                    None => what.to_owned(),
                },
                source,
            },
        };
        Self::new(credential, fault)
    }
}

/// The sender could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SenderError {
    /// A text of extra certificate authorities holds no certificate.
    #[error("the file of certificate authorities holds no certificate")]
    NoCertificate,
    /// A text of extra certificate authorities cannot be read.
    #[error("the file of certificate authorities holds something that is no certificate")]
    BadCertificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SenderError {
    /// `AB0122`.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::CERTIFICATES
    }
}

/// A request that got no reply.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}")]
pub struct SendError {
    trouble: Trouble,
    traffic: Option<Traffic>,
}

impl SendError {
    pub(crate) fn new(trouble: Trouble, traffic: Option<Traffic>) -> Self {
        Self { trouble, traffic }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.trouble.code()
    }

    /// What kind of trouble it is to a caller.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.trouble.cause()
    }

    /// What a guest may know of it.
    #[must_use]
    pub fn guest_message(&self) -> String {
        self.trouble.guest_message()
    }

    /// What it was.
    #[must_use]
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// What went over the connection; none when there was no connection, so that nothing was sent.
    #[must_use]
    pub fn traffic(&self) -> Option<&Traffic> {
        self.traffic.as_ref()
    }
}

/// What can go wrong between a request and the end of its reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// None of the name's addresses may be dialled.
    #[error(
        "`{host}` leads to {}, which the policy does not admit",
        list(addresses)
    )]
    AddressDenied {
        /// The origin's host.
        host: String,
        /// Where it leads.
        addresses: Vec<IpAddr>,
    },
    /// A bug in agentbox.
    #[error("{0}")]
    Bug(&'static str),
    /// Nobody accepted the connection.
    #[error("cannot connect to {address}: {cause}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The connection, TLS included, was not there in time.
    #[error("{0}")]
    ConnectTimeout(Exceeded),
    /// The name has no address, or the resolver did not say in time.
    #[error("`{host}` cannot be resolved: {what}")]
    Dns {
        /// The origin's host.
        host: String,
        /// What the resolver said.
        what: String,
    },
    /// All that may be dialled is what this process itself listens on.
    #[error("{address} is where agentbox's own process listens, which no program may reach")]
    OwnAddress {
        /// The address.
        address: SocketAddr,
    },
    /// The upstream does not speak HTTP as it should.
    #[error("{0}")]
    Protocol(&'static str),
    /// The connection broke before the reply's end.
    #[error("the connection broke before the end of the reply")]
    ReplyIncomplete,
    /// The reply, or its head, is longer than allowed.
    #[error("{0}")]
    ReplyTooLarge(Exceeded),
    /// The request's body is longer than allowed, or not as long as announced.
    #[error("{0}")]
    RequestBody(Exceeded),
    /// The request's body broke off, for this reason.
    #[error("the request's body broke off: {0}")]
    RequestFailed(Box<Failure>),
    /// The reply, or the next piece of it, did not come in time.
    #[error("{0}")]
    Timeout(Exceeded),
    /// The upstream's identity could not be verified.
    #[error("{0}")]
    Tls(&'static str),
    /// The reply is framed or encoded in a way that cannot be searched.
    #[error("{0}")]
    Unscannable(&'static str),
}

/// More than may be: what a program is told of it, and what the operator is, who can change what
/// may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    told: Cow<'static, str>,
    facts: Option<String>,
}

impl Exceeded {
    /// What is bounded by nothing that can be changed; everybody is told the same.
    pub(crate) fn fixed(told: &'static str) -> Self {
        let told = told.into();
        Self { told, facts: None }
    }

    /// What is bounded by something that `facts` name.
    pub(crate) fn new(told: impl Into<Cow<'static, str>>, facts: String) -> Self {
        let (told, facts) = (told.into(), Some(facts));
        Self { told, facts }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts.as_deref().unwrap_or(&self.told))
    }
}

impl Trouble {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::AddressDenied { .. } | Self::OwnAddress { .. } => Code::ADDRESS_DENIED,
            Self::Bug(_) => Code::BUG,
            Self::Connect { .. } => Code::CONNECT,
            Self::ConnectTimeout(_) | Self::Timeout(_) => Code::UPSTREAM_TIMEOUT,
            Self::Dns { .. } => Code::DNS,
            Self::Protocol(_) | Self::ReplyIncomplete => Code::PROTOCOL,
            Self::ReplyTooLarge(_) => Code::REPLY_SIZE,
            Self::RequestBody(_) => Code::REQUEST_SIZE,
            Self::RequestFailed(failure) => failure.code,
            Self::Tls(_) => Code::TLS,
            Self::Unscannable(_) => Code::UNSCANNABLE,
        }
    }

    /// What kind of trouble it is to a caller.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::AddressDenied { .. } | Self::OwnAddress { .. } => Cause::AddressDenied,
            Self::Bug(_) => Cause::Internal,
            Self::Connect { .. } => Cause::ConnectionRefused,
            Self::ConnectTimeout(_) => Cause::ConnectTimeout,
            Self::Dns { .. } => Cause::Dns,
            Self::Protocol(_) => Cause::Protocol,
            Self::ReplyIncomplete => Cause::ReplyIncomplete,
            Self::ReplyTooLarge(_) => Cause::ReplyTooLarge,
            Self::RequestBody(_) => Cause::RequestBody,
            Self::RequestFailed(failure) => failure.cause.clone(),
            Self::Timeout(_) => Cause::Timeout,
            Self::Tls(_) => Cause::Tls,
            Self::Unscannable(_) => Cause::ReplyUnscannable,
        }
    }

    /// What a guest may know of it.
    #[must_use]
    pub fn guest_message(&self) -> String {
        match self {
            Self::AddressDenied { .. } | Self::OwnAddress { .. } => {
                "the name leads to an address that is not allowed"
            }
            Self::Bug(_) => "the call failed",
            Self::Connect { .. } => "the upstream could not be reached",
            Self::Dns { .. } => "the name could not be resolved",
            Self::ReplyIncomplete => "the connection broke before the end of the reply",
            Self::RequestFailed(failure) => &failure.message,
            Self::Protocol(what) | Self::Tls(what) | Self::Unscannable(what) => what,
            Self::ConnectTimeout(exceeded)
            | Self::ReplyTooLarge(exceeded)
            | Self::RequestBody(exceeded)
            | Self::Timeout(exceeded) => &exceeded.told,
        }
        .to_owned()
    }
}

impl From<&Trouble> for Failure {
    fn from(trouble: &Trouble) -> Self {
        Self::new(trouble.code(), trouble.cause(), trouble.guest_message())
            .with_facts(trouble.to_string())
    }
}

impl From<&SendError> for Failure {
    fn from(error: &SendError) -> Self {
        Self::from(&error.trouble)
    }
}

impl From<&CredentialError> for Failure {
    fn from(error: &CredentialError) -> Self {
        Self::new(error.code(), error.cause(), error.guest_message())
    }
}

/// A reply that must not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum ScrubError {
    /// Its head holds a key.
    #[error("the reply holds {0}")]
    Echo(Echo),
    /// Its body is encoded, so that it cannot be searched.
    #[error("the reply has a content encoding, though none was asked for")]
    Unscannable,
}

impl ScrubError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Echo(_) => Code::ECHO,
            Self::Unscannable => Code::UNSCANNABLE,
        }
    }

    /// What kind of trouble it is to a caller.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Echo(_) => Cause::Stopped,
            Self::Unscannable => Cause::ReplyUnscannable,
        }
    }

    /// What a guest may know of it.
    #[must_use]
    pub fn guest_message(&self) -> String {
        match self {
            Self::Echo(_) => crate::scrub::ECHO_MESSAGE.to_owned(),
            Self::Unscannable => "the reply is encoded in a way that cannot be searched".to_owned(),
        }
    }
}

impl From<&ScrubError> for Failure {
    fn from(error: &ScrubError) -> Self {
        Self::new(error.code(), error.cause(), error.guest_message())
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses
        .iter()
        .map(IpAddr::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
