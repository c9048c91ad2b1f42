//! APIs that are known by data alone: a connector that no build has seen, and programs whose types
//! are not the connector's.

use serde_json::{Value, json};

use crate::support::agentbox::Ground;
use crate::support::api::{self, Api, Seen};
use crate::support::bot::{Bot, answers};
use crate::support::canary::Canary;
use crate::support::guests;
use crate::support::typed::{self, MEMORY};

/// The WIT of an API that agentbox has never heard of.
const NOTES: &str = "package notes:book@3.1.0;

interface add {
  use agentbox:host/errors@0.1.0.{error};

  enum ink { blue, dark-red }

  record note {
    note-id: u64,
    written-in: ink,
    tags: list<string>,
    author: option<string>,
  }

  add: func(book: string, text: string, ink: option<ink>, tags: list<string>) -> result<note, error>;
}
";

/// A ground with that API in `connectors/`, and a policy for it.
fn with_notes(api: &Api) -> Bot {
    let bot = Bot::new(
        &["notes:book/add@3.1.0"],
        &api.url(),
        "[grants.\"notes:book/add\"]\nuse = \"api\"\nwhere = { book = \"b1\" }\n\
         limits = [\"writes\"]\n[limits]\nwrites = \"10/run\"\n",
    );
    bot.ground.write("connectors/notes/book.wit", NOTES);
    bot.ground.write(
        "connectors/notes/connector.toml",
        r#"
connector = 1
name   = "notes"
origin = "https://notes.example"
as     = { header = "x-notes-key", prefix = "Key " }
names  = "camelCase"

[types."book/add/note"]
author = "/by/name"

[operations."book/add"]
request = "POST /books/{book}/notes"
query   = { ink = "{ink}", api = "3" }
body    = { theText = "{text}", tagNames = "{tags}", by = { agent = true } }
effect  = "write"
scope   = ["book"]
reply   = "/note"
"#,
    );
    bot
}

fn notes() -> Api {
    Api::always(api::json(
        200,
        r#"{"note":{"noteId":18446744073709551615,"writtenIn":"darkRed","tags":["a","b"],
            "by":{"name":"bot"},"more":1},"seconds":0.1}"#,
    ))
}

#[track_caller]
fn check_note(bot: &Bot, seen: &[Seen], query: &str) {
    let [seen] = seen else {
        panic!("one request: {seen:?}")
    };
    assert_eq!(seen.line, format!("POST /books/b1/notes?{query} HTTP/1.1"));
    let body: Value = serde_json::from_slice(&seen.body).expect("the body is JSON");
    let expected = json!({ "theText": "hello", "tagNames": ["x"], "by": { "agent": true } });
    assert_eq!(body, expected);
    let key = format!("Key {}", bot.key.text());
    assert_eq!(seen.header("x-notes-key"), Some(key.as_str()));
    assert_eq!(seen.header("authorization"), None);
}

#[test]
fn an_api_that_is_written_down_today_is_called_by_name() {
    let api = notes();
    let bot = with_notes(&api);
    let arguments = r#"{"book":"b1","text":"hello","ink":"dark-red","tags":["x"]}"#;
    let outcome = bot.ask(&[["notes:book/add", arguments]]);
    let answers = answers(outcome.exits(0));
    let value = answers[0].strip_prefix("ok ").expect("it is granted");
    let value: Value = serde_json::from_str(value).expect("it is JSON");
    let expected = json!({
        "note-id": u64::MAX, "written-in": "dark-red", "tags": ["a", "b"], "author": "bot",
    });
    assert_eq!(value, expected);
    check_note(&bot, &api.requests(), "ink=darkRed&api=3");
}

