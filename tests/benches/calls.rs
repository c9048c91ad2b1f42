//! What a call over https costs when its connection is used again, and when it is a new one.
//!
//! `cargo bench --bench calls` lets one program call a server on this machine many times, once
//! with a server that keeps its connections and once with one that closes each after its reply,
//! and prints the calls per second of both and how they compare. All else is the same: the policy,
//! the key, the record, and TLS sessions, which are resumed. Over a network each new connection
//! also waits for three round trips, which here take no time.
#![expect(clippy::print_stdout, reason = "a bench prints")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "a bench stands on a part of it")]
mod support;

use std::time::Duration;

use anyhow::{Context as _, Result};

use support::caller::{Caller, Terms};
use support::tls::Authority;

const ROUNDS: u32 = 5;
const CALLS: u32 = 500;

fn main() -> Result<()> {
    let fresh = "connection: close\r\n";
    // Turn by turn, so that what else the machine does weighs on both alike.
    let (mut reused, mut new) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        reused = reused.min(time_of_a_call("")?);
        new = new.min(time_of_a_call(fresh)?);
    }
    for (what, time) in [("reused", reused), ("fresh", new)] {
        println!(
            "{what:<7} {:>8.0} calls a second, {:>7.1} us each",
            1.0 / time.as_secs_f64(),
            time.as_secs_f64() * 1e6,
        );
    }
    let ratio = new.as_secs_f64() / reused.as_secs_f64();
    println!("a call on a reused connection takes 1/{ratio:.2} of one on a fresh connection");
    Ok(())
}

/// From the record, which leaves out what a run costs before its first call and after its last.
fn time_of_a_call(header: &str) -> Result<Duration> {
    let ca = Authority::new();
    let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{header}\r\n{{}}");
    let server = ca.serve("localhost", true, reply.into_bytes());
    let origin = format!("https://localhost:{}", server.port());
    let caller = Caller::new(&Terms {
        rest: "addresses = [\"127.0.0.1/32\"]",
        ..Terms::at(&origin)
    });
    caller.ground.write("ca.pem", ca.pem());
    let (count, url) = (CALLS.to_string(), format!("{origin}/v1/things"));
    caller
        .run_with(&["--ca", "ca.pem"], &["repeat", &count, "GET", &url])
        .exits(0);
    let outcomes = caller.events("outcome");
    let (first, last) = (outcomes.first(), outcomes.last());
    let (first, last) = first.zip(last).context("there are calls")?;
    let time = |line: &serde_json::Value| {
        let text = line["time"].as_str().context("lines have a time")?;
        milliseconds(text).context("times are of one form")
    };
    let between = time(last)?.checked_sub(time(first)?).context("in order")?;
    Ok(Duration::from_millis(between) / (CALLS - 1))
}

/// The milliseconds of the day in a time such as `2026-11-23T21:24:32.571Z`.
fn milliseconds(time: &str) -> Option<u64> {
    let clock = time.get(11..23)?;
    let mut parts = clock.split([':', '.']).map(|part| part.parse::<u64>().ok());
    let mut part = || parts.next().flatten();
    let (hours, minutes, seconds, rest) = (part()?, part()?, part()?, part()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + rest)
}
