//! What one decision costs, by how many routes the policy has.
//!
//! `cargo bench --bench decide` prints the time of a decision with 10, 1,000 and 10,000 routes, and
//! each as a ratio to the first: it should stay flat.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use agentbox_policy::{CallHead, HttpHead, Policy, Sources, Text, decide};
use anyhow::Result;

const ROUNDS: u32 = 20;
const DECISIONS: u32 = 5_000;

fn main() -> Result<()> {
    let mut base = None;
    for routes in [10, 1_000, 10_000] {
        let text = policy_text(routes)?;
        let began = Instant::now();
        let policy = load(&text)?;
        let load = began.elapsed();
        let call = call(routes - 1);
        let time = fastest(|| {
            for _ in 0..DECISIONS {
                assert!(decide(black_box(&policy), black_box(&call)).is_ok());
            }
        }) / DECISIONS;
        let base = *base.get_or_insert(time);
        println!(
            "{routes:>6} routes  {:>8} ns a decision  {:>5.2} times the first  loaded in {load:.1?}",
            time.as_nanos(),
            time.as_secs_f64() / base.as_secs_f64(),
        );
    }
    Ok(())
}

/// Ten routes in each table, all of one origin.
fn policy_text(routes: usize) -> Result<String> {
    let mut text = "policy = 1\n".to_owned();
    for table in 0..routes / 10 {
        let routes: Vec<_> = (0..10)
            .map(|at| format!("GET /t{table}/{{id}}/r{at}"))
            .collect();
        writeln!(
            text,
            "[http.t{table}]\norigin = 'https://a.test'\nallow = {routes:?}"
        )?;
    }
    Ok(text)
}

fn load(text: &str) -> Result<Policy> {
    let toml = Text {
        name: "agentbox.toml".into(),
        text: text.into(),
    };
    Ok(Policy::parse(&Sources {
        toml,
        ..Sources::default()
    })?)
}

fn call(route: usize) -> CallHead {
    CallHead::Http(HttpHead {
        method: "GET".into(),
        scheme: "https".into(),
        authority: "a.test".into(),
        path_and_query: format!("/t{}/x/r{}", route / 10, route % 10),
        headers: vec![("accept".into(), b"application/json".to_vec())],
    })
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..ROUNDS).map(time).min().unwrap_or_default()
}
