//! What is excess, and what is not: each part of a policy, and each way it can differ.

use crate::subset::routes::tests::COMPARED;
use crate::subset::{ChangeKind, compare, excess};
use crate::testing::policy;
use crate::{Bound, Policy, Unit};

mod matchers;
mod operations;
mod plan;
mod random;

/// What a policy allows beyond another, a line each.
fn beyond(of: &Policy, over: &Policy) -> Vec<String> {
    excess(of, over)
        .into_iter()
        .map(|excess| format!("{}: {}", excess.grant, excess.what))
        .collect()
}

/// What each of two policies allows beyond the other: `one` first.
#[track_caller]
fn check(one: &str, other: &str, more: &[&str], less: &[&str]) {
    let (one, other) = (policy(one), policy(other));
    assert_eq!(beyond(&one, &other), more, "more");
    assert_eq!(beyond(&other, &one), less, "less");
    assert_eq!(beyond(&one, &one), [""; 0], "the same");
}

/// A policy of one table of routes, with a limit and a key to use in it.
fn http(table: &str) -> String {
    format!(
        "policy = 1\nagent.id = \"bot\"\nlimits.writes = [\"20/hour\", \"5/run\"]\nlimits.reads = \"9/day\"\n\
         credentials.k = {{ from = \"env://KEY\", as = \"bearer\", origin = [\"https://a.test\", \"https://*.b.test\"] }}\n\
         [http.a]\n{table}"
    )
}

const ROUTES: &str = r#"origin = "https://a.test"
allow = ["GET /v1/{id}", "POST /v1/{id}/notes?a"]
"#;

#[test]
fn a_policy_allows_nothing_beyond_itself_and_nothing_at_all_least() {
    check(&http(ROUTES), &http(ROUTES), &[], &[]);
    assert_eq!(beyond(&Policy::nothing(), &policy("policy = 1")), [""; 0]);
}

#[test]
fn a_table_that_is_new_is_told_with_its_terms() {
    let none = "policy = 1\nagent.id = \"bot\"";
    let table = r#"use = "k"
origin = ["https://a.test", "https://x.b.test"]
allow = ["GET /v1/{id}", "PUT /"]
request-headers = ["x-a"]
reply-headers = ["x-b"]
addresses = ["10.0.0.0/8"]
limits = ["writes"]"#;
    check(
        &http(table),
        none,
        &[
            "http.a: it may call `GET /v1/{id}` and `PUT /` at `https://a.test`",
            "http.a: it may call `GET /v1/{id}` and `PUT /` at `https://x.b.test`",
            "http.a: the host adds the key from `env://KEY` as a bearer token",
            "http.a: it may send the header `x-a`",
            "http.a: it may see the header `x-b`",
            "http.a: names may lead to addresses in `10.0.0.0/8`",
            "http.a: each call counts towards `writes` (20/hour, 5/run)",
        ],
        &[],
    );
}

#[test]
fn routes_are_covered_whole_and_whatever_their_tables_are_called() {
    for (narrow, wide, is_covered) in [
        ("GET /a", "GET /{x}", true),
        ("GET /{y}", "GET /{x}", true),
        ("GET /{x}", "GET /a", false),
        ("GET /a", "GET /a/", false),
        ("GET /a", "POST /a", false),
        ("GET /a", "GET /a/b", false),
        ("GET /a?x", "GET /a", false),
        ("GET /a?x", "GET /a?y&x", true),
        ("GET /a?x&y", "GET /a?x", false),
        ("GET /a?x", "GET /a?*", true),
        ("GET /a?_Method", "GET /a?*", false),
        ("GET /a?*", "GET /a?*", true),
        ("GET /a?*", "GET /a?x", false),
    ] {
        let table = |name: &str, route: &str| {
            policy(&format!(
                "policy = 1\n[http.{name}]\norigin = \"https://a.test\"\nallow = [{route:?}]"
            ))
        };
        let (one, two) = (table("one", narrow), table("two", wide));
        let covers = two.http[0].routes[0].covers(&one.http[0].routes[0]);
        assert_eq!(covers, is_covered, "{narrow} in {wide}");
        let found = beyond(&one, &two);
        let terms = [
            format!("http.one: it may call `{narrow}` at `https://a.test`"),
            "http.one: no key is sent".to_owned(),
            "http.one: nothing limits how often".to_owned(),
        ];
        let expected = if is_covered { &[][..] } else { &terms };
        assert_eq!(found, expected, "{narrow} in {wide}");
    }
}

