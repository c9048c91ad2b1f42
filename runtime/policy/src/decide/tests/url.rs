//! Tests of decisions on origins, paths and queries.

use super::{POLICY, WIDGETS, approved, denied};
use crate::testing::decide;
use crate::testing::{call, decision, policy};
use crate::{Code, HttpHead};

#[test]
fn u01_user_information_is_refused() {
    for authority in [
        "api.test@127.0.0.2",
        "user:pw@api.test",
        "TOKEN@api.test",
        "@api.test",
    ] {
        assert_eq!(
            denied(&format!("GET https://{authority}/v1/widgets")),
            Code::NOT_CANONICAL
        );
    }
}

#[test]
fn u02_backslashes_in_the_authority_are_refused() {
    for authority in ["127.0.0.2\\@api.test", "api.test\\.evil"] {
        assert_eq!(
            denied(&format!("GET https://{authority}/v1/widgets")),
            Code::NOT_CANONICAL
        );
    }
}

#[test]
fn u03_trailing_dots_of_the_host_are_refused() {
    for host in ["api.test.", "api.test..", ".api.test", "api..test"] {
        assert_eq!(
            denied(&format!("GET https://{host}/v1/widgets")),
            Code::NOT_CANONICAL,
            "{host}"
        );
    }
}

#[test]
fn u05_hosts_that_are_not_lower_case_ascii_are_refused() {
    for host in [
        "api。test",
        "ⓐpi.test",
        "ßapi.test",
        "API.test",
        "api.tes\u{200d}t",
        "api\u{ad}.test",
        "api%2Etest",
        "%61pi.test",
    ] {
        assert_eq!(
            denied(&format!("GET https://{host}/v1/widgets")),
            Code::NOT_CANONICAL
        );
    }
}

#[test]
fn u06_punycode_below_a_wildcard_has_to_be_real() {
    // Nothing, ASCII alone, upper case, a hidden character, and what is no punycode.
    for label in [
        "xn--a",
        "xn--",
        "xn--cdn-",
        "xn--bcher-KVA",
        "xn--Bcher-kva",
        "xn--cdn-rdz",
        "xn--99999999",
    ] {
        assert_eq!(
            denied(&format!("GET https://{label}.cdn.test/x")),
            Code::NOT_CANONICAL,
            "{label}"
        );
    }
    approved("GET https://xn--bcher-kva.cdn.test/x");
}

#[test]
fn u07_other_spellings_of_a_loopback_address_are_refused() {
    for host in [
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "①②⑦.0.0.1",
        "127.0.0.1.",
        "127.0.0.01",
        "127.0.0.256",
        "017700000001",
        "0x7f000001",
    ] {
        assert_eq!(
            denied(&format!("GET http://{host}:8080/a")),
            Code::NOT_CANONICAL,
            "{host}"
        );
    }
}

#[test]
fn u08_a_loopback_address_inside_another_is_another_origin() {
    // Mapped, NAT64, 6to4, Teredo, and the loopback address itself.
    for host in [
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "::1",
    ] {
        assert_eq!(
            denied(&format!("GET http://[{host}]:8080/a")),
            Code::ORIGIN_DENIED,
            "{host}"
        );
    }
    for host in [
        "::FFFF:127.0.0.1",
        "::ffff:7f00:1",
        "0:0:0:0:0:0:0:1",
        "::0001",
        "0::1",
        "64:ff9b::127.0.0.1",
        "2001:0000:7f00:1::",
    ] {
        assert_eq!(
            denied(&format!("GET http://[{host}]:8080/a")),
            Code::NOT_CANONICAL,
            "{host}"
        );
    }
    assert_eq!(denied("GET http://127.0.0.2:8080/a"), Code::ORIGIN_DENIED);
}

#[test]
fn u09_brackets_round_a_name_are_refused() {
    assert_eq!(
        denied("GET https://[api.test]/v1/widgets"),
        Code::NOT_CANONICAL
    );
    for host in [
        "[fe80::1%25lo]",
        "[fe80::1%lo]",
        "[127.0.0.1]",
        "[::1",
        "::1]",
        "::1",
        "[::1]x",
        "[v1.x]",
    ] {
        assert_eq!(
            denied(&format!("GET http://{host}/")),
            Code::NOT_CANONICAL,
            "{host}"
        );
    }
}

