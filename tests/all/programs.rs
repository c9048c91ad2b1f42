//! Programs of every kind run as native commands would, and see of the machine what is granted.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::agentbox::{Ground, Outcome};
use crate::support::decoy::Decoy;
use crate::support::errands::{DENIED, run, wasip1, wasip2};
use crate::support::guests;
use crate::support::texts;

/// Runs the text of a program.
fn run_text(text: &str) -> Outcome {
    let ground = Ground::new();
    let program = ground.write("program.wat", text);
    run(&ground, &program, &[])
}

#[test]
fn a_component_gets_arguments_and_streams_as_a_native_command_does() {
    check_arguments_and_streams(&wasip2());
}

#[test]
fn a_preview_1_module_gets_arguments_and_streams_as_a_native_command_does() {
    check_arguments_and_streams(&wasip1());
}

#[track_caller]
fn check_arguments_and_streams(program: &Path) {
    let arguments = [
        "args", "a b", "", "--json", "-x", "ü", "+", "stderr", "talk",
    ];
    let done = run(&Ground::new(), program, &arguments);
    done.exits(0);
    let expected = "[\"a b\", \"\", \"--json\", \"-x\", \"ü\"]\ndone\n";
    assert_eq!(
        (done.out().as_str(), done.err().as_str()),
        (expected, "talk\n")
    );
}

#[test]
fn standard_input_reaches_the_program_byte_for_byte() {
    let ground = Ground::new();
    let input: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for program in [wasip1(), wasip2()] {
        let done = ground.run_with(
            &["run".as_ref(), program.as_os_str(), "copy".as_ref()],
            &input,
        );
        done.exits(0);
        assert!(done.stdout == [&input[..], b"300000 bytes\n"].concat());
    }
}

#[test]
fn a_c_program_runs_unchanged() {
    let ground = Ground::new();
    let program = guests::c_hello();
    let arguments = [
        "run".as_ref(),
        program.as_os_str(),
        "you".as_ref(),
        "me".as_ref(),
    ];
    let done = ground.run_with(&arguments, b"some text");
    done.exits(2);
    assert_eq!(done.out(), "hello, you\nhello, me\nSOME TEXT");
    assert_eq!(done.err(), "2 greeted\n");
}

#[test]
fn an_exported_run_prints_its_ok_and_fails_with_its_err() {
    let ground = Ground::new();
    let program = guests::guest("run-export");
    let ok = run(&ground, &program, &["ok", "a result"]);
    assert_eq!(ok.exits(0).out(), "a result\n");
    assert_eq!(ok.err(), "");
    let err = run(&ground, &program, &["err", "no luck"]);
    assert_eq!(err.exits(1).out(), "");
    assert_eq!(err.err(), "error[AB0702]: no luck\n");
}

#[test]
fn the_text_form_of_every_kind_runs() {
    run_text(texts::NOTHING).exits(0);
    run_text(&texts::command(&[])).exits(0);
    run_text(&texts::failing_command()).exits(1);
    let ok = run_text(&texts::answering(true, "four words of text"));
    assert_eq!(ok.exits(0).out(), "four words of text\n");
    run_text(&texts::answering(false, "sorry"))
        .exits(1)
        .says("error[AB0702]: sorry");
    let hello = run(&Ground::new(), &guests::wat_hello(), &[]);
    assert_eq!(hello.exits(0).out(), "hello from a text module\n");
}

#[test]
fn a_bare_module_runs_in_its_binary_form_too() {
    // One function of no parameters, exported as `_start`, that returns at once.
    const BARE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\
        \x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";
    let ground = Ground::new();
    let program = ground.work().join("bare.wasm");
    fs::write(&program, BARE).expect("the ground can be written");
    run(&ground, &program, &[]).exits(0);
}

#[test]
fn a_program_may_come_through_standard_input() {
    let ground = Ground::new();
    for program in [wasip1(), wasip2()] {
        let bytes = fs::read(program).expect("it is built");
        let done = ground.run_with(&["run", "-", "args", "x", "+", "copy"], &bytes);
        assert_eq!(
            done.exits(0).out(),
            "[\"x\"]\n0 bytes\n",
            "nothing is left to read"
        );
    }
    ground
        .run_with(&["run", "-"], texts::exiting(9).as_bytes())
        .exits(9);
    let names: Vec<_> = ground
        .record_lines()
        .into_iter()
        .map(|line| line["program_name"].clone())
        .collect();
    assert_eq!(names[0], "stdin");
}

#[test]
fn exit_codes_are_the_programs_own() {
    let ground = Ground::new();
    for code in ["0", "1", "7", "119", "255"] {
        let expected = code.parse().expect("a number");
        run(&ground, &wasip1(), &["exit", code]).exits(expected);
        run_text(&texts::exiting(expected.unsigned_abs())).exits(expected);
    }
    // As a shell sees it: the low eight bits.
    run_text(&texts::exiting(256 + 3)).exits(3);
}

#[test]
fn rust_for_wasi_0_2_knows_only_success_and_failure() {
    // Its standard library calls `wasi:cli/exit#exit`, which takes no number.
    let ground = Ground::new();
    for (code, exit) in [("0", 0), ("1", 1), ("7", 1)] {
        run(&ground, &wasip2(), &["exit", code]).exits(exit);
    }
}

#[test]
fn a_crash_is_the_programs_failure_and_has_a_code() {
    let crashed = run_text(texts::CRASH);
    crashed
        .exits(1)
        .says("error[AB0701]: the program crashed: wasm trap: wasm `unreachable`");
    assert_eq!(crashed.err().lines().count(), 1, "{}", crashed.err());
}

