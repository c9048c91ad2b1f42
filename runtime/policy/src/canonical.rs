//! The canonical request: the bytes whose digest is on record, and that anyone can make again.

use http::{HeaderName, HeaderValue};

use crate::verdict::Approved;

impl Approved {
    /// The head of the canonical request: exactly what was authorised, but for the body.
    ///
    /// ```text
    /// head   = method LF scheme LF authority LF target LF *( name ":" value LF ) LF
    /// target = path [ "?" query ]
    /// ```
    ///
    /// - `LF` is one line feed; there is one after each part and one more at the end.
    /// - `method` is in upper case; `scheme` is `http` or `https`.
    /// - `authority` is [`Origin::authority`](crate::Origin::authority): the port is left out where
    ///   it is the scheme's own, and an IPv6 address has brackets.
    /// - `path` and `query` are as they are sent; without a query there is no `?`.
    /// - The headers are [`Approved::headers`], sorted by the bytes of their names, which are in
    ///   lower case. Those of one name keep their order. There is no blank after the colon.
    /// - What the host adds is not in it: `host`, `accept-encoding`, `content-length` or
    ///   `transfer-encoding`, and the credential, be it a header or the query's last parameter.
    ///
    /// The whole request is this and then the bytes of the body. For an operation it is the request
    /// that its arguments made.
    ///
    /// Two requests never have one head: no part holds a line feed, so the first four lines are the
    /// first four parts. A path holds no `?`, so the first one begins the query, and a query that is
    /// there is not empty. A name is not empty and holds no colon, so a line is one header, and the
    /// first empty line is the end.
    #[must_use]
    pub fn canonical_head(&self) -> Vec<u8> {
        let mut headers: Vec<(&HeaderName, &HeaderValue)> = self.headers.iter().collect();
        // Stable, and a map yields the values of one name in their order.
        headers.sort_by_key(|(name, _)| name.as_str());
        let target = match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        let (scheme, authority) = (self.origin.scheme().as_str(), self.origin.authority());
        let mut head = format!("{}\n{scheme}\n{authority}\n{target}\n", self.method).into_bytes();
        for (name, value) in headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.push(b':');
            head.extend_from_slice(value.as_bytes());
            head.push(b'\n');
        }
        head.push(b'\n');
        head
    }
}

#[cfg(test)]
mod tests;