#[test]
fn an_api_that_is_written_down_today_is_a_typed_function_at_once() {
    let api = notes();
    let bot = with_notes(&api);
    // It returns the note's author, whose `option` lies where the result's text is to be.
    let text = format!(
        r#"(module
  (import "notes:book/add@3.1.0" "add"
    (func $add (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  {MEMORY}
  (data (i32.const 0) "b1")
  (data (i32.const 8) "hello")
  (data (i32.const 16) "x")
  (data (i32.const 24) "\10\00\00\00\01\00\00\00")
  (func (export "run") (result i32)
    (call $add (i32.const 0) (i32.const 2) (i32.const 8) (i32.const 5)
      (i32.const 0) (i32.const 0) (i32.const 24) (i32.const 1) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then unreachable))
    (if (i64.ne (i64.load (i32.const 136)) (i64.const -1)) (then unreachable))
    (if (i32.ne (i32.load8_u (i32.const 144)) (i32.const 1)) (then unreachable))
    (if (i32.ne (i32.load (i32.const 152)) (i32.const 2)) (then unreachable))
    (if (i32.eqz (i32.load8_u (i32.const 156))) (then unreachable))
    (i32.store8 (i32.const 156) (i32.const 0))
    (i32.const 156)))"#
    );
    let world = "package test:notes@0.1.0;
        world writer {
          import notes:book/add@3.1.0;
          export run: func() -> result<string, string>;
        }";
    let program = bot.ground.work().join("program.wasm");
    std::fs::write(&program, typed::module(&text, world, &[NOTES])).expect("it is ours");
    let words = ["run", "--policy", "agentbox.toml", "program.wasm"];
    let outcome = bot.ground.run(&words);
    assert_eq!(outcome.exits(0).out(), "bot\n");
    check_note(&bot, &api.requests(), "api=3");
}

#[test]
fn an_edit_of_a_connector_asks_for_approval_again() {
    let api = notes();
    let bot = with_notes(&api);
    let program = guests::guest("ask").display().to_string();
    let arguments = r#"{"book":"b1","text":"hello","tags":["x"]}"#;
    let run = || {
        bot.ground
            .run(&["run", &program, "notes:book/add", arguments])
    };
    let asks = || {
        let before = api.requests().len();
        run().exits(120).says("error[AB0112]");
        assert_eq!(api.requests().len(), before);
    };
    asks();
    bot.ground.run(&["policy", "approve"]).exits(0);
    run().exits(0);
    for name in [
        "connectors/notes/connector.toml",
        "connectors/notes/book.wit",
    ] {
        let path = bot.ground.work().join(name);
        let text = std::fs::read_to_string(&path).expect("it was written");
        let remark = if name.ends_with("toml") {
            "# more\n"
        } else {
            "// more\n"
        };
        bot.ground.write(name, &[&text, remark].concat());
        asks();
        bot.ground.write(name, &text);
        run().exits(0);
    }
}

#[test]
fn a_connector_that_takes_the_place_of_a_built_in_one_asks_for_approval_again() {
    let api = Api::always(api::json(200, "[]"));
    let ground = Ground::new().key("API_KEY", &Canary::fresh());
    let world = "package test:bot@0.1.0;\n\
        world bot { import github:issues/list-for-repo@2022.11.28; }\n";
    ground.write("wit/world.wit", world);
    ground.write(
        "agentbox.toml",
        "policy = 1\nworld = \"test:bot/bot\"\ninsecure-loopback = true\n\
         [agent]\nid = \"bot\"\n[credentials]\napi = \"env://API_KEY\"\n\
         [grants.\"github:issues/list-for-repo\"]\nuse = \"api\"\n\
         where = { owner = \"acme\", repo = \"widgets\" }\n",
    );
    ground.run(&["policy", "approve"]).exits(0);
    let connector = guests::sources().join("../host-apis/connectors/github");
    let read = |name: &str| {
        std::fs::read_to_string(connector.join(name)).expect("the connector is checked in")
    };
    let elsewhere = read("connector.toml").replace("https://api.github.com", &api.url());
    ground.write("connectors/github/connector.toml", &elsewhere);
    ground.write("connectors/github/issues.wit", &read("issues.wit"));
    let program = guests::guest("ask").display().to_string();
    let list = "github:issues/list-for-repo";
    let words = [list, r#"{"owner":"acme","repo":"widgets"}"#];
    let refused = ground.run(&[&["run", &program][..], &words].concat());
    refused.exits(120).says("error[AB0112]");
    assert!(api.requests().is_empty());
    // Approved, it is the one that is used.
    ground.run(&["policy", "approve"]).exits(0);
    ground
        .run(&[&["run", &program][..], &words].concat())
        .exits(0);
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn a_grant_without_a_key_is_asked_about_and_sends_none() {
    let api = Api::always(api::json(200, "[]"));
    let bot = with_notes(&api);
    let toml = bot.ground.work().join("agentbox.toml");
    let text = std::fs::read_to_string(&toml).expect("it was written");
    let (start, _) = text.split_once("[credentials").expect("it has keys");
    let open = "[grants.\"notes:book/add\"]\nwhere = { book = \"b1\" }\n";
    bot.ground.write("agentbox.toml", &[start, open].concat());
    let connector = bot.ground.work().join("connectors/notes/connector.toml");
    let text = std::fs::read_to_string(&connector).expect("it was written");
    let here = text.replace("https://notes.example", &api.url());
    bot.ground.write("connectors/notes/connector.toml", &here);
    let program = guests::guest("ask").display().to_string();
    let call = [
        "notes:book/add",
        r#"{"book":"b1","text":"hello","tags":["x"]}"#,
    ];
    let refused = bot.ground.run(&[&["run", &program][..], &call].concat());
    refused.exits(120).says("error[AB0112]");
    bot.ask(&[call]).exits(0);
    let [seen] = &api.requests()[..] else {
        panic!("one request: {:?}", api.requests())
    };
    assert_eq!(seen.header("x-notes-key"), None);
    bot.key.assert_absent("the request", &seen.raw);
}

#[test]
fn a_typed_call_with_megabytes_of_text_is_refused_and_nothing_is_sent() {
    let api = notes();
    let bot = with_notes(&api);
    // The text is 8 MiB of zero bytes, each six bytes long in JSON; the first word of the error's
    // record is the denial's code.
    let text = r#"(module
  (import "notes:book/add@3.1.0" "add"
    (func $add (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 160)
  (data (i32.const 0) "b1")
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "run") (result i32)
    (call $add (i32.const 0) (i32.const 2) (i32.const 65536) (i32.const 8388608)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 128))
    ;; An error, and `denied`: its code is where an `err` has its text.
    (if (i32.eqz (i32.load8_u (i32.const 128))) (then unreachable))
    (if (i32.load8_u (i32.const 136)) (then unreachable))
    (i32.store8 (i32.const 136) (i32.const 1))
    (i32.const 136)))"#;
    let world = "package test:notes@0.1.0;
        world writer {
          import notes:book/add@3.1.0;
          export run: func() -> result<string, string>;
        }";
    let program = bot.ground.work().join("program.wasm");
    std::fs::write(&program, typed::module(text, world, &[NOTES])).expect("it is ours");
    let words = ["run", "--policy", "agentbox.toml", "program.wasm"];
    bot.ground
        .run(&words)
        .exits(1)
        .says("denied[AB0507]")
        .says("error[AB0702]: AB0507");
    assert!(api.requests().is_empty());
}

#[test]
fn a_reply_that_is_made_to_break_its_reader_is_an_invalid_reply() {
    let deep = |open: &str, close: &str| [open.repeat(1 << 18), close.repeat(1 << 18)].concat();
    let bodies = [
        deep("[", "]"),
        deep("{\"note\":", "}"),
        "[".repeat(1 << 20),
        r#"{"note":{"noteId":1e400,"writtenIn":"blue","tags":[]}}"#.to_owned(),
        r#"{"note":{"noteId":18446744073709551616,"writtenIn":"blue","tags":[]}}"#.to_owned(),
        r#"{"note":{"noteId":1,"writtenIn":"green","tags":[]}}"#.to_owned(),
        r#"{"note":{"noteId":1,"writtenIn":"blue","tags":["\ud800"]}}"#.to_owned(),
        r#"{"note":{"noteId":1,"writtenIn":"blue","tags":[],"by":{"name":7}}}"#.to_owned(),
        "{\"note\":null}\u{0}".to_owned(),
        String::new(),
    ];
    for body in bodies {
        let api = Api::always(api::json(200, &body));
        let bot = with_notes(&api);
        let arguments = r#"{"book":"b1","text":"hello","tags":["x"]}"#;
        let outcome = bot.ask(&[["notes:book/add", arguments]]);
        let answers = answers(outcome.exits(0));
        let start = &body[..body.len().min(80)];
        assert!(
            answers[0].starts_with("invalid-reply "),
            "{start}: {answers:?}"
        );
        assert!(answers[0].len() < 256, "{start}: {answers:?}");
    }
}

/// A program that asks for a typed operation of GitHub whose issues have numbers of type `number`.
fn commenter(number: &str) -> Vec<u8> {
    commenter_of("2022.11.28", number)
}

/// The same, of a version of GitHub's operations.
fn commenter_of(version: &str, number: &str) -> Vec<u8> {
    let issues = format!(
        "package github:issues@{version};
        interface create-comment {{
          use agentbox:host/errors@0.1.0.{{error}};
          record params {{ owner: string, repo: string, issue-number: {number}, body: string }}
          record comment {{ id: string, html-url: string }}
          create-comment: func(p: params) -> result<comment, error>;
        }}"
    );
    let world = format!(
        "package test:comments@0.1.0;
        world commenter {{
          import github:issues/create-comment@{version};
          export run: func() -> result<string, string>;
        }}"
    );
    let flat = if number == "u64" { "i64" } else { "i32" };
    let text = format!(
        r#"(module
  (import "github:issues/create-comment@{version}" "create-comment"
    (func $comment (param i32 i32 i32 i32 {flat} i32 i32 i32)))
  {MEMORY}
  (func (export "run") (result i32)
    (call $comment (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) ({flat}.const 7)
      (i32.const 0) (i32.const 0) (i32.const 128))
    unreachable))"#
    );
    typed::module(&text, &world, &[&issues])
}

