//! What the host holds for a program's calls is bounded, by whichever door, and a program can go on.

use crate::calls::{HTTP, ground};
use crate::support::agentbox::{Ground, Outcome};
use crate::support::api::{Api, json, reply};
use crate::support::errands::{run, wasip1, wasip2};
use crate::support::guests::guest;
use crate::support::texts::{Calling, calling};

const MIB: u64 = 1 << 20;

/// What a run takes beside its program's memory and `host-memory`, in bytes, in a build for tests.
const OWN: u64 = 96 * MIB;

/// Calls of `POST /v1/a` at `api`, each with a body of a mebibyte.
fn posting<'a>(arguments: &'a str) -> Calling<'a> {
    Calling {
        operation: HTTP,
        arguments,
        body: 1 << 20,
        count: 20,
        one_by_one: false,
        must_succeed: false,
    }
}

fn request(method: &str, api: &Api) -> String {
    let url = format!("{}/v1/a", api.url());
    format!(r#"{{"method":"{method}","url":"{url}"}}"#)
}

/// Runs this program at `api`: once with the bound by flag, and once by policy.
fn both_ways(api: &Api, program: &Calling<'_>, bound: &str, check: impl Fn(&Ground, &Outcome)) {
    let flag = format!("--host-memory={bound}");
    let line = format!("host-memory = \"{bound}\"");
    for (flags, run) in [(&[flag.as_str()][..], ""), (&[][..], line.as_str())] {
        let ground = ground(api, run);
        ground.write("program.wat", &calling(program));
        let words = [
            &["run", "--policy", "agentbox.toml"][..],
            flags,
            &["program.wat"],
        ];
        let outcome = ground.run(&words.concat());
        check(&ground, &outcome);
    }
}

#[test]
fn a_call_that_the_host_has_no_room_for_is_refused_and_the_program_goes_on() {
    let api = Api::always(json(200, "{}"));
    let arguments = request("POST", &api);
    both_ways(&api, &posting(&arguments), "8MiB", |ground, outcome| {
        outcome
            .exits(0)
            .says("denied[AB0515]: ")
            .says("`[run] host-memory`");
        let denied = ground.events("denied");
        assert!(denied.iter().all(|line| line["code"] == "AB0515"));
        let sent = ground.events("intent").len();
        assert!(sent >= 1, "{sent}");
        assert!(denied.len() >= 10, "{}", denied.len());
        assert_eq!(sent + denied.len(), 20);
    });
}

#[test]
fn a_program_that_takes_what_has_ended_has_room_for_more() {
    let api = Api::always(json(200, "{}"));
    let arguments = request("POST", &api);
    let program = Calling {
        one_by_one: true,
        must_succeed: true,
        ..posting(&arguments)
    };
    both_ways(&api, &program, "8MiB", |ground, outcome| {
        outcome.exits(0);
        assert_eq!(ground.events("intent").len(), 20);
    });
}

#[test]
fn replies_that_are_not_taken_are_bounded() {
    let api = Api::always(reply(200, &[], &vec![b'x'; 16 << 20]));
    let arguments = request("GET", &api);
    let program = Calling {
        body: 0,
        ..posting(&arguments)
    };
    both_ways(&api, &program, "40MiB", |ground, outcome| {
        outcome.exits(0);
        // The program itself has to make room for a reply before it can take it.
        let most = 40 * MIB + 32 * MIB + OWN;
        assert!(outcome.peak < most, "{}", outcome.peak / MIB);
        // Without the bound they would be 320 MiB, all of which the upstream sends.
        let outcomes = ground.events("outcome");
        let received = outcomes.iter().filter_map(|line| line["received"].as_u64());
        assert!(received.sum::<u64>() > 10 * MIB, "{outcomes:#?}");
    });
}

/// Lets the probe make the host hold something, and gives how much memory the run took.
fn held(what: &str, count: &str, run: &str) -> (Outcome, u64) {
    let api = Api::always(json(200, "{}"));
    let ground = ground(&api, run);
    let probe = guest("probe").display().to_string();
    let url = format!("{}/v1/a", api.url());
    let words = ["run", "--policy", "agentbox.toml", &probe];
    let outcome = ground.run(&[&words[..], &["hold", what, count, &url]].concat());
    let peak = outcome.peak;
    (outcome, peak)
}

#[test]
fn w11_requests_that_are_not_sent_hold_their_headers_and_no_more() {
    let (outcome, peak) = held("requests", "1000", "");
    assert_eq!(outcome.exits(0).out(), "held: 1000\n");
    assert!(peak < OWN + 1000 * (64 << 10), "{}", peak / MIB);
}

#[test]
fn w11_a_method_or_an_authority_of_megabytes_is_not_kept() {
    for what in ["methods", "authorities"] {
        let (outcome, peak) = held(what, "500", "");
        let said = "error: the host refuses the request\nheld: 0\n";
        assert_eq!(outcome.exits(0).out(), said);
        assert!(peak < OWN, "{what}: {}", peak / MIB);
    }
}

#[test]
fn w11_random_bytes_and_lists_of_handles_are_gone_once_they_were_given() {
    let (outcome, peak) = held("random", "200", "");
    assert_eq!(outcome.exits(0).out(), "held: 200\n");
    assert!(peak < OWN, "{}", peak / MIB);
    let (outcome, peak) = held("polls", "1", "");
    outcome.exits(126).says("error[AB0514]: ");
    assert!(peak < OWN + 64 * MIB, "{}", peak / MIB);
}

/// A ground with a folder of 500 long names that the program may list, in a run with room for 8 MiB.
fn listed() -> Ground {
    let ground = Ground::new();
    ground.write(
        "agentbox.toml",
        "policy = 1\n\
         [run]\nhost-memory = \"8MiB\"\n\
         [files.\"/data\"]\nhost = \"data\"\naccess = \"read\"\n\
         [http.w]\norigin = \"https://api.example.com\"\nallow = [\"GET /v1/a\"]\n",
    );
    for number in 0..500 {
        ground.write(&format!("data/{number:0>200}"), "");
    }
    ground
}

#[test]
fn w11_listings_of_directories_that_are_not_read_are_bounded() {
    let ground = listed();
    let probe = guest("probe").display().to_string();
    let words = ["run", "--policy", "agentbox.toml", &probe];
    let outcome = ground.run(&[&words[..], &["hold", "listings", "3000", "-"]].concat());
    let out = outcome.exits(0).out();
    assert!(out.starts_with("error: insufficient-memory"), "{out}");
    let held = out.lines().find_map(|line| line.strip_prefix("held: "));
    let held: u64 = held.expect("a line").parse().expect("a number");
    // Each has 100 kB of names.
    assert!((40..80).contains(&held), "{held}");
    assert!(outcome.peak < OWN + 32 * MIB, "{}", outcome.peak / MIB);
}

#[test]
fn w11_listings_that_were_dropped_make_room_for_others() {
    let ground = listed();
    let words = vec![&["list", "/data"][..]; 100].join(&"+");
    for program in [wasip1(), wasip2()] {
        let outcome = run(&ground, &program, &words);
        assert_eq!(outcome.exits(0).out(), "500\n".repeat(100));
    }
}
