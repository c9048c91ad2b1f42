//! Tests of decisions on methods and headers.

use super::{POLICY, WIDGETS, denied, denied_header, with_header};
use crate::testing::decide;
use crate::testing::{call, policy};
use crate::{Code, HttpHead};

#[test]
fn h01_a_credential_of_the_guests_own_is_refused() {
    for name in [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-auth-token",
        "private-token",
        "x-amz-security-token",
        "x-widgets-key",
    ] {
        assert_eq!(denied_header(name, b"x"), Code::CREDENTIAL_HEADER, "{name}");
    }
}

#[test]
fn h05_h07_values_that_are_not_visible_ascii_are_refused() {
    let values: &[&[u8]] = &[
        b"a\r\nb: c",
        b"a\rb",
        b"a\nb",
        b"a\0b",
        b"\x7f",
        b"\x80",
        b"\xff",
        "ü".as_bytes(),
        b"a\r\n b",
        b" a",
        b"a\t",
    ];
    for value in values {
        assert_eq!(
            denied_header("accept", value),
            Code::HEADER_DENIED,
            "{value:?}"
        );
    }
    assert!(with_header("accept", b"a\tb c").is_ok() && with_header("accept", b"").is_ok());
}

#[test]
fn h06_h16_names_that_are_not_lower_case_tokens_are_refused() {
    for name in [
        "",
        "a b",
        "a:b",
        "a\r\nb",
        ":path",
        ":authority",
        "Accept",
        "ä",
        "accept ",
        " accept",
        "\taccept",
        "accept\0",
        ":",
        ":method",
        "x-trace\u{212a}",
        "(comment)",
    ] {
        assert_eq!(denied_header(name, b"x"), Code::HEADER_DENIED, "{name:?}");
    }
}

#[test]
fn h07_many_or_large_headers_are_a_limit() {
    assert_eq!(
        denied_header("accept", &vec![b'a'; 8 << 20]),
        Code::REQUEST_SIZE
    );
    let mut head = call(WIDGETS, &[]);
    head.headers = vec![("accept".to_owned(), b"x".to_vec()); 10_000];
    assert_eq!(
        decide(&policy(POLICY), &head).map_err(|d| d.code()).err(),
        Some(Code::REQUEST_SIZE)
    );
    head.headers.truncate(100);
    assert!(decide(&policy(POLICY), &head).is_ok());
}

#[test]
fn h08_h09_h10_headers_that_reroute_a_request_are_refused() {
    for name in [
        "x-forwarded-host",
        "x-forwarded-for",
        "x-forwarded-prefix",
        "forwarded",
        "x-real-ip",
        "x-http-method-override",
        "x-method-override",
        "x-http-method",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-path",
        "x-forwarded-proto",
        "x-http-host-override",
        "x-original-method",
        "x-host",
        "via",
    ] {
        assert_eq!(denied_header(name, b"x"), Code::HEADER_DENIED, "{name}");
    }
    for host in [
        &b"other.test"[..],
        b"",
        b"api.test:80",
        b"API.test",
        b"api.test.",
        b"api.test, other.test",
    ] {
        assert_eq!(denied_header("host", host), Code::HEADER_DENIED);
    }
    assert!(with_header("host", b"api.test").is_ok());
    assert_eq!(
        denied("POST https://maps.test/any?_method=DELETE"),
        Code::ROUTE_DENIED
    );
    assert_eq!(
        denied("GET https://maps.test/any?_method=DELETE"),
        Code::QUERY_DENIED
    );
}

#[test]
fn h12_h13_h14_h15_framing_belongs_to_the_host() {
    for name in [
        "transfer-encoding",
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "expect",
        "upgrade",
        "http2-settings",
        "sec-websocket-key",
        "sec-fetch-mode",
        "proxy-connection",
        "proxy-authenticate",
        "sec-websocket-protocol",
        "alt-used",
    ] {
        assert_eq!(denied_header(name, b"x"), Code::HEADER_DENIED, "{name}");
    }
    for value in [
        "-1",
        "+1",
        "01",
        "1, 1",
        "0x1",
        "",
        "18446744073709551616",
        "1e3",
    ] {
        assert_eq!(
            denied_header("content-length", value.as_bytes()),
            Code::HEADER_DENIED,
            "{value}"
        );
    }
    let twice = call(WIDGETS, &[("content-length", "1"), ("content-length", "1")]);
    assert_eq!(
        decide(&policy(POLICY), &twice).map_err(|d| d.code()).err(),
        Some(Code::HEADER_DENIED)
    );
    let zero = with_header("content-length", b"0").expect("canonical");
    assert_eq!((zero.content_length(), zero.headers().len()), (Some(0), 0));
}

#[test]
fn h18_accept_encoding_is_the_hosts_to_choose() {
    let approved = with_header("accept-encoding", b"gzip, br, zstd").expect("dropped");
    assert!(approved.headers().is_empty());
}

#[test]
fn h20_headers_beyond_the_ordinary_need_a_grant_by_name() {
    let denied = with_header("x-other", b"1").expect_err("not named");
    assert_eq!(denied.code(), Code::HEADER_DENIED);
    assert_eq!(
        denied.hint(),
        Some("to allow it, add `request-headers = [\"x-other\"]` to `[http.widgets]`")
    );
    let approved = with_header("x-trace", b"1").expect("named");
    assert_eq!(approved.headers()["x-trace"], "1");
    // Slices of a reply could be put together to a key that no slice holds.
    for name in ["referer", "origin", "accept-charset", "range"] {
        assert_eq!(denied_header(name, b"x"), Code::HEADER_DENIED, "{name}");
    }
}

#[test]
fn a_header_that_is_read_in_two_ways_when_doubled_is_refused() {
    let twice = call(WIDGETS, &[("content-type", "a/b"), ("content-type", "c/d")]);
    assert_eq!(
        decide(&policy(POLICY), &twice).map_err(|d| d.code()).err(),
        Some(Code::HEADER_DENIED)
    );
    let twice = call(WIDGETS, &[("accept", "a/b"), ("accept", "c/d")]);
    assert_eq!(
        decide(&policy(POLICY), &twice)
            .map(|a| a.headers().len())
            .ok(),
        Some(2)
    );
}

#[test]
fn h25_methods_are_exact() {
    for method in [
        "get",
        "GeT",
        "TRACE",
        "CONNECT",
        "PRI",
        "GET\r\nX:",
        "GET /x HTTP/1.1\r\nX:",
        "GET ",
        "QUERY",
        "",
        "*",
    ] {
        let head = HttpHead {
            method: method.to_owned(),
            ..call(WIDGETS, &[])
        };
        let denied = decide(&policy(POLICY), &head).expect_err(method);
        assert_eq!(denied.code(), Code::METHOD_DENIED, "{method:?}");
    }
    let huge = HttpHead {
        method: "A".repeat(1 << 20),
        ..call(WIDGETS, &[])
    };
    let denied = decide(&policy(POLICY), &huge).expect_err("huge");
    assert!(denied.code() == Code::METHOD_DENIED && denied.call().len() < 6000);
    assert_eq!(
        super::denied("HEAD https://api.test/v1/widgets"),
        Code::ROUTE_DENIED
    );
    assert_eq!(
        super::denied("DELETE https://api.test/v1/widgets"),
        Code::ROUTE_DENIED
    );
}
