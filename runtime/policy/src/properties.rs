//! What holds for every policy and every call, tried on many.

use http::Method;

use crate::parse::route;
use crate::route::{QueryRule, Route, Segment};
use crate::testing::{Random, decision, policy, toml, with_wit};
use crate::{Code, Policy};

const METHODS: &[&str] = &["GET", "POST"];
const PARTS: &[&str] = &["a", "b", "{x}", "{y}"];
const ORIGINS: &[&str] = &[
    "https://one.example.com",
    "https://two.example.com",
    "https://*.example.com",
    "https://b.test",
];

/// A table of a random policy: its origin and its routes.
type Table = (&'static str, Vec<String>);

fn random_route(random: &mut Random) -> String {
    let mut route = format!("{} ", random.pick(METHODS));
    let depth = random.below(4);
    for at in 0..depth {
        route.push('/');
        let part = random.pick(PARTS);
        route.push_str(&part.replace('}', &format!("{at}}}")));
    }
    if depth == 0 || random.below(4) == 0 {
        route.push('/');
    }
    if random.below(3) == 0 {
        route.push_str(["?*", "?q", "?q&r"][random.below(3)]);
    }
    route
}

fn random_call(random: &mut Random) -> String {
    let host = random.pick(&[
        "one.example.com",
        "two.example.com",
        "three.example.com",
        "b.test",
    ]);
    let mut call = format!("{} https://{host}", random.pick(METHODS));
    let depth = random.below(4);
    for _ in 0..depth {
        call.push('/');
        call.push_str(random.pick(&["a", "b", "c"]));
    }
    if depth == 0 || random.below(4) == 0 {
        call.push('/');
    }
    if random.below(3) == 0 {
        call.push_str(random.pick(&["?q=1", "?r=1&q=2", "?s"]));
    }
    call
}

fn text(tables: &[Table]) -> String {
    let mut text = "policy = 1\n".to_owned();
    for (at, (origin, routes)) in tables.iter().enumerate() {
        // The name comes from the table's contents, so that it stays when the order changes.
        let name = format!(
            "{}-{}",
            routes.concat().len(),
            routes
                .concat()
                .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
        );
        text.push_str(&format!(
            "[http.t{at}-{}]\norigin = {origin:?}\nallow = {routes:?}\n",
            &name[..name.len().min(40)]
        ));
    }
    text
}

/// Random tables that do not overlap: a route that overlaps with one before it is left out.
fn random_tables(random: &mut Random) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for _ in 0..1 + random.below(4) {
        let origin = random.pick(ORIGINS);
        for _ in 0..1 + random.below(4) {
            let route = random_route(random);
            let mut wider = tables.clone();
            match wider
                .iter_mut()
                .find(|(other, _)| *other == origin && random.below(2) == 0)
            {
                Some((_, routes)) => routes.push(route),
                None => wider.push((origin, vec![route])),
            }
            if Policy::parse(&toml(&text(&wider))).is_ok() {
                tables = wider;
            }
        }
    }
    tables
}

/// A decision as far as it does not name the table: the code, or the route and the origin.
fn outcome(policy: &Policy, call: &str) -> Result<(String, String), Code> {
    match decision(policy, call) {
        Ok(approved) => Ok((approved.route().to_owned(), approved.origin().to_string())),
        Err(denied) => Err(denied.code()),
    }
}

#[test]
fn the_order_of_tables_and_routes_never_changes_a_decision() {
    let mut random = Random(1);
    for _ in 0..150 {
        let tables = random_tables(&mut random);
        let mut shuffled = tables.clone();
        random.shuffle(&mut shuffled);
        for (_, routes) in &mut shuffled {
            random.shuffle(routes);
        }
        let (one, other) = (policy(&text(&tables)), policy(&text(&shuffled)));
        for _ in 0..60 {
            let call = random_call(&mut random);
            assert_eq!(
                outcome(&one, &call),
                outcome(&other, &call),
                "{call}\n{}",
                text(&tables)
            );
        }
    }
}

#[test]
fn a_policy_without_one_of_its_routes_never_approves_more() {
    let mut random = Random(2);
    let mut approvals = 0;
    for _ in 0..150 {
        let tables = random_tables(&mut random);
        let whole = policy(&text(&tables));
        let mut narrower = tables.clone();
        let at = random.below(narrower.len());
        let routes = &mut narrower[at].1;
        routes.remove(random.below(routes.len()));
        narrower.retain(|(_, routes)| !routes.is_empty());
        let narrower = policy(&text(&narrower));
        for _ in 0..60 {
            let call = random_call(&mut random);
            let approved = outcome(&narrower, &call);
            if approved.is_ok() {
                approvals += 1;
                assert_eq!(
                    outcome(&whole, &call),
                    approved,
                    "{call}\n{}",
                    text(&tables)
                );
            }
        }
    }
    assert!(approvals > 500, "the calls reach the routes: {approvals}");
}

