//! `policy diff`: what one policy allows beyond another, told to people, programs and reviewers.

use serde_json::json;

use super::commands::{KEYED, ground};
use crate::support::agentbox::{Ground, Outcome};

/// The policy as it was, and as it is to be: `edits` replace what is there.
#[track_caller]
fn diff(ground: &Ground, edits: &[(&str, &str)], flags: &[&str]) -> Outcome {
    let mut new = KEYED.to_owned();
    for (from, to) in edits {
        assert!(new.contains(from), "{from}");
        new = new.replace(from, to);
    }
    ground.write("old/agentbox.toml", KEYED);
    ground.write("new/agentbox.toml", &new);
    let command = ["policy", "diff", "old/agentbox.toml", "new/agentbox.toml"];
    ground.run(&[&command[..], flags].concat())
}

const WIDER: (&str, &str) = ("\"GET /v1/widgets\", ", "\"GET /v1/{any}\", ");
const NARROWER: (&str, &str) = ("20/hour", "5/hour");

#[test]
fn more_access_exits_3_and_less_or_none_exits_0() {
    let ground = ground();
    for (edits, code, told) in [
        (&[][..], 0, "Both policies allow the same.\n"),
        (
            &[("team@acme.example", "other@acme.example")],
            0,
            "agent.owner: note\n  now: it belongs to `other@acme.example`\n  \
             no longer: it belongs to `team@acme.example`\n\nBoth policies allow the same.\n",
        ),
        (
            &[NARROWER],
            0,
            "http.widgets: narrower\n  no longer: it may be used 20/hour instead of 5/hour (`writes`)\n\n\
             The new policy allows less than the old one, and nothing more.\n",
        ),
        (
            &[WIDER],
            3,
            "http.widgets: wider\n  \
             now: it may call `GET /v1/{any}` at `https://api.widgets.example`\n\n\
             The new policy allows something that the old one does not.\n",
        ),
        (
            &[WIDER, NARROWER],
            3,
            "http.widgets: changed\n  \
             now: it may call `GET /v1/{any}` at `https://api.widgets.example`\n  \
             no longer: it may be used 20/hour instead of 5/hour (`writes`)\n\n\
             The new policy allows something that the old one does not.\n",
        ),
    ] {
        let done = diff(&ground, edits, &[]);
        assert_eq!(done.exits(code).out(), told);
        assert_eq!(done.err(), "");
    }
}

