//! Random policies, and narrower ones made of them.

use std::fmt::Write as _;

use crate::testing::{Random, built_in, connected};
use crate::{Policy, Sources};

/// A policy that is still to be written: what is random of it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The credentials, in some order.
    pub(super) keys: Vec<&'static str>,
    /// The windows of the limits `one` and `two`, by the place in [`WINDOWS`].
    windows: [usize; 2],
    pub(super) tables: Vec<TablePlan>,
    pub(super) grants: Vec<GrantPlan>,
    files: Vec<(&'static str, &'static str)>,
    /// The bound on arguments, in bytes.
    arguments: usize,
}

/// An `[http.*]` table. The routes of one origin, over all tables, never overlap.
#[derive(Clone, Debug)]
pub(super) struct TablePlan {
    origin: &'static str,
    pub(super) routes: Vec<&'static str>,
    pub(super) headers: Vec<&'static str>,
    ranges: Vec<&'static str>,
    pub(super) terms: Terms,
}

/// A `[grants]` table.
#[derive(Clone, Debug)]
pub(super) struct GrantPlan {
    operation: &'static str,
    /// A matcher for each argument in [`ARGUMENTS`], `""` for none, in some order.
    pub(super) conditions: Vec<(&'static str, &'static str)>,
    pub(super) terms: Terms,
}

#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// `""` for no key.
    credential: &'static str,
    pub(super) limits: Vec<&'static str>,
}

/// From the strictest to the loosest, each within the next.
const WINDOWS: &[&str] = &[
    "[\"1/day\", \"1/run\"]",
    "[\"2/day\", \"4/run\"]",
    "[\"2/hour\", \"9/run\"]",
    "\"3/hour\"",
    "\"9/second\"",
];

const ORIGINS: &[&str] = &["https://a.test", "https://x.b.test", "https://*.b.test"];

/// Pairs of which the first is covered by the second; only one of each is in a policy.
const ROUTES: &[(&str, &str)] = &[
    ("GET /a", "GET /{x}"),
    ("POST /a?q", "POST /a?q&r"),
    ("GET /a/b?q", "GET /{x}/b?*"),
];

/// Each list starts with what is loosest, and what follows is mostly narrower.
const TEXTS: &[&str] = &[
    "{ any = true }",
    "{ max-bytes = 3 }",
    "{ prefix = \"a\" }",
    "[\"a\", \"b\"]",
    "{ prefix = \"ab\", max-bytes = 2 }",
    "\"a\"",
];
const NUMBERS: &[&str] = &[
    "{ any = true }",
    "{ min = 1 }",
    "{ min = 1, max = 4 }",
    "{ min = 2, max = 3 }",
    "[2, 3]",
    "2",
];

