//! `[files]` grants directories to read or to write, and nothing leads out of them.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::agentbox::Ground;
use crate::support::errands::{DENIED, run, wasip1, wasip2};

/// A ground with `data` granted to read and `out` to read and write, and things around both that
/// are not granted.
fn ground_with_files() -> Ground {
    let ground = Ground::new();
    ground.write(
        "agentbox.toml",
        "policy = 1\n\
         [files.\"/data\"]\nhost = \"data\"\naccess = \"read\"\n\
         [files.\"/out\"]\nhost = \"./out/\"\naccess = \"read-write\"\n",
    );
    ground.write("data/in.txt", "inside");
    ground.write("data/sub/deep.txt", "deep");
    ground.write("out/old.txt", "old");
    ground.write("secret.txt", "outside");
    ground
}

/// Lets the program try each of `attempts`, and compares what it says of each.
#[track_caller]
fn check_files(ground: &Ground, attempts: &[(&str, &str)]) {
    let words: Vec<&str> = attempts
        .iter()
        .flat_map(|(attempt, _)| std::iter::once("+").chain(attempt.split(' ')))
        .skip(1)
        .collect();
    for program in [wasip1(), wasip2()] {
        let done = run(ground, &program, &words);
        let out = done.exits(0).out();
        let told: Vec<_> = attempts
            .iter()
            .map(|(attempt, _)| *attempt)
            .zip(out.lines())
            .collect();
        assert_eq!(told, attempts);
    }
    let secret = fs::read_to_string(ground.work().join("secret.txt"));
    assert_eq!(secret.expect("it is still there"), "outside");
}

const NOT_FOUND: &str = "refused: NotFound";

#[test]
fn without_a_grant_there_is_no_file_system() {
    let ground = Ground::new();
    ground.write("secret.txt", "outside");
    let attempts = [
        "read /etc/passwd",
        "list /",
        "list .",
        "read secret.txt",
        "write /tmp/x y",
    ];
    check_files(&ground, &attempts.map(|attempt| (attempt, NOT_FOUND)));
}

#[test]
fn a_granted_directory_is_read_and_a_writable_one_written() {
    let ground = ground_with_files();
    symlink("in.txt", ground.work().join("data/alias")).expect("a link can be made");
    check_files(
        &ground,
        &[
            ("read /data/in.txt", "inside"),
            ("read /data/sub/../in.txt", "inside"),
            ("read /data/alias", "inside"),
            ("list /data", "3"),
            ("write /out/new.txt text", "done"),
            ("read /out/new.txt", "text"),
            ("rename /out/new.txt /out/newer.txt", "done"),
            ("read /out/new.txt", NOT_FOUND),
            ("remove /out/newer.txt", "done"),
            ("truncate /out/old.txt", "done"),
            ("read /out/old.txt", ""),
            ("write /out/old.txt new", "done"),
        ],
    );
    let old = fs::read_to_string(ground.work().join("out/old.txt"));
    assert_eq!(old.expect("it is there"), "new");
}

#[test]
fn a_read_grant_is_not_written_by_any_call() {
    let ground = ground_with_files();
    check_files(
        &ground,
        &[
            ("write /data/in.txt x", DENIED),
            ("write /data/new.txt x", DENIED),
            ("append /data/in.txt", DENIED),
            ("truncate /data/in.txt", DENIED),
            ("mkdir /data/new", DENIED),
            ("remove /data/in.txt", DENIED),
            ("rename /data/in.txt /data/other.txt", DENIED),
            ("rename /data/in.txt /out/moved.txt", DENIED),
            ("rename /out/old.txt /data/moved.txt", DENIED),
            ("hard-link /data/in.txt /out/linked.txt", DENIED),
            ("hard-link /out/old.txt /data/linked.txt", DENIED),
            ("symlink in.txt /data/link", DENIED),
            ("list /data", "2"),
            ("read /data/in.txt", "inside"),
        ],
    );
}

#[test]
fn dot_dot_and_absolute_paths_do_not_lead_out() {
    let ground = ground_with_files();
    let absolute = ground.work().join("secret.txt");
    let absolute = format!("read {}", absolute.display());
    check_files(
        &ground,
        &[
            ("read /data/../secret.txt", DENIED),
            ("read /data/sub/../../secret.txt", DENIED),
            ("read /data/../data/in.txt", DENIED),
            ("list /data/..", DENIED),
            ("write /out/../secret.txt x", DENIED),
            ("write /out/../new.txt x", DENIED),
            ("rename /out/old.txt /out/../old.txt", DENIED),
            (&absolute, NOT_FOUND),
            ("read /etc/passwd", NOT_FOUND),
            ("list /", NOT_FOUND),
        ],
    );
    assert!(!ground.work().join("new.txt").exists());
}

