//! Tests of the parser, by the names of the threats.

use std::sync::Arc;

use super::grants::where_;
use super::{codes, credential, good, http_table, one};
use crate::testing::{problems, toml};
use crate::{Code, OriginPattern};

#[test]
fn p02_names_that_are_there_twice_are_errors() {
    one(
        Code::DUPLICATE,
        "insecure-loopback = true\ninsecure-loopback = true",
    );
    one(
        Code::DUPLICATE,
        "[limits]\na = \"1/run\"\na = \"2/run\"\n[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\"]\nlimits = [\"a\"]\n[agent]\nid = \"b\"",
    );
    one(
        Code::DUPLICATE,
        "[http.a]\norigin = \"https://a.test\"\nallow = [\"GET /\"]\n[http.a]",
    );
    one(
        Code::DUPLICATE,
        &http_table("[\"https://a.test\", \"https://a.test:443\"]", ""),
    );
    one(
        Code::DUPLICATE,
        &http_table("[\"https://*.a.test\", \"https://b.a.test\"]", ""),
    );
    one(
        Code::DUPLICATE,
        "agent.id = \"b\"\nlimits.a = [\"1/hour\", \"2/hour\"]",
    );
}

#[test]
fn p03_empty_lists_and_absent_keys_grant_nothing_and_are_errors() {
    one(Code::BAD_VALUE, "[http.a]\norigin = \"https://a.test\"");
    one(
        Code::BAD_VALUE,
        "[http.a]\norigin = \"https://a.test\"\nallow = []",
    );
    one(Code::BAD_VALUE, "[http.a]\nallow = [\"GET /\"]");
    one(Code::BAD_VALUE, &http_table("[]", ""));
    one(
        Code::BAD_VALUE,
        &http_table("\"https://a.test\"", "limits = []"),
    );
    one(
        Code::BAD_VALUE,
        &http_table("\"https://a.test\"", "addresses = []"),
    );
    one(
        Code::BAD_VALUE,
        &http_table("\"https://a.test\"", "request-headers = []"),
    );
    one(
        Code::BAD_VALUE,
        &credential("as = \"bearer\"\norigin = \"https://a.test\""),
    );
    one(
        Code::BAD_VALUE,
        &credential("from = \"env://K\"\norigin = \"https://a.test\""),
    );
    one(
        Code::BAD_VALUE,
        &credential("from = \"env://K\"\nas = \"bearer\""),
    );
    one(Code::BAD_VALUE, "[files.\"/data\"]\nhost = \"data\"");
    one(Code::BAD_VALUE, "[files.\"/data\"]\naccess = \"read\"");
    assert!(
        good("[http]\n[limits]\n[credentials]\n[env]\n[files]\n[run]")
            .http_grants()
            .next()
            .is_none()
    );
}

#[test]
fn p04_wildcards_stand_for_labels_below_a_registered_domain() {
    for origin in [
        "*",
        "https://*",
        "https://*.com",
        "https://*.co.uk",
        "https://*.github.io",
        "https://api.*",
        "https://*api.test",
        "https://a*b.test",
        "https://*.*.example.com",
        "https://a.*.example.com",
        "http://*.example.com",
        "https://*.127.0.0.1",
        "https://*.test",
        "https://*.[::1]",
        "https://*.",
        "https://*.example.com/",
    ] {
        one(Code::BAD_VALUE, &http_table(&format!("{origin:?}"), ""));
    }
    for origin in [
        "https://*.example.com",
        "https://*.api.example.com:8443",
        "https://*.me.github.io",
    ] {
        let policy = good(&http_table(&format!("{origin:?}"), ""));
        let grant = policy.http_grants().next().expect("one");
        assert_eq!(
            grant
                .origins()
                .map(OriginPattern::to_string)
                .collect::<Vec<_>>(),
            [origin]
        );
    }
}

#[test]
fn p05_methods_are_upper_case_and_exact() {
    for method in [
        "get", "Get", "ALL", "ANY", "*", "TRACE", "CONNECT", "", "GET,POST",
    ] {
        one(
            Code::BAD_VALUE,
            &format!("[http.a]\norigin = \"https://a.test\"\nallow = [\"{method} /\"]"),
        );
    }
}