/// Whether one request can match both, worked out without an index.
fn overlaps(one: &Route, other: &Route) -> bool {
    one.method == other.method
        && one.slash == other.slash
        && one.segments.len() == other.segments.len()
        && one
            .segments
            .iter()
            .zip(&other.segments)
            .all(|pair| match pair {
                (Segment::Literal(one), Segment::Literal(other)) => one == other,
                _ => true,
            })
}

#[test]
fn the_index_finds_every_overlap_that_comparing_pairs_finds() {
    let mut random = Random(3);
    let (mut clear, mut ambiguous) = (0, 0);
    for _ in 0..2000 {
        let routes: Vec<_> = (0..2 + random.below(3))
            .map(|_| random_route(&mut random))
            .collect();
        let parsed: Vec<_> = routes
            .iter()
            .map(|text| route(text).map_err(|bad| bad.message).expect("good"))
            .collect();
        let expected = parsed
            .iter()
            .enumerate()
            .any(|(at, one)| parsed[..at].iter().any(|other| overlaps(one, other)));
        let text = text(&[("https://b.test", routes)]);
        let found = Policy::parse(&toml(&text)).is_err_and(|errors| {
            errors
                .problems()
                .iter()
                .all(|p| p.code() == Code::AMBIGUOUS_ROUTES)
        });
        assert_eq!(found, expected, "{text}");
        if expected { ambiguous += 1 } else { clear += 1 }
    }
    assert!(clear > 200 && ambiguous > 200, "{clear} {ambiguous}");
}

/// Whether a route matches a path of plain segments, worked out without an index.
fn matches(route: &Route, method: &str, path: &str, query: Option<&str>) -> bool {
    let slash = path.ends_with('/');
    let inner = path.trim_start_matches('/').trim_end_matches('/');
    let segments: Vec<_> = inner.split('/').filter(|part| !part.is_empty()).collect();
    let names = |names: &[Box<str>]| {
        query.is_none_or(|query| {
            query.split('&').all(|pair| {
                names
                    .iter()
                    .any(|name| Some(&**name) == pair.split('=').next())
            })
        })
    };
    route.method == method.parse::<Method>().expect("a method")
        && route.slash == slash
        && route.segments.len() == segments.len()
        && route
            .segments
            .iter()
            .zip(segments)
            .all(|(part, given)| match part {
                Segment::Hole(_) => true,
                Segment::Literal(text) => **text == *given,
            })
        && match &route.query {
            QueryRule::Any => true,
            QueryRule::Names(allowed) => names(allowed),
        }
}

#[test]
fn a_call_is_approved_exactly_when_one_of_the_routes_matches_it() {
    let mut random = Random(4);
    let (mut approved, mut denied) = (0, 0);
    for _ in 0..200 {
        let tables: Vec<_> = random_tables(&mut random);
        let policy = policy(&text(&tables));
        for _ in 0..40 {
            let call = random_call(&mut random);
            let (method, url) = call.split_once(" https://").expect("a call");
            let (host, target) = url.split_at(url.find('/').expect("a path"));
            let (path, query) = match target.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (target, None),
            };
            let expected = tables.iter().any(|(origin, routes)| {
                let name = &origin["https://".len()..];
                let covered = name == host
                    || name
                        .strip_prefix('*')
                        .is_some_and(|domain| host.ends_with(domain));
                covered
                    && routes.iter().any(|text| {
                        let route = route(text).map_err(|bad| bad.message).expect("good");
                        matches(&route, method, path, query)
                    })
            });
            let found = decision(&policy, &call).is_ok();
            assert_eq!(found, expected, "{call}\n{}", text(&tables));
            if found { approved += 1 } else { denied += 1 }
        }
    }
    assert!(approved > 300 && denied > 300, "{approved} {denied}");
}

const VALID: &str = r#"policy = 1
world = "a:b/w"
insecure-loopback = true
agent = { id = "bot", owner = "team@acme.example" }
[credentials.w]
from = "dotenv://.env#KEY"
as = { header = "x-key", prefix = "k " }
origin = ["https://w.example", "https://*.w.example:8443", "http://[::1]:80"]
addresses = ["10.0.0.0/8", "fd00::/8"]
[limits]
writes = ["20/hour", "5/run"]
[http.w]
use = "w"
origin = "https://w.example"
allow = ["GET /v1/{id}/x?a&b", "POST /v1/ä b/"]
limits = ["writes"]
request-headers = ["x-a"]
reply-headers = ["x-b"]
[env]
LANG = "C"
[files."/data"]
host = "data"
access = "read-write"
[run]
memory = "64 MiB"
first-byte = "5s"
[tls]
ca = "ca.pem"
"#;