#[test]
fn a_program_built_for_other_types_is_refused_before_it_starts() {
    let api = Api::always(api::json(201, "{}"));
    let bot = Bot::new(
        &["github:issues/create-comment@2022.11.28"],
        &api.url(),
        "[grants.\"github:issues/create-comment\"]\nuse = \"api\"\n\
         where = { owner = \"acme\", repo = \"widgets\" }\n",
    );
    let program = bot.ground.work().join("program.wasm");
    for (number, fits) in [("u32", true), ("u64", false), ("s32", false)] {
        std::fs::write(&program, commenter(number)).expect("it is ours");
        let check = ["check", "--policy", "agentbox.toml", "program.wasm"];
        let check = bot.ground.run(&check);
        check.exits(i32::from(!fits));
        let run = ["run", "--policy", "agentbox.toml", "program.wasm"];
        let run = bot.ground.run(&run);
        if fits {
            // It runs, and crashes as it is written to once its call is denied.
            run.exits(1).says("denied[AB0203]").says("AB0701");
            continue;
        }
        run.exits(120).says("AB0123").says("issue-number");
        let said = [check.out(), check.err()].concat();
        assert!(said.contains("AB0123"), "{said}");
        assert!(said.contains("github:issues/create-comment"), "{said}");
    }
    assert!(api.requests().is_empty());
}

