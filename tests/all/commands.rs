//! The commands beside `run`, the approval of policies, and what is printed where and how.

use serde_json::{Value, json};

use crate::support::agentbox::{Ground, Outcome, on_a_terminal};
use crate::support::canary::Canary;
use crate::support::guests;
use crate::support::{attacks, texts};

const HTTP: &str = "wasi:http/outgoing-handler@0.2.3";

/// A policy with a credential, which is used in no test here.
pub(super) const KEYED: &str = r#"policy = 1
[agent]
id = "widget-bot"
owner = "team@acme.example"
[credentials.widgets]
from = "env://WIDGETS_KEY"
as = { header = "x-api-key" }
origin = "https://api.widgets.example"
[limits]
writes = "20/hour"
[http.widgets]
use = "widgets"
allow = ["GET /v1/widgets", "POST /v1/widgets/{id}/notes"]
limits = ["writes"]
[files."/out"]
host = "out"
access = "read-write"
"#;

/// A ground with a key, and a program that asks for nothing.
pub(super) fn ground() -> Ground {
    let ground = Ground::new().key("WIDGETS_KEY", &Canary::fresh());
    ground.write("program.wat", texts::NOTHING);
    ground.write("out/.keep", "");
    ground
}

#[test]
fn check_says_whether_all_imports_are_granted_and_runs_nothing() {
    let ground = ground();
    ground.write("granted.wat", &texts::command(&["wasi:io/poll@0.2.0"]));
    let granted = ground.run(&["check", "granted.wat"]);
    assert_eq!(
        granted.exits(0).out(),
        "granted.wat: all 1 imports are granted\n"
    );
    ground.write(
        "asking.wat",
        &texts::command(&[HTTP, "stripe:charges/create@1.0.0"]),
    );
    let asking = ground.run(&["check", "asking.wat"]);
    asking
        .exits(1)
        .says("error[AB0101]")
        .says(HTTP)
        .says("import stripe:charges/create@1.0.0;");
    assert_eq!(asking.out(), "");
    ground.write(
        "http.toml",
        "policy = 1\n[http.a]\norigin = \"https://a.example\"\nallow = [\"GET /\"]\n",
    );
    let asking = ground.run(&["check", "--policy", "http.toml", "asking.wat"]);
    asking.exits(1).says("stripe:charges/create");
    assert!(!asking.err().contains(HTTP), "{}", asking.err());
    ground.write("spin.wat", attacks::SPIN);
    ground.run(&["check", "spin.wat"]).exits(0);
    assert_eq!(ground.record(), "");
}

#[test]
fn check_tells_programs_what_is_missing() {
    let ground = ground();
    ground.write("asking.wat", &texts::command(&["wasi:io/poll@0.2.0", HTTP]));
    let asking = ground.run(&["check", "--json", "asking.wat"]);
    let told = asking.exits(1).json();
    assert_eq!(
        (&told["v"], &told["program"]),
        (&json!(1), &json!("asking.wat"))
    );
    assert_eq!(told["imports"], json!(["wasi:io/poll@0.2.0", HTTP]));
    assert_eq!(told["ungranted"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["ungranted"][0]["import"], HTTP);
    assert_eq!(told["ungranted"][0]["lines"][0], "[http.NAME]");
    let granted = ground
        .run(&["check", "--json", "program.wat"])
        .exits(0)
        .json();
    assert_eq!(granted["ungranted"], json!([]));
    assert_eq!(granted["program-digest"].as_str().map(str::len), Some(64));
}

#[test]
fn check_reads_a_program_from_standard_input() {
    let ground = ground();
    let done = ground.run_with(&["check", "-"], texts::NOTHING.as_bytes());
    assert_eq!(done.exits(0).out(), "stdin: all 0 imports are granted\n");
}

#[test]
fn policy_explain_says_each_grant_and_the_worst_case() {
    let ground = ground();
    ground.write("agentbox.toml", KEYED);
    let explained = ground.run(&["policy", "explain"]);
    let text = explained.exits(0).out();
    for sentence in [
        "The agent `widget-bot` belongs to team@acme.example.",
        "It may call `https://api.widgets.example`:",
        "- `POST /v1/widgets/{id}/notes`",
        "`env://WIDGETS_KEY`",
        "20/hour",
        "the folder `out` beside the policy, which it sees as `/out`",
        "256 MiB of memory",
    ] {
        assert!(text.contains(sentence), "no `{sentence}` in {text}");
    }
    let worst: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("Worst case: "))
        .collect();
    assert_eq!(worst.len(), 1, "{text}");
    assert!(
        worst[0].contains("https://api.widgets.example") && worst[0].contains("`out`"),
        "{text}"
    );

    let told = ground.run(&["policy", "explain", "--json"]).exits(0).json();
    assert_eq!(
        (&told["v"], &told["agent"]),
        (&json!(1), &json!("widget-bot"))
    );
    assert_eq!(told["worst-case"], worst[0]);
    for (bound, amount) in [
        ("memory", "256 MiB"),
        ("calls", "10000"),
        ("first-byte", "1m"),
    ] {
        assert_eq!(told["run"][bound], amount);
    }
    let bounds = told["run"].as_object().expect("an object");
    assert_eq!(bounds.len(), agentbox_policy::Bound::all().len());
    let names: Vec<_> = told["grants"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|grant| &grant["name"])
        .collect();
    assert_eq!(names, ["http.widgets", "files.\"/out\""]);
    assert_eq!(told["warnings"], json!([]));
}