const VALID_WIT: &str = "package a:b@0.1.0;\n/// Doc.\nworld v { include wasi:cli/imports@0.2.0; }\nworld w {\n  \
    include v;\n  @since(version = 1.0.0)\n  import wasi:http/outgoing-handler@0.2.0;\n  \
    use wasi:http/types@0.2.0.{method};\n  export run: func() -> result<string, string>;\n}\n";

fn mutate(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let pieces = [
        '"', '\'', '[', ']', '{', '}', '=', '.', '*', '\n', '\0', '\u{feff}', 'é', '9', '@', ';',
        '/', '\r', '%',
    ];
    for _ in 0..1 + random.below(6) {
        let at = random.below(characters.len().max(1)).min(characters.len());
        match random.below(5) {
            0 => characters.insert(at, random.pick(&pieces)),
            1 if at < characters.len() => drop(characters.remove(at)),
            2 if at < characters.len() => characters[at] = random.pick(&pieces),
            3 => {
                let end = (at + random.below(40)).min(characters.len());
                let piece: Vec<_> = characters[at..end].to_vec();
                let to = random.below(characters.len() + 1);
                characters.splice(to..to, piece);
            }
            _ => {
                let end = (at + random.below(40)).min(characters.len());
                characters.drain(at..end);
            }
        }
    }
    characters.into_iter().collect()
}

#[test]
fn no_text_makes_the_parser_panic_and_every_problem_has_a_place() {
    assert!(Policy::parse(&with_wit(VALID, &[VALID_WIT])).is_ok());
    let mut random = Random(5);
    let mut good = 0;
    for round in 0..4000 {
        let (toml, wit) = match round % 2 {
            0 => (mutate(VALID, &mut random), VALID_WIT.to_owned()),
            _ => (VALID.to_owned(), mutate(VALID_WIT, &mut random)),
        };
        match Policy::parse(&with_wit(&toml, &[&wit])) {
            Ok(_) => good += 1,
            Err(errors) => {
                for problem in errors.problems() {
                    assert!(problem.line() >= 1 && problem.column() >= 1);
                    assert!(!problem.message().is_empty() && !problem.message().contains('\n'));
                    assert_ne!(problem.code(), Code::BUG, "{toml}");
                    let text = if problem.file() == "agentbox.toml" {
                        &toml
                    } else {
                        &wit
                    };
                    assert!(problem.span().end <= text.len(), "{problem:?}");
                }
                assert!(!errors.to_string().is_empty());
            }
        }
    }
    assert!(good > 50, "some mutations do no harm: {good}");
}

#[test]
fn no_call_makes_deciding_panic_and_what_is_approved_is_what_was_written() {
    let mut random = Random(6);
    let policy = policy(
        "policy = 1\n[http.a]\norigin = [\"https://a.test\", \"https://*.b.test\"]\nallow = [\"GET /{x}?*\", \"GET /a/{x}\"]",
    );
    let pieces = [
        "/", "a", "%", "2F", "%2e", "..", ".", "?", "&", "=", "#", ";", "\\", "@", ":", "[", "]",
        "ü", "\0", " ", "b.test", "a.test", "xn--", "443", "%C3%BC", "\n", "*", "+", "~",
    ];
    let mut approvals = 0;
    for _ in 0..60_000 {
        let mut part = |most| {
            (0..random.below(most))
                .map(|_| random.pick(&pieces))
                .collect::<String>()
        };
        let (prefix, path) = (part(3), part(7));
        let authority = match prefix.as_str() {
            "" | "a" => "a.test".to_owned(),
            "b.test" => "x.b.test".to_owned(),
            _ => prefix,
        };
        let head = crate::HttpHead {
            method: "GET".to_owned(),
            scheme: "https".to_owned(),
            authority: authority.clone(),
            path_and_query: format!("/{path}"),
            headers: Vec::new(),
        };
        if let Ok(approved) = crate::testing::decide(&policy, &head) {
            approvals += 1;
            let query = approved
                .query()
                .map_or(String::new(), |query| format!("?{query}"));
            assert_eq!(format!("{}{query}", approved.path()), head.path_and_query);
            assert!(approved.path().is_ascii() && query.is_ascii());
            assert_eq!(approved.origin().authority(), authority.replace(":443", ""));
            assert!(
                !approved
                    .path()
                    .split('/')
                    .any(|part| part == "." || part == "..")
            );
        }
    }
    assert!(approvals > 300, "{approvals}");
}
