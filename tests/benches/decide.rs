//! What one decision costs, by how much the policy grants.
//!
//! `cargo bench --bench decide` prints the time of a decision with 10, 1,000 and 10,000 routes, and
//! with 10, 100 and 1,000 operations, each as a ratio to the first of its kind: it should stay flat.
//! Deciding on an operation includes reading its arguments and making its request.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use agentbox_policy::{
    CallHead, ConnectorText, HttpHead, OperationHead, Policy, Sources, Text, decide,
};
use anyhow::Result;

const ROUNDS: u32 = 20;
const DECISIONS: u32 = 5_000;

fn main() -> Result<()> {
    compare("routes", [10, 1_000, 10_000], routes, route_call)?;
    compare("operations", [10, 100, 1_000], operations, operation_call)
}

/// Prints a line for each of `sizes`, and how it compares to the first.
fn compare(
    what: &str,
    sizes: [usize; 3],
    policy: fn(usize) -> Result<Sources>,
    call: fn(usize) -> CallHead,
) -> Result<()> {
    let mut base = None;
    for size in sizes {
        let sources = policy(size)?;
        let began = Instant::now();
        let policy = Policy::parse(&sources)?;
        let load = began.elapsed();
        let call = call(size - 1);
        let time = fastest(|| {
            for _ in 0..DECISIONS {
                assert!(decide(black_box(&policy), black_box(&call)).is_ok());
            }
        }) / DECISIONS;
        let base = *base.get_or_insert(time);
        println!(
            "{size:>6} {what:<10}  {:>8} ns a decision  {:>5.2} times the first  loaded in {load:.1?}",
            time.as_nanos(),
            time.as_secs_f64() / base.as_secs_f64(),
        );
    }
    Ok(())
}

/// Ten routes in each table, all of one origin.
fn routes(routes: usize) -> Result<Sources> {
    let mut toml = "policy = 1\n".to_owned();
    for table in 0..routes / 10 {
        let routes: Vec<_> = (0..10)
            .map(|at| format!("GET /t{table}/{{id}}/r{at}"))
            .collect();
        writeln!(
            toml,
            "[http.t{table}]\norigin = 'https://a.test'\nallow = {routes:?}"
        )?;
    }
    Ok(Sources {
        toml: text("agentbox.toml", toml),
        ..Sources::default()
    })
}

fn route_call(route: usize) -> CallHead {
    CallHead::Http(HttpHead {
        method: "GET".into(),
        scheme: "https".into(),
        authority: "a.test".into(),
        path_and_query: format!("/t{}/x/r{}", route / 10, route % 10),
        headers: vec![("accept".into(), b"application/json".to_vec())],
    })
}

/// A connector of so many operations, all of them granted on one thing.
fn operations(operations: usize) -> Result<Sources> {
    let mut wit = "package bench:things@1.0.0;\n".to_owned();
    let mut connector = "connector = 1\nname = 'bench'\norigin = 'https://a.test'\n".to_owned();
    let mut world = "package acme:bench;\nworld bench {\n".to_owned();
    let mut toml = "policy = 1\nworld = 'acme:bench/bench'\n".to_owned();
    for at in 0..operations {
        writeln!(
            wit,
            "interface op{at} {{\n  use agentbox:host/errors@0.1.0.{{error}};\n  \
             op{at}: func(thing: string, note: option<string>) -> result<string, error>;\n}}"
        )?;
        writeln!(
            connector,
            "[operations.'things/op{at}']\nrequest = 'POST /things/{{thing}}/{at}'\n\
             body = {{ note = '{{note}}' }}\neffect = 'read'\nscope = ['thing']"
        )?;
        writeln!(world, "  import bench:things/op{at}@1.0.0;")?;
        writeln!(
            toml,
            "[grants.'bench:things/op{at}']\nwhere = {{ thing = ['a', 'b'] }}"
        )?;
    }
    world.push_str("}\n");
    Ok(Sources {
        toml: text("agentbox.toml", toml),
        wit: vec![text("wit/world.wit", world)],
        deps: Vec::new(),
        connectors: vec![ConnectorText {
            toml: text("connectors/bench/connector.toml", connector),
            wit: vec![text("connectors/bench/things.wit", wit)],
        }],
    })
}

fn operation_call(operation: usize) -> CallHead {
    CallHead::Operation(OperationHead {
        operation: format!("bench:things/op{operation}"),
        arguments: r#"{"thing":"b","note":"a few words"}"#.into(),
    })
}

fn text(name: &str, text: String) -> Text {
    Text {
        name: name.into(),
        text,
    }
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..ROUNDS).map(time).min().unwrap_or_default()
}
