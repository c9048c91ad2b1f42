//! What a key looks like in a reply.

use agentbox_policy::Placement;
use zeroize::Zeroizing;

use crate::encode::{STANDARD, URL_SAFE, base64_within, hex};
use crate::secret::Secret;

/// One form of one key, as bytes to look for.
pub(crate) struct Pattern {
    /// The credential's name.
    pub(crate) credential: String,
    /// How the key is encoded in it, before any escapes.
    pub(crate) encoding: &'static str,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Whether hexadecimal digits of either case are meant.
    pub(crate) folded: bool,
}

/// Every form of `secret`, as it is and as `placement` renders it.
pub(crate) fn of(credential: &str, secret: &Secret, placement: &Placement) -> Vec<Pattern> {
    let key = secret.bytes();
    let mut patterns = forms(credential, key, ["plain", "base64", "hex"]);
    // A form writes a space as a plus sign.
    if key.contains(&b' ') {
        let plus = key
            .iter()
            .map(|byte| if *byte == b' ' { b'+' } else { *byte });
        let plus = Zeroizing::new(plus.collect::<Vec<_>>());
        patterns.push(exact(credential, "form-encoded", plus));
    }
    // A bearer or header prefix leaves the key itself whole; base64 does not, and may be encoded
    // once more. Only the part that the key decides is looked for, whoever the user.
    if let Placement::Basic { user } = placement {
        let rendered = base64_within(key, STANDARD, (user.len() + 1) % 3);
        let names = ["base64", "base64 of base64", "hex of base64"];
        patterns.extend(forms(credential, &rendered, names));
    }
    patterns
}

fn forms(
    credential: &str,
    bytes: &[u8],
    [plain, base64, hexadecimal]: [&'static str; 3],
) -> Vec<Pattern> {
    let mut forms = vec![exact(credential, plain, Zeroizing::new(bytes.to_vec()))];
    for before in 0..3 {
        let standard = base64_within(bytes, STANDARD, before);
        let url_safe = base64_within(bytes, URL_SAFE, before);
        if standard != url_safe {
            forms.push(exact(credential, base64, url_safe));
        }
        forms.push(exact(credential, base64, standard));
    }
    forms.push(Pattern {
        folded: true,
        ..exact(credential, hexadecimal, hex(bytes))
    });
    forms
}

fn exact(credential: &str, encoding: &'static str, bytes: Zeroizing<Vec<u8>>) -> Pattern {
    Pattern {
        credential: credential.to_owned(),
        encoding,
        bytes,
        folded: false,
    }
}