#[test]
fn u10_the_port_is_part_of_the_origin_and_canonical() {
    for port in [
        "0443",
        "",
        "+443",
        "-443",
        "65536",
        "65979",
        " 443",
        "44 3",
        "443 ",
        "0",
        "0x1bb",
        "4_43",
        "４４３",
        "443:443",
        "https",
    ] {
        assert_eq!(
            denied(&format!("GET https://api.test:{port}/v1/widgets")),
            Code::NOT_CANONICAL,
            "{port}"
        );
    }
    assert_eq!(
        denied("GET https://api.test:8443/v1/widgets"),
        Code::ORIGIN_DENIED
    );
    approved("GET https://api.test:443/v1/widgets");
}

#[test]
fn u11_dot_segments_are_refused() {
    for path in [
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/.%2E/admin",
        "/./v1/widgets",
        "/v1/widgets/..",
        "/v1/widgets/.",
        "/v1/widgets/%2e",
        "/v1/widgets/%2E%2E/",
        "/v1/.%2E/",
        "/..",
        "/v1/widgets/..;x=1",
        "/v1/widgets/.;a/x",
        "/v1/widgets/;a",
    ] {
        assert_eq!(
            denied(&format!("GET https://api.test{path}")),
            Code::NOT_CANONICAL,
            "{path}"
        );
    }
}

#[test]
fn u12_encoded_slashes_and_backslashes_are_refused() {
    for path in [
        "/v1/widgets/a%2f..%2fadmin",
        "/v1/widgets/a%5c..",
        "/v1/widgets/a\\b",
        "/v1%2Fwidgets",
        "/v1/widgets/a%2Fb",
        "/v1/widgets/a%5Cb",
        "/v1/widgets/%2F",
        "\\v1\\widgets",
    ] {
        assert_eq!(
            denied(&format!("GET https://api.test{path}")),
            Code::NOT_CANONICAL,
            "{path}"
        );
    }
}

#[test]
fn u13_double_encoding_is_refused() {
    for path in [
        "/v1/widgets/%252e%252e%252f",
        "/v1/widgets/%25252e%25252e",
        "/v1/widgets/a%2541",
        "/v1/widgets/%25",
        "/v1/widgets/%",
        "/v1/widgets/%zz",
    ] {
        assert_eq!(
            denied(&format!("GET https://api.test{path}")),
            Code::NOT_CANONICAL,
            "{path}"
        );
    }
}

#[test]
fn u15_empty_segments_are_refused() {
    for path in ["//admin", "/v1//widgets", "///v1/widgets", "/v1/widgets//"] {
        assert_eq!(
            denied(&format!("GET https://api.test{path}")),
            Code::NOT_CANONICAL,
            "{path}"
        );
    }
}

#[test]
fn u17_control_characters_and_spaces_are_refused_raw_and_escaped() {
    for part in [
        "\0", "\t", "\r", "\n", "\x7f", " ", "%00", "%0A", "%0d%0a", "%7F", "%C2%85",
    ] {
        let line = format!("GET https://api.test/v1/widgets/a{part}b");
        assert_eq!(denied(&line), Code::NOT_CANONICAL, "{part:?}");
    }
    for raw in [
        "\0", "\t", "\r", "\n", "\r\nx: y", "\x7f", " ", "\u{85}", "\u{2028}",
    ] {
        for line in [
            format!("GET https://api{raw}.test/v1/widgets"),
            format!("GET https://api.test{raw}/v1/widgets"),
            format!("GET https://api.test:443{raw}/v1/widgets"),
            format!("GET https://api.test/v1/widgets{raw}"),
            format!("GET https://api.test/v1/search?q{raw}"),
            format!("GET https://api.test/v1/search?q=a{raw}b"),
        ] {
            assert_eq!(denied(&line), Code::NOT_CANONICAL, "{line:?}");
        }
    }
}

