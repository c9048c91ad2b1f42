//! Attacks on the host that runs them: on its time, its memory and its stack.

use super::Attack;

/// Checks that the attack in the folder `name` is ended with `exit` and `code`, within a moment.
#[track_caller]
fn is_ended(name: &str, exit: i32, code: &str) {
    let attack = Attack::new(name);
    let ran = attack.run_with(&["--cpu", "500ms"], &[], exit);
    ran.outcome.says(&format!("error[{code}]: "));
    assert_eq!(attack.ground.event("run-ended")["code"], code);
}

#[test]
fn w01_loops_in_a_destructor() {
    is_ended("w01-loops-in-a-destructor", 126, "AB0502");
}

#[test]
fn w01_loops_in_a_start_function() {
    is_ended("w01-loops-in-a-start-function", 126, "AB0502");
}

#[test]
fn w01_loops_in_an_allocator() {
    is_ended("w01-loops-in-an-allocator", 126, "AB0502");
}

#[test]
fn w02_memory_without_end() {
    is_ended("w02-memory-without-end", 126, "AB0501");
}

#[test]
fn w03_tables_without_end() {
    is_ended("w03-tables-without-end", 126, "AB0509");
}

#[test]
fn w04_calls_through_the_host() {
    is_ended("w04-calls-through-the-host", 126, "AB0511");
}

#[test]
fn w08_types_without_end() {
    let attack = Attack::new("w08-types-without-end");
    let program = attack.program.display().to_string();
    let outcome = attack
        .ground
        .run(&["run", "--policy", "agentbox.toml", &program]);
    outcome.exits(120).says("error[AB0114]: ");
    assert_eq!(attack.ground.record(), "", "it is not started");
}

#[test]
fn w10_instances_of_instances() {
    is_ended("w10-instances-of-instances", 126, "AB0510");
}

#[test]
fn w11_handles_without_end() {
    is_ended("w11-handles-without-end", 126, "AB0514");
}
