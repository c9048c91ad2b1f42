//! Tests of the tables of a policy, one by one.

use super::{credential, good, http_table, one, warnings};
use crate::Code;
use crate::testing::decision;

#[test]
fn routes_that_could_never_match_are_errors() {
    for route in [
        "GET",
        "GET  /",
        "GET a",
        "GET https://a.test/",
        "GET /a//b",
        "GET //",
        "GET /./a",
        "GET /..",
        "GET /a%20b",
        "GET /a\\\\b",
        "GET /a#b",
        "GET /a\\u0000b",
        "GET /a /b",
        "GET / a",
        "GET /a ",
        "GET /{}",
        "GET /{a b}",
        "GET /{a}x",
        "GET /x{a}",
        "GET /{a}/{a}",
        "GET /*",
        "GET /a*",
        "GET /..;a",
        "GET /a?",
        "GET /a?a&",
        "GET /a?a=1",
        "GET /a?a&a",
        "GET /a?*&a",
        "GET /a?%61",
        "GET /a?a b",
    ] {
        one(
            Code::BAD_VALUE,
            &format!("[http.a]\norigin = \"https://a.test\"\nallow = [\"{route}\"]"),
        );
    }
    let deep = format!("GET {}", "/a".repeat(65));
    one(
        Code::BAD_VALUE,
        &format!("[http.a]\norigin = \"https://a.test\"\nallow = [\"{deep}\"]"),
    );
    good(
        "[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\", \"GET /a\", \"GET /a/\", \"GET /ä b/{x_1}/c?filter[a]&$top\"]",
    );
}

#[test]
fn addresses_of_a_credential_hold_for_its_tables() {
    let policy = good(&credential(
        "from = \"env://K\"\nas = \"bearer\"\norigin = \"https://a.test\"\naddresses = [\"10.0.0.0/8\"]",
    ));
    let approved = decision(&policy, "GET https://a.test/").expect("granted");
    assert!(approved.addresses().admits([10, 0, 0, 1].into()));
    assert!(!approved.addresses().admits([127, 0, 0, 1].into()));
}

#[test]
fn what_is_not_enforced_yet_is_refused_by_name() {
    for key in ["delegate", "delegates", "audit", "boundary"] {
        one(Code::NOT_ENFORCED, &format!("[{key}]"));
    }
    let with = |from: &str, placement: &str| {
        credential(&format!(
            "from = {from:?}\nas = {placement}\norigin = \"https://a.test\""
        ))
    };
    for from in [
        "op://vault/item/field",
        "vault://secret/a#b",
        "vault+lease://db/role",
        "awssm://name",
        "akv://v/s",
        "keyring://service/name",
        "systemd://name",
        "exec://helper",
    ] {
        one(Code::NOT_ENFORCED, &with(from, "\"bearer\""));
    }
    for placement in [
        "\"sigv4\"",
        "{ path = \"x\" }",
        "{ hmac = {} }",
        "\"oauth\"",
        "\"jwt\"",
        "\"mtls\"",
    ] {
        one(Code::NOT_ENFORCED, &with("env://K", placement));
    }
    for line in [
        "confirm = \"each\"",
        "guest-auth = \"replace\"",
        "on-echo = \"stop\"",
        "rotate = true",
    ] {
        one(Code::NOT_ENFORCED, &http_table("\"https://a.test\"", line));
    }
    one(
        Code::NOT_ENFORCED,
        "agent.id = \"b\"\ncredentials.a = \"op://a/b/c\"",
    );
}

#[test]
fn references_to_keys_have_one_form_each() {
    let with = |from: &str| {
        credential(&format!(
            "from = {from:?}\nas = \"bearer\"\norigin = \"https://a.test\""
        ))
    };
    for from in [
        "env://KEY",
        "dotenv://.env#KEY",
        "dotenv://conf/keys.env#KEY_2",
        "file:///run/secrets/key",
    ] {
        let policy = good(&with(from));
        let credential = policy.credentials().next().expect("one");
        assert_eq!(credential.reference().to_string(), from);
    }
    for from in [
        "env://",
        "env://A B",
        "env://1A",
        "env://A#b",
        "dotenv://.env",
        "dotenv:///etc/env#K",
        "dotenv://../.env#K",
        "dotenv://#K",
        "dotenv://.env#",
        "file://key",
        "file:///",
        "file:///a/../b",
    ] {
        one(Code::BAD_VALUE, &with(from));
    }
    for from in ["KEY", "$KEY", "https://a.test/key", "://", ""] {
        one(Code::CREDENTIAL_SCHEME, &with(from));
    }
}