#[test]
fn a_route_is_held_against_few_others_however_many_there_are() {
    let quoted = |texts: Vec<String>| format!("[\"{}\"]", texts.join("\",\""));
    let table = |origins: usize, routes: usize| {
        let origins = (0..origins).map(|at| format!("https://h{at}.test"));
        let routes = (0..routes).map(|at| format!("GET /{at}/{{x}}"));
        let (origins, routes) = (quoted(origins.collect()), quoted(routes.collect()));
        policy(&format!(
            "policy = 1\n[http.a]\norigin = {origins}\nallow = {routes}"
        ))
    };
    for (origins, routes) in [(1, 300), (300, 1), (20, 20)] {
        let (one, other) = (table(origins, routes), table(origins, routes));
        let before = COMPARED.get();
        assert_eq!(beyond(&one, &other), [""; 0]);
        // Each route at each origin once, and the two tables once.
        assert_eq!(COMPARED.get() - before, origins * routes + 1);
    }
}

#[test]
fn origins_are_covered_by_themselves_and_by_wildcards() {
    for (narrow, wide, is_covered) in [
        ("https://x.b.test", "https://*.b.test", true),
        ("https://*.x.b.test", "https://*.b.test", true),
        ("https://*.b.test", "https://x.b.test", false),
        ("https://b.test", "https://*.b.test", false),
        ("https://x.b.test:8443", "https://*.b.test", false),
        (
            "https://x.s3.amazonaws.com",
            "https://*.amazonaws.com",
            false,
        ),
    ] {
        let at = |origin: &str| {
            policy(&format!(
                "policy = 1\n[http.a]\norigin = {origin:?}\nallow = [\"GET /\"]"
            ))
        };
        let found = excess(&at(narrow), &at(wide));
        assert_eq!(
            found.is_empty(),
            is_covered,
            "{narrow} in {wide}: {found:?}"
        );
    }
}

#[test]
fn part_of_a_table_is_told_by_its_routes() {
    let one = http(
        r#"origin = "https://a.test"
allow = ["GET /a", "GET /b", "GET /c"]
request-headers = ["x-a"]"#,
    );
    let other = http(
        r#"origin = "https://a.test"
allow = ["GET /a"]
[http.b]
origin = "https://a.test"
allow = ["GET /b"]
request-headers = ["x-a", "x-b"]"#,
    );
    check(
        &one,
        &other,
        &[
            "http.a: it may call `GET /c` at `https://a.test`",
            "http.a: it may send the header `x-a`, with `GET /a` at `https://a.test`",
        ],
        &["http.b: it may send the header `x-b`"],
    );
}

#[test]
fn the_terms_of_a_table_are_part_of_what_it_allows() {
    let with = |line: &str| http(&format!("{ROUTES}{line}"));
    let keyed = http(
        "use = \"k\"\norigin = \"https://a.test\"\nallow = [\"GET /v1/{id}\", \"POST /v1/{id}/notes?a\"]",
    );
    check(
        &keyed,
        &with(""),
        &["http.a: the host adds the key from `env://KEY` as a bearer token"],
        &["http.a: no key is sent"],
    );
    check(
        &with("request-headers = [\"x-a\"]"),
        &with(""),
        &["http.a: it may send the header `x-a`"],
        &[],
    );
    check(
        &with("reply-headers = [\"x-a\"]"),
        &with("reply-headers = [\"x-b\"]"),
        &["http.a: it may see the header `x-a`"],
        &["http.a: it may see the header `x-b`"],
    );
    let ordinary = "request-headers = [\"accept\"]\nreply-headers = [\"content-type\"]";
    check(&with(ordinary), &with(""), &[], &[]);
    check(
        &with("addresses = [\"10.0.0.0/8\"]"),
        &with("addresses = [\"10.1.0.0/16\"]"),
        &["http.a: names may lead to addresses in `10.0.0.0/8`"],
        &[],
    );
}