#[test]
fn a_program_whose_world_is_larger_than_the_policys_is_told_what_to_add() {
    let api = Api::always(api::json(201, "{}"));
    let bot = Bot::new(
        &["github:issues/list-for-repo@2022.11.28"],
        &api.url(),
        "[grants.\"github:issues/list-for-repo\"]\nuse = \"api\"\n\
         where = { owner = \"acme\", repo = \"widgets\" }\n",
    );
    let program = bot.ground.work().join("program.wasm");
    std::fs::write(&program, commenter("u32")).expect("it is ours");
    let run = ["run", "--policy", "agentbox.toml", "program.wasm"];
    let run = bot.ground.run(&run);
    run.exits(120)
        .says("AB0101")
        .says("import github:issues/create-comment@2022.11.28;")
        .says("[grants.\"github:issues/create-comment\"]");
    // `check` says the same.
    let check = ["check", "--policy", "agentbox.toml", "program.wasm"];
    let check = bot.ground.run(&check);
    check.exits(1);
    let said = [check.out(), check.err()].concat();
    assert!(
        said.contains("import github:issues/create-comment@2022.11.28;"),
        "{said}"
    );
}

#[test]
fn the_files_that_a_program_without_a_policy_is_told_to_save_grant_it() {
    let ground = Ground::new();
    std::fs::write(ground.work().join("program.wasm"), commenter("u32")).expect("it is ours");
    let check = ["check", "program.wasm"];
    let refused = ground.run(&check);
    let said = refused.exits(1).err().to_owned();
    let (_, files) = said.split_once("// wit/world.wit\n").expect("a world");
    let (world, policy) = files.split_once("# agentbox.toml\n").expect("a policy");
    ground.write("wit/world.wit", world);
    ground.write("agentbox.toml", policy);
    ground.run(&check).exits(0);
}