#[test]
fn p11_a_file_of_many_megabytes_is_refused_at_once() {
    let start = std::time::Instant::now();
    one(Code::BAD_VALUE, &"# a comment\n".repeat(10 << 20));
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn p11_more_routes_than_can_be_compared_are_refused() {
    let routes: Vec<_> = (0..20_001).map(|at| format!("\"GET /{at}\"")).collect();
    one(
        Code::BAD_VALUE,
        &format!(
            "[http.a]\norigin = \"https://a.test\"\nallow = [{}]",
            routes.join(",")
        ),
    );
}

#[test]
fn p11_routes_are_counted_at_each_of_their_origins() {
    let texts = |count: usize, text: fn(usize) -> String| {
        let texts: Vec<_> = (0..count).map(|at| format!("\"{}\"", text(at))).collect();
        format!("[{}]", texts.join(","))
    };
    let table = |name: &str, origins: usize, routes: usize| {
        let origins = texts(origins, |at| format!("https://h{at}.test"));
        let routes = texts(routes, |at| format!("GET /{at}"));
        format!("[http.{name}]\norigin = {origins}\nallow = {routes}\n")
    };
    let most = good(&table("a", 100, 200));
    let rules = &most.http[0].origins;
    assert!(
        rules.iter().all(|(_, rule)| Arc::ptr_eq(rule, &rules[0].1)),
        "the ranges of a table are there once, not at each origin"
    );
    let second = table("b", 1, 1).replace("h0", "other");
    for text in [
        table("a", 200, 200),
        format!("{}{second}", table("a", 100, 200)),
    ] {
        let problems = problems(&toml(&format!("policy = 1\n{text}")));
        let [problem] = problems.as_slice() else {
            panic!("{problems:?}");
        };
        let message = "more than 20000 routes, counting each at each of its origins";
        assert!(problem.starts_with("AB0107 ") && problem.ends_with(message));
    }
}

#[test]
fn p11_lists_of_more_values_than_can_be_compared_are_refused() {
    for key in [
        "origin",
        "addresses",
        "request-headers",
        "reply-headers",
        "limits",
    ] {
        let text = |at: usize| match key {
            "origin" => format!("\"https://a{at}.test\""),
            "addresses" => format!("\"10.{}.{}.0/24\"", at / 256, at % 256),
            _ => format!("\"x-{at}\""),
        };
        let texts: Vec<_> = (0..1001).map(text).collect();
        let origin = if key == "origin" {
            ""
        } else {
            "origin = \"https://a.test\"\n"
        };
        let lines = format!("{origin}{key} = [{}]", texts.join(","));
        let problems = problems(&toml(&format!(
            "policy = 1\n[http.a]\nallow = [\"GET /\"]\n{lines}"
        )));
        assert_eq!(problems.len(), 1, "{problems:#?}");
        let message = format!("`http.a.{key}` has more than 1000 values");
        assert!(problems[0].ends_with(&message), "{problems:?}");
    }
    let when = |count: usize| {
        let texts: Vec<_> = (0..count).map(|at| at.to_string()).collect();
        where_(&format!("when = {texts:?}"))
    };
    assert_eq!(when(1000), [""; 0]);
    assert_eq!(
        when(1001),
        ["AB0107 `where.when` has more than 1000 values"]
    );
}

#[test]
fn p12_toml_that_redefines_a_table_is_refused() {
    one(Code::DUPLICATE, "agent.id = \"a\"\nagent.id = \"b\"");
    assert!(!codes("[agent]\nid = \"a\"\n[agent.id]\nx = 1").is_empty());
    assert!(!codes("http = 1").is_empty() && !codes("http.a = 1").is_empty());
    assert!(!codes("[[http]]\nx = 1").is_empty());
}

#[test]
fn p13_nothing_is_interpolated() {
    one(Code::BAD_VALUE, &http_table("\"https://${HOST}\"", ""));
    one(
        Code::BAD_VALUE,
        &credential("from = \"env://${K}\"\nas = \"bearer\"\norigin = \"https://a.test\""),
    );
    for host in ["~/data", "$HOME"] {
        let policy = good(&format!(
            "[files.\"/data\"]\nhost = {host:?}\naccess = \"read\""
        ));
        assert_eq!(
            policy.files().next().map(|f| f.host()),
            Some(host),
            "taken as it is written"
        );
    }
}

#[test]
fn p14_texts_that_are_not_what_they_look_like_are_refused() {
    assert_eq!(
        problems(&toml("\u{feff}policy = 1")),
        ["AB0102 1:1 the file starts with a byte order mark"]
    );
    assert_eq!(
        problems(&toml("policy = 1\0")),
        ["AB0102 1:11 the file holds a NUL character"]
    );
    one(Code::BAD_VALUE, &http_table("\"https://аpi.test\"", ""));
    one(Code::BAD_VALUE, &http_table("\"https://xn--a.test\"", ""));
}

#[test]
fn p15_limits_and_bounds_are_plain_positive_numbers() {
    for limit in [
        "\"0/hour\"",
        "\"-1/hour\"",
        "\"1e309/hour\"",
        "\"18446744073709551616/hour\"",
        "\"10\"",
        "10",
        "1.5",
    ] {
        one(
            Code::BAD_VALUE,
            &format!("agent.id = \"b\"\nlimits.a = {limit}"),
        );
    }
    for bound in [
        "memory = \"0 B\"",
        "cpu = \"0s\"",
        "wall = 60",
        "wall = \"1e9s\"",
        "output = \"-1 B\"",
        "call = \"99999d\"",
        "calls = \"10\"",
        "calls = -1",
        "calls = 1.5",
        "calls-at-once = 0",
        "stack = \"1 KiB\"",
        "stack = \"1 GiB\"",
        "compile-memory = \"1 MiB\"",
    ] {
        one(Code::BAD_VALUE, &format!("run.{bound}"));
    }
    good("run.output = \"0 B\"");
    good("run.calls = 0");
}

#[test]
fn p16_plain_http_needs_a_loopback_literal_and_the_switch() {
    let on = "insecure-loopback = true\n";
    good(&format!(
        "{on}{}",
        http_table("[\"http://127.0.0.1:8080\", \"http://[::1]:8080\"]", "")
    ));
    one(
        Code::BAD_VALUE,
        &http_table("\"http://127.0.0.1:8080\"", ""),
    );
    for origin in [
        "http://localhost:8080",
        "http://10.0.0.1",
        "http://a.test",
        "http://127.0.0.1.a.test",
    ] {
        one(
            Code::BAD_VALUE,
            &format!("{on}{}", http_table(&format!("{origin:?}"), "")),
        );
    }
    one(Code::BAD_VALUE, "insecure-loopback = \"yes\"");
}

#[test]
fn p17_addresses_that_are_not_public_need_a_range() {
    for ip in [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "[::1]",
        "[fd00::1]",
    ] {
        one(
            Code::BAD_VALUE,
            &http_table(&format!("\"https://{ip}\""), ""),
        );
    }
    one(
        Code::BAD_VALUE,
        &http_table(
            "\"https://169.254.169.254\"",
            "addresses = [\"169.254.0.0/16\"]",
        ),
    );
    good(&http_table(
        "\"https://169.254.169.254\"",
        "addresses = [\"169.254.169.254/32\"]",
    ));
    good(&http_table(
        "\"https://10.0.0.1\"",
        "addresses = [\"10.0.0.0/8\"]",
    ));
    good(&http_table("\"https://1.1.1.1\"", ""));
    for range in [
        "10.0.0.0",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/33",
        "private",
        "FD00::/8",
        "10.0/8",
    ] {
        one(
            Code::BAD_VALUE,
            &http_table("\"https://a.test\"", &format!("addresses = [{range:?}]")),
        );
    }
}

#[test]
fn p18_names_that_nothing_defines_are_errors() {
    let allow = "allow = [\"GET /\"]";
    one(
        Code::MISSING_NAME,
        &format!("[http.a]\nuse = \"gone\"\n{allow}"),
    );
    one(
        Code::MISSING_NAME,
        &http_table("\"https://a.test\"", "limits = [\"gone\"]"),
    );
    one(Code::WORLD, "world = \"a:b/gone\"");
}

#[test]
fn p20_placement_is_the_policys_alone() {
    let with = |placement: &str| {
        credential(&format!(
            "from = \"env://K\"\nas = {placement}\norigin = \"https://a.test\""
        ))
    };
    for placement in [
        "\"bearer\"",
        "{ basic = \"bot\" }",
        "{ basic = \"\" }",
        "{ header = \"X-Key\" }",
        "{ header = \"authorization\", prefix = \"token \" }",
        "{ query = \"key\" }",
    ] {
        good(&with(placement));
    }
    for placement in [
        "\"Bearer\"",
        "{}",
        "1",
        "{ basic = \"a:b\" }",
        "{ basic = \"ü\" }",
        "{ header = \"a b\" }",
        "{ header = \"host\" }",
        "{ header = \"content-type\" }",
        "{ header = \"proxy-authorization\" }",
        "{ header = \"x\", prefix = \"a\\r\\nb\" }",
        "{ query = \"a&b\" }",
        "{ query = \"\" }",
        "{ header = \"x\", query = \"y\" }",
        "{ query = \"x\", prefix = \"y\" }",
    ] {
        one(Code::BAD_VALUE, &with(placement));
    }
    one(Code::UNKNOWN_KEY, &with("{ heder = \"x\" }"));
}

#[test]
fn p22_another_version_of_the_language_is_refused() {
    assert_eq!(
        problems(&toml("policy = 2\nnew-key = 1")),
        ["AB0119 1:10 `policy = 2` is not a version that this build reads"]
    );
    assert_eq!(
        problems(&toml("")),
        ["AB0119 1:1 the policy does not say which version of the language it is written in"]
    );
    assert_eq!(problems(&toml("policy = \"1\""))[0][..6], *"AB0107");
    assert_eq!(problems(&toml("policy = 0"))[0][..6], *"AB0119");
}
