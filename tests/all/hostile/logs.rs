//! What is said and kept: logs, errors, the record, other commands. Keys are not in it, and what a
//! program or an upstream writes there cannot pass for anything else.

use super::{Attack, text};
use crate::support::api::{self, Step};
use crate::support::canary::Canary;

#[test]
fn l05_key_in_the_query() {
    let key = Canary::fresh();
    let attack = Attack::on("l05-key-in-the-query", key.clone(), |_, _| {
        vec![Step::Send(api::json(200, "{}"))]
    });
    attack.run(0);
    let expected = [
        ["sent"; 2].as_slice(),
        &["AB0206"; 8],
        &["AB0204"; 2],
        &["AB0206"; 6],
    ];
    assert_eq!(attack.recorded(), expected.concat());
    for seen in attack.api.requests() {
        assert_eq!(seen.target(), format!("/v1/search?q=a&key={}", key.text()));
    }
    for intent in attack.ground.events("intent") {
        assert_eq!(intent["query"], serde_json::json!(["q"]));
    }
}

#[test]
fn l07_where_all_is_said() {
    let attack = Attack::new("l07-where-all-is-said");
    let ran = attack.run(1);
    ran.outcome.says("TRACE").says("AB0701");
    let program = attack.program.display().to_string();
    let policy = ["--policy", "agentbox.toml"];
    let run = attack.ground.event("run-started")["run"].clone();
    // Each is searched for the key, as a run is.
    for words in [
        vec!["run", "--dry-run", "--json"],
        vec!["check", "--json"],
        vec!["check"],
        vec!["run", "--no-such-flag"],
    ] {
        attack
            .ground
            .run(&[&words[..], &policy, &[&program]].concat());
    }
    for words in [
        vec!["policy", "explain"],
        vec!["policy", "explain", "--json"],
        vec!["policy", "approve"],
        vec!["policy", "diff", "agentbox.toml", "agentbox.toml"],
        vec!["audit", text(&run)],
        vec!["audit", "--json", text(&run)],
        vec!["explain", "AB0607"],
        vec!["connector", "show", "github"],
    ] {
        attack.ground.run(&words);
    }
}

#[test]
fn l09_lines_that_imitate() {
    let attack = Attack::new("l09-lines-that-imitate");
    let ran = attack.run(0);
    assert_eq!(ran.told.len(), 26);
    let denied = attack.ground.events("denied").len();
    // The end that is on record is the one that agentbox wrote, and it is the last line.
    let lines = attack.ground.record_lines();
    assert_eq!(lines.len(), denied + 2);
    assert_eq!(lines[lines.len() - 1], attack.ground.event("run-ended"));
    assert_eq!(attack.ground.event("run-ended")["denied"], denied);
    let run = attack.ground.event("run-started")["run"].clone();
    let audit = attack.ground.run(&["audit", text(&run)]);
    for said in [ran.outcome.err(), ran.outcome.out(), audit.exits(0).out()] {
        for line in said.split(['\n', '\r']) {
            let imitated = ["{\"v\":1,\"seq\":9", "error[AB0607]"];
            assert!(
                !imitated.iter().any(|start| line.starts_with(start)),
                "{line}"
            );
        }
    }
    // Nor can a text that is repeated name what it is not.
    assert!(ran.outcome.err().contains("denied[AB0204]: GET "));
}

