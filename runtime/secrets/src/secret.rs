//! A plaintext key in memory.

use zeroize::Zeroizing;

/// The longest key, in bytes. Bounds the memory of the tables that search for it; the longest
/// tokens in use, signed ones with many claims, stay below it.
pub(crate) const LONGEST: usize = 4096;

/// The shortest key, in bytes: anything shorter turns up in replies by chance.
pub(crate) const SHORTEST: usize = 8;

/// A key that can be placed in a request: visible ASCII, perhaps with spaces inside.
///
/// Erased when dropped; has no way to be printed, copied or compared.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

/// Why bytes cannot be used as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Malformed(&'static str),
    Short,
}

impl Secret {
    /// Takes `bytes` as a key, exactly as they are.
    pub(crate) fn parse(bytes: Zeroizing<Vec<u8>>) -> Result<Self, Unusable> {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return Err(Unusable::Malformed("it is empty"));
        };
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(Unusable::Malformed(
                "it holds a line break or another control character",
            ));
        }
        if !bytes.is_ascii() {
            return Err(Unusable::Malformed(
                "it holds a character that is not ASCII",
            ));
        }
        // A header's value loses its outer spaces on the way, so what is sent would differ.
        if *first == b' ' || *last == b' ' {
            return Err(Unusable::Malformed("it begins or ends with a space"));
        }
        if bytes.len() > LONGEST {
            return Err(Unusable::Malformed("it is longer than 4096 bytes"));
        }
        if bytes.len() < SHORTEST {
            return Err(Unusable::Short);
        }
        Ok(Self(bytes))
    }

    /// The plaintext, for placing it in a request and for searching replies.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<Unusable>) {
        let parsed = Secret::parse(Zeroizing::new(bytes.to_vec()));
        match (parsed, expected) {
            (Ok(secret), None) => assert_eq!(secret.bytes(), bytes),
            (Err(found), Some(expected)) => assert_eq!(found, expected, "{bytes:?}"),
            (Ok(_), Some(expected)) => panic!("{bytes:?} was taken, not refused as {expected:?}"),
            (Err(found), None) => panic!("{bytes:?} was refused: {found:?}"),
        }
    }

    #[test]
    fn visible_ascii_of_eight_bytes_and_more_is_a_key() {
        check(b"canary-8", None);
        check(b"canary with spaces $&\\\"%+/=<>';", None);
        check(&[b'x'; LONGEST], None);
    }

    #[test]
    fn what_no_header_can_carry_is_not_a_key() {
        let control = Unusable::Malformed("it holds a line break or another control character");
        for bytes in [
            &b"canary-\nline"[..],
            b"canary-\r\n",
            b"canary-\0nul",
            b"canary-\x7fdel",
        ] {
            check(bytes, Some(control));
        }
        check(b"", Some(Unusable::Malformed("it is empty")));
        let foreign = Unusable::Malformed("it holds a character that is not ASCII");
        check("canary-ü-letter".as_bytes(), Some(foreign));
        check(b"canary-\xff-byte", Some(foreign));
        let outer = Unusable::Malformed("it begins or ends with a space");
        check(b" canary-key", Some(outer));
        check(b"canary-key ", Some(outer));
        check(
            &[b'x'; LONGEST + 1],
            Some(Unusable::Malformed("it is longer than 4096 bytes")),
        );
        check(b"canary7", Some(Unusable::Short));
    }
}
