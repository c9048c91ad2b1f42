//! How many calls a run may make and how often it may be refused: each bound ends it, exactly there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::bounds::ends;
use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{Api, Step, json};
use crate::support::guests::guest;
use crate::support::texts::{Calling, calling};

/// Far more calls than any bound lets a program make.
const ENDLESS: u32 = 10_000_000;

/// An operation that nothing grants, again and again.
const UNGRANTED: Calling<'_> = Calling {
    operation: "test:api/none",
    arguments: "{}",
    body: 0,
    count: ENDLESS,
    one_by_one: true,
    must_succeed: false,
};

/// Memory that a run of a small program may take by the defaults, in bytes: `[run] host-memory`, and
/// agentbox's own in a build for tests.
const MEMORY: u64 = (256 + 96) << 20;

/// A ground whose policy lets `GET /v1/{name}` go to `api`, with these lines of `[run]`.
pub(crate) fn ground(api: &Api, run: &str) -> Ground {
    let ground = Ground::new();
    let origin = api.url();
    ground.write(
        "agentbox.toml",
        &format!(
            "policy = 1\ninsecure-loopback = true\n[agent]\nid = \"caller\"\n\
             [http.api]\norigin = {origin:?}\nallow = [\"GET /v1/{{name}}\", \"POST /v1/{{name}}\"]\n[run]\n{run}\n"
        ),
    );
    ground
}

