//! Which headers a guest may send and see.

use http::HeaderName;

/// Which headers of a reply a guest may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyHeaders {
    // INVARIANT: none of them is `is_reserved_in_replies`.
    pub(crate) extra: Vec<HeaderName>,
}

impl ReplyHeaders {
    /// Whether the guest may see the header: an ordinary one, or one that the grant names.
    #[must_use]
    pub fn allows(&self, name: &HeaderName) -> bool {
        ORDINARY_IN_REPLIES.binary_search(&name.as_str()).is_ok() || self.extra.contains(name)
    }

    /// The headers that the grant names beyond the ordinary ones.
    #[must_use]
    pub fn extra(&self) -> &[HeaderName] {
        &self.extra
    }
}

/// What a request header is to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderClass {
    /// A credential, or something that upstreams take for one.
    Credential,
    /// Framing, routing, hop-by-hop: the host's own business.
    Host,
    /// May be sent without being named.
    Ordinary,
    /// May be sent where the grant names it.
    Other,
}

/// What a request header of this name, in lower case, is to the host.
pub(crate) fn class(name: &str) -> HeaderClass {
    if CREDENTIALS.binary_search(&name).is_ok() {
        HeaderClass::Credential
    } else if HOST.binary_search(&name).is_ok() || HOST_PREFIXES.iter().any(|p| name.starts_with(p))
    {
        HeaderClass::Host
    } else if ORDINARY.binary_search(&name).is_ok() {
        HeaderClass::Ordinary
    } else {
        HeaderClass::Other
    }
}

/// Whether a header of this name never reaches a guest, whatever a grant says.
pub(crate) fn is_reserved_in_replies(name: &str) -> bool {
    RESERVED_IN_REPLIES.binary_search(&name).is_ok()
        || CREDENTIALS.binary_search(&name).is_ok()
        || HOST_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether two of the header in one request could be read in two ways.
pub(crate) fn is_single(name: &str) -> bool {
    SINGLE.binary_search(&name).is_ok()
}

// INVARIANT: each table is sorted; a test says so.

const CREDENTIALS: &[&str] = &[
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "cookie2",
    "private-token",
    "proxy-authorization",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-key",
    "x-auth-token",
    "x-goog-api-key",
    "x-vault-token",
];

const HOST: &[&str] = &[
    "accept-encoding",
    "alt-used",
    "cdn-loop",
    "cf-connecting-ip",
    "client-ip",
    "connection",
    "content-length",
    "early-data",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-uri",
    "x-rewrite-url",
];

const HOST_PREFIXES: &[&str] = &["proxy-", "sec-", "x-envoy-", "x-forwarded-"];

const ORDINARY: &[&str] = &[
    "accept",
    "accept-language",
    "cache-control",
    "content-language",
    "content-type",
    "date",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-request-id",
];

const SINGLE: &[&str] = &[
    "content-type",
    "date",
    "idempotency-key",
    "if-modified-since",
    "if-unmodified-since",
    "range",
    "traceparent",
    "user-agent",
    "x-request-id",
];

const ORDINARY_IN_REPLIES: &[&str] = &[
    "accept-ranges",
    "age",
    "allow",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-range",
    "content-type",
    "date",
    "deprecation",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "preference-applied",
    "ratelimit",
    "ratelimit-limit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "sunset",
    "vary",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
];

const RESERVED_IN_REPLIES: &[&str] = &[
    "alt-svc",
    "authentication-info",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "refresh",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_in_lower_case() {
        for table in [
            CREDENTIALS,
            HOST,
            ORDINARY,
            SINGLE,
            ORDINARY_IN_REPLIES,
            RESERVED_IN_REPLIES,
            HOST_PREFIXES,
        ] {
            assert!(table.is_sorted(), "{table:?}");
            for name in table {
                assert!(
                    HeaderName::from_lowercase(name.as_bytes()).is_ok(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn no_ordinary_header_is_also_a_reserved_one() {
        for name in ORDINARY {
            assert_eq!(class(name), HeaderClass::Ordinary, "{name}");
        }
        for name in ORDINARY_IN_REPLIES {
            assert!(!is_reserved_in_replies(name), "{name}");
        }
    }

    #[test]
    fn a_guest_sees_ordinary_reply_headers_and_those_the_grant_names() {
        let headers = ReplyHeaders {
            extra: vec![HeaderName::from_static("x-total")],
        };
        for (name, seen) in [
            ("content-type", true),
            ("x-total", true),
            ("x-other", false),
            ("set-cookie", false),
            ("content-length", false),
            ("www-authenticate", false),
            ("alt-svc", false),
        ] {
            assert_eq!(
                headers.allows(&HeaderName::from_static(name)),
                seen,
                "{name}"
            );
        }
    }
}