/// An argument, and what its matcher is picked from.
type Matched = (&'static str, &'static [&'static str]);

/// The arguments of each operation that are matched, and what their matchers are picked from.
const ARGUMENTS: &[(&str, &[Matched])] = &[
    (
        "github:issues/create-comment",
        &[
            ("owner", TEXTS),
            ("repo", TEXTS),
            ("issue-number", NUMBERS),
            ("body", TEXTS),
        ],
    ),
    (
        "github:issues/list-for-repo",
        &[
            ("owner", TEXTS),
            ("repo", TEXTS),
            ("state", TEXTS),
            ("per-page", NUMBERS),
        ],
    ),
];

pub(super) fn some(random: &mut Random, of: &[&'static str]) -> Vec<&'static str> {
    of.iter()
        .copied()
        .filter(|_| random.below(2) == 0)
        .collect()
}

fn random_terms(random: &mut Random) -> Terms {
    Terms {
        credential: random.pick(&["", "k", "k", "l"]),
        limits: some(random, &["one", "two"]),
    }
}

pub(super) fn random_plan(random: &mut Random) -> Plan {
    let mut tables: Vec<TablePlan> = Vec::new();
    for (narrow, wide) in ROUTES {
        // A wildcard and a host below it may not both have the route.
        let origins = if random.below(2) == 0 {
            &ORIGINS[..2]
        } else {
            &ORIGINS[2..]
        };
        for origin in origins
            .iter()
            .copied()
            .filter(|_| random.below(3) > 0)
            .collect::<Vec<_>>()
        {
            let route = random.pick(&[narrow, wide, wide]);
            match tables.iter_mut().find(|table| table.origin == origin) {
                Some(table) if random.below(2) == 0 => table.routes.push(route),
                _ => tables.push(TablePlan {
                    origin,
                    routes: vec![route],
                    headers: some(random, &["x-a", "x-b"]),
                    ranges: some(random, &["10.0.0.0/8", "fd00::/8"]),
                    terms: random_terms(random),
                }),
            }
        }
    }
    let mut grants = Vec::new();
    for (operation, arguments) in ARGUMENTS {
        if random.below(4) == 0 {
            continue;
        }
        let mut conditions: Vec<_> = arguments
            .iter()
            .map(|(name, matchers)| (*name, random.pick(matchers)))
            .collect();
        // What an operation may touch has to be said, the rest need not.
        for (_, matcher) in &mut conditions[2..] {
            if random.below(3) == 0 {
                *matcher = "";
            }
        }
        grants.push(GrantPlan {
            operation,
            conditions,
            terms: random_terms(random),
        });
    }
    Plan {
        keys: vec!["k", "l"],
        windows: [random.below(WINDOWS.len()), random.below(WINDOWS.len())],
        tables,
        grants,
        files: [
            ("data", "read"),
            ("data", "read-write"),
            ("out", "read-write"),
        ]
        .into_iter()
        .filter(|_| random.below(3) == 0)
        .collect(),
        arguments: random.pick(&[60, 80, 1000]),
    }
}

/// A plan that allows less, or as much.
pub(super) fn narrower(plan: &Plan, random: &mut Random) -> Plan {
    let mut plan = plan.clone();
    for _ in 0..=random.below(4) {
        narrow_once(&mut plan, random);
    }
    plan
}

fn narrow_once(plan: &mut Plan, random: &mut Random) {
    let at = random.below(2);
    match random.below(10) {
        0 => plan.windows[at] = plan.windows[at].saturating_sub(1),
        1 => plan.arguments = plan.arguments.min(60),
        2 => drop(plan.files.pop()),
        3 if !plan.grants.is_empty() => {
            plan.grants.remove(random.below(plan.grants.len()));
        }
        4 if !plan.tables.is_empty() => {
            plan.tables.remove(random.below(plan.tables.len()));
        }
        5 | 6 if !plan.grants.is_empty() => {
            let of = random.below(plan.grants.len());
            let grant = &mut plan.grants[of];
            let condition = random.below(grant.conditions.len());
            let (_, matcher) = &mut grant.conditions[condition];
            *matcher = tighter(matcher);
            add_limits(&mut grant.terms);
        }
        _ if !plan.tables.is_empty() => {
            let of = random.below(plan.tables.len());
            let table = &mut plan.tables[of];
            match random.below(4) {
                0 => drop(table.headers.pop()),
                1 => drop(table.ranges.pop()),
                2 => add_limits(&mut table.terms),
                _ => {
                    let route = &mut table.routes[0];
                    let pair = ROUTES.iter().find(|(_, wide)| wide == route);
                    *route = pair.map_or(*route, |(narrow, _)| narrow);
                }
            }
        }
        _ => {}
    }
}

fn add_limits(terms: &mut Terms) {
    for name in ["one", "two"] {
        if !terms.limits.contains(&name) {
            terms.limits.push(name);
        }
    }
}

/// A matcher that is within this one.
fn tighter(matcher: &'static str) -> &'static str {
    match matcher {
        "" => "{ any = true }",
        "{ min = 1 }" => "{ min = 1, max = 4 }",
        "{ min = 1, max = 4 }" => "{ min = 2, max = 3 }",
        "{ min = 2, max = 3 }" | "[2, 3]" => "2",
        "{ max-bytes = 3 }" | "[\"a\", \"b\"]" => "\"a\"",
        "{ prefix = \"a\" }" => "{ prefix = \"ab\", max-bytes = 2 }",
        same => same,
    }
}

pub(super) fn written(plan: &Plan) -> Policy {
    let sources = sources(plan);
    match Policy::parse(&sources) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}\n{}", sources.toml.text),
    }
}

/// The texts of the policy.
pub(super) fn sources(plan: &Plan) -> Sources {
    let mut toml = format!(
        "policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\n[limits]\none = {}\ntwo = {}\n[credentials]\n",
        WINDOWS[plan.windows[0]], WINDOWS[plan.windows[1]]
    );
    for name in &plan.keys {
        let origins = r#"["https://a.test", "https://*.b.test", "https://api.github.com"]"#;
        writeln!(
            toml,
            "{name} = {{ from = \"env://{name}\", as = \"bearer\", origin = {origins} }}"
        )
        .expect("a text");
        writeln!(toml, "{name}-github = {{ from = \"env://{name}\", as = \"bearer\", origin = \"https://api.github.com\" }}").expect("a text");
    }
    let mut wit = "package a:b; world w {".to_owned();
    if !plan.tables.is_empty() {
        wit.push_str(" import wasi:http/outgoing-handler@0.2.0;");
    }
    for (at, table) in plan.tables.iter().enumerate() {
        writeln!(
            toml,
            "[http.t{at}]\norigin = {:?}\nallow = {:?}\nrequest-headers = {:?}\nreply-headers = {:?}\naddresses = {:?}",
            table.origin, table.routes, table.headers, table.headers, table.ranges
        )
        .expect("a text");
        write_terms(&mut toml, &table.terms, "");
    }
    for grant in &plan.grants {
        write!(wit, " import {}@2022.11.28;", grant.operation).expect("a text");
        let conditions: Vec<_> = grant
            .conditions
            .iter()
            .filter(|(_, matcher)| !matcher.is_empty())
            .map(|(name, matcher)| format!("{name} = {matcher}"))
            .collect();
        writeln!(
            toml,
            "[grants.{:?}]\nwhere = {{ {} }}",
            grant.operation,
            conditions.join(", ")
        )
        .expect("a text");
        write_terms(&mut toml, &grant.terms, "-github");
    }
    for (at, (host, access)) in plan.files.iter().enumerate() {
        writeln!(
            toml,
            "[files.\"/f{at}\"]\nhost = {host:?}\naccess = {access:?}"
        )
        .expect("a text");
    }
    writeln!(toml, "[run]\narguments = \"{} B\"", plan.arguments).expect("a text");
    wit.push_str(" }");
    // An empty list is an error.
    let lines: Vec<_> = toml
        .lines()
        .filter(|line| !line.ends_with("= []"))
        .collect();
    let mut sources = connected(&lines.join("\n"), &[&wit]);
    sources.connectors = vec![built_in("github")];
    sources
}

fn write_terms(toml: &mut String, terms: &Terms, of: &str) {
    if !terms.credential.is_empty() {
        writeln!(toml, "use = \"{}{of}\"", terms.credential).expect("a text");
    }
    writeln!(toml, "limits = {:?}", terms.limits).expect("a text");
}

/// A family of policies: some random, and after each some that are narrower.
pub(super) fn family(random: &mut Random, size: usize) -> Vec<Plan> {
    let mut plans = Vec::new();
    while plans.len() < size {
        let wide = random_plan(random);
        let narrow = narrower(&wide, random);
        let narrower = narrower(&narrow, random);
        plans.extend([wide, narrow, narrower]);
    }
    plans
}
