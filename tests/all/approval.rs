//! A policy that is found by search uses its keys once a person has approved it, and no sooner.

use std::fs;

use serde_json::json;

use super::commands::{KEYED, ground};
use crate::support::agentbox::{Ground, Outcome, finish, on_a_terminal};
use crate::support::texts;

#[track_caller]
fn asks_for_approval(outcome: &Outcome) {
    outcome
        .exits(120)
        .says("error[AB0112]")
        .says("agentbox policy approve");
}

#[test]
fn a_policy_found_by_search_uses_no_key_until_it_is_approved() {
    let ground = ground();
    ground.write("agentbox.toml", KEYED);
    asks_for_approval(&ground.run(&["run", "program.wat"]));
    asks_for_approval(&ground.run(&["run", "--dry-run", "program.wat"]));
    // Naming it is approval, of that run alone.
    ground
        .run(&["run", "--policy", "agentbox.toml", "program.wat"])
        .exits(0);
    asks_for_approval(&ground.run(&["run", "program.wat"]));
    // Only looking needs none.
    ground.run(&["check", "program.wat"]).exits(0);
    ground.run(&["policy", "explain"]).exits(0);
    asks_for_approval(&ground.run(&["run", "program.wat"]));

    let approved = ground.run(&["policy", "approve"]);
    assert!(
        approved.exits(0).out().contains("Worst case: "),
        "{}",
        approved.out()
    );
    ground.run(&["run", "program.wat"]).exits(0);
}

#[test]
fn a_policy_that_reaches_nothing_needs_no_approval() {
    let ground = ground();
    ground.write("agentbox.toml", "policy = 1\n[env]\nLANG = \"C\"\n");
    ground.run(&["run", "program.wat"]).exits(0);
    // One that lets files be read, or anything be sent, is as good as a key to some.
    for reaching in [
        "[files.\"/d\"]\nhost = \".\"\naccess = \"read\"\n",
        "[http.x]\norigin = \"https://api.test\"\nallow = [\"GET /\"]\n",
    ] {
        ground.write(
            "agentbox.toml",
            &format!("policy = 1\n[agent]\nid = \"a\"\n{reaching}"),
        );
        asks_for_approval(&ground.run(&["run", "program.wat"]));
    }
}

#[test]
fn an_edit_of_the_policy_or_its_wit_asks_again() {
    let ground = ground();
    let policy = format!("world = \"a:b/w\"\n{KEYED}");
    let world = "package a:b;\nworld w {\n  import wasi:http/outgoing-handler@0.2.0;\n}\n";
    ground.write("agentbox.toml", &policy);
    ground.write("wit/world.wit", world);
    ground.run(&["policy", "approve"]).exits(0);
    ground.run(&["run", "program.wat"]).exits(0);

    ground.write("agentbox.toml", &format!("{policy}# more\n"));
    asks_for_approval(&ground.run(&["run", "program.wat"]));
    ground.write("agentbox.toml", &policy);
    ground.run(&["run", "program.wat"]).exits(0);

    ground.write("wit/world.wit", &format!("{world}// more\n"));
    asks_for_approval(&ground.run(&["run", "program.wat"]));
    ground.write("wit/world.wit", world);
    ground.write("wit/other.wit", "package a:b;\n");
    asks_for_approval(&ground.run(&["run", "program.wat"]));
}

/// Runs `agentbox` in `folder` of the ground's working folder.
fn run_in(ground: &Ground, folder: &str, arguments: &[&str]) -> Outcome {
    let mut command = ground.command();
    command
        .current_dir(ground.work().join(folder))
        .args(arguments);
    let outcome = finish(command, b"");
    ground.assert_no_key(&outcome);
    outcome
}

#[test]
fn an_approval_is_bound_to_the_policys_place_and_to_the_state_folder() {
    let ground = ground();
    for folder in ["here", "there"] {
        ground.write(&format!("{folder}/agentbox.toml"), KEYED);
        ground.write(&format!("{folder}/program.wat"), texts::NOTHING);
        ground.write(&format!("{folder}/out/.keep"), "");
    }
    ground
        .run(&["policy", "approve", "here/agentbox.toml"])
        .exits(0);
    run_in(&ground, "here", &["run", "program.wat"]).exits(0);
    asks_for_approval(&run_in(&ground, "there", &["run", "program.wat"]));
    asks_for_approval(&run_in(
        &ground,
        "here",
        &["run", "--state", "../state", "program.wat"],
    ));
    // By whatever way one gets there.
    std::os::unix::fs::symlink("here", ground.work().join("alias")).expect("a link can be made");
    run_in(&ground, "alias", &["run", "program.wat"]).exits(0);
}

