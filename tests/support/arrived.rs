//! A request as it arrived, and what of it was authorised: all but what the host adds.

use super::api::Seen;

/// A request with nothing taken off but its framing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrived {
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub(crate) version: String,
    pub(crate) method: String,
    pub(crate) scheme: String,
    /// From `host`, or from `:authority`.
    pub(crate) authority: String,
    pub(crate) target: String,
    /// As they came, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    /// The request that a server without TLS saw.
    pub(crate) fn over_http1(seen: &Seen) -> Self {
        let raw = String::from_utf8_lossy(&seen.raw);
        let (head, _) = raw.split_once("\r\n\r\n").expect("a head has an end");
        let (line, headers) = head.split_once("\r\n").expect("a head has headers");
        let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("`{line}` has three parts")
        };
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header has a value");
            (name.to_owned(), value.to_owned())
        };
        Self {
            version: version.to_owned(),
            method: method.to_owned(),
            scheme: "http".to_owned(),
            authority: seen.header("host").expect("one host").to_owned(),
            target: target.to_owned(),
            headers: headers.split("\r\n").map(header).collect(),
            body: seen.body.clone(),
        }
    }

    /// Takes off what the host adds to every request; the body's length has to be right.
    pub(crate) fn without_the_hosts(mut self) -> Self {
        assert_eq!(self.take("accept-encoding"), ["identity"], "{self:?}");
        let host = self.take("host");
        if self.version == "HTTP/1.1" {
            assert_eq!(host, [self.authority.as_str()]);
        } else {
            assert!(host.is_empty(), "{host:?}");
        }
        let (length, encoding) = (self.take("content-length"), self.take("transfer-encoding"));
        if let [length] = &length[..] {
            assert_eq!(*length, self.body.len().to_string());
            assert!(encoding.is_empty(), "{encoding:?}");
        } else {
            assert!(length.is_empty() && encoding.len() < 2);
            assert!(self.version != "HTTP/1.1" || encoding == ["chunked"] || self.body.is_empty());
        }
        self
    }

    /// Takes off a header that has to be there once.
    pub(crate) fn without_header(mut self, name: &str, value: &str) -> Self {
        assert_eq!(self.take(name), [value]);
        self
    }

    /// Takes off the query's last parameter, which has to be this one.
    pub(crate) fn without_last_parameter(mut self, pair: &str) -> Self {
        let rest = self.target.strip_suffix(pair);
        let rest = rest.and_then(|rest| rest.strip_suffix(['?', '&']));
        self.target = rest.expect("the parameter is the last").to_owned();
        self
    }

    fn take(&mut self, name: &str) -> Vec<String> {
        let mut taken = Vec::new();
        self.headers.retain(|(other, value)| {
            let keep = other != name;
            if !keep {
                taken.push(value.clone());
            }
            keep
        });
        taken
    }
}