#[test]
fn the_environment_is_empty_whatever_the_host_has() {
    let ground = Ground::new()
        .env("SECRET", "x")
        .env("PATH", "/usr/bin")
        .env("RUST_LOG", "trace");
    for program in [wasip1(), wasip2()] {
        assert_eq!(run(&ground, &program, &["env"]).exits(0).out(), "[]\n");
    }
}

#[test]
fn the_environment_is_what_the_policy_writes_out() {
    let ground = Ground::new().env("LANG", "de_DE").env("OTHER", "x");
    ground.write(
        "agentbox.toml",
        "policy = 1\n[env]\nLANG = \"C.UTF-8\"\nEMPTY = \"\"\n",
    );
    for program in [wasip1(), wasip2()] {
        let done = run(&ground, &program, &["env"]);
        assert_eq!(
            done.exits(0).out(),
            "[(\"LANG\", \"C.UTF-8\"), (\"EMPTY\", \"\")]\n"
        );
    }
}

#[test]
fn clocks_go_on_and_tell_the_time() {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_millis()
    };
    let before = now();
    let done = run(&Ground::new(), &wasip2(), &["clocks"]);
    let told: Vec<u128> = done
        .exits(0)
        .out()
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert!((before..=now()).contains(&told[0]), "{told:?}");
    assert!((20..10_000).contains(&told[1]), "{told:?}");
}

#[test]
fn random_numbers_differ_from_run_to_run() {
    let ground = Ground::new();
    let draw = || run(&ground, &wasip2(), &["random"]).exits(0).out();
    let (one, other) = (draw(), draw());
    assert!(
        one.trim().parse::<u64>().is_ok() && one != other,
        "{one}{other}"
    );
}

#[test]
fn sockets_are_there_and_do_nothing() {
    let decoy = Decoy::start();
    let address = decoy.url().replace("http://", "");
    let attempts = [
        "tcp",
        &address,
        "+",
        "udp",
        &address,
        "+",
        "listen",
        "127.0.0.1:0",
        "+",
        "resolve",
        "localhost",
    ];
    let ground = Ground::new();
    let done = run(&ground, &wasip2(), &attempts);
    let out = done.exits(0).out();
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [DENIED, DENIED, DENIED, "refused: Uncategorized"]
    );
    let done = run(&ground, &wasip1(), &attempts);
    assert!(
        done.exits(0)
            .out()
            .lines()
            .all(|line| line == "refused: Unsupported"),
        "{}",
        done.out()
    );
    decoy.assert_untouched();
}

const UNGRANTED: [&str; 3] = [
    "wasi:http/outgoing-handler@0.2.3",
    "stripe:charges/create@1.0.0",
    "wasi:keyvalue/store@0.2.0",
];

#[test]
fn all_that_is_not_granted_is_listed_before_the_program_runs() {
    let ground = Ground::new();
    let granted = [
        "wasi:io/poll@0.2.1",
        "wasi:http/types@0.2.3",
        "wasi:sockets/tcp@0.2.0",
    ];
    let program = ground.write(
        "program.wat",
        &texts::command(&[&granted[..], &UNGRANTED].concat()),
    );
    let refused = run(&ground, &program, &[]);
    refused.exits(120).says(
        "error[AB0101]: the program asks for `wasi:http/outgoing-handler@0.2.3`, \
         `stripe:charges/create@1.0.0`, `wasi:keyvalue/store@0.2.0`, which nothing grants: there is no policy\n",
    );
    for line in [
        "[http.NAME]",
        "allow  = [",
        "import stripe:charges/create@1.0.0;",
        "this build does not have this interface",
    ] {
        refused.says(line);
    }
    for import in granted {
        assert!(!refused.err().contains(import), "{}", refused.err());
    }
    assert_eq!(ground.record(), "", "it did not run");
}

#[test]
fn the_lines_that_are_shown_grant_what_they_say() {
    let ground = Ground::new();
    let program = ground.write("program.wat", &texts::command(&UNGRANTED[..1]));
    let refused = run(&ground, &program, &[]);
    let (_, lines) = refused
        .exits(120)
        .err()
        .split_once("# agentbox.toml\n")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a hint");
    ground.write("agentbox.toml", &lines);
    run(&ground, &program, &[]).exits(0);
}

#[test]
fn with_no_policy_nothing_is_granted() {
    let ground = Ground::new();
    let refused = run(&ground, &guests::guest("probe"), &["args", "it runs"]);
    refused
        .exits(120)
        .says("error[AB0101]")
        .says("wasi:http/outgoing-handler");
    assert_eq!(refused.out(), "");
    let grants_nothing = ground.write("none.toml", "policy = 1\n");
    let flag = grants_nothing.to_str().expect("temporary paths are UTF-8");
    let program = guests::guest("probe");
    let program = program.to_str().expect("temporary paths are UTF-8");
    ground
        .run(&["run", "--policy", flag, program, "args"])
        .exits(120)
        .says("error[AB0101]");
}

#[test]
fn a_stream_that_nobody_reads_leaves_the_other_alone() {
    let ground = Ground::new();
    let program = ground.write("program.wat", texts::BOTH_STREAMS);
    let mut command = ground.command();
    command.arg("run").arg(program);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("it is there");
    let child = command
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn();
    let done = child
        .expect("agentbox is built")
        .wait_with_output()
        .expect("it ends");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "err\n");
    assert_eq!(done.status.code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_ends_the_program_and_no_more() {
    let ground = Ground::new();
    let program = ground.write("program.wat", &texts::writing(u32::MAX));
    let mut command = ground.command();
    command.args(["run", "--wall", "60s"]).arg(program);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("agentbox is built");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(!err.contains("panicked"), "{err}");
    assert_eq!(done.status.code(), Some(1), "{err}");
}