#[test]
fn a_link_to_an_approved_policy_does_not_take_its_approval_elsewhere() {
    let ground = ground();
    ground.write(
        "inner/agentbox.toml",
        "policy = 1\n[files.\"/d\"]\nhost = \"d\"\naccess = \"read\"\n",
    );
    ground.write("inner/d/what.txt", "the inner one");
    ground.write("d/what.txt", "the outer one");
    ground
        .run(&["policy", "approve", "inner/agentbox.toml"])
        .exits(0);
    std::os::unix::fs::symlink("inner/agentbox.toml", ground.work().join("agentbox.toml"))
        .expect("a link can be made");
    // The policy's paths are relative to where it really is.
    let program = crate::support::errands::wasip2();
    let done = ground.run(&[
        "run".as_ref(),
        program.as_os_str(),
        "read".as_ref(),
        "/d/what.txt".as_ref(),
    ]);
    assert!(
        done.exits(0).out().contains("the inner one"),
        "{}",
        done.out()
    );
}

#[test]
fn an_approval_tells_programs_what_was_approved() {
    let ground = ground();
    ground.write("agentbox.toml", KEYED);
    let explained = ground.run(&["policy", "explain", "--json"]).exits(0).json();
    let approved = ground.run(&["policy", "approve", "--json"]).exits(0).json();
    assert_eq!(
        (&approved["v"], &approved["policy-digest"]),
        (&json!(1), &explained["policy-digest"])
    );
}

#[test]
fn the_search_goes_up_to_the_root_of_the_version_controlled_tree_and_no_further() {
    let ground = ground();
    let program = ground.work().join("program.wat");
    let program = program.to_str().expect("temporary paths are UTF-8");
    // The policy can be told by its bound.
    let policy = "policy = 1\n[run]\nmemory = \"1 MiB\"\n";
    ground.write("agentbox.toml", policy);
    ground.write("tree/below/deep/.keep", "");
    let found = |folder: &str| {
        let refused = run_in(&ground, folder, &["run", "--memory", "2MiB", program]);
        assert!(matches!(refused.code, Some(0 | 120)), "{}", refused.err());
        refused.err().contains("error[AB0121]")
    };
    // Without a root there is only the working directory.
    assert!(found(".") && !found("tree") && !found("tree/below/deep"));
    for marker in [".git", ".hg", ".jj"] {
        let root = ground.work().join("tree").join(marker);
        fs::create_dir(&root).expect("the ground can be written");
        assert!(
            !found("tree") && !found("tree/below/deep"),
            "{marker} ends the search"
        );
        ground.write("tree/agentbox.toml", policy);
        assert!(found("tree") && found("tree/below/deep"), "{marker}");
        fs::remove_file(ground.work().join("tree/agentbox.toml")).expect("it was written");
        fs::remove_dir(&root).expect("it was made");
    }
    // As in a work tree of git.
    ground.write("tree/.git", "gitdir: elsewhere\n");
    ground.write("tree/below/agentbox.toml", policy);
    assert!(found("tree/below/deep") && !found("tree"));
}

#[test]
fn a_person_at_a_terminal_is_asked_for_an_approval_once() {
    let ground = ground();
    ground.write("agentbox.toml", KEYED);
    let refused = on_a_terminal(&ground, "run program.wat", b"n\n");
    assert!(
        refused.exits(120).out().contains("[y/N]") && refused.out().contains("AB0112"),
        "{}",
        refused.out()
    );
    let approved = on_a_terminal(&ground, "run program.wat", b"y\n");
    assert!(
        approved.exits(0).out().contains("Worst case: "),
        "{}",
        approved.out()
    );
    let again = on_a_terminal(&ground, "run program.wat", b"");
    assert!(!again.exits(0).out().contains("[y/N]"), "{}", again.out());
    ground.run(&["run", "program.wat"]).exits(0);
}
