//! The encodings in which a key is placed in a request and looked for in a reply.

use zeroize::Zeroizing;

/// The digits of base64 as RFC 4648 section 4 has them.
pub(crate) const STANDARD: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The digits that are safe in a URL, RFC 4648 section 5.
pub(crate) const URL_SAFE: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `bytes` in standard base64, padded.
pub(crate) fn base64(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = base64_from(bytes, STANDARD, 0);
    while !text.len().is_multiple_of(4) {
        text.push(b'=');
    }
    text
}

/// The digits that `bytes` alone decide when they stand `before` bytes (0, 1 or 2) after the start
/// of a group of three: what turns up in the base64 of any text that holds them there.
pub(crate) fn base64_within(bytes: &[u8], digits: &[u8; 64], before: usize) -> Zeroizing<Vec<u8>> {
    let mut shifted = Zeroizing::new(Vec::with_capacity(before + bytes.len()));
    shifted.extend(std::iter::repeat_n(0, before));
    shifted.extend_from_slice(bytes);
    let whole = base64_from(&shifted, digits, before);
    // The last digit has bits of what follows unless the groups come out even.
    let decided = shifted.len() * 8 / 6 - (before * 8).div_ceil(6);
    Zeroizing::new(whole[..decided].to_vec())
}

/// The digits of `bytes` without padding, less those that hold bits of the first `skip` bytes.
fn base64_from(bytes: &[u8], digits: &[u8; 64], skip: usize) -> Zeroizing<Vec<u8>> {
    // Room for the padding as well: growing would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len().div_ceil(3) * 4));
    let count = (bytes.len() * 8).div_ceil(6);
    for index in (skip * 8).div_ceil(6)..count {
        let bit = index * 6;
        let high = u16::from(bytes[bit / 8]) << 8;
        let low = bytes.get(bit / 8 + 1).copied().map_or(0, u16::from);
        let digit = ((high | low) >> (10 - bit % 8)) & 0x3f;
        text.push(digits[usize::from(digit)]);
    }
    text
}

/// `bytes` in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 2));
    for byte in bytes {
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    text
}

/// `bytes` with everything but RFC 3986's unreserved characters percent-encoded.
pub(crate) fn percent(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 3));
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(*byte);
        } else {
            text.push(b'%');
            text.extend(hex(&[*byte]).iter().map(u8::to_ascii_uppercase));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"", b""),
            (b"f", b"Zg=="),
            (b"fo", b"Zm8="),
            (b"foo", b"Zm9v"),
            (b"foob", b"Zm9vYg=="),
            (b"fooba", b"Zm9vYmE="),
            (b"\xfb\xff\xfe", b"+//+"),
        ];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes).as_slice(), text);
        }
    }

    #[test]
    fn base64_of_any_text_around_holds_the_digits_that_are_decided() {
        for length in 8..14 {
            let key: Vec<u8> = (0..length).map(|n| b'a' + n * 7 % 26).collect();
            for (before, after) in (0..7).flat_map(|before| (0..4).map(move |n| (before, n))) {
                let text = [&b"#######"[..before], &key, &b"~~~~"[..after]].concat();
                let within = base64_within(&key, STANDARD, before % 3);
                let whole = base64(&text);
                assert!(
                    whole
                        .windows(within.len())
                        .any(|part| part == within.as_slice())
                );
                assert!(within.len() * 6 + 10 > usize::from(length) * 8);
            }
        }
    }

    #[test]
    fn percent_leaves_only_unreserved_characters() {
        assert_eq!(
            percent(b"aZ9-._~ %/+&=").as_slice(),
            b"aZ9-._~%20%25%2F%2B%26%3D"
        );
        assert_eq!(hex(b"\x00\xfa9").as_slice(), b"00fa39");
    }
}
