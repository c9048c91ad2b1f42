//! Bad input of every kind gets one clear error, with its code and its exit status, and no panic.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::agentbox::{Ground, Outcome};
use crate::support::canary::Canary;
use crate::support::guests;
use crate::support::texts;

/// Panics unless `outcome` is one error of agentbox's own, with `exit` and `code`.
#[track_caller]
fn is_one_error(outcome: &Outcome, exit: i32, code: &str) {
    outcome.exits(exit);
    assert_eq!(outcome.out(), "", "an error is no output");
    let err = outcome.err();
    assert!(err.starts_with(&format!("error[{code}]: ")), "{err}");
    assert_eq!(err.matches("error[").count(), 1, "{err}");
    assert_unbroken(outcome);
}

/// Panics when agentbox panicked, or what it says has control codes in it.
#[track_caller]
fn assert_unbroken(outcome: &Outcome) {
    let err = outcome.err();
    assert!(
        !err.contains("panicked") && !err.contains("RUST_BACKTRACE"),
        "{err}"
    );
    assert!(!err.contains('\u{1b}'), "{err}");
    assert!(
        outcome.elapsed < Duration::from_secs(60),
        "{:?}",
        outcome.elapsed
    );
}

/// Runs and checks a program of these bytes, and says that both fail with `code`.
#[track_caller]
fn refused(bytes: &[u8], code: &str) {
    let ground = Ground::new();
    fs::write(ground.work().join("program.wasm"), bytes).expect("the ground can be written");
    is_one_error(&ground.run(&["run", "program.wasm"]), 120, code);
    is_one_error(&ground.run_with(&["run", "-"], bytes), 120, code);
    is_one_error(&ground.run(&["check", "program.wasm"]), 1, code);
    let json = ground.run(&["run", "--json", "program.wasm"]);
    assert_eq!(json.exits(120).last_line()["code"], code);
    assert_eq!(json.err().lines().count(), 1, "{}", json.err());
    assert_eq!(ground.record(), "");
}

#[test]
fn what_is_no_webassembly_is_refused() {
    let garbage: [&[u8]; 8] = [
        b"",
        b"#!/bin/sh\nexit 0\n",
        b"\x7fELF\x02\x01\x01\0",
        b"\0asm",
        b"\0asm\x01\0\0\0\xff\xff",
        b"\0asm\x09\0\0\0",
        b"\x1b[2J\x1b]0;title\x07",
        &[0xff; 4096],
    ];
    for bytes in garbage {
        refused(bytes, "AB0114");
    }
}

#[test]
fn truncated_text_is_refused() {
    let text = texts::command(&[]);
    let texts: [&[u8]; 4] = [
        b"(module (func",
        b"(module (func (export \"_start\"",
        &text.as_bytes()[..text.len() / 2],
        &text.as_bytes()[..text.len() - 1],
    ];
    for text in texts {
        refused(text, "AB0114");
    }
}

#[test]
fn truncated_programs_are_refused() {
    for program in [guests::guest("run-export"), guests::c_hello()] {
        let bytes = fs::read(program).expect("it is built");
        for eighth in 1..8 {
            let ground = Ground::new();
            let program = ground.work().join("program.wasm");
            fs::write(&program, &bytes[..bytes.len() * eighth / 8])
                .expect("the ground can be written");
            is_one_error(&ground.run(&["run", "program.wasm"]), 120, "AB0114");
        }
    }
}

#[test]
fn damaged_programs_never_break_agentbox() {
    let sound = fs::read(guests::c_hello()).expect("it is built");
    let ground = Ground::new();
    for turn in 0..24_usize {
        let mut bytes = sound.clone();
        let at = turn * 7919 % bytes.len();
        bytes[at] ^= 1 << (turn % 8);
        fs::write(ground.work().join("program.wasm"), &bytes).expect("the ground can be written");
        // What still is a program may be one; it is not run.
        let checked = ground.run(&["check", "program.wasm"]);
        assert!(
            matches!(checked.code, Some(0 | 1)),
            "byte {at}: {}",
            checked.err()
        );
        assert_unbroken(&checked);
    }
}

#[test]
fn what_exports_nothing_to_run_is_refused() {
    for text in [
        "(module)",
        "(component)",
        "(module (func (export \"main\")))",
        // The name alone, and a `run` that is another function.
        r#"(component (component $c) (instance $i (instantiate $c))
             (export "wasi:cli/run@0.2.0" (instance $i)))"#,
        r#"(component (component $c (import "run" (func $r)) (export "run" (func $r)))
             (core module $m (func (export "run"))) (core instance $m (instantiate $m))
             (func $r (canon lift (core func $m "run")))
             (instance $i (instantiate $c (with "run" (func $r))))
             (export "wasi:cli/run@0.2.0" (instance $i)))"#,
    ] {
        refused(text.as_bytes(), "AB0117");
    }
}