#[test]
fn u19_marks_inside_a_segment_never_change_the_structure() {
    assert_eq!(
        approved("GET https://api.test/v1/widgets/a%3Fb%23c").path(),
        "/v1/widgets/a%3Fb%23c"
    );
    assert_eq!(
        denied("GET https://api.test/v1/widgets/a#b"),
        Code::NOT_CANONICAL
    );
    assert_eq!(
        denied("GET https://api.test/v1/widgets/a?b"),
        Code::QUERY_DENIED
    );
    assert_eq!(
        denied("GET https://api.test/v1/search?q=a#b"),
        Code::NOT_CANONICAL
    );
}

#[test]
fn u20_an_empty_authority_or_path_is_refused() {
    assert_eq!(denied("GET https:///v1/widgets"), Code::NOT_CANONICAL);
    assert_eq!(denied("GET https://:443/v1/widgets"), Code::NOT_CANONICAL);
    assert_eq!(denied("GET https:////api.test/"), Code::NOT_CANONICAL);
    // The whole URL where only the path belongs, as to a proxy.
    for path in [
        "https://api.test/v1/widgets",
        "//api.test/v1/widgets",
        "///",
    ] {
        let absolute = HttpHead {
            path_and_query: path.to_owned(),
            ..call(WIDGETS, &[])
        };
        let denied = decide(&policy(POLICY), &absolute).expect_err(path);
        assert_eq!(denied.code(), Code::NOT_CANONICAL, "{path}");
    }
    assert_eq!(denied("GET https://api.test"), Code::NOT_CANONICAL);
    let head = HttpHead {
        path_and_query: "v1/widgets".to_owned(),
        ..call(WIDGETS, &[])
    };
    assert_eq!(
        decide(&policy(POLICY), &head).map_err(|d| d.code()).err(),
        Some(Code::NOT_CANONICAL)
    );
    let star = HttpHead {
        path_and_query: "*".to_owned(),
        ..call("OPTIONS https://api.test/", &[])
    };
    assert_eq!(
        decide(&policy(POLICY), &star).map_err(|d| d.code()).err(),
        Some(Code::NOT_CANONICAL)
    );
}

#[test]
fn u21_a_huge_url_is_a_limit_and_costs_nothing() {
    let start = std::time::Instant::now();
    let policy = policy(POLICY);
    for path in [
        "/a".repeat(100_000),
        "/".repeat(1 << 20),
        format!("/?{}", "a&".repeat(100_000)),
    ] {
        let denied = decision(&policy, &format!("GET https://api.test{path}")).expect_err("huge");
        assert_eq!(denied.code(), Code::REQUEST_SIZE);
        assert!(denied.call().len() < 6000);
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(1));
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
        "http+unix",
        "https:",
        "",
    ] {
        assert_eq!(
            denied(&format!("GET {scheme}://api.test/v1/widgets")),
            Code::ORIGIN_DENIED
        );
    }
    assert_eq!(
        denied("GET HTTPS://api.test/v1/widgets"),
        Code::NOT_CANONICAL
    );
    assert_eq!(
        denied("GET http://api.test/v1/widgets"),
        Code::ORIGIN_DENIED
    );
}

#[test]
fn u23_wildcards_match_on_a_label_boundary_only() {
    approved("GET https://eu.cdn.test/x");
    approved("GET https://a.eu.cdn.test/x");
    for host in [
        "cdn.test",
        "evil-cdn.test",
        "cdn.test.evil.test",
        "eu.cdn.test:8443",
    ] {
        assert_eq!(
            denied(&format!("GET https://{host}/x")),
            Code::ORIGIN_DENIED,
            "{host}"
        );
    }
}

#[test]
fn u23_a_name_that_only_looks_like_the_origins_is_another() {
    for host in [
        "evil-api.test",
        "apixtest",
        "api.test.evil.test",
        "notapi.test",
        "a.api.test",
        "test",
    ] {
        assert_eq!(
            denied(&format!("GET https://{host}/v1/widgets")),
            Code::ORIGIN_DENIED,
            "{host}"
        );
    }
}