#[test]
fn warnings_are_shown_and_stop_nothing() {
    let ground = ground();
    ground.write(
        "agentbox.toml",
        "policy = 1\n[http.a]\norigin = \"https://a.example\"\nallow = [\"POST /\"]\n",
    );
    for command in [
        &["policy", "explain"][..],
        &["check", "program.wat"],
        &["run", "--policy", "agentbox.toml", "program.wat"],
    ] {
        ground
            .run(command)
            .exits(0)
            .says("warning[AB0302]: ")
            .says("agentbox.toml:4:");
    }
    let told = ground.run(&["policy", "explain", "--json"]).exits(0).json();
    assert_eq!(
        (&told["warnings"][0]["code"], &told["warnings"][0]["line"]),
        (&json!("AB0302"), &json!(4))
    );
}

#[test]
fn policy_explain_without_a_policy_is_an_error() {
    ground()
        .run(&["policy", "explain"])
        .exits(1)
        .says("there is no `agentbox.toml`")
        .says("--policy FILE");
}

/// The probe, and a policy that lets it call nobody.
fn denied_run(ground: &Ground) -> Outcome {
    ground.write(
        "http.toml",
        "policy = 1\n[agent]\nid = \"caller\"\n[http.a]\norigin = \"https://a.example\"\nallow = [\"GET /\"]\n",
    );
    let probe = guests::guest("probe");
    let probe = probe.to_str().expect("temporary paths are UTF-8");
    ground.run(&[
        "run",
        "--json",
        "--policy",
        "http.toml",
        probe,
        "http",
        "GET",
        "https://b.example/",
    ])
}

#[test]
fn audit_lists_runs_newest_first_and_shows_one() {
    let ground = ground();
    assert_eq!(ground.run(&["audit"]).exits(0).out(), "No runs.\n");
    ground.run(&["run", "program.wat"]).exits(0);
    ground.write("failing.wat", &texts::exiting(7));
    ground.run(&["run", "failing.wat"]).exits(7);
    let denied = denied_run(&ground);
    let id = denied.last_line()["run"]
        .as_str()
        .expect("an id")
        .to_owned();

    let listed = ground.run(&["audit"]).exits(0).out();
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    for (line, words) in lines.iter().zip([
        &["probe.wasm", "caller", "1 denied", id.as_str()][..],
        &["failing.wat", "exit 7", "0 denied"],
        &["program.wat", "exit 0", "0 denied"],
    ]) {
        assert!(
            words.iter().all(|word| line.contains(word)),
            "{words:?} in {line}"
        );
    }
    let only = ground.run(&["audit", "--denied"]).exits(0).out();
    assert!(
        only.lines().count() == 1 && only.contains("probe.wasm"),
        "{only}"
    );

    let shown = ground.run(&["audit", &id]).exits(0).out();
    let words: Vec<_> = shown
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap_or_default())
        .collect();
    assert_eq!(words, ["started", "denied", "ended"], "{shown}");
    assert!(shown.contains("AB0201 GET https://b.example/"), "{shown}");
    let only = ground.run(&["audit", "--denied", &id]).exits(0).out();
    assert!(
        only.lines().count() == 1 && only.contains("AB0201"),
        "{only}"
    );
}

