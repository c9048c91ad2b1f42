//! Placing the key in the request: the step between `intent` and `send`.

use std::fmt;

use agentbox_policy::{Approved, Placement};
use agentbox_record::Recorded;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::encode::{base64, percent};
use crate::error::CredentialError;
use crate::keys::{Secrets, Version};
use crate::secret::{Secret, Unusable};

/// A request with its key in it, ready to be sent once.
pub struct Keyed {
    // INVARIANT: made only by `inject`, from the recorded call and its key.
    /// Path and query.
    pub(crate) target: Zeroizing<String>,
    /// All headers but those that frame the body.
    pub(crate) headers: HeaderMap,
    /// The key in it, if there is one.
    pub(crate) version: Option<Version>,
    pub(crate) recorded: Recorded,
}

impl Keyed {
    /// The number of the call within its run.
    #[must_use]
    pub fn call(&self) -> u64 {
        self.recorded.call()
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("call", &self.call())
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Finds the key of a recorded call and places it in the request.
    ///
    /// From here on every key of the run is looked for in replies, as it is and as it is placed.
    /// A call whose grant uses no credential gets a request without a key.
    ///
    /// # Errors
    ///
    /// When the key cannot be had or cannot be used. Nothing is sent then.
    pub async fn inject(&self, recorded: Recorded) -> Result<Keyed, CredentialError> {
        self.learn_all().await;
        let approved = recorded.approved();
        let (mut target, mut headers) = bare(approved);
        let mut version = None;
        if let Some(credential) = approved.credential() {
            let placement = credential.placement();
            self.with_key(credential, |key, read| {
                version = Some(read);
                place(placement, key, &mut target, &mut headers)
            })
            .await?
            .map_err(|unusable| CredentialError::unusable(credential, unusable))?;
        }
        Ok(Keyed {
            target,
            headers,
            version,
            recorded,
        })
    }
}

/// The request's target and headers without a key.
fn bare(approved: &Approved) -> (Zeroizing<String>, HeaderMap) {
    let mut target = Zeroizing::new(approved.path().to_owned());
    if let Some(query) = approved.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut headers = approved.headers().clone();
    // What is encoded cannot be searched.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Ok(authority) = HeaderValue::from_maybe_shared(approved.origin().authority()) {
        headers.insert(HOST, authority);
    }
    (target, headers)
}

fn place(
    placement: &Placement,
    key: &Secret,
    target: &mut Zeroizing<String>,
    headers: &mut HeaderMap,
) -> Result<(), Unusable> {
    match placement {
        Placement::Basic { user } => {
            let pair = Zeroizing::new([user.as_bytes(), b":", key.bytes()].concat());
            headers.insert(AUTHORIZATION, sensitive(b"Basic ", &base64(&pair))?);
        }
        Placement::Bearer => {
            headers.insert(AUTHORIZATION, sensitive(b"Bearer ", key.bytes())?);
        }
        Placement::Header { name, prefix } => {
            headers.insert(name, sensitive(prefix.as_bytes(), key.bytes())?);
        }
        Placement::Query { name } => {
            let separator = if target.contains('?') { '&' } else { '?' };
            let value = percent(key.bytes());
            let mut keyed = String::with_capacity(target.len() + name.len() + value.len() + 2);
            keyed.push_str(target);
            keyed.push(separator);
            keyed.push_str(name);
            keyed.push('=');
            keyed.extend(value.iter().copied().map(char::from));
            *target = Zeroizing::new(keyed);
        }
    }
    Ok(())
}

/// A header's value that no library prints or keeps in a compression table.
fn sensitive(prefix: &[u8], value: &[u8]) -> Result<HeaderValue, Unusable> {
    let bytes = Zeroizing::new([prefix, value].concat());
    let value = HeaderValue::from_bytes(&bytes);
    let mut value = value.or(Err(Unusable::Malformed("no header can carry it")))?;
    value.set_sensitive(true);
    Ok(value)
}
