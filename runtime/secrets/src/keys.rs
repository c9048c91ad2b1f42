//! The keys of one run: read at first use, kept in memory, and looked for in every reply.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use agentbox_policy::Credential;
use cap_std::fs::Dir;
use tokio::sync::OnceCell;

use crate::error::CredentialError;
use crate::scrub::{Known, patterns};
use crate::secret::Secret;
use crate::sources::{self, SourceError};

/// The keys of one run. Cloning is cheap and shares them.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    folder: Option<Dir>,
    /// One cell for each credential and reference, so that a key is read once however many calls
    /// want it at the same time.
    cells: Mutex<HashMap<Name, Arc<OnceCell<Held>>>>,
    /// How many values have been read.
    reads: AtomicU64,
    known: Arc<Known>,
    /// Every credential of the run, whether or not a call has used it.
    all: Vec<Credential>,
    /// Set once all of them have been asked for.
    asked: OnceCell<()>,
}

/// A credential's name and its reference.
type Name = (String, String);

/// A key, and which of the values that this run has read it is.
struct Held {
    secret: Secret,
    version: Version,
}

/// Tells one value of a key from another one of the same run, and nothing of either. A value that
/// is read anew gets another one, be it the same or not: no source has to be believed that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Version(u64);

impl Secrets {
    /// No keys yet, but those of `all` credentials when they are first needed. References to files
    /// beside the policy are looked up in `policy_folder`.
    #[must_use]
    pub fn new(policy_folder: Option<Dir>, all: Vec<Credential>) -> Self {
        Self(Arc::new(Inner {
            folder: policy_folder,
            cells: Mutex::default(),
            reads: AtomicU64::new(0),
            known: Arc::default(),
            all,
            asked: OnceCell::new(),
        }))
    }

    /// Hands the key of `credential`, and its version, to `place`. A key that was not had is asked
    /// for again by the next call.
    pub(crate) async fn with_key<T>(
        &self,
        credential: &Credential,
        place: impl FnOnce(&Secret, Version) -> T,
    ) -> Result<T, CredentialError> {
        let name = (
            credential.name().to_owned(),
            credential.reference().to_string(),
        );
        let cell = {
            let mut cells = self.0.cells.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(name).or_default())
        };
        let held = cell.get_or_try_init(|| self.fetch(credential)).await?;
        Ok(place(&held.secret, held.version))
    }

    /// Reads each key anew when it is next used, as a source whose value has changed will have it.
    #[cfg(test)]
    pub(crate) fn forget(&self) {
        let mut cells = self.0.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.clear();
    }

    /// Reads every key of the run, so that a reply can be searched for those that no call has used
    /// yet: an upstream may know another one's. A key that cannot be read is no reason to refuse a
    /// call that does not use it, and cannot be looked for.
    pub(crate) async fn learn_all(&self) {
        let ask = async || {
            for credential in &self.0.all {
                if let Err(error) = self.with_key(credential, |_, _| ()).await {
                    tracing::debug!(%error, "a key that is not in use cannot be looked for");
                }
            }
        };
        self.0.asked.get_or_init(ask).await;
    }

    /// All that is looked for in replies.
    pub(crate) fn known(&self) -> &Arc<Known> {
        &self.0.known
    }

    async fn fetch(&self, credential: &Credential) -> Result<Held, CredentialError> {
        let source = sources::open(credential.reference(), self.0.folder.as_ref())
            .map_err(|error| CredentialError::source(credential, error.into()))?;
        // A file may be on a disk that is slow to answer.
        let fetched = tokio::task::spawn_blocking(move || source.fetch())
            .await
            .unwrap_or_else(|_| Err(SourceError::unreadable("reading it failed")))
            .map_err(|error| CredentialError::source(credential, error))?;
        tracing::debug!(
            credential = credential.name(),
            version = fetched.version,
            expiry = ?fetched.expiry,
            "read a key",
        );
        let secret = Secret::parse(fetched.value)
            .map_err(|unusable| CredentialError::unusable(credential, unusable))?;
        self.0.known.add(patterns::of(
            credential.name(),
            &secret,
            credential.placement(),
        ));
        let version = Version(self.0.reads.fetch_add(1, Ordering::Relaxed));
        Ok(Held { secret, version })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
