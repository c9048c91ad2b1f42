//! WebAssembly itself: time, memory, calls and output without end, values that are none, and imports.

use std::time::Duration;

use super::Attack;
use crate::support::agentbox::Ground;
use crate::support::texts;

/// The processor time of what would compute for ever.
const BRIEFLY: &[&str] = &["--cpu", "500ms"];

/// How long any of these may take, on a machine that is busy with other tests and has to compile it
/// first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the attack, and checks that its run was ended in time with this code, here and on record.
#[track_caller]
fn ends(name: &str, flags: &[&str], exit: i32, code: &str) -> (Attack, super::Ran) {
    let attack = Attack::new(name);
    let ran = attack.run_with(flags, &[], exit);
    ran.outcome.says(&format!("error[{code}]: "));
    assert!(ran.outcome.elapsed < PATIENCE, "{:?}", ran.outcome.elapsed);
    assert_eq!(attack.ground.event("run-ended")["code"], code);
    assert!(attack.api.requests().is_empty());
    (attack, ran)
}

#[test]
fn w01_loops_in_a_destructor() {
    ends("w01-loops-in-a-destructor", BRIEFLY, 126, "AB0502");
}

#[test]
fn w01_loops_in_a_start_function() {
    ends("w01-loops-in-a-start-function", BRIEFLY, 126, "AB0502");
}

#[test]
fn w01_loops_in_an_allocator() {
    ends("w01-loops-in-an-allocator", BRIEFLY, 126, "AB0502");
}

#[test]
fn w02_memory_without_end() {
    let (_, ran) = ends("w02-memory-without-end", &["--memory=64MiB"], 126, "AB0501");
    let peak = ran.outcome.peak >> 20;
    assert!(peak < 64 + 96, "{peak} MiB");
}

#[test]
fn w03_tables_without_end() {
    ends("w03-tables-without-end", BRIEFLY, 126, "AB0509");
}

#[test]
fn w04_calls_through_the_host() {
    ends("w04-calls-through-the-host", BRIEFLY, 126, "AB0511");
}

#[test]
fn w06_calls_without_end() {
    let (attack, _) = ends("w06-calls-without-end", &[], 122, "AB0513");
    // The first beyond the bound is the one that ends the run.
    assert_eq!(attack.ground.events("denied").len(), 1001);
}

#[test]
fn w06_calls_never_waited_for() {
    let (attack, ran) = ends("w06-calls-never-waited-for", &[], 122, "AB0513");
    assert_eq!(attack.ground.events("denied").len(), 1001);
    let peak = ran.outcome.peak >> 20;
    assert!(peak < 256 + 96, "{peak} MiB");
}

/// Checks that the program of the attack is refused with this code before it runs, for what its text
/// says, and that there is no record of a run.
#[track_caller]
fn is_not_started(name: &str, code: &str, text: &str) {
    let attack = Attack::new(name);
    let program = attack.program.display().to_string();
    let words = ["run", "--policy", "agentbox.toml", &program];
    let refused = attack.ground.run(&words);
    refused.exits(120).says(&format!("error[{code}]: "));
    refused.says(text);
    assert!(refused.elapsed < PATIENCE, "{:?}", refused.elapsed);
    assert_eq!(attack.ground.record(), "", "it was never started");
}

#[test]
fn w08_types_without_end() {
    is_not_started("w08-types-without-end", "AB0114", "");
}

#[test]
fn w10_instances_of_instances() {
    ends("w10-instances-of-instances", BRIEFLY, 126, "AB0510");
}

#[test]
fn w11_handles_without_end() {
    ends("w11-handles-without-end", BRIEFLY, 126, "AB0514");
}

#[test]
fn w12_texts_that_are_none() {
    let (attack, _) = ends("w12-texts-that-are-none", &[], 1, "AB0701");
    assert_eq!(attack.ground.record_lines().len(), 2, "it made no call");
}

#[test]
fn w12_texts_out_of_bounds() {
    let (attack, _) = ends("w12-texts-out-of-bounds", &[], 1, "AB0701");
    assert_eq!(attack.ground.record_lines().len(), 2, "it made no call");
}

#[test]
fn w13_a_crash_in_realloc() {
    ends("w13-a-crash-in-realloc", &[], 1, "AB0701");
}

#[test]
fn w13_calls_from_realloc() {
    ends("w13-calls-from-realloc", &[], 1, "AB0701");
}

#[test]
fn w13_room_that_is_none() {
    ends("w13-room-that-is-none", &[], 1, "AB0701");
}