#[test]
fn audit_takes_the_beginning_of_an_id_when_it_is_unique() {
    let ground = ground();
    ground.run(&["run", "program.wat"]).exits(0);
    let first = ground.record_lines()[0]["run"]
        .as_str()
        .expect("an id")
        .to_owned();
    let whole = ground.run(&["audit", &first]).exits(0).out();
    for length in [1, 4, 20] {
        assert_eq!(
            ground.run(&["audit", &first[..length]]).exits(0).out(),
            whole
        );
    }
    ground.run(&["run", "program.wat"]).exits(0);
    // Both ids begin with the time, to the millisecond.
    let ambiguous = ground.run(&["audit", &first[..1]]);
    ambiguous.exits(2).says("is the start of 2 runs: ");
    for unknown in ["zzzz", "../runs", "", "a/b"] {
        let refused = ground.run(&["audit", unknown]);
        refused.exits(2).says("error: no run begins with `");
        assert_eq!(refused.out(), "");
    }
}

#[test]
fn audit_tells_programs_the_same() {
    let ground = ground();
    let denied = denied_run(&ground);
    let id = denied.last_line()["run"].clone();
    ground.run(&["run", "program.wat"]).exits(0);
    let listed = ground.run(&["audit", "--json"]).exits(0).json();
    assert_eq!(listed["v"], 1);
    let programs: Vec<_> = listed["runs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| &run["program"])
        .collect();
    assert_eq!(programs, ["program.wat", "probe.wasm"]);
    assert_eq!(
        (&listed["runs"][1]["run"], &listed["runs"][1]["denied"]),
        (&id, &json!(1))
    );
    let shown = ground
        .run(&["audit", "--json", id.as_str().expect("an id")])
        .exits(0)
        .json();
    let first: Vec<_> = ground.record_lines().into_iter().take(3).collect();
    assert_eq!(shown["lines"], Value::from(first));
    let only = ground
        .run(&["audit", "--json", "--denied", id.as_str().expect("an id")])
        .exits(0)
        .json();
    let events: Vec<_> = only["lines"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|line| &line["event"])
        .collect();
    assert_eq!(events, ["denied"]);
}

#[test]
fn every_code_is_explained() {
    let ground = ground();
    let listed = ground.run(&["explain"]).exits(0).out();
    let codes: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split_once("  "))
        .collect();
    assert!(
        codes.len() > 40 && codes.len() == listed.lines().count(),
        "{listed}"
    );
    for (code, title) in &codes {
        let explained = ground.run(&["explain", code]).exits(0).out();
        let text = explained.strip_prefix(&format!("{code}: {title}\n\n"));
        assert!(
            text.is_some_and(|text| text.trim().len() > 10),
            "{explained}"
        );
    }
    let told = ground.run(&["explain", "--json"]).exits(0).json();
    let named: Vec<_> = told["codes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|code| code["code"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        named,
        codes.iter().map(|(code, _)| *code).collect::<Vec<_>>()
    );
    assert_eq!(
        ground.run(&["explain", "ab0201"]).exits(0).out(),
        ground.run(&["explain", "AB0201"]).out()
    );
}

#[test]
fn a_code_that_there_is_not_is_a_usage_mistake() {
    let ground = ground();
    for code in ["AB9999", "0201", "", "\u{1b}[2J"] {
        let refused = ground.run(&["explain", code]);
        refused.exits(2).says("error: there is no code `");
        assert!(!refused.err().contains('\u{1b}'), "{}", refused.err());
    }
    assert_eq!(
        ground.run(&["explain", "--json", "AB9999"]).exits(2).json()["exit"],
        2
    );
}

#[test]
fn the_last_line_of_run_json_says_how_it_ended() {
    let ground = ground();
    let ended = ground
        .run(&["run", "--json", "program.wat"])
        .exits(0)
        .last_line();
    let started = &ground.record_lines()[0];
    assert_eq!(
        (&ended["v"], &ended["exit"], &ended["code"], &ended["run"]),
        (&json!(1), &json!(0), &Value::Null, &started["run"])
    );
    ground.write("crash.wat", texts::CRASH);
    let ended = ground
        .run(&["run", "--json", "crash.wat"])
        .exits(1)
        .last_line();
    assert_eq!(
        (&ended["exit"], &ended["code"]),
        (&json!(1), &json!("AB0701"))
    );
    // What the program itself says comes before, and cannot be taken for it.
    ground.write("loud.wat", &texts::writing(3));
    let loud = ground.run(&["run", "--json", "loud.wat"]);
    assert_eq!(loud.exits(0).last_line()["exit"], 0);
    assert_eq!(loud.out(), "nine char\n".repeat(3));
}