/// Arguments of `GET /v1/a` at `api`.
fn get(api: &Api) -> String {
    let url = format!("{}/v1/a", api.url());
    format!(r#"{{"method":"GET","url":"{url}"}}"#)
}

pub(crate) const HTTP: &str = "wasi:http/outgoing-handler";

fn ended_at(ground: &Ground, outcome: &Outcome, code: &str, bound: &str) {
    outcome
        .exits(122)
        .says(&format!("[{code}]: "))
        .says(&format!("`[run] {bound}` and `--{bound}`"));
    let ended = ground.event("run-ended");
    assert_eq!(ended["code"], code);
    assert_eq!(ended["exit"], 122);
    assert!(outcome.peak < MEMORY, "{} MiB", outcome.peak >> 20);
}

#[test]
fn calls_are_bounded_whatever_becomes_of_them() {
    let program = calling(&UNGRANTED);
    ends(&program, "calls", "5", 122, "AB0512");
    let all_at_once = Calling {
        one_by_one: false,
        ..UNGRANTED
    };
    ends(&calling(&all_at_once), "calls", "5", 122, "AB0512");
    let none = Calling {
        count: 1,
        ..UNGRANTED
    };
    ends(&calling(&none), "calls", "0", 122, "AB0512");
}

#[test]
fn denials_are_bounded() {
    let program = calling(&UNGRANTED);
    ends(&program, "denials", "5", 122, "AB0513");
    let all_at_once = Calling {
        one_by_one: false,
        ..UNGRANTED
    };
    ends(&calling(&all_at_once), "denials", "5", 122, "AB0513");
    let once = Calling {
        count: 1,
        ..UNGRANTED
    };
    ends(&calling(&once), "denials", "0", 122, "AB0513");
}

#[test]
fn as_many_calls_and_denials_as_may_be_are_no_end() {
    for bound in ["calls", "denials"] {
        let ground = Ground::new();
        let five = Calling {
            count: 5,
            ..UNGRANTED
        };
        ground.write("program.wat", &calling(&five));
        let flag = format!("--{bound}=5");
        ground.run(&["run", &flag, "program.wat"]).exits(0);
        assert_eq!(ground.events("denied").len(), 5);
    }
}

#[test]
fn w06_ten_million_calls_all_denied_end_at_the_bound_and_each_is_on_record_once() {
    for one_by_one in [true, false] {
        let ground = Ground::new();
        let program = Calling {
            one_by_one,
            ..UNGRANTED
        };
        ground.write("program.wat", &calling(&program));
        let outcome = ground.run(&["run", "program.wat"]);
        ended_at(&ground, &outcome, "AB0513", "denials");
        // The first beyond the bound is the one that ends the run.
        assert_eq!(ground.events("denied").len(), 1001);
        assert_eq!(ground.event("run-ended")["denied"], 1001);
        assert!(ground.record().len() < 1 << 20);
        assert!(outcome.elapsed < Duration::from_secs(60));
    }
}

#[test]
fn w06_ten_million_calls_all_allowed_end_at_the_bound_and_each_is_on_record_once() {
    for one_by_one in [true, false] {
        let api = Api::always(json(200, "{}"));
        let ground = ground(&api, "calls = 500");
        let program = Calling {
            operation: HTTP,
            arguments: &get(&api),
            one_by_one,
            ..UNGRANTED
        };
        ground.write("program.wat", &calling(&program));
        let outcome = ground.run(&["run", "--policy", "agentbox.toml", "program.wat"]);
        ended_at(&ground, &outcome, "AB0512", "calls");
        let denied = ground.event("denied");
        assert_eq!(denied["code"], "AB0512", "the one too many is on record");
        let (intents, sent) = (ground.events("intent").len(), api.requests().len());
        assert_eq!(ground.events("outcome").len(), intents);
        assert!(sent <= intents && intents <= 500, "{sent}, {intents}");
        if one_by_one {
            assert_eq!((intents, sent), (500, 500));
        }
    }
}

#[test]
fn w06_the_default_bound_on_calls_bounds_the_record() {
    let api = Api::always(json(200, "{}"));
    let ground = ground(&api, "");
    let program = Calling {
        operation: HTTP,
        arguments: &get(&api),
        ..UNGRANTED
    };
    ground.write("program.wat", &calling(&program));
    let outcome = ground.run(&[
        "run",
        "--dry-run",
        "--policy",
        "agentbox.toml",
        "program.wat",
    ]);
    ended_at(&ground, &outcome, "AB0512", "calls");
    assert_eq!(ground.events("intent").len(), 10_000);
    assert!(api.requests().is_empty());
}

/// The longest URL that a request may have at `api`, with names in its query as well.
fn longest(api: &Api) -> String {
    let names: String = (0..40).map(|n| format!("&{n:080}=1")).collect();
    let path = "a".repeat(8100 - names.len());
    format!("{}/v1/{path}?x{names}", api.url())
}

#[test]
fn w06_a_line_of_the_record_is_bounded_whatever_a_program_writes_into_its_calls() {
    let api = Api::always(json(200, "{}"));
    // Texts that grow when they are shown and when they are written as JSON.
    let texts = ["\\\\", "\\u0007", "\\n", "\u{10ffff}", "é", "a"];
    let denied = texts.map(|text| format!("{}/v2/{}", api.url(), text.repeat(2000)));
    let operation = texts.map(|text| text.replace("\\\\", "\\").repeat(600));
    let ground = Ground::new();
    let origin = api.url();
    ground.write(
        "agentbox.toml",
        &format!(
            "policy = 1\ninsecure-loopback = true\n[agent]\nid = \"caller\"\n\
             [http.api]\norigin = {origin:?}\nallow = [\"GET /v1/{{name}}?*\"]\n"
        ),
    );
    let run = |operation: &str, arguments: &str, code: i32| {
        let program = Calling {
            operation,
            arguments,
            count: 3,
            ..UNGRANTED
        };
        ground.write("program.wat", &calling(&program));
        ground
            .run(&["run", "--policy", "agentbox.toml", "program.wat"])
            .exits(code);
    };
    let request = |method: &str, url: &str| {
        let arguments = format!(r#"{{"method":"{method}","url":"{url}"}}"#);
        run(HTTP, &arguments, 0);
    };
    request("GET", &longest(&api));
    for url in &denied {
        request("GET", url);
        request(&url[url.len() - 1000..].replace('/', ""), "http://a.test/");
    }
    for name in &operation {
        run(name, "{}", 0);
    }
    let sizes = |event: &str| {
        let is = format!(r#""event":"{event}""#);
        let record = ground.record();
        let lines: Vec<usize> = record
            .lines()
            .filter(|line| line.contains(&is))
            .map(str::len)
            .collect();
        lines
    };
    let (intents, outcomes, denials) = (sizes("intent"), sizes("outcome"), sizes("denied"));
    assert_eq!((intents.len(), outcomes.len()), (3, 3));
    assert_eq!(denials.len(), 3 * 3 * texts.len());
    let most = |sizes: &[usize]| sizes.iter().copied().max().unwrap_or_default();
    let (sent, denied) = (most(&intents) + most(&outcomes), most(&denials));
    println!("{sent} bytes of a call that is sent, {denied} of one that is denied");
    assert!((3 << 10..8 << 10).contains(&sent), "{sent}");
    assert!((2 << 10..16 << 10).contains(&denied), "{denied}");
}

/// A script for `sh` that runs `agentbox` with no more than 512 descriptors: a call under way takes two, and so does a connection that is
/// kept.
fn with_few_descriptors(ground: &Ground, arguments: &str) -> Outcome {
    let script = format!("ulimit -n 512; exec agentbox {arguments}");
    ground.shell(&ground.work(), &script)
}

#[test]
fn two_thousand_calls_by_name_at_once_wait_for_their_turn_and_none_fails() {
    let api = Api::always(json(200, "{}"));
    let ground = ground(&api, "");
    let program = Calling {
        operation: HTTP,
        arguments: &get(&api),
        count: 2000,
        one_by_one: false,
        must_succeed: true,
        ..UNGRANTED
    };
    ground.write("program.wat", &calling(&program));
    with_few_descriptors(&ground, "run --policy agentbox.toml program.wat").exits(0);
    assert_eq!(api.requests().len(), 2000);
    assert_eq!(ground.event("run-ended")["denied"], 0);
}

#[test]
fn two_thousand_requests_at_once_wait_for_their_turn_and_none_fails() {
    let api = Api::always(json(200, "{}"));
    let ground = ground(&api, "");
    let probe = guest("probe").display().to_string();
    let url = format!("{}/v1/a", api.url());
    let arguments = format!("run --policy agentbox.toml {probe} many 2000 {url}");
    let outcome = with_few_descriptors(&ground, &arguments);
    outcome.exits(0);
    assert_eq!(outcome.out(), "2000 replies, 4000 bytes\n");
    assert_eq!(api.requests().len(), 2000);
}

#[test]
fn no_more_calls_are_under_way_at_once_than_may_be() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (under_way, seen) = (Arc::clone(&now), Arc::clone(&most));
    let api = Api::start(move |_| {
        let together = under_way.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(together, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        under_way.fetch_sub(1, Ordering::SeqCst);
        vec![Step::Send(json(200, "{}"))]
    });
    let ground = ground(&api, "calls-at-once = 7");
    let program = Calling {
        operation: HTTP,
        arguments: &get(&api),
        count: 100,
        one_by_one: false,
        must_succeed: true,
        ..UNGRANTED
    };
    ground.write("program.wat", &calling(&program));
    ground
        .run(&["run", "--policy", "agentbox.toml", "program.wat"])
        .exits(0);
    assert_eq!(most.load(Ordering::SeqCst), 7);
}

#[test]
fn a_call_that_gets_no_turn_in_time_is_denied_and_nothing_of_it_is_counted() {
    let api = Api::always(json(200, "{}"));
    for by_flag in [true, false] {
        let (flags, run) = match by_flag {
            true => (&["--calls-at-once=2", "--call=4s"][..], ""),
            false => (&[][..], "calls-at-once = 2\ncall = \"4s\""),
        };
        let ground = ground(&api, run);
        let probe = guest("probe").display().to_string();
        let url = format!("{}/v1/a", api.url());
        let words = ["run", "--policy", "agentbox.toml"];
        let words = [&words[..], flags, &[&probe, "heads", "3", &url]].concat();
        let outcome = ground.run(&words);
        let said = "denied[AB0508]: GET ";
        outcome
            .exits(0)
            .says(said)
            .says("read replies to their end, or drop them");
        assert!(!outcome.err().contains("retry: no"), "{}", outcome.err());
        let out = outcome.out();
        assert_eq!(out.matches("status: 200").count(), 2, "{out}");
        assert_eq!(out.matches("HttpRequestDenied").count(), 1, "{out}");
        assert_eq!(ground.event("denied")["code"], "AB0508");
        assert_eq!(ground.events("intent").len(), 2);
    }
}

#[test]
fn a_call_that_is_denied_waits_for_no_turn() {
    let api = Api::start(|_| vec![Step::Hang]);
    let ground = ground(&api, "calls-at-once = 1");
    let probe = guest("probe").display().to_string();
    let (slow, denied) = (format!("{}/v1/a", api.url()), format!("{}/v2/a", api.url()));
    let outcome = ground.run(&[
        "run",
        "--policy",
        "agentbox.toml",
        &probe,
        "beside",
        HTTP,
        &format!(r#"{{"method":"GET","url":"{slow}"}}"#),
        &denied,
    ]);
    assert!(outcome.elapsed < Duration::from_secs(30));
    outcome.exits(1).says("denied[AB0202]");
}
