//! What is agentbox's on the command line and what is the program's, and what is printed when a
//! stream is closed, full, or in the middle of a line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::commands::{KEYED, ground};
use crate::support::agentbox::{Ground, Outcome};
use crate::support::{guests, texts};

/// The probe imports HTTP, so it is granted some.
const HTTP: &str = "policy = 1\n[http.a]\norigin = \"https://a.example\"\nallow = [\"GET /\"]\n";

/// The guest that does what its arguments say.
fn probe() -> String {
    let probe = guests::guest("probe");
    probe
        .to_str()
        .expect("temporary paths are UTF-8")
        .to_owned()
}

#[test]
fn all_that_follows_the_program_is_the_programs() {
    let ground = ground();
    ground.write("agentbox.toml", HTTP);
    let env = format!("{HTTP}[env]\nGRANTED = \"by-the-agent\"\n");
    ground.write("p/env.toml", &env);
    let probe = probe();
    for words in [
        &["--help"][..],
        &["--json"],
        &["--policy", "p/env.toml"],
        &["--dry-run", "--state=/nowhere", "-h", "-V"],
        &["--", "x"],
        &["x", "--", "--policy=p/env.toml"],
    ] {
        let start = ["run", "--policy", "agentbox.toml", &probe, "args"];
        let done = ground.run(&[&start[..], words].concat());
        let printed = words
            .iter()
            .map(|word| format!("{word}\n"))
            .collect::<String>();
        assert_eq!(done.exits(0).out(), printed);
        assert_eq!(done.err(), "", "{words:?}");
    }
    ground.run(&["policy", "approve"]).exits(0);
    // Right after the program, where there is no word that ends agentbox's flags.
    let widened = ground.run(&["run", &probe, "--policy", "p/env.toml", "env"]);
    assert!(!widened.out().contains("by-the-agent"), "{}", widened.out());
    widened.exits(1);
    let after_escape = ground.run(&["run", "--policy", "p/env.toml", "--", &probe, "env"]);
    assert_eq!(after_escape.exits(0).out(), "GRANTED=by-the-agent\n");
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused_and_not_repaired() {
    let ground = ground();
    let words = ["run", "program.wat", "a"].map(OsStr::new);
    let refused = ground.run(&[&words[..], &[OsStr::from_bytes(b"b\xff")]].concat());
    refused
        .exits(125)
        .says("argument 2 of the program")
        .says("is not UTF-8");
}

#[test]
fn a_policy_may_lie_at_a_path_that_is_not_utf_8() {
    let ground = ground();
    let folder = ground.work().join(OsStr::from_bytes(b"p\xff"));
    std::fs::create_dir_all(folder.join("out")).expect("a temporary folder can be written");
    let path = folder.join("agentbox.toml");
    std::fs::write(&path, KEYED).expect("a temporary folder can be written");
    for command in [
        &["policy", "approve", "--json"][..],
        &["policy", "explain", "--json", "--policy"],
    ] {
        let mut words: Vec<&OsStr> = command.iter().map(OsStr::new).collect();
        words.push(path.as_os_str());
        let told: Value = ground.run(&words).exits(0).json();
        let shown = told["policy"].as_str().expect("a path");
        assert!(shown.ends_with("p\u{fffd}/agentbox.toml"), "{shown}");
    }
}

#[test]
fn a_full_disk_fails_the_command_and_a_closed_pipe_does_not() {
    let ground = ground();
    ground.write("ok.wat", &texts::answering(true, "said"));
    for (command, code) in [
        (&["audit"][..], 1),
        (&["explain"], 1),
        (&["explain", "--json"], 1),
        (&["check", "program.wat"], 1),
        (&["run", "ok.wat"], 125),
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("it is there");
        let failed = to(&ground, command, full.into());
        failed.exits(code).says("standard output cannot be written");
        assert!(!failed.err().contains("AB0506"), "{}", failed.err());
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        assert_eq!(to(&ground, command, writer.into()).exits(0).err(), "");
    }
}

/// Runs `agentbox` with its standard output going to `stdout`.
fn to(ground: &Ground, arguments: &[&str], stdout: Stdio) -> Outcome {
    let mut command = ground.command();
    let done = command.args(arguments).stdout(stdout).output();
    let done = done.expect("agentbox is built");
    Outcome {
        code: done.status.code(),
        stdout: done.stdout,
        stderr: done.stderr,
        elapsed: Duration::ZERO,
        peak: 0,
    }
}

#[test]
fn what_agentbox_says_begins_on_a_fresh_line() {
    let ground = ground();
    let half = texts::writing(1).replace("nine char\\n", "ten chars!");
    ground.write("half.wat", &half);
    ground.write(
        "crash.wat",
        &half.replace("(br_if $again (local.get $left))", "unreachable"),
    );
    let ended = ground.run(&["run", "--json", "half.wat"]);
    assert_eq!(ended.exits(0).last_line()["kind"], "run");
    assert!(ended.err().starts_with("ten chars!\n{"), "{}", ended.err());
    assert_eq!(ended.out(), "ten chars!");
    ground
        .run(&["run", "crash.wat"])
        .exits(1)
        .says("ten chars!\nerror[AB0701]: ");
    // The streams may be one; and a line that is ended is not ended twice.
    let both = ground.shell(&ground.work(), "agentbox run --json half.wat 2>&1");
    assert!(
        both.out().starts_with("ten chars!ten chars!\n{"),
        "{}",
        both.out()
    );
    ground.write("whole.wat", &texts::writing(1));
    let whole = ground.run(&["run", "--json", "whole.wat"]);
    assert!(whole.err().starts_with("nine char\n{"), "{}", whole.err());
}

#[test]
fn json_says_what_it_is_about() {
    let ground = ground();
    ground.write(
        "p.toml",
        "policy = 1\n[http.a]\norigin = \"https://a.example\"\nallow = [\"POST /\"]\n",
    );
    let ran = ground.run(&["run", "--json", "--policy", "p.toml", "program.wat"]);
    let ran = ran.exits(0).last_line();
    let checked = ground.run(&["check", "--json", "--policy", "p.toml", "program.wat"]);
    let checked = checked.exits(0).json();
    let explained = ground.run(&["policy", "explain", "--json", "p.toml"]);
    let explained = explained.exits(0).json();
    for (told, kind) in [(&ran, "run"), (&checked, "check"), (&explained, "policy")] {
        assert_eq!((&told["v"], &told["kind"]), (&json!(1), &json!(kind)));
        assert_eq!(told["policy"], "p.toml");
        assert_eq!(told["policy-digest"], checked["policy-digest"]);
        assert_eq!(told["warnings"][0]["code"], "AB0302");
    }
    assert_eq!(ran["program"], "program.wat");
    assert_eq!(ran["program-digest"], checked["program-digest"]);
    let nothing = ground.run(&["check", "--json", "program.wat"]).json();
    assert_eq!(nothing["policy"], Value::Null);
    let listed = ground.run(&["audit", "--json"]).json();
    assert_eq!(
        (&listed["kind"], &listed["runs"][0]["dry-run"]),
        (&json!("audit"), &json!(false))
    );
    let run = ran["run"].as_str().expect("an id");
    assert_eq!(
        ground.run(&["audit", "--json", run]).json()["kind"],
        "record"
    );
    assert_eq!(ground.run(&["explain", "--json"]).json()["kind"], "codes");
    // A failure of `run` leaves standard output to the program; any other is the command's answer.
    let failed = ground.run(&["run", "--json", "missing.wat"]);
    assert_eq!(failed.exits(120).last_line()["kind"], "error");
    assert_eq!(failed.out(), "");
    let failed = ground.run(&["check", "--json", "missing.wat"]);
    assert_eq!(failed.exits(1).json()["kind"], "error");
    assert_eq!(failed.json()["code"], "AB0114");
    assert_eq!(failed.err(), "");
}

#[test]
fn a_policy_can_be_named_with_the_flag_and_without() {
    let ground = ground();
    ground.write("p.toml", "policy = 1\n[env]\nLANG = \"C\"\n");
    for command in ["explain", "approve"] {
        let bare = ground.run(&["policy", command, "p.toml"]);
        let flag = ground.run(&["policy", command, "--policy", "p.toml"]);
        assert_eq!(bare.exits(0).out(), flag.exits(0).out());
        ground
            .run(&["policy", command, "--policy", "p.toml", "p.toml"])
            .exits(2);
        ground
            .run(&["policy", command, "missing/p.toml"])
            .exits(1)
            .says("error[AB0113]: `missing/p.toml` does not exist");
    }
    ground.write("folder/agentbox.toml/.keep", "");
    ground
        .run(&["policy", "explain", "folder/agentbox.toml"])
        .exits(1)
        .says("`folder/agentbox.toml` is a folder, not a policy");
}

#[test]
fn a_program_too_large_is_told_how_to_be_smaller() {
    let ground = ground();
    let large = std::fs::File::create(ground.work().join("large.wasm"));
    let large = large.expect("a temporary folder can be written");
    large.set_len(65 << 20).expect("a file can have a hole");
    ground
        .run(&["run", "large.wasm"])
        .exits(120)
        .says("error[AB0115]")
        .says("hint: strip its debug information: `wasm-tools strip");
}

#[test]
fn the_code_tells_a_programs_high_exit_code_from_agentboxs() {
    let ground = ground();
    ground.write("high.wat", &texts::exiting(120));
    let ended = ground
        .run(&["run", "--json", "high.wat"])
        .exits(120)
        .last_line();
    assert_eq!(
        (&ended["kind"], &ended["code"]),
        (&json!("run"), &Value::Null)
    );
    let refused = ground
        .run(&["run", "--json", "missing.wat"])
        .exits(120)
        .last_line();
    assert_eq!(refused["code"], "AB0114");
}

#[test]
fn flags_of_every_command_may_stand_before_its_name() {
    let ground = ground();
    ground
        .run(&["--color", "always", "run", "missing.wat"])
        .exits(120)
        .says("\u{1b}[1;31merror[AB0114]");
    assert_eq!(
        ground.run(&["--json", "audit"]).exits(0).json()["kind"],
        "audit"
    );
    ground.run(&["--state", "s", "run", "program.wat"]).exits(0);
    let kept = ground.run(&["audit", "--state", "s"]).exits(0).out();
    assert!(kept.contains("program.wat"), "{kept}");
    assert_eq!(ground.run(&["audit"]).out(), "No runs.\n");
    // A mistake in `run` is told from the program's own exit codes, wherever `run` stands.
    ground.run(&["--state", "s", "run"]).exits(125);
    ground.run(&["--state", "run", "check"]).exits(2);
}

#[test]
fn only_a_line_that_may_hold_a_key_is_not_shown() {
    let ground = ground();
    ground.write(
        "p.toml",
        "policy = 1\nfar = 1\nagent.id = \"bot\"\n[credentials.a]\n\
         from = \"canary-in-the-policy\"\nnear = 1\nas = \"bearer\"\norigin = \"https://a.example\"\n",
    );
    for colour in ["never", "always"] {
        let refused = ground.run(&["policy", "explain", "--color", colour, "p.toml"]);
        let shown = refused.exits(1).err();
        assert!(!shown.contains("canary-in-the-policy"), "{shown}");
        for line in ["agent.id = ", "far = 1", "near"] {
            assert!(shown.contains(line), "no `{line}` in {shown}");
        }
        assert!(shown.contains("at p.toml:5:"), "{shown}");
        // Its neighbours would show it, and are shown without theirs.
        assert!(!shown.contains("as = "), "{shown}");
    }
}

#[test]
fn more_wit_than_is_read_is_an_error() {
    let ground = ground();
    ground.write("agentbox.toml", "policy = 1\n");
    for number in 0..1001 {
        ground.write(&format!("wit/{number}.txt"), "");
    }
    ground
        .run(&["policy", "explain"])
        .exits(1)
        .says("/wit` has more than 1000 entries");
}

#[test]
fn a_mistake_in_the_command_is_told_as_json_too() {
    let ground = ground();
    let told = ground
        .run(&["audit", "--json", "--nonsense"])
        .exits(2)
        .json();
    assert_eq!((&told["kind"], &told["exit"]), (&json!("error"), &json!(2)));
    assert_eq!(told["message"], "unexpected argument '--nonsense' found");
    let told = ground.run(&["run", "--json"]).exits(125).last_line();
    let message = told["message"].as_str().expect("it says what is wrong");
    assert!(message.contains("<PROGRAM>"), "{message}");
    for words in [&["--json"][..], &["policy", "--json"]] {
        let told = ground.run(words).exits(2).json();
        let message = told["message"].as_str().expect("it says what is wrong");
        assert!(message.contains("requires a subcommand"), "{message}");
    }
}