#[test]
fn programs_are_told_each_change_with_its_way() {
    let ground = ground();
    let done = diff(&ground, &[WIDER, NARROWER], &["--json"]);
    let told = done.exits(3).json();
    assert_eq!(
        (&told["v"], &told["kind"]),
        (&json!(1), &json!("policy-diff"))
    );
    assert_eq!(told["adds-access"], true);
    assert_eq!(
        told["changes"],
        json!([{
            "grant": "http.widgets",
            "change": "changed",
            "gained": ["it may call `GET /v1/{any}` at `https://api.widgets.example`"],
            "lost": ["it may be used 20/hour instead of 5/hour (`writes`)"],
        }])
    );
    for side in ["old", "new"] {
        let path = format!("{side}/agentbox.toml");
        assert!(
            told[side]["policy"]
                .as_str()
                .is_some_and(|shown| shown.ends_with(&path))
        );
        assert_eq!(told[side]["policy-digest"].as_str().map(str::len), Some(64));
    }
    let same = diff(&ground, &[], &["--json"]).exits(0).json();
    assert_eq!(
        (&same["adds-access"], &same["changes"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn what_a_policy_says_is_no_markup_in_markdown_and_no_control_code_on_a_terminal() {
    let ground = ground();
    let hostile = "[env]\nA = '`</details> @team **x** | [l](http://e.example)'\n\
                   B = \"\\u202e\\u001b[31mred\\n- **wider**\"\n\
                   [files.'/a`b|c']\nhost = 'd`<b>'\naccess = \"read\"\n[files.\"/out\"]";
    let edit = [("[files.\"/out\"]", hostile)];
    let list = diff(&ground, &edit, &["--markdown"]).exits(3).out();
    assert_eq!(
        list,
        "**The new policy allows something that the old one does not.**\n\n\
         - `files.\"/a\\u{60}b|c\"`: wider\n  - now: it may read the folder `d\\u{60}<b>`\n\
         - `env.A`: wider\n  \
         - now: it sees `A=\\u{60}</details> @team **x** | [l](http://e.example)`\n\
         - `env.B`: wider\n  - now: it sees `B=\\u{202e}\\u{1b}[31mred\\n- **wider**`\n"
    );
    let text = diff(&ground, &edit, &[]).exits(3).out();
    assert!(
        text.contains("now: it sees `B=\\u{202e}\\u{1b}[31mred\\n- **wider**`\n"),
        "{text}"
    );
    let same = diff(&ground, &[], &["--markdown"]).exits(0).out();
    assert_eq!(same, "**Both policies allow the same.**\n");
}

#[test]
fn an_operation_is_compared_argument_by_argument() {
    let ground = ground();
    let policy = |repos: &str| {
        format!(
            "policy = 1\nworld = \"a:b/w\"\nagent.id = \"bot\"\n[credentials]\ngithub = \"env://KEY\"\n\
             [limits]\nwrites = \"20/hour\"\n[grants.\"github:issues/create-comment\"]\nuse = \"github\"\n\
             limits = [\"writes\"]\nwhere = {{ owner = \"acme\", repo = {repos} }}\n"
        )
    };
    for (folder, repos) in [
        ("old", "\"widgets\""),
        ("new", "[\"secrets\", \"widgets\"]"),
    ] {
        ground.write(&format!("{folder}/agentbox.toml"), &policy(repos));
        let world = "package a:b;\nworld w { import github:issues/create-comment@2022.11.28; }\n";
        ground.write(&format!("{folder}/wit/world.wit"), world);
    }
    let compare = |old: &str, new: &str| {
        ground.run(&[
            "policy",
            "diff",
            &format!("{old}/agentbox.toml"),
            &format!("{new}/agentbox.toml"),
        ])
    };
    assert_eq!(
        compare("old", "new").exits(3).out(),
        "github:issues/create-comment: wider\n  now: `repo` may be `secrets`\n\n\
         The new policy allows something that the old one does not.\n"
    );
    compare("new", "old").exits(0);
}

#[test]
fn other_certificate_authorities_of_one_name_add_access() {
    let ground = ground();
    let policy = KEYED.replace("policy = 1\n", "policy = 1\ntls.ca = \"ca.pem\"\n");
    let command = [
        "policy",
        "diff",
        "--json",
        "old/agentbox.toml",
        "new/agentbox.toml",
    ];
    for side in ["old", "new"] {
        ground.write(&format!("{side}/agentbox.toml"), &policy);
        ground.write(&format!("{side}/ca.pem"), "one");
    }
    let told = ground.run(&command).exits(0).json();
    assert_eq!(told["old"]["policy-digest"], told["new"]["policy-digest"]);
    ground.write("new/ca.pem", "two");
    let told = ground.run(&command).exits(3).json();
    assert_eq!(told["changes"][0]["grant"], "tls");
    assert_eq!(told["changes"][0]["change"], "changed");
    assert_eq!(told["adds-access"], true);
    assert_ne!(told["old"]["policy-digest"], told["new"]["policy-digest"]);
}

#[test]
fn a_policy_that_cannot_be_read_is_an_error_and_no_answer() {
    let ground = ground();
    ground.write("good.toml", KEYED);
    ground.write("bad.toml", "policy = 1\nagnt = 1\n");
    for (words, code, says) in [
        (&["good.toml", "bad.toml"][..], 1, "AB0104"),
        (&["bad.toml", "good.toml"], 1, "AB0104"),
        (&["good.toml", "none.toml"], 1, "AB0113"),
        (&["good.toml"], 2, "NEW"),
        (
            &["--markdown", "--json", "good.toml", "good.toml"],
            2,
            "--json",
        ),
    ] {
        let done = ground.run(&[&["policy", "diff"][..], words].concat());
        assert_eq!(done.code, Some(code), "{words:?}: {}", done.err());
        let said = format!("{}{}", done.out(), done.err());
        assert!(said.contains(says), "{words:?}: {said}");
    }
}
