//! What holds for every two policies, tried on many: random ones, and narrower ones made of them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use crate::testing::{Random, built_in, call, connected};
use crate::{AddressRule, Approved, CallHead, Limit, OperationHead, Policy, Window};

use super::beyond;

/// A policy that is still to be written: what is random of it.
#[derive(Clone, Debug)]
struct Plan {
    /// The windows of the limits `one` and `two`, by the place in [`WINDOWS`].
    windows: [usize; 2],
    tables: Vec<TablePlan>,
    grants: Vec<GrantPlan>,
    files: Vec<(&'static str, &'static str)>,
    /// The bound on arguments, in bytes.
    arguments: usize,
}

/// An `[http.*]` table. The routes of one origin, over all tables, never overlap.
#[derive(Clone, Debug)]
struct TablePlan {
    origin: &'static str,
    routes: Vec<&'static str>,
    headers: Vec<&'static str>,
    ranges: Vec<&'static str>,
    terms: Terms,
}

/// A `[grants]` table.
#[derive(Clone, Debug)]
struct GrantPlan {
    operation: &'static str,
    /// A matcher for each argument in [`ARGUMENTS`], `""` for none, in some order.
    conditions: Vec<(&'static str, &'static str)>,
    terms: Terms,
}

#[derive(Clone, Debug)]
struct Terms {
    /// `""` for no key.
    credential: &'static str,
    limits: Vec<&'static str>,
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

/// The arguments of each operation that are matched, and what their matchers are picked from.
const ARGUMENTS: &[(&str, &[(&str, &[&str])])] = &[
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

fn some(random: &mut Random, of: &[&'static str]) -> Vec<&'static str> {
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

fn random_plan(random: &mut Random) -> Plan {
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
fn narrower(plan: &Plan, random: &mut Random) -> Plan {
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

fn written(plan: &Plan) -> Policy {
    let mut toml = format!(
        "policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\n[limits]\none = {}\ntwo = {}\n[credentials]\n",
        WINDOWS[plan.windows[0]], WINDOWS[plan.windows[1]]
    );
    for name in ["k", "l"] {
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
    match Policy::parse(&sources) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}\n{}\n{wit}", sources.toml.text),
    }
}

fn write_terms(toml: &mut String, terms: &Terms, of: &str) {
    if !terms.credential.is_empty() {
        writeln!(toml, "use = \"{}{of}\"", terms.credential).expect("a text");
    }
    writeln!(toml, "limits = {:?}", terms.limits).expect("a text");
}

fn random_call(random: &mut Random) -> CallHead {
    if random.below(2) == 0 {
        let host = random.pick(&["a.test", "x.b.test", "y.b.test"]);
        let target = random.pick(&["GET", "POST"]);
        let path = random.pick(&["/a", "/b", "/a/b", "/c/b"]);
        let query = random.pick(&["", "", "?q=1", "?r=1&q=2", "?z"]);
        let headers: &[(&str, &str)] = random.pick(&[
            &[][..],
            &[("x-a", "1")],
            &[("x-b", "1")],
            &[("accept", "*/*")],
        ]);
        return call(&format!("{target} https://{host}{path}{query}"), headers).into();
    }
    let mut text = || random.pick(&["a", "a", "b", "ab", "abc", "abcd", ""]);
    let (owner, repo, body) = (text(), text(), text());
    let number = random.below(6);
    let (operation, rest) = match random.below(3) {
        0 => (
            "github:issues/create-comment",
            format!("\"issue-number\":{number},\"body\":{body:?}"),
        ),
        1 => (
            "github:issues/list-for-repo",
            format!("\"per-page\":{number},\"state\":{body:?}"),
        ),
        _ => (
            "github:issues/list-for-repo@2022.11.28",
            format!("\"state\":{body:?}"),
        ),
    };
    OperationHead {
        operation: operation.to_owned(),
        arguments: format!("{{\"owner\":{owner:?},\"repo\":{repo:?},{rest}}}"),
    }
    .into()
}

/// A request as it is sent, without what only records and counters see.
fn request(approved: &Approved) -> String {
    let key = approved
        .credential()
        .map(|key| (key.reference(), key.placement()));
    format!(
        "{} {}{} {:?} {:?} {:?} {key:?}",
        approved.method(),
        approved.origin(),
        approved.path(),
        approved.query(),
        approved.headers(),
        approved.body(),
    )
}

/// Whether calls that count towards `of` count towards each limit of `over`.
fn counts(of: &[Limit], over: &[Limit]) -> bool {
    over.iter()
        .all(|limit| of.iter().any(|own| own.name() == limit.name()))
}

/// A family of policies: some random, and after each some that are narrower.
fn family(random: &mut Random, size: usize) -> Vec<Plan> {
    let mut plans = Vec::new();
    while plans.len() < size {
        let wide = random_plan(random);
        let narrow = narrower(&wide, random);
        let narrower = narrower(&narrow, random);
        plans.extend([wide, narrow, narrower]);
    }
    plans
}

#[test]
fn a_policy_allows_nothing_beyond_one_it_was_narrowed_from() {
    let mut random = Random(11);
    let mut differ = 0;
    for plans in family(&mut random, 120).chunks(3) {
        let policies: Vec<_> = plans.iter().map(written).collect();
        for (narrow, wide) in [(0, 0), (1, 0), (2, 1), (2, 0)] {
            let more = beyond(&policies[narrow], &policies[wide]);
            assert_eq!(more, [""; 0], "{:#?}\n{:#?}", plans[narrow], plans[wide]);
            differ += usize::from(!beyond(&policies[wide], &policies[narrow]).is_empty());
        }
    }
    assert!(
        differ > 60,
        "narrowing is seen from the other side: {differ}"
    );
}

#[test]
fn what_a_subset_approves_its_superset_approves_as_the_same_request() {
    let mut random = Random(12);
    let policies: Vec<_> = family(&mut random, 90).iter().map(written).collect();
    let calls: Vec<_> = (0..400).map(|_| random_call(&mut random)).collect();
    let verdicts: Vec<Vec<_>> = policies
        .iter()
        .map(|policy| {
            calls
                .iter()
                .map(|call| crate::decide(policy, call))
                .collect()
        })
        .collect();
    let (mut subsets, mut by_name, mut by_http) = (0, 0, 0);
    for (narrow, of) in policies.iter().enumerate() {
        for (wide, over) in policies.iter().enumerate() {
            if narrow == wide || !beyond(of, over).is_empty() {
                continue;
            }
            subsets += 1;
            for ((call, of), over) in calls.iter().zip(&verdicts[narrow]).zip(&verdicts[wide]) {
                let Ok(of) = of else { continue };
                let over = match over {
                    Ok(over) => over,
                    Err(denied) => panic!("{call:?}: {denied}"),
                };
                assert_eq!(request(of), request(over));
                assert!(counts(of.limits(), over.limits()), "{call:?}");
                assert!(of.addresses().within(over.addresses()));
                for name in of.reply_headers().extra() {
                    assert!(over.reply_headers().allows(name));
                }
                match of.operation() {
                    Some(_) => by_name += 1,
                    None => by_http += 1,
                }
            }
        }
    }
    assert!(
        subsets > 60 && by_name > 60 && by_http > 60,
        "{subsets} {by_name} {by_http}"
    );
}

#[test]
fn a_subset_of_a_subset_is_a_subset() {
    let mut random = Random(13);
    let policies: Vec<_> = family(&mut random, 60).iter().map(written).collect();
    let within: Vec<Vec<bool>> = policies
        .iter()
        .map(|of| {
            policies
                .iter()
                .map(|over| beyond(of, over).is_empty())
                .collect()
        })
        .collect();
    let mut chains = 0;
    for (a, of_a) in within.iter().enumerate() {
        for (b, of_b) in within.iter().enumerate().filter(|(b, _)| of_a[*b]) {
            for c in (0..policies.len()).filter(|c| of_b[*c]) {
                assert!(of_a[c], "{a} in {b} in {c}");
                chains += usize::from(a != b && b != c);
            }
        }
    }
    assert!(chains > 20, "{chains}");
}

#[test]
fn the_order_of_grants_never_changes_what_is_beyond() {
    let mut random = Random(14);
    let plans = family(&mut random, 30);
    let sorted = |mut lines: Vec<String>| {
        // A table's name is its place, which is what changes.
        for line in &mut lines {
            if let (true, Some(at)) = (line.starts_with("http.t"), line.find(':')) {
                line.replace_range("http.t".len()..at, "");
            }
        }
        lines.sort();
        lines
    };
    for pair in plans.windows(2) {
        let mut shuffled = pair[0].clone();
        random.shuffle(&mut shuffled.tables);
        random.shuffle(&mut shuffled.grants);
        for table in &mut shuffled.tables {
            random.shuffle(&mut table.headers);
            random.shuffle(&mut table.terms.limits);
        }
        for grant in &mut shuffled.grants {
            random.shuffle(&mut grant.conditions);
        }
        let (one, other, third) = (written(&pair[0]), written(&shuffled), written(&pair[1]));
        assert_eq!(beyond(&one, &other), [""; 0], "{shuffled:#?}");
        assert_eq!(beyond(&other, &one), [""; 0], "{shuffled:#?}");
        let places = |lines: Vec<String>| sorted(lines).len();
        assert_eq!(places(beyond(&one, &third)), places(beyond(&other, &third)));
        let same = |policy: &Policy| {
            let mut all = beyond(policy, &Policy::nothing());
            all.sort();
            all.len()
        };
        assert_eq!(same(&one), same(&other));
    }
}

#[test]
fn a_window_within_another_lets_through_nothing_that_the_other_does_not() {
    let windows = |random: &mut Random| {
        let count = 1 + u32::try_from(random.below(3)).expect("small");
        match random.below(4) {
            0 => Window::Run { count },
            seconds => Window::Sliding {
                count,
                per: Duration::from_secs(seconds as u64),
            },
        }
    };
    // Calls of one run, by their seconds.
    let allows = |window: &Window, times: &[u64]| match window {
        Window::Run { count } => times.len() <= *count as usize,
        Window::Sliding { count, per } => times.iter().all(|from| {
            let stretch = *from..*from + per.as_secs();
            times.iter().filter(|time| stretch.contains(time)).count() <= *count as usize
        }),
    };
    let mut random = Random(15);
    let mut tried = 0;
    for _ in 0..300 {
        let (one, other) = (windows(&mut random), windows(&mut random));
        for _ in 0..30 {
            let times: Vec<_> = (0..random.below(6))
                .map(|_| random.below(8) as u64)
                .collect();
            if one.within(&other) && allows(&one, &times) {
                assert!(allows(&other, &times), "{one} in {other}: {times:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn addresses_within_others_lead_nowhere_that_the_others_do_not() {
    let ranges = [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.0.1/32",
        "169.254.0.0/16",
        "169.254.169.254/32",
        "0.0.0.0/0",
        "fd00::/8",
        "fd00:ec2::254/128",
        "::/0",
        "64:ff9b::/96",
        "2000::/3",
        "::ffff:169.254.169.254/128",
    ];
    let addresses = [
        "10.1.0.1",
        "10.1.2.3",
        "10.2.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "8.8.8.8",
        "127.0.0.1",
        "::1",
        "fd00::1",
        "fd00:ec2::254",
        "::ffff:10.1.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::a01:1",
        "2002:a01:1::",
        "2606:4700::1",
        "fe80::1",
    ];
    let addresses = addresses.map(|text| text.parse::<IpAddr>().expect("an address"));
    let rule = |random: &mut Random| match random.below(5) {
        0 => AddressRule::only(random.pick(&addresses)),
        _ => {
            let ranges = some(random, &ranges).into_iter().take(4);
            let ranges: Vec<_> = ranges.map(|text| text.parse().expect("a range")).collect();
            AddressRule::public_or(&ranges)
        }
    };
    let mut random = Random(16);
    let mut subsets = 0;
    for _ in 0..20_000 {
        let (one, other) = (rule(&mut random), rule(&mut random));
        assert!(one.within(&one));
        if one.within(&other) {
            subsets += usize::from(one != other);
            for address in addresses.iter().filter(|address| one.admits(**address)) {
                assert!(other.admits(*address), "{address}: {one:?} in {other:?}");
            }
        }
    }
    assert!(subsets > 500, "{subsets}");
}