#[test]
fn l10_escapes_of_upstreams() {
    let attack = Attack::on("l10-escapes-of-upstreams", Canary::fresh(), |seen, _| {
        let reply: &[u8] = match seen.target() {
            "/v1/widgets/reason" => {
                b"HTTP/1.1 400 \x1b[2J\x1b]0;owned\x07\r\ncontent-length: 0\r\n\r\n"
            }
            "/v1/widgets/name" => b"HTTP/1.1 200 OK\r\nx-\x1b[2J: 1\r\n\r\n",
            "/v1/widgets/value" => b"HTTP/1.1 200 OK\r\nx-shown: \x1b[2J\r\n\r\n",
            "/v1/widgets/status" => b"HTTP/1.1 \x1b[2J OK\r\n\r\n",
            "/v1/widgets/chunk" => {
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\x1b[2J\r\n"
            }
            "/v1/widgets/length" => b"HTTP/1.1 200 OK\r\ncontent-length: \x1b[2J\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\ncontent-encoding: \xc2\x9b2J\r\ncontent-length: 1\r\n\r\nx",
        };
        vec![Step::Send(reply.to_vec())]
    });
    let ran = attack.run(0);
    let expected = [["failed:AB0606"; 12].as_slice(), &["failed:AB0608"; 2]];
    assert_eq!(attack.recorded(), expected.concat());
    for said in [
        &ran.outcome.stdout,
        &ran.outcome.stderr,
        attack.ground.record().as_bytes(),
    ] {
        assert!(
            !said.contains(&0x1b) && !said.contains(&7),
            "{}",
            said.escape_ascii()
        );
    }
}

#[test]
fn l12_what_breaks_lines() {
    let attack = Attack::new("l12-what-breaks-lines");
    attack.run(0);
    let record = attack.ground.record();
    assert!(record.is_ascii());
    for line in record.lines() {
        assert!(
            line.len() < 32 << 10 && line.starts_with("{\"v\":1,"),
            "{line}"
        );
    }
    let run = attack.ground.event("run-started")["run"].clone();
    let audit = attack.ground.run(&["audit", "--json", text(&run)]);
    let shown = audit.exits(0).json()["lines"].as_array().map(Vec::len);
    assert_eq!(shown, Some(record.lines().count()));
    let audit = attack.ground.run(&["audit", text(&run)]);
    let hidden = |letter: char| letter.is_control() && letter != '\n';
    assert!(!audit.exits(0).out().contains(hidden), "{}", audit.out());
}

#[test]
fn l14_keys_that_lie_about() {
    let attack = Attack::new("l14-keys-that-lie-about");
    let ran = attack.run(0);
    let out = ran.outcome.out();
    let mut found = out.lines();
    for nothing in ["arguments -> []", "environment -> []", "input -> Ok(0)"] {
        assert_eq!(found.next(), Some(format!("look {nothing}").as_str()));
    }
    let found: Vec<_> = found.collect();
    assert!(
        found.len() == 10 && found.iter().all(|line| line.ends_with(" -> Err(NotFound)")),
        "{out}"
    );
    attack.received(&[]);
    // Nor is there a flag by which a key could be put where others can read it.
    let key = Canary::fresh();
    let program = attack.program.display().to_string();
    let ground = attack.ground.guard(&key);
    for flag in [
        "--secret",
        "--key",
        "--credential",
        "--token",
        "--api-key",
        "--env",
        "--header",
    ] {
        let given = format!("{flag}=widgets={}", key.text());
        let words = ["run", "--policy", "agentbox.toml", &given, &program];
        ground.run(&words).exits(125);
        let given = format!("widgets={}", key.text());
        let words = ["run", "--policy", "agentbox.toml", flag, &given, &program];
        ground.run(&words).exits(125);
    }
}

#[test]
fn l17_errors_that_say_too_much() {
    let attack = Attack::on(
        "l17-errors-that-say-too-much",
        Canary::fresh(),
        |seen, _| match seen.target() {
            "/v1/widgets/reset" => vec![Step::Close],
            "/v1/widgets/garbage" => vec![Step::Send(b"no http\r\n\r\n".to_vec())],
            _ => {
                let headers = [("content-encoding", "gzip")];
                vec![Step::Send(api::reply(200, &headers, b"\x1f\x8b\x08"))]
            }
        },
    );
    let ran = attack.run(0);
    let folder = attack.ground.work();
    let folder = folder
        .parent()
        .expect("a folder has a parent")
        .display()
        .to_string();
    let program = attack
        .program
        .parent()
        .expect("a file is in a folder")
        .display()
        .to_string();
    let out = ran.outcome.out();
    let outcomes: Vec<&str> = out
        .lines()
        .filter_map(|line| line.split_once(" -> "))
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(outcomes.len(), 29, "{out}");
    for outcome in outcomes {
        for own in [
            folder.as_str(),
            &program,
            env!("CARGO_MANIFEST_DIR"),
            "WIDGETS_KEY",
            "env://",
            "agentbox.toml",
            ".rs",
            "127.0.0.",
            "::1",
            "/home",
            "/tmp",
            "0x",
        ] {
            assert!(!outcome.contains(own), "`{own}` in `{outcome}`");
        }
    }
}