#[test]
fn links_of_the_host_do_not_lead_out_of_a_granted_directory() {
    let ground = ground_with_files();
    let absolute = ground.work().join("secret.txt");
    for folder in ["data", "out"] {
        let folder = ground.work().join(folder);
        symlink("../secret.txt", folder.join("up")).expect("a link can be made");
        symlink("..", folder.join("parent")).expect("a link can be made");
        symlink(&absolute, folder.join("absolute")).expect("a link can be made");
        symlink("/", folder.join("top")).expect("a link can be made");
    }
    check_files(
        &ground,
        &[
            ("read /data/up", DENIED),
            ("read /data/parent/secret.txt", DENIED),
            ("list /data/parent", DENIED),
            ("read /data/absolute", DENIED),
            ("list /data/top", DENIED),
            ("read /data/top/etc/passwd", DENIED),
            ("stat /data/top/etc/passwd", DENIED),
            ("write /out/up x", DENIED),
            ("truncate /out/absolute", DENIED),
            ("write /out/parent/new.txt x", DENIED),
            ("remove /out/parent/secret.txt", DENIED),
            ("rename /out/parent/secret.txt /out/mine.txt", DENIED),
            ("hard-link /out/parent/secret.txt /out/mine.txt", DENIED),
        ],
    );
    assert!(!ground.work().join("new.txt").exists());
}

#[test]
fn links_that_a_program_makes_do_not_lead_out() {
    let ground = ground_with_files();
    check_files(
        &ground,
        &[
            ("symlink /etc /out/etc", DENIED),
            ("symlink ../secret.txt /out/up", "done"),
            ("read /out/up", DENIED),
            ("write /out/up x", DENIED),
            ("symlink .. /out/parent", "done"),
            ("read /out/parent/secret.txt", DENIED),
            ("list /out/parent", DENIED),
            ("mkdir /out/a", "done"),
            ("symlink ../.. /out/a/far", "done"),
            ("read /out/a/far/secret.txt", DENIED),
            ("write /out/a/far/data/in.txt x", DENIED),
            ("remove /out/up", "done"),
            ("remove /out/parent", "done"),
            ("remove /out/a/far", "done"),
            ("rename /out/a /out/b", "done"),
            ("rename /out/b /out/c", "done"),
        ],
    );
}

#[test]
fn a_link_on_the_way_to_a_granted_directory_refuses_the_run() {
    let ground = ground_with_files();
    // As a program of an earlier run, or whoever wrote the checkout, may have left it.
    fs::remove_dir_all(ground.work().join("data")).expect("it is there");
    symlink(".", ground.work().join("data")).expect("a link can be made");
    let refused = run(&ground, &wasip2(), &["read", "/data/secret.txt"]);
    refused
        .exits(120)
        .says("error[AB0118]")
        .says("there is a link in its path");
    assert_eq!(refused.out(), "");
}

#[test]
fn a_directory_that_holds_a_key_or_the_state_is_not_granted() {
    let ground = ground_with_files();
    let key = ground.write("data/key", "canary-in-a-granted-directory");
    ground.write(
        "agentbox.toml",
        &format!(
            "policy = 1\n[agent]\nid = \"a\"\n\
             [credentials.api]\nfrom = \"file://{}\"\nas = \"bearer\"\n\
             origin = \"https://api.test\"\n\
             [http.api]\nuse = \"api\"\nallow = [\"GET /\"]\n\
             [files.\"/data\"]\nhost = \"data\"\naccess = \"read\"\n",
            key.display()
        ),
    );
    let program = wasip2();
    let words = ["run", "--policy", "agentbox.toml"];
    let program = program.to_str().expect("a path of this test is text");
    let refused = ground.run(&[&words[..], &[program, "list", "/data"]].concat());
    refused
        .exits(120)
        .says("error[AB0118]")
        .says("it holds the key `api`");

    ground.write(
        "agentbox.toml",
        "policy = 1\n[files.\"/data\"]\nhost = \"data\"\naccess = \"read-write\"\n",
    );
    let words = [
        &words[..],
        &["--state", "data/state", program, "list", "/data"],
    ]
    .concat();
    ground
        .run(&words)
        .exits(120)
        .says("it holds the state folder");
}

#[test]
fn a_granted_directory_that_leads_out_or_is_missing_refuses_the_run() {
    let ground = ground_with_files();
    symlink("/etc", ground.work().join("etc")).expect("a link can be made");
    for host in ["etc", "missing", "secret.txt"] {
        let policy =
            format!("policy = 1\n[files.\"/data\"]\nhost = \"{host}\"\naccess = \"read\"\n");
        ground.write("agentbox.toml", &policy);
        let refused = run(&ground, &wasip2(), &["list", "/data"]);
        refused
            .exits(120)
            .says("error[AB0118]: the directory granted as `/data`");
        assert_eq!(refused.out(), "");
    }
    assert_eq!(
        ground.record(),
        "",
        "what was refused before it started is no run"
    );
}