const COMMANDS: [(&[&str], &[&str]); 7] = [
    (
        &[],
        &[
            "run",
            "check",
            "policy",
            "audit",
            "explain",
            "--version",
            "Examples:",
        ],
    ),
    (
        &["run"],
        &[
            "--policy",
            "--dry-run",
            "--stop-on-denial",
            "--ca",
            "--json",
            "--state",
            "--color",
            "--memory",
            "--cpu",
            "--wall",
            "--output",
            "--request-body",
            "--reply-body",
            "--connect",
            "--first-byte",
            "--call",
            "Exit codes:",
            "120",
            "126",
        ],
    ),
    (&["check"], &["--policy", "--json", "<PROGRAM>"]),
    (&["policy"], &["approve", "explain"]),
    (&["policy", "approve"], &["--json", "--state", "[POLICY]"]),
    (&["policy", "explain"], &["--policy", "--json"]),
    (&["audit"], &["--denied", "--json", "--state", "[RUN]"]),
];

#[test]
fn help_names_every_flag_on_standard_output() {
    let ground = ground();
    for (command, words) in COMMANDS {
        let help = ground.run(&[command, &["--help"]].concat());
        let text = help.exits(0).out();
        for word in words {
            assert!(text.contains(word), "no `{word}` in {text}");
        }
        assert!(help.err().is_empty() && !text.contains('\u{1b}'), "{text}");
    }
    let text = ground.run(&["run", "--help"]).out();
    let (_, bounds) = text.split_once("\nBounds").expect("they have a heading");
    assert!(
        !bounds.contains("PROGRAM") && !bounds.contains("[ARGS]"),
        "{text}"
    );
}

#[test]
fn no_control_code_is_printed_into_a_pipe() {
    let ground = ground()
        .env("TERM", "xterm-256color")
        .env("CLICOLOR_FORCE", "1");
    ground.write("bad.toml", "policy = 1\nnonsense = 1\n");
    ground.write("err.wat", &texts::answering(false, "\\1b[2J\\07"));
    let commands: [&[&str]; 6] = [
        &["run", "--policy", "bad.toml", "program.wat"],
        &["run", "missing.wat"],
        &["run", "err.wat"],
        &["policy", "explain"],
        &["audit"],
        &["explain", "AB0101"],
    ];
    for command in commands {
        let outcome = ground.run(command);
        let both = [outcome.stdout.clone(), outcome.stderr.clone()].concat();
        assert!(
            !both.contains(&0x1b) && !both.contains(&7),
            "{}",
            outcome.err()
        );
    }
    let shown = ground.run(&["run", "--color", "always", "missing.wat"]);
    shown.says("\u{1b}[1;31merror[AB0114]\u{1b}[0m");
}

#[test]
fn colour_is_for_terminals_and_can_be_refused() {
    let coloured = on_a_terminal(&ground(), "run missing.wat", b"");
    assert!(
        coloured
            .exits(120)
            .out()
            .contains("\u{1b}[1;31merror[AB0114]"),
        "{}",
        coloured.out()
    );
    let plain = on_a_terminal(&ground().env("NO_COLOR", "1"), "run missing.wat", b"");
    assert!(
        plain.exits(120).out().starts_with("error[AB0114]"),
        "{}",
        plain.out()
    );
    let plain = on_a_terminal(&ground(), "run --color never missing.wat", b"");
    assert!(
        plain.exits(120).out().starts_with("error[AB0114]"),
        "{}",
        plain.out()
    );
}

#[test]
fn no_control_code_of_a_program_reaches_the_terminal() {
    let ground = ground().env("NO_COLOR", "1");
    ground.write("err.wat", &texts::answering(false, "\\1b[2J\\c2\\9b0m"));
    ground.write("ok.wat", &texts::answering(true, "\\1b]0;title\\07"));
    let streams = texts::writing(1).replace("nine char", "\\1b[2J\\07wxyz");
    ground.write("streams.wat", &streams);
    for (program, shown) in [
        ("err.wat", "\\u{1b}[2J\\u{9b}0m"),
        ("ok.wat", "\\u{1b}]0;title\\u{7}"),
        ("streams.wat", "\\u{1b}[2J\\u{7}wxyz"),
    ] {
        let outcome = on_a_terminal(&ground, &format!("run {program}"), b"");
        let out = outcome.out();
        assert!(out.contains(shown), "no {shown} in {out:?}");
        assert!(!out.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{out:?}");
    }
}
