//! Where a request goes: scheme, host and port, in one spelling only.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The two schemes a request can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain HTTP; only ever to a loopback literal.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The scheme as it is written in a URL, without `://`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant when none is written.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, OriginError> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(OriginError::Scheme(text.to_owned())),
        }
    }
}

/// A scheme, host and port.
///
/// The host is lower-case ASCII: a name without a trailing dot, a dotted quad, or the shortest
/// form of an IPv6 address. There is one spelling for each host; others are refused, not repaired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    // INVARIANT: canonical, made only by `from_parts`; an IPv6 host has no brackets here.
    host: Arc<str>,
    ip: Option<IpAddr>,
    port: u16,
    scheme: Scheme,
}

impl Origin {
    /// Reads `scheme://host[:port]`, without path, query or user information.
    ///
    /// # Errors
    ///
    /// When any part is missing, unknown or not in its one canonical spelling.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::NoScheme)?;
        Self::from_parts(Scheme::parse(scheme)?, authority)
    }

    /// Reads `host[:port]` for a scheme.
    ///
    /// # Errors
    ///
    /// When the authority is not in its one canonical spelling.
    pub fn from_parts(scheme: Scheme, authority: &str) -> Result<Self, OriginError> {
        let (host, port) = split_authority(authority)?;
        let port = port.map_or(Ok(scheme.default_port()), parse_port)?;
        let (host, ip) = match host.strip_prefix('[') {
            Some(rest) => parse_ipv6(rest.strip_suffix(']').ok_or(OriginError::Brackets)?)?,
            None => parse_name(host)?,
        };
        Ok(Self {
            host: host.into(),
            ip,
            port,
            scheme,
        })
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host's address, when the host is an address and not a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The same scheme and port at the domain one label up.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, parent) = self.host.split_once('.')?;
        Some(Self {
            host: parent.into(),
            ..self.clone()
        })
    }

    /// `host[:port]` as a `host` header has it: IPv6 in brackets, the scheme's own port left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match self.ip {
            Some(IpAddr::V6(_)) => format!("[{}]", self.host),
            _ => self.host.to_string(),
        };
        if self.port == self.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// Why a text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// No `://`.
    #[error("an origin is written `scheme://host` or `scheme://host:port`")]
    NoScheme,
    /// Neither `http` nor `https`.
    #[error("the scheme `{}` is neither `http` nor `https`", .0.escape_debug())]
    Scheme(String),
    /// No host.
    #[error("the host is empty")]
    EmptyHost,
    /// A user name before the host.
    #[error("user information before the host")]
    UserInformation,
    /// A path, query or fragment after the host.
    #[error("something after the host and port")]
    Trailing,
    /// Not a canonical port.
    #[error("the port is not a plain number from 1 to 65535")]
    Port,
    /// Brackets round what is no IPv6 address, or only one of them.
    #[error("brackets are for an IPv6 address in its shortest lower-case form")]
    Brackets,
    /// A host that is not plain lower-case ASCII.
    #[error("the host is not in lower-case letters, digits, dots and inner hyphens")]
    HostCharacters,
    /// A label that is empty, too long, or begins or ends with a hyphen; or a name too long.
    #[error(
        "the host has an empty label, a trailing dot, or a label or length that DNS does not allow"
    )]
    HostLabels,
    /// A number that some readers take for an IPv4 address.
    #[error("an IPv4 address is written as four plain decimal numbers")]
    Ipv4,
    /// An `xn--` label that is not what it claims to be.
    #[error("the label `{0}` is not valid punycode")]
    Punycode(String),
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), OriginError> {
    if authority.contains('@') {
        return Err(OriginError::UserInformation);
    }
    if authority.contains(['/', '\\', '?', '#']) {
        return Err(OriginError::Trailing);
    }
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or(OriginError::Brackets)? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        _ if host.is_empty() => Err(OriginError::EmptyHost),
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(OriginError::Brackets),
    }
}

fn parse_port(text: &str) -> Result<u16, OriginError> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    match text.parse() {
        Ok(port) if canonical => Ok(port),
        _ => Err(OriginError::Port),
    }
}