#[test]
fn a_key_is_its_source_and_its_place_and_not_its_name() {
    let with = |name: &str, from: &str, place: &str| {
        format!(
            "policy = 1\nagent.id = \"bot\"\n[http.a]\nuse = {name:?}\nallow = [\"GET /\"]\n\
             [credentials.{name}]\nfrom = {from:?}\nas = {place}\norigin = \"https://a.test\""
        )
    };
    let one = with("k", "env://A", "\"bearer\"");
    check(&one, &with("other", "env://A", "\"bearer\""), &[], &[]);
    check(
        &one,
        &with("k", "env://B", "\"bearer\""),
        &["http.a: the host adds the key from `env://A` as a bearer token"],
        &["http.a: the host adds the key from `env://B` as a bearer token"],
    );
    check(
        &with("k", "env://A", "{ header = \"x-key\", prefix = \"Key \" }"),
        &with("k", "env://A", "{ basic = \"o`o\" }"),
        &["http.a: the host adds the key from `env://A` in the header `x-key` after `Key `"],
        &["http.a: the host adds the key from `env://A` as the password of `o\\u{60}o` (basic)"],
    );
}

#[test]
fn a_limit_more_is_less_and_a_higher_one_is_more() {
    let with = |limits: &str, windows: &str| {
        http(&format!("{ROUTES}limits = {limits}\n")).replace("[\"20/hour\", \"5/run\"]", windows)
    };
    let one = with("[\"writes\"]", "[\"20/hour\", \"5/run\"]");
    check(
        &http(ROUTES),
        &one,
        &[
            "http.a: it may be used without the limit 20/hour (`writes`)",
            "http.a: it may be used without the limit 5/run (`writes`)",
        ],
        &[],
    );
    check(
        &with("[\"writes\"]", "\"20/hour\""),
        &one,
        &["http.a: it may be used 20/hour without the limit 5/run (`writes`)"],
        &[],
    );
    check(
        &with("[\"writes\"]", "[\"20/day\", \"5/run\", \"1/second\"]"),
        &one,
        &[],
        &[
            "http.a: it may be used 20/hour instead of 20/day (`writes`)",
            "http.a: it may be used 20/hour instead of 1/second (`writes`)",
        ],
    );
    check(
        &with("[\"writes\"]", "[\"21/day\", \"5/run\"]"),
        &one,
        &["http.a: it may be used 21/day instead of 20/hour (`writes`)"],
        &["http.a: it may be used 20/hour instead of 21/day (`writes`)"],
    );
    check(
        &with("[\"writes\"]", "\"5/day\""),
        &with("[\"writes\"]", "\"5/run\""),
        &["http.a: it may be used 5/day without the limit 5/run (`writes`)"],
        &["http.a: it may be used 5/run without the limit 5/day (`writes`)"],
    );
    check(
        &with("[\"reads\"]", "\"20/hour\""),
        &with("[\"writes\"]", "\"20/hour\""),
        &["http.a: it may be used without the limit 20/hour (`writes`)"],
        &["http.a: it may be used without the limit 9/day (`reads`)"],
    );
}

#[test]
fn addresses_of_clouds_are_held_by_themselves_alone() {
    let with = |ranges: &str| http(&format!("{ROUTES}addresses = {ranges}\n"));
    check(
        &with("[\"169.254.169.254/32\"]"),
        &with("[\"169.254.0.0/16\"]"),
        &["http.a: names may lead to addresses in `169.254.169.254/32`"],
        &["http.a: names may lead to addresses in `169.254.0.0/16`"],
    );
    check(
        &with("[\"10.0.0.7/32\"]"),
        &with("[\"10.0.0.0/8\", \"169.254.169.254/32\"]"),
        &[],
        &["http.a: names may lead to addresses in `10.0.0.0/8` and `169.254.169.254/32`"],
    );
}

#[test]
fn files_are_their_folder_and_what_may_be_done_in_it() {
    let with = |guest: &str, host: &str, access: &str| {
        format!("policy = 1\n[files.{guest:?}]\nhost = {host:?}\naccess = {access:?}")
    };
    check(
        &with("/a", "data", "read"),
        &with("/b", "data", "read"),
        &[],
        &[],
    );
    check(
        &with("/a", "data", "read-write"),
        &with("/b", "data", "read"),
        &["files.\"/a\": it may write, create and delete in the folder `data`"],
        &[],
    );
    check(
        &with("/a", "data/x", "read"),
        &with("/a", "data", "read-write"),
        &["files.\"/a\": it may read the folder `data/x`"],
        &["files.\"/a\": it may read, write, create and delete in the folder `data`"],
    );
}