#[test]
fn w15_imports_that_nobody_grants() {
    let name = "w15-imports-that-nobody-grants";
    is_not_started(name, "AB0101", "wasi:keyvalue/store@0.2.0");
}

/// What is linked for every program without asking. All of it is inert: a grant, or the gate, decides
/// what it does. An interface that is not here is refused before the program runs.
const LINKED: [&str; 30] = [
    "agentbox:host/invoke@0.1.0",
    "wasi:cli/environment@0.2.0",
    "wasi:cli/exit@0.2.0",
    "wasi:cli/stderr@0.2.0",
    "wasi:cli/stdin@0.2.0",
    "wasi:cli/stdout@0.2.0",
    "wasi:cli/terminal-input@0.2.0",
    "wasi:cli/terminal-output@0.2.0",
    "wasi:cli/terminal-stderr@0.2.0",
    "wasi:cli/terminal-stdin@0.2.0",
    "wasi:cli/terminal-stdout@0.2.0",
    "wasi:clocks/monotonic-clock@0.2.0",
    "wasi:clocks/timezone@0.2.0",
    "wasi:clocks/wall-clock@0.2.0",
    "wasi:filesystem/preopens@0.2.0",
    "wasi:filesystem/types@0.2.0",
    "wasi:http/types@0.2.0",
    "wasi:io/error@0.2.0",
    "wasi:io/poll@0.2.0",
    "wasi:io/streams@0.2.0",
    "wasi:random/insecure@0.2.0",
    "wasi:random/insecure-seed@0.2.0",
    "wasi:random/random@0.2.0",
    "wasi:sockets/instance-network@0.2.0",
    "wasi:sockets/ip-name-lookup@0.2.0",
    "wasi:sockets/network@0.2.0",
    "wasi:sockets/tcp@0.2.0",
    "wasi:sockets/tcp-create-socket@0.2.0",
    "wasi:sockets/udp@0.2.0",
    "wasi:sockets/udp-create-socket@0.2.0",
];

/// What other hosts offer, or what would be more than a program is given here.
const REFUSED: [&str; 14] = [
    "agentbox:host/invoke@0.2.0",
    "agentbox:host/keys@0.1.0",
    "wasi:blobstore/blobstore@0.2.0",
    "wasi:cli/command@0.2.0",
    "wasi:cli/environment@0.3.0",
    "wasi:config/store@0.2.0",
    "wasi:filesystem/types@0.3.0",
    "wasi:http/incoming-handler@0.2.0",
    "wasi:http/outgoing-handler@0.2.0",
    "wasi:http/client@0.3.0",
    "wasi:keyvalue/store@0.2.0",
    "wasi:messaging/producer@0.2.0",
    "wasi:nn/graph@0.2.0",
    "wasi:sockets/types@0.3.0",
];

#[test]
fn w15_no_more_is_linked_without_asking_than_is_listed_here() {
    let run = |import: &str| {
        let ground = Ground::new();
        let function = format!("(import \"{import}\" (instance (export \"f\" (func))))");
        let program =
            texts::command(&[]).replacen("(component", &format!("(component {function}"), 1);
        ground.write("program.wat", &program);
        ground.run(&["run", "program.wat"])
    };
    for import in REFUSED {
        let refused = format!("`{import}`, which nothing grants");
        run(import)
            .exits(120)
            .says("error[AB0101]: ")
            .says(&refused);
    }
    // These have no function `f`, which shows only once nothing else stands in the way.
    for import in LINKED {
        let started = run(import);
        started.exits(120).says("could not be started");
        started.says("function implementation is missing");
        assert!(!started.err().contains("which nothing grants"), "{import}");
    }
}

#[test]
fn w19_output_without_end() {
    let (_, ran) = ends("w19-output-without-end", &["--output=1MiB"], 122, "AB0506");
    assert!(
        ran.outcome.stdout.len() <= 1 << 20,
        "{}",
        ran.outcome.stdout.len()
    );
    assert!(ran.outcome.stdout.iter().all(|byte| *byte == b'a'));
    let peak = ran.outcome.peak >> 20;
    assert!(peak < 96, "{peak} MiB");
}

#[test]
fn w21_holes_in_records() {
    Attack::new("w21-holes-in-records").run(0);
}

#[test]
fn w22_keys_in_its_memory() {
    let attack = Attack::new("w22-keys-in-its-memory");
    let ran = attack.run(0);
    assert_eq!(attack.api.requests().len(), 1000);
    // All of its memory was printed, as hex, and searched.
    assert!(
        ran.outcome.stdout.len() > 2 << 20,
        "{}",
        ran.outcome.stdout.len()
    );
}