#[test]
fn precompiled_code_is_refused() {
    // An ELF header with wasmtime's own ABI number, once as a module and once as a component.
    for kind in [1, 2] {
        let mut header = [0; 64];
        header[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\xc8");
        header[16] = 1;
        header[18] = 0x3e;
        header[20] = 1;
        header[48] = kind;
        header[52] = 64;
        header[58] = 64;
        refused(&header, "AB0116");
    }
}

#[test]
fn a_program_of_two_hundred_megabytes_is_refused_unread() {
    let ground = Ground::new();
    let program = ground.work().join("large.wasm");
    fs::write(&program, b"\0asm\x01\0\0\0").expect("the ground can be written");
    let file = File::options()
        .write(true)
        .open(&program)
        .expect("it was written");
    file.set_len(200_000_000).expect("a file can have a hole");
    is_one_error(&ground.run(&["run", "large.wasm"]), 120, "AB0115");
    is_one_error(&ground.run(&["check", "large.wasm"]), 1, "AB0115");
    file.set_len((64 << 20) + 1).expect("a file can be cut");
    is_one_error(&ground.run(&["run", "large.wasm"]), 120, "AB0115");
    // At the bound it is read, and found not to be a program.
    file.set_len(64 << 20).expect("a file can be cut");
    is_one_error(&ground.run(&["run", "large.wasm"]), 120, "AB0114");
}

#[test]
fn a_program_that_is_not_there_or_is_a_folder_is_refused() {
    let ground = Ground::new();
    for program in ["missing.wasm", ".", "a\u{1b}[2J\nb.wasm"] {
        is_one_error(&ground.run(&["run", program]), 120, "AB0114");
        is_one_error(&ground.run(&["check", program]), 1, "AB0114");
    }
}

/// Twenty lines with a mistake each: the code, the line, and what is said of it.
const MISTAKES: [(&str, &str, &str); 20] = [
    ("AB0104", "wrld = \"x\"", "did you mean `world`?"),
    ("AB0107", "never = [\"x\"]", "never"),
    ("AB0109", "delegate = {}", "delegate"),
    ("AB0107", "agent.id = \"No Capitals\"", "agent id"),
    ("AB0104", "agent.colour = \"red\"", "colour"),
    ("AB0107", "insecure-loopback = \"yes\"", "insecure-loopback"),
    ("AB0107", "limits.a = \"20/fortnight\"", "fortnight"),
    ("AB0109", "limits.b = \"1.00 USD/run\"", "USD"),
    (
        "AB0109",
        "credentials.c = { from = \"op://a/b\", as = \"bearer\", origin = \"https://c.example\" }",
        "op",
    ),
    (
        "AB0107",
        "credentials.d = { from = \"env://D\", as = \"bearrer\", origin = \"https://d.example\" }",
        "bearer",
    ),
    (
        "AB0107",
        "credentials.e = { from = \"env://E\", as = \"bearer\", origin = \"http://e.example\" }",
        "http",
    ),
    (
        "AB0108",
        "http.f = { use = \"nobody\", allow = [\"GET /\"] }",
        "nobody",
    ),
    (
        "AB0107",
        "http.g = { origin = \"https://g.example\", allow = [] }",
        "allow",
    ),
    (
        "AB0107",
        "http.h = { origin = \"https://h.example\", allow = [\"FETCH /\"] }",
        "FETCH",
    ),
    (
        "AB0110",
        "http.i = { origin = \"https://i.example\", allow = [\"GET /{x}\", \"GET /y\"] }",
        "GET /y",
    ),
    ("AB0107", "env.\"1X\" = \"x\"", "1X"),
    (
        "AB0107",
        "files.\"/j\" = { host = \"../up\", access = \"read\" }",
        "host",
    ),
    (
        "AB0107",
        "files.\"/k\" = { host = \"k\", access = \"wirte\" }",
        "wirte",
    ),
    ("AB0107", "run.memory = \"64 MB\"", "64 MB"),
    ("AB0104", "run.wal = \"5s\"", "did you mean `wall`?"),
];

fn policy_of_mistakes() -> String {
    let lines = MISTAKES.map(|(_, line, _)| format!("{line}\n")).concat();
    format!("policy = 1\n{lines}")
}

#[test]
fn twenty_mistakes_of_a_policy_are_reported_at_once_each_with_its_line() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    ground.write("agentbox.toml", &policy_of_mistakes());
    let commands: [(&[&str], i32); 5] = [
        (&["run", "program.wat"], 120),
        (&["run", "--policy", "agentbox.toml", "program.wat"], 120),
        (&["check", "program.wat"], 1),
        (&["policy", "explain"], 1),
        (&["policy", "approve"], 1),
    ];
    for (command, exit) in commands {
        let refused = ground.run(command);
        refused.exits(exit);
        assert_eq!(refused.out(), "");
        assert_unbroken(&refused);
        for (number, (code, _, about)) in (2..).zip(MISTAKES) {
            let place = format!("agentbox.toml:{number}:");
            let err = refused.err();
            let told = err.split("error[").find(|part| part.contains(&place));
            let told = told.unwrap_or_else(|| panic!("nothing about line {number} in {err}"));
            assert!(
                told.starts_with(&format!("{code}]: ")) && told.contains(about),
                "{told}"
            );
        }
        assert_eq!(
            refused.err().matches("error[").count(),
            MISTAKES.len(),
            "{}",
            refused.err()
        );
    }
    assert_eq!(ground.record(), "");
}

