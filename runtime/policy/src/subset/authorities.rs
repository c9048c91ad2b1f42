//! Certificate authorities: which file a policy names is in the policy, what it holds is not.

use super::{Change, ChangeKind, words};

impl Change {
    /// How `tls` differs where two policies name a file of authorities and its bytes are not the
    /// same: whoever holds the key of a new authority can stand in for every upstream.
    ///
    /// `old` and `new` are each the name of the file and its digest, in hexadecimal. None where the
    /// digests are one.
    #[must_use]
    pub fn of_authorities(old: (&str, &str), new: (&str, &str)) -> Option<Self> {
        let told = |(name, digest): (&str, &str)| {
            let (name, digest) = (words::quote(name), words::quote(digest));
            vec![format!(
                "the host also trusts the certificate authorities in {name}, with the SHA-256 {digest}"
            )]
        };
        (old.1 != new.1).then(|| Self {
            grant: "tls".to_owned(),
            kind: ChangeKind::Changed,
            gained: told(new),
            lost: told(old),
        })
    }
}