#[test]
fn variables_certificates_agents_and_bounds_are_compared() {
    check(
        "policy = 1\nagent.id = \"a\"\nenv = { A = \"1\", B = \"x\" }\ntls.ca = \"ca.pem\"\nrun = { memory = \"1 GiB\", first-byte = \"1s\" }",
        "policy = 1\nagent.id = \"b\"\nenv = { A = \"1\", B = \"y\" }",
        &[
            "agent: its calls are counted and recorded as `a`'s",
            "env.B: it sees `B=x`",
            "run.memory: more than 256 MiB, up to 1 GiB",
            "tls: the host also trusts the certificate authorities in `ca.pem`",
        ],
        &[
            "agent: its calls are counted and recorded as `b`'s",
            "env.B: it sees `B=y`",
            "run.first-byte: more than 1s, up to 1m",
        ],
    );
}

#[test]
fn a_long_value_is_told_to_its_end() {
    let long = format!("{}end", "x".repeat(500));
    check(
        &format!("policy = 1\nenv.A = {long:?}"),
        "policy = 1",
        &[&format!("env.A: it sees `A={long}`")],
        &[],
    );
}

#[test]
fn every_bound_is_compared() {
    for bound in Bound::all() {
        let (low, high) = match bound.unit {
            Unit::Bytes => ("\"1 MiB\"", "\"2 MiB\""),
            Unit::Count => ("20", "21"),
            Unit::Time => ("\"1s\"", "\"2s\""),
        };
        let name = bound.name;
        let (low, high) = match name {
            "compile-memory" => ("\"1 GiB\"", "\"2 GiB\""),
            _ => (low, high),
        };
        let with = |value: &str| format!("policy = 1\nrun.{name} = {value}");
        let more = format!("run.{name}: more than {low}, up to {high}").replace('"', "");
        check(&with(high), &with(low), &[&more], &[]);
    }
}

#[test]
fn changes_are_joined_by_grant_and_say_which_way_they_go() {
    let old = policy(
        "policy = 1\nagent = { id = \"a\", owner = \"old\" }\nenv.A = \"1\"\nrun.cpu = \"1s\"\n\
         [http.a]\norigin = \"https://a.test\"\nallow = [\"GET /a\", \"GET /b\"]\n\
         [files.\"/x\"]\nhost = \"x\"\naccess = \"read\"",
    );
    let new = policy(
        "policy = 1\nagent = { id = \"a\", owner = \"new\" }\nrun.cpu = \"2s\"\n\
         [http.a]\norigin = \"https://a.test\"\nallow = [\"GET /a\", \"GET /c\"]\n\
         [files.\"/y\"]\nhost = \"x\"\naccess = \"read\"",
    );
    let changes: Vec<_> = compare(&old, &new)
        .into_iter()
        .map(|change| {
            (
                change.grant,
                change.kind,
                change.gained.concat(),
                change.lost.concat(),
            )
        })
        .collect();
    let change = |grant: &str, kind, gained: &str, lost: &str| {
        (grant.to_owned(), kind, gained.to_owned(), lost.to_owned())
    };
    assert_eq!(
        changes,
        [
            change(
                "http.a",
                ChangeKind::Changed,
                "it may call `GET /c` at `https://a.test`",
                "it may call `GET /b` at `https://a.test`"
            ),
            change("run.cpu", ChangeKind::Wider, "more than 1s, up to 2s", ""),
            change("env.A", ChangeKind::Narrower, "", "it sees `A=1`"),
            change(
                "agent.owner",
                ChangeKind::Note,
                "it belongs to `new`",
                "it belongs to `old`"
            ),
            change(
                "files",
                ChangeKind::Note,
                "the folder `x` is seen as `/y`",
                "the folder `x` is seen as `/x`"
            ),
        ]
    );
    assert_eq!(compare(&old, &old), []);
    let adds = |old, new| {
        compare(old, new)
            .iter()
            .any(|change| change.kind.adds_access())
    };
    assert!(adds(&old, &new) && !adds(&new, &new));
}

#[test]
fn a_promise_is_told_and_is_no_access() {
    let old = policy("policy = 1\n[never]\nimports = [\"github:*\"]\neffects = [\"admin\"]");
    let new = policy("policy = 1\n[never]\neffects = [\"admin\", \"spend\"]");
    let changes = compare(&old, &new);
    let [change] = changes.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!((&*change.grant, change.kind), ("never", ChangeKind::Note));
    assert_eq!(
        change.gained,
        ["it promises never to grant an effect `spend`"]
    );
    assert_eq!(change.lost, ["it promises never to grant `github:*`"]);
}