#[test]
fn an_agent_id_is_needed_where_something_is_counted_or_keyed() {
    let key = "from = \"env://K\"\nas = \"bearer\"\norigin = \"https://a.test\"";
    one(
        Code::MISSING_NAME,
        &credential(key).replace("agent.id = \"bot\"\n", ""),
    );
    one(Code::MISSING_NAME, "limits.a = \"1/run\"");
    assert_eq!(
        good(&http_table("\"https://a.test\"", "")).agent().id(),
        "none"
    );
    for id in ["", "-a", "A", "a b", "ä", "a/b", &"a".repeat(65)] {
        one(Code::BAD_VALUE, &format!("agent.id = {id:?}"));
    }
    one(
        Code::BAD_VALUE,
        "agent = { id = \"a\", owner = \"a\\u001b[31m\" }",
    );
}

#[test]
fn a_table_may_narrow_its_credentials_origins_and_not_widen_them() {
    let with = |origin: &str| {
        format!(
            "agent.id = \"b\"\n[credentials.a]\nfrom = \"env://K\"\nas = \"bearer\"\n\
             origin = [\"https://a.test\", \"https://*.b.test\"]\n\
             [http.a]\nuse = \"a\"\norigin = {origin}\nallow = [\"GET /\"]"
        )
    };
    for origin in [
        "\"https://a.test\"",
        "\"https://x.b.test\"",
        "\"https://*.x.b.test\"",
    ] {
        good(&with(origin));
    }
    for origin in [
        "\"https://c.test\"",
        "\"https://b.test\"",
        "\"https://a.test:8443\"",
        "\"https://*.a.test\"",
    ] {
        one(Code::BAD_VALUE, &with(origin));
    }
    let narrowed = good(&with("\"https://a.test\""));
    assert!(decision(&narrowed, "GET https://x.b.test/").is_err());
}

#[test]
fn headers_about_framing_or_credentials_cannot_be_allowed() {
    for name in [
        "cookie",
        "authorization",
        "host",
        "content-length",
        "te",
        "x-forwarded-for",
        "sec-x",
        "X-Name",
        "a b",
    ] {
        one(
            Code::BAD_VALUE,
            &http_table(
                "\"https://a.test\"",
                &format!("request-headers = [{name:?}]"),
            ),
        );
    }
    for name in [
        "set-cookie",
        "content-length",
        "content-encoding",
        "connection",
        "www-authenticate",
        "proxy-x",
    ] {
        one(
            Code::BAD_VALUE,
            &http_table("\"https://a.test\"", &format!("reply-headers = [{name:?}]")),
        );
    }
    let own = "from = \"env://K\"\nas = { header = \"x-key\" }\norigin = \"https://a.test\"";
    one(
        Code::BAD_VALUE,
        &format!("{}\nrequest-headers = [\"x-key\"]", credential(own)),
    );
    let policy = good(&http_table(
        "\"https://a.test\"",
        "reply-headers = [\"x-total\"]",
    ));
    let approved = decision(&policy, "GET https://a.test/").expect("granted");
    assert!(
        approved
            .reply_headers()
            .allows(&http::HeaderName::from_static("x-total"))
    );
}