#[test]
fn a_semicolon_hides_no_parameter_behind_one_that_is_named() {
    let policy = policy(
        "policy = 1\n[http.q]\norigin = \"https://q.test\"\n\
         allow = [\"GET /some?a&b\", \"GET /any?*\"]",
    );
    let code = |line: &str| decision(&policy, line).err().map(|denied| denied.code());
    for query in ["a=1;c=2", "a=;b=2", "a;c=2", "b=1&a=1;", "a=;"] {
        let found = code(&format!("GET https://q.test/some?{query}"));
        assert_eq!(found, Some(Code::NOT_CANONICAL), "{query}");
    }
    assert_eq!(code("GET https://q.test/some?a=1%3Bc=2&b=1"), None);
    assert_eq!(code("GET https://q.test/any?a=1;c=2"), None);
}

#[test]
fn u26_a_hole_is_exactly_one_segment() {
    approved("GET https://api.test/v1/widgets/7");
    approved("GET https://api.test/v1/widgets/a;b=c:d@e!$&'()*+,~_-.x");
    approved("GET https://api.test/v1/widgets/...");
    approved("GET https://api.test/v1/widgets/%7Bid%7D");
    for path in [
        "/v1/widgets/",
        "/v1/widgets/7/",
        "/v1/widgets/7/8",
        "/v1/widgets/7/notes",
    ] {
        assert_eq!(
            denied(&format!("GET https://api.test{path}")),
            Code::ROUTE_DENIED,
            "{path}"
        );
    }
    approved("GET https://api.test/v1/widgets/7/notes/");
}

#[test]
fn a_path_has_one_spelling() {
    approved("GET https://api.test/m%C3%BCnchen/a%20b");
    for path in [
        "/m%c3%bcnchen/a%20b",
        "/münchen/a%20b",
        "/m%FCnchen/a%20b",
        "/%76%31/widgets",
        "/v1/widgets/%41",
    ] {
        assert_eq!(
            denied(&format!("GET https://api.test{path}")),
            Code::NOT_CANONICAL,
            "{path}"
        );
    }
}

#[test]
fn a_query_is_allowed_by_name_once_each() {
    let search = |query: &str| format!("GET https://api.test/v1/search{query}");
    for query in [
        "",
        "?q=a",
        "?q",
        "?page=2&q=a%20b",
        "?q=%0A%E2%82%AC",
        "?%71=a",
        "?q=a=b/?:@",
    ] {
        approved(&search(query));
    }
    for query in ["?q=a&q=b", "?x=1", "?q=a&x", "?Q=a"] {
        assert_eq!(denied(&search(query)), Code::QUERY_DENIED, "{query}");
    }
    for query in [
        "?", "?&", "?q=a&", "?=a", "?q=ü", "?q=a b", "?q=%0a", "?q=%", "?q=<", "?q=\"", "?%FF=1",
        "?a%00=1",
    ] {
        assert_eq!(denied(&search(query)), Code::NOT_CANONICAL, "{query}");
    }
    assert_eq!(
        denied("GET https://api.test/v1/widgets?q=a"),
        Code::QUERY_DENIED
    );
    approved(
        "GET https://maps.test/any?x=1&x=2&y[]=3"
            .replace("[]", "%5B%5D")
            .as_str(),
    );
}

#[test]
fn the_credentials_own_parameter_is_never_accepted() {
    for query in [
        "key=x",
        "a=1&key=x",
        "KEY=x",
        "%6Bey=x",
        "key",
        "key%5B%5D=x",
        "a=1;key=x",
        "+key=x",
    ] {
        for path in ["any", "some"] {
            let line = format!("GET https://maps.test/{path}?{query}");
            let code = denied(&line);
            assert!(
                code == Code::CREDENTIAL_HEADER || path == "some",
                "{line} {code}"
            );
        }
    }
    assert_eq!(
        denied("GET https://maps.test/some?key=x"),
        Code::CREDENTIAL_HEADER
    );
    approved("GET https://maps.test/any?monkey=x&keys=y");
}
