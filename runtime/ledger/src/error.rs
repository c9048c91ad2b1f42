//! Why a call was not counted, and so does not leave.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentbox_policy::Code;

/// Why a call could not be reserved: nothing of it was counted, and nothing of it leaves.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReserveError {
    /// A limit has no room for it.
    #[error(transparent)]
    Exhausted(Box<Exhausted>),
    /// The counts could not be read or written.
    #[error(transparent)]
    Unavailable(Unavailable),
}

impl ReserveError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Exhausted(_) => Code::LIMIT,
            Self::Unavailable(_) => Code::STATE,
        }
    }
}

/// A limit that has no room for a call.
///
/// Where several have none, it is the one that takes longest to have room again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub(crate) call: String,
    pub(crate) grant: String,
    pub(crate) shortage: Shortage,
}

impl Exhausted {
    /// What was tried: method, origin and path, without the query.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// The grant that allowed it.
    #[must_use]
    pub fn grant(&self) -> &str {
        &self.grant
    }

    /// The limit's name in the policy.
    #[must_use]
    pub fn limit(&self) -> &str {
        &self.shortage.limit
    }

    /// How many calls the window holds already; more than [`of`](Self::of) where the policy was
    /// lowered since.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shortage.used
    }

    /// How many calls the window may hold.
    #[must_use]
    pub fn of(&self) -> u32 {
        self.shortage.of
    }

    /// The window's length: `second`, `minute`, `hour` or `day`, or `run`.
    #[must_use]
    pub fn window(&self) -> &str {
        &self.shortage.window
    }

    /// How long until there is room for one call; `None` where this run will never have any.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.shortage.retry_after
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::LIMIT
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortage {
            limit,
            used,
            of,
            window,
            ..
        } = &self.shortage;
        write!(f, "{limit}: {used} of {of} used this {window}")
    }
}

impl std::error::Error for Exhausted {}

/// What the counts say to a call there is no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) limit: String,
    pub(crate) used: u64,
    pub(crate) of: u32,
    pub(crate) window: String,
    pub(crate) retry_after: Option<Duration>,
}

/// The counts cannot be read or written, so nothing that has limits is sent.
///
/// The text is for the operator: it may name a path of the host.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the ledger cannot be used")]
pub struct Unavailable(#[source] pub(crate) Arc<Problem>);

impl From<Problem> for Unavailable {
    fn from(problem: Problem) -> Self {
        Self(Arc::new(problem))
    }
}

/// What exactly is wrong with the counts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the clock shows a time before 1970 or after 2262")]
    Clock,
    #[error("`{}` cannot be used", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{}` is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    #[error("`{path}` belongs to version {found} of the ledger, and this build reads {VERSION}")]
    Version { path: String, found: i64 },
    #[error("the database refused")]
    Sqlite(#[from] rusqlite::Error),
    #[error("no thread could be started")]
    Thread(#[source] io::Error),
    #[error("the thread that counts has ended")]
    Ended,
    #[error("limit `{limit}` has a window longer than counts are kept")]
    Window { limit: String },
}

/// The version of the tables, in SQLite's `user_version`.
pub(crate) const VERSION: i64 = 1;
