//! What holds for every two policies, tried on many: random ones, and narrower ones made of them.

use std::net::IpAddr;
use std::time::Duration;

use crate::subset::words;
use crate::testing::{Random, call};
use crate::{
    AddressRule, Approved, CallHead, Code, Effect, Limit, OperationHead, Policy, Route, Window,
};

use super::beyond;
use super::plan::{Plan, family, some, sources, written};

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
fn a_route_is_covered_where_looking_at_every_route_finds_one_that_covers_it() {
    let mut random = Random(17);
    let policies: Vec<_> = family(&mut random, 90).iter().map(written).collect();
    let naive = |of: &Policy, over: &Policy| -> Vec<String> {
        let mut uncovered = Vec::new();
        for grant in &of.http {
            for (origin, _) in &grant.origins {
                let covers = |route: &Route| {
                    let mut there = over.http.iter().filter(|grant| {
                        let mut origins = grant.origins();
                        origins.any(|other| other.covers(origin))
                    });
                    there.any(|grant| grant.routes.iter().any(|other| other.covers(route)))
                };
                let routes = grant.routes.iter().filter(|route| !covers(route));
                let routes: Vec<_> = routes.map(|route| words::quote(route.text())).collect();
                if !routes.is_empty() {
                    let (name, routes) = (grant.name(), words::all(&routes));
                    let origin = words::quote(&origin.to_string());
                    uncovered.push(format!("{name}: it may call {routes} at {origin}"));
                }
            }
        }
        uncovered
    };
    let (mut covered, mut uncovered) = (0, 0);
    for of in &policies {
        for over in &policies {
            let mut told = beyond(of, over);
            told.retain(|line| line.starts_with("http.") && line.contains(": it may call `"));
            assert_eq!(told, naive(of, over));
            covered += usize::from(told.is_empty());
            uncovered += usize::from(!told.is_empty());
        }
    }
    assert!(covered > 500 && uncovered > 500, "{covered} {uncovered}");
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
            // Lists within a line are in the order of the text.
            let mut words: Vec<_> = line.split([' ', ',']).filter(|w| !w.is_empty()).collect();
            words.sort_unstable();
            *line = words.join(" ");
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
        for over in [&third, &Policy::nothing()] {
            let (of, shuffled) = (beyond(&one, over), beyond(&other, over));
            assert_eq!(sorted(of), sorted(shuffled));
        }
        let (less, shuffled) = (beyond(&third, &one), beyond(&third, &other));
        assert_eq!(sorted(less), sorted(shuffled));
    }
}

/// The same policy in another order: of credentials, grants, and all that is in them.
fn shuffled(plan: &Plan, random: &mut Random) -> Plan {
    let mut plan = plan.clone();
    random.shuffle(&mut plan.keys);
    random.shuffle(&mut plan.tables);
    random.shuffle(&mut plan.grants);
    for table in &mut plan.tables {
        random.shuffle(&mut table.routes);
        random.shuffle(&mut table.headers);
        random.shuffle(&mut table.terms.limits);
    }
    for grant in &mut plan.grants {
        random.shuffle(&mut grant.conditions);
        random.shuffle(&mut grant.terms.limits);
    }
    plan
}

/// A decision, without the names of tables, which are their places.
fn decision(policy: &Policy, call: &CallHead) -> Result<(String, Vec<String>), Code> {
    let approved = crate::decide(policy, call).map_err(|denied| denied.code())?;
    let mut limits: Vec<_> = approved
        .limits()
        .iter()
        .map(|limit| format!("{limit:?}"))
        .collect();
    limits.sort();
    let rules = (approved.addresses(), approved.route());
    Ok((format!("{} {rules:?}", request(&approved)), limits))
}

#[test]
fn the_order_of_credentials_grants_routes_and_conditions_never_changes_a_decision() {
    let mut random = Random(21);
    let calls: Vec<_> = (0..300).map(|_| random_call(&mut random)).collect();
    let (mut approved, mut denied) = (0, 0);
    for plan in family(&mut random, 60) {
        let policy = written(&plan);
        let others: Vec<_> = (0..3)
            .map(|_| written(&shuffled(&plan, &mut random)))
            .collect();
        for call in &calls {
            let expected = decision(&policy, call);
            for other in &others {
                assert_eq!(decision(other, call), expected, "{call:?}\n{plan:#?}");
            }
            if expected.is_ok() {
                approved += 1;
            } else {
                denied += 1;
            }
        }
    }
    assert!(approved > 500 && denied > 500, "{approved} {denied}");
}

#[test]
fn a_policy_that_was_narrowed_approves_nothing_more_by_either_door() {
    let mut random = Random(22);
    let calls: Vec<_> = (0..300).map(|_| random_call(&mut random)).collect();
    let (mut by_name, mut by_http, mut fewer) = (0, 0, 0);
    for plans in family(&mut random, 90).chunks(3) {
        let policies: Vec<_> = plans.iter().map(written).collect();
        for (narrow, wide) in [(1, 0), (2, 1), (2, 0)] {
            for call in &calls {
                let of = crate::decide(&policies[narrow], call);
                let over = crate::decide(&policies[wide], call);
                let (of, over) = match (of, over) {
                    (Err(_), Ok(_)) => {
                        fewer += 1;
                        continue;
                    }
                    (Err(_), Err(_)) => continue,
                    (Ok(_), Err(denied)) => panic!("{call:?}: {denied}\n{:#?}", plans[wide]),
                    (Ok(of), Ok(over)) => (of, over),
                };
                assert_eq!(request(&of), request(&over));
                assert!(counts(of.limits(), over.limits()), "{call:?}");
                assert!(of.addresses().within(over.addresses()));
                match of.operation() {
                    Some(_) => by_name += 1,
                    None => by_http += 1,
                }
            }
        }
    }
    assert!(
        by_name > 500 && by_http > 500 && fewer > 500,
        "{by_name} {by_http} {fewer}"
    );
}

#[test]
fn a_promise_is_kept_by_every_decision_or_the_policy_is_refused() {
    let mut random = Random(23);
    let calls: Vec<_> = (0..200).map(|_| random_call(&mut random)).collect();
    let (mut kept, mut broken) = (0, 0);
    for plan in family(&mut random, 120) {
        let plain = written(&plan);
        let imports = some(&mut random, &["github:issues/create-comment", "stripe:*"]);
        let effects = some(&mut random, &["destroy", "write", "spend"]);
        let mut promising = sources(&plan);
        for (key, list) in [("imports", &imports), ("effects", &effects)] {
            if !list.is_empty() {
                let line = format!("\nnever.{key} = {list:?}\n");
                promising.toml.text.insert_str(0, &line);
            }
        }
        let policy = match Policy::parse(&promising) {
            Ok(policy) => policy,
            Err(errors) => {
                let mut codes = errors.problems().iter().map(|problem| problem.code());
                assert!(codes.all(|code| code == Code::NEVER), "{errors}");
                broken += 1;
                continue;
            }
        };
        kept += usize::from(!(imports.is_empty() && effects.is_empty()));
        for call in &calls {
            assert_eq!(decision(&policy, call), decision(&plain, call));
            let Ok(approved) = crate::decide(&policy, call) else {
                continue;
            };
            let (name, writes) = match approved.operation() {
                Some(operation) => (operation.name(), operation.effect() == Effect::Write),
                None => ("", approved.method() == http::Method::POST),
            };
            assert!(!imports.contains(&name), "{call:?}");
            assert!(!(writes && effects.contains(&"write")), "{call:?}");
        }
    }
    assert!(kept > 20 && broken > 20, "{kept} {broken}");
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