fn parse_ipv6(text: &str) -> Result<(String, Option<IpAddr>), OriginError> {
    match text.parse::<Ipv6Addr>() {
        Ok(ip) if ip.to_string() == text => Ok((text.to_owned(), Some(IpAddr::V6(ip)))),
        _ => Err(OriginError::Brackets),
    }
}

fn parse_name(text: &str) -> Result<(String, Option<IpAddr>), OriginError> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if !text.bytes().all(plain) {
        return Err(OriginError::HostCharacters);
    }
    if text.len() > 253 || !text.split('.').all(is_label) {
        return Err(OriginError::HostLabels);
    }
    if ends_in_number(text) {
        return match text.parse::<Ipv4Addr>() {
            Ok(ip) if ip.to_string() == text => Ok((text.to_owned(), Some(IpAddr::V4(ip)))),
            _ => Err(OriginError::Ipv4),
        };
    }
    match text
        .split('.')
        .find(|label| label.starts_with("xn--") && !is_punycode(&label[4..]))
    {
        Some(label) => Err(OriginError::Punycode(label.to_owned())),
        None => Ok((text.to_owned(), None)),
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether some URL readers would take the host for an IPv4 address: the last label is a number,
/// decimal, octal or hexadecimal.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether what follows `xn--` decodes, by RFC 3492, to text that really needed encoding.
fn is_punycode(encoded: &str) -> bool {
    let (mut length, digits) = match encoded.rsplit_once('-') {
        Some((basic, digits)) => (u32::try_from(basic.len()).unwrap_or(u32::MAX), digits),
        None => (0, encoded),
    };
    let (mut code_point, mut index, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes().peekable();
    let mut decoded_any = false;
    while digits.peek().is_some() {
        let start = index;
        let Some(next) = delta(&mut digits, index, bias) else {
            return false;
        };
        index = next;
        length = length.saturating_add(1);
        bias = adapt(index - start, length, !decoded_any);
        code_point = code_point.saturating_add(index / length);
        index = index % length + 1;
        if !char::from_u32(code_point).is_some_and(is_visible) {
            return false;
        }
        decoded_any = true;
    }
    decoded_any
}

/// Whether a character shows in a name: no control, space, format character or upper case.
fn is_visible(character: char) -> bool {
    let hidden = matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
    !(hidden || character.is_control() || character.is_whitespace() || character.is_uppercase())
}

/// Reads one variable-length integer of RFC 3492 and adds it to `index`.
fn delta(digits: &mut impl Iterator<Item = u8>, mut index: u32, bias: u32) -> Option<u32> {
    let (mut weight, mut threshold_at) = (1_u32, 36_u32);
    loop {
        let digit = match digits.next()? {
            byte @ b'a'..=b'z' => u32::from(byte - b'a'),
            byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
            _ => return None,
        };
        index = index.checked_add(digit.checked_mul(weight)?)?;
        let threshold = threshold_at.saturating_sub(bias).clamp(1, 26);
        if digit < threshold {
            return Some(index);
        }
        weight = weight.checked_mul(36 - threshold)?;
        threshold_at += 36;
    }
}

fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / length;
    let mut steps = 0;
    while delta > 455 {
        delta /= 35;
        steps += 36;
    }
    steps + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> OriginError {
        Origin::parse(text).expect_err(text)
    }

    #[test]
    fn an_origin_prints_as_it_is_written() {
        for text in [
            "https://api.example.com",
            "https://api.example.com:8443",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example",
            "https://a-b.c1",
        ] {
            assert_eq!(
                Origin::parse(text).map(|origin| origin.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn the_default_port_may_be_written_or_left_out() {
        assert_eq!(
            Origin::parse("https://a.test:443"),
            Origin::parse("https://a.test")
        );
        assert_eq!(
            Origin::parse("http://a.test:80"),
            Origin::parse("http://a.test")
        );
        assert_ne!(
            Origin::parse("http://a.test:443"),
            Origin::parse("http://a.test")
        );
    }

    #[test]
    fn an_ipv6_host_has_brackets_only_in_its_authority() {
        let origin = Origin::parse("https://[2001:db8::1]").expect("canonical");
        assert_eq!(origin.host(), "2001:db8::1");
        assert_eq!(origin.authority(), "[2001:db8::1]");
        assert_eq!(origin.ip(), "2001:db8::1".parse().ok());
    }

    #[test]
    fn u01_user_information_is_refused() {
        for text in [
            "http://api.test@127.0.0.2",
            "http://user:pw@api.test",
            "http://T@api.test",
        ] {
            assert_eq!(refused(text), OriginError::UserInformation);
        }
    }

    #[test]
    fn u02_backslashes_are_refused() {
        refused("http://127.0.0.2:80\\@api.test");
        assert_eq!(refused("http://api.test\\.evil"), OriginError::Trailing);
    }

    #[test]
    fn u03_trailing_dots_are_refused() {
        assert_eq!(refused("https://api.test."), OriginError::HostLabels);
        assert_eq!(refused("https://api.test.."), OriginError::HostLabels);
    }

    #[test]
    fn u05_hosts_that_are_not_lower_case_ascii_are_refused() {
        for host in [
            "api。test",
            "ⓐpi.test",
            "ßapi.test",
            "a\u{200d}pi.test",
            "API.test",
            "a_b.test",
        ] {
            assert_eq!(
                refused(&format!("https://{host}")),
                OriginError::HostCharacters
            );
        }
    }

    #[test]
    fn u06_punycode_that_decodes_to_nothing_or_ascii_is_refused() {
        for label in [
            "xn--",
            "xn--a",
            "xn--abc-",
            "xn--99999999",
            "xn--bcher-kva!",
        ] {
            refused(&format!("https://{label}.test"));
        }
        for label in ["xn--bcher-kva", "xn--p1ai", "xn--fiqs8s", "xn--3e0b707e"] {
            Origin::parse(&format!("https://{label}.test")).expect(label);
        }
    }

    #[test]
    fn u07_other_spellings_of_ipv4_are_refused() {
        for host in [
            "2130706433",
            "0177.0.0.1",
            "0x7f.1",
            "127.1",
            "127.0.0.0x1",
            "1.2.3.4.5",
        ] {
            assert_eq!(refused(&format!("http://{host}")), OriginError::Ipv4);
        }
        refused("http://127.0.0.1.");
        refused("http://①②⑦.0.0.1");
    }

    #[test]
    fn u08_ipv6_that_is_not_in_its_shortest_form_is_refused() {
        for host in [
            "[0:0:0:0:0:0:0:1]",
            "[2001:DB8::1]",
            "[2001:db8:0::1]",
            "[::ffff:7f00:2]",
        ] {
            assert_eq!(refused(&format!("http://{host}")), OriginError::Brackets);
        }
    }

    #[test]
    fn u09_zone_ids_and_brackets_round_names_are_refused() {
        for host in [
            "[fe80::1%25lo]",
            "[fe80::1%lo]",
            "[api.test]",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
        ] {
            assert_eq!(refused(&format!("http://{host}")), OriginError::Brackets);
        }
    }

    #[test]
    fn u10_ports_that_are_not_plain_are_refused() {
        for port in ["080", "", "+80", "65536", " 80", "0", "8 0", "80:80"] {
            assert_eq!(
                refused(&format!("http://api.test:{port}")),
                OriginError::Port
            );
        }
    }

    #[test]
    fn u17_control_characters_and_spaces_are_refused() {
        for host in [
            "exa\tmple.test",
            "exa\nmple.test",
            "exa\0mple.test",
            " a.test",
            "a.test ",
        ] {
            assert_eq!(
                refused(&format!("https://{host}")),
                OriginError::HostCharacters
            );
        }
    }

    #[test]
    fn u20_empty_hosts_are_refused() {
        assert_eq!(refused("http://"), OriginError::EmptyHost);
        assert_eq!(refused("http://:80"), OriginError::EmptyHost);
        assert_eq!(refused("http:///evil"), OriginError::Trailing);
        assert_eq!(refused("http:evil"), OriginError::NoScheme);
        assert_eq!(refused("//evil"), OriginError::NoScheme);
    }

    #[test]
    fn u22_other_schemes_are_refused() {
        for scheme in [
            "file",
            "gopher",
            "ftp",
            "data",
            "ws",
            "unix",
            "javascript",
            "blob",
            "HTTP",
        ] {
            assert_eq!(
                refused(&format!("{scheme}://a.test")),
                OriginError::Scheme(scheme.into())
            );
        }
    }
}