#[test]
fn a_program_built_for_another_version_is_refused_however_near_it_is() {
    let api = Api::always(api::json(201, "{}"));
    let bot = Bot::new(
        &["github:issues/create-comment@2022.11.28"],
        &api.url(),
        "[grants.\"github:issues/create-comment\"]\nuse = \"api\"\n\
         where = { owner = { any = true }, repo = { any = true } }\n",
    );
    let program = bot.ground.work().join("program.wasm");
    let run = ["run", "--policy", "agentbox.toml", "program.wasm"];
    for version in ["2022.11.29", "2022.11.27", "2022.12.0", "2023.0.0"] {
        std::fs::write(&program, commenter_of(version, "u32")).expect("it is ours");
        let refused = bot.ground.run(&run);
        refused
            .exits(120)
            .says(&format!("create-comment@{version}"));
    }
    assert_eq!(bot.ground.record_lines().len(), 0);
    assert!(api.requests().is_empty());
}

#[test]
fn a_role_of_a_connector_is_included_without_a_copy() {
    let api = Api::always(api::json(200, "[]"));
    let scope = "where = { owner = \"acme\", repo = \"widgets\" }";
    let role = ["list-for-repo", "get", "list-comments"];
    let grants =
        role.map(|name| format!("[grants.\"github:issues/{name}\"]\nuse = \"api\"\n{scope}\n"));
    let bot = Bot::new(&[], &api.url(), &grants.concat());
    let world = "package test:bot@0.1.0;\nworld bot { include github:issues/reader@2022.11.28; }\n";
    bot.ground.write("wit/world.wit", world);
    let listed = r#"{"owner":"acme","repo":"widgets"}"#;
    let comments = r#"{"owner":"acme","repo":"widgets","issue-number":7}"#;
    let outcome = bot.ask(&[
        ["github:issues/list-for-repo", listed],
        ["github:issues/list-comments", comments],
        ["github:issues/create-comment", comments],
    ]);
    let answers = answers(outcome.exits(0));
    assert_eq!(answers[..2], ["ok []", "ok []"]);
    assert!(answers[2].starts_with("denied AB0214 "), "{answers:?}");
    // A role grants nothing by itself: each of its operations needs its grant.
    let toml = bot.ground.work().join("agentbox.toml");
    let text = std::fs::read_to_string(&toml).expect("it was written");
    bot.ground
        .write("agentbox.toml", &text.replace(&grants[1], ""));
    let refused = bot.ask(&[["github:issues/list-for-repo", listed]]);
    refused.exits(120).says("AB0103").says("github:issues/get");
}

#[test]
fn the_examples_are_built_from_the_connectors_own_wit() {
    let ground = Ground::new();
    ground
        .run(&["connector", "copy", "github", "matrix", "--to", "deps"])
        .exits(0);
    for (example, texts) in [
        ("triage", ["agentbox/host.wit", "github/issues.wit"]),
        ("c-issues", ["agentbox/host.wit", "github/issues.wit"]),
        ("matrix", ["agentbox/host.wit", "matrix/client.wit"]),
    ] {
        for text in texts {
            let read = |folder: &std::path::Path| {
                let path = folder.join(text);
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
            };
            let copy = guests::sources().join(example).join("wit/deps");
            let told = "guest-examples has an old copy; `agentbox connector copy` makes a new one";
            assert!(
                read(&copy) == read(&ground.work().join("deps")),
                "{example}/{text}: {told}"
            );
        }
    }
}