#[test]
fn twenty_mistakes_of_a_policy_are_told_to_programs_as_well() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    ground.write("agentbox.toml", &policy_of_mistakes());
    let refused = ground.run(&["run", "--json", "program.wat"]);
    let told = refused.exits(120).last_line();
    assert_eq!(refused.err().lines().count(), 1, "{}", refused.err());
    let problems = told["problems"].as_array().expect("a list");
    let places: Vec<_> = problems
        .iter()
        .map(|problem| {
            (
                problem["code"].as_str().unwrap_or_default(),
                problem["line"].as_u64(),
            )
        })
        .collect();
    let expected: Vec<_> = (2..)
        .zip(MISTAKES)
        .map(|(line, (code, ..))| (code, Some(line)))
        .collect();
    assert_eq!(places, expected);
    for problem in problems {
        let file = problem["file"].as_str().expect("a path");
        assert!(file.ends_with("/agentbox.toml"), "{file}");
        assert!(
            problem["column"].as_u64() > Some(0) && problem["message"] != Value::Null,
            "{problem}"
        );
    }
}

/// Runs with the policy `name`, found by search and named, and expects one error of `code`.
#[track_caller]
fn policy_is_refused(ground: &Ground, code: &str, words: &str) {
    ground.write("program.wat", texts::NOTHING);
    let commands: [&[&str]; 2] = [
        &["run", "program.wat"],
        &["run", "--policy", "agentbox.toml", "program.wat"],
    ];
    for command in commands {
        let refused = ground.run(command);
        is_one_error(&refused, 120, code);
        refused.says(words);
    }
    for command in [
        &["check", "program.wat"][..],
        &["policy", "explain"],
        &["policy", "approve"],
    ] {
        is_one_error(&ground.run(command), 1, code);
    }
    assert_eq!(ground.record(), "");
}

#[test]
fn a_policy_that_is_a_folder_is_refused() {
    let ground = Ground::new();
    fs::create_dir(ground.work().join("agentbox.toml")).expect("the ground can be written");
    policy_is_refused(&ground, "AB0113", "is a folder");
}

#[test]
fn a_policy_that_everybody_can_write_is_refused() {
    let ground = Ground::new();
    let path = ground.write("agentbox.toml", "policy = 1\n");
    fs::set_permissions(&path, Permissions::from_mode(0o646)).expect("the file is ours");
    policy_is_refused(&ground, "AB0113", "can be written by every user");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("the file is ours");
    ground.run(&["run", "program.wat"]).exits(0);
}

#[test]
fn wit_that_everybody_can_write_is_refused_with_its_policy() {
    let ground = Ground::new();
    ground.write("agentbox.toml", "policy = 1\nworld = \"a:b/w\"\n");
    let wit = ground.write("wit/world.wit", "package a:b;\nworld w {}\n");
    fs::set_permissions(&wit, Permissions::from_mode(0o666)).expect("the file is ours");
    policy_is_refused(&ground, "AB0113", "wit/world.wit");
}

#[test]
fn a_policy_that_is_a_pipe_is_refused_without_waiting_for_a_writer() {
    let ground = Ground::new();
    let made = Command::new("mkfifo")
        .arg(ground.work().join("agentbox.toml"))
        .status();
    assert!(made.expect("mkfifo is there").success());
    policy_is_refused(&ground, "AB0113", "is not a regular file");
}

