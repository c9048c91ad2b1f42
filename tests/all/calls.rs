//! How many calls a run may make and how often it may be refused: each bound ends it, exactly there.

use std::time::Duration;

use crate::bounds::ends;
use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{Api, json};
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
fn ground(api: &Api, run: &str) -> Ground {
    let ground = Ground::new();
    let origin = api.url();
    ground.write(
        "agentbox.toml",
        &format!(
            "policy = 1\ninsecure-loopback = true\n[agent]\nid = \"caller\"\n\
             [http.api]\norigin = {origin:?}\nallow = [\"GET /v1/{{name}}\"]\n[run]\n{run}\n"
        ),
    );
    ground
}

/// Arguments of `GET /v1/a` at `api`.
fn get(api: &Api) -> String {
    let url = format!("{}/v1/a", api.url());
    format!(r#"{{"method":"GET","url":"{url}"}}"#)
}

const HTTP: &str = "wasi:http/outgoing-handler";

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