#[test]
fn routes_of_one_origin_that_can_match_one_request_are_errors() {
    let two = |one: &str, other: &str| {
        format!(
            "[http.a]\norigin = \"https://a.test\"\nallow = [{one:?}]\n\
             [http.b]\norigin = [\"https://a.test\", \"https://b.test\"]\nallow = [{other:?}]"
        )
    };
    for (first, second) in [
        ("GET /a", "GET /a"),
        ("GET /{x}", "GET /a"),
        ("GET /a/{x}", "GET /{y}/b"),
        ("GET /a?x", "GET /a?y"),
        ("GET /a", "GET /a?*"),
        ("GET /", "GET /"),
        ("GET /{x}/", "GET /a/"),
    ] {
        one(Code::AMBIGUOUS_ROUTES, &two(first, second));
        one(Code::AMBIGUOUS_ROUTES, &two(second, first));
    }
    for (first, second) in [
        ("GET /a", "POST /a"),
        ("GET /a", "GET /a/"),
        ("GET /a", "GET /b"),
        ("GET /{x}", "GET /a/b"),
        ("GET /a/{x}", "GET /b/{x}"),
        ("GET /", "GET /{x}"),
        ("GET /A", "GET /a"),
    ] {
        good(&two(first, second));
        good(&two(second, first));
    }
}

#[test]
fn a_wildcard_and_an_origin_below_it_are_compared_as_well() {
    let two = |first: &str, second: &str| {
        format!(
            "[http.a]\norigin = {first:?}\nallow = [\"GET /{{x}}\"]\n\
             [http.b]\norigin = {second:?}\nallow = [\"GET /a\"]"
        )
    };
    let overlapping = [
        ("https://*.example.com", "https://b.example.com"),
        ("https://*.example.com", "https://*.b.example.com"),
        ("https://*.example.com", "https://c.b.example.com"),
    ];
    for (broad, narrow) in overlapping {
        one(Code::AMBIGUOUS_ROUTES, &two(broad, narrow));
        one(Code::AMBIGUOUS_ROUTES, &two(narrow, broad));
    }
    good(&two("https://*.example.com", "https://example.com"));
    good(&two("https://*.example.com", "https://*.example.org"));
    good(&two("https://*.example.com", "https://b.example.com:8443"));
}

#[test]
fn a_directory_never_holds_a_key_or_the_policy_that_binds_the_program() {
    let files = |host: &str, access: &str| {
        format!("[files.\"/data\"]\nhost = {host:?}\naccess = {access:?}")
    };
    for host in ["/etc", "..", "a/../b", "a//b", "", "a\\\\b"] {
        one(Code::BAD_VALUE, &files(host, "read"));
    }
    good(&files(".", "read"));
    for host in [
        ".",
        "wit",
        "wit/deps",
        "connectors",
        "connectors/github",
        "./",
    ] {
        one(Code::BAD_VALUE, &files(host, "read-write"));
    }
    let key = "from = \"dotenv://conf/.env#K\"\nas = \"bearer\"\norigin = \"https://a.test\"";
    for host in [".", "conf", "conf/"] {
        one(
            Code::BAD_VALUE,
            &format!("{}\n{}", credential(key), files(host, "read")),
        );
    }
    good(&format!("{}\n{}", credential(key), files("con", "read")));
    one(
        Code::BAD_VALUE,
        &format!("[tls]\nca = \"tls/ca.pem\"\n{}", files("tls", "read-write")),
    );
    for guest in ["data", "/data/", "/../data", "//data", ""] {
        one(
            Code::BAD_VALUE,
            &format!("[files.{guest:?}]\nhost = \"data\"\naccess = \"read\""),
        );
    }
}

#[test]
fn the_environment_is_written_out_and_holds_no_reference() {
    one(Code::BAD_VALUE, "env.KEY = \"env://KEY\"");
    one(Code::BAD_VALUE, "env.KEY = \"op://a/b/c\"");
    one(Code::BAD_VALUE, "env.KEY = 1");
    one(Code::BAD_VALUE, "env.\"A=B\" = \"c\"");
    good("env.URL = \"https://a.test\"");
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let allow =
        "[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\", \"POST /a\", \"DELETE /a\"]";
    assert_eq!(
        warnings(allow),
        ["AB0302 `POST /a` writes, and `http.a` has no limit"]
    );
    assert_eq!(
        warnings("agent.id = \"b\"\nlimits.a = \"1/run\""),
        ["AB0303 no grant uses the limit `a`"]
    );
    let unused = "agent.id = \"b\"\ncredentials.k = { from = \"env://K\", as = \"bearer\", origin = \"https://a.test\" }";
    assert_eq!(
        warnings(unused),
        ["AB0303 no grant uses the credential `k`"]
    );
}