#[test]
fn a_policy_that_is_not_text_is_refused() {
    let ground = Ground::new();
    let path = ground.write("agentbox.toml", "");
    fs::write(&path, b"policy = 1\n# \xff\xfe\n").expect("the ground can be written");
    policy_is_refused(&ground, "AB0113", "utf-8");
    for text in [
        "\u{feff}policy = 1\n",
        "policy = 1\n# \0\n",
        "policy = 1\n[env\n",
        "{\"policy\": 1}",
    ] {
        ground.write("agentbox.toml", text);
        policy_is_refused(&ground, "AB0102", "agentbox.toml");
    }
}

#[test]
fn a_policy_that_is_too_large_or_for_another_version_is_refused() {
    let ground = Ground::new();
    ground.write(
        "agentbox.toml",
        &format!("policy = 1\n#{}\n", "x".repeat(1 << 20)),
    );
    policy_is_refused(&ground, "AB0113", "larger than 1 MiB");
    ground.write("agentbox.toml", "policy = 2\n");
    policy_is_refused(&ground, "AB0119", "policy = 2");
}

#[test]
fn a_policy_that_is_named_and_not_there_is_refused() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    for policy in [
        "missing.toml",
        "missing/agentbox.toml",
        "program.wat/agentbox.toml",
    ] {
        let refused = ground.run(&["run", "--policy", policy, "program.wat"]);
        is_one_error(&refused, 120, "AB0113");
        refused.says(policy);
    }
}

#[test]
fn a_key_is_in_no_error_and_no_log() {
    let key = Canary::fresh();
    let ground = Ground::new()
        .key("WIDGETS_KEY", &key)
        .env("AGENTBOX_LOG", "trace");
    ground.write("program.wat", texts::NOTHING);
    let good = "policy = 1\n[agent]\nid = \"a\"\n[credentials.w]\nfrom = \"env://WIDGETS_KEY\"\nas = \"bearer\"\n\
                origin = \"https://w.example\"\n[http.w]\nuse = \"w\"\nallow = [\"GET /\"]\n";
    ground.write("agentbox.toml", good);
    // The ground looks for the key in all that is printed and kept.
    ground
        .run(&["run", "program.wat"])
        .exits(120)
        .says("error[AB0112]");
    ground
        .run(&["run", "--policy", "agentbox.toml", "program.wat"])
        .exits(0);
    ground.run(&["check", "program.wat"]).exits(0);
    ground.run(&["policy", "explain", "--json"]).exits(0);
    ground.run(&["policy", "approve"]).exits(0);
    ground.write("agentbox.toml", &format!("{good}nonsense = 1\n"));
    ground
        .run(&["run", "program.wat"])
        .exits(120)
        .says("error[AB0104]");
}

#[test]
fn a_mistake_in_the_command_has_a_code_that_no_programs_can_be_taken_for() {
    let ground = Ground::new();
    let mistakes: [&[&str]; 4] = [
        &["run"],
        &["run", "--nope", "program.wat"],
        &["run", "--memory"],
        &["run", "--color", "sometimes", "program.wat"],
    ];
    for command in mistakes {
        let refused = ground.run(command);
        refused.exits(125).says("error: ");
        assert_unbroken(&refused);
    }
    let mistakes: [&[&str]; 8] = [
        &[],
        &["nope"],
        &["check"],
        &["check", "--nope"],
        &["policy"],
        &["policy", "explain", "--nope"],
        &["policy", "approve", "a", "b"],
        &["audit", "--nope"],
    ];
    for command in mistakes {
        let refused = ground.run(command);
        refused.exits(2).says("Usage: agentbox");
        assert_eq!(refused.out(), "");
        assert_unbroken(&refused);
    }
}

#[test]
fn a_state_folder_that_cannot_be_used_refuses_the_run() {
    let ground = Ground::new();
    ground.write("program.wat", texts::NOTHING);
    let file = ground.write("file", "");
    // The last is a folder that nothing can be made in, whoever runs the test.
    for state in [file.as_path(), &file.join("below"), Path::new("/proc/self")] {
        let flag = [
            OsStr::new("run"),
            OsStr::new("--state"),
            state.as_os_str(),
            OsStr::new("program.wat"),
        ];
        is_one_error(&ground.run(&flag), 125, "AB0120");
        let flag = [
            OsStr::new("audit"),
            OsStr::new("--state"),
            state.as_os_str(),
        ];
        is_one_error(&ground.run(&flag), 1, "AB0120");
    }
    let state = ground.state();
    fs::create_dir(&state).expect("the ground can be written");
    fs::write(state.join("runs"), "").expect("the ground can be written");
    is_one_error(&ground.run(&["run", "program.wat"]), 125, "AB0120");
}
