//! `agentbox connector`, and what is said of the format: the lesson, the schema and the command agree.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::agentbox::{Ground, finish};
use crate::support::python;

const BUILT_IN: [(&str, &str); 4] = [
    ("github", "issues.wit"),
    ("matrix", "client.wit"),
    ("openai", "chat.wit"),
    ("vault", "kv.wit"),
];

fn root(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn built_in(name: &str, file: &str) -> String {
    root(&format!("host-apis/connectors/{name}/{file}"))
}

/// The first block of the lesson in this language.
fn lesson(language: &str) -> String {
    let lesson = root("host-apis/connectors/README.md");
    let (_, rest) = lesson
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("the lesson has no {language}"));
    let (block, _) = rest.split_once("```").expect("a block ends");
    block.to_owned()
}

/// A ground with the lesson's connector in `connectors/notes/`.
fn notes() -> Ground {
    let ground = Ground::new();
    ground.write("connectors/notes/connector.toml", &lesson("toml"));
    ground.write("connectors/notes/notes.wit", &lesson("wit"));
    ground
}

/// Each a change to the lesson's connector that no connector may have.
const BAD: [(&str, &str); 16] = [
    ("connector = 1\n", ""),
    ("connector = 1\n", "connector = 2\n"),
    ("\"notes\"\nabout", "\"Notes\"\nabout"),
    ("names     = \"camelCase\"", "names     = \"PascalCase\""),
    ("{ header = \"x-notes-key\" }", "\"token\""),
    ("https://api", "http://api"),
    ("https://api.notes.example", "https://api.notes.example/v1"),
    ("\"write\"", "\"wrote\""),
    ("effect  = \"destroy\"\n", ""),
    ("\"GET /v1", "\"get /v1"),
    ("\"GET /v1", "\"GET v1"),
    ("\"/authors/*/name\"", "\"authors\""),
    ("limit = \"{limit}\"", "limit = \"{limit\""),
    ("permission =", "permissions ="),
    ("\"Notes, kept", "\"Notes\\nforged: kept"),
    ("\"notes:write\"", "\"notes\\u202e:write\""),
];

#[test]
fn the_schema_takes_the_connectors_there_are_and_none_of_the_bad_ones() {
    let mut documents = vec![json!({ "text": lesson("toml"), "good": true })];
    for (name, _) in BUILT_IN {
        let text = built_in(name, "connector.toml");
        assert!(
            text.starts_with("#:schema ../connector.schema.json\n"),
            "{name}"
        );
        documents.push(json!({ "text": text, "good": true }));
    }
    for (from, to) in BAD {
        documents.push(json!({ "text": changed(from, to), "good": false }));
    }
    let schema: Value =
        serde_json::from_str(&root("host-apis/connectors/connector.schema.json")).expect("JSON");
    let input = json!({ "schema": schema, "documents": documents }).to_string();
    // Synapse brings the library with it.
    let mut command = Command::new(python::python(&python::venv("synapse")));
    command.args(["-c", VALIDATE]);
    finish(command, input.as_bytes()).exits(0);
}

const VALIDATE: &str = "
import json, sys, tomllib
from jsonschema import Draft202012Validator
given = json.load(sys.stdin)
Draft202012Validator.check_schema(given['schema'])
validator = Draft202012Validator(given['schema'])
for document in given['documents']:
    errors = [e.message for e in validator.iter_errors(tomllib.loads(document['text']))]
    if (not errors) != document['good']:
        sys.exit(document['text'] + '\\n' + '\\n'.join(errors))
";

fn changed(from: &str, to: &str) -> String {
    let text = lesson("toml");
    assert!(text.contains(from), "`{from}` is in the lesson's connector");
    text.replacen(from, to, 1)
}

#[test]
fn what_the_schema_refuses_the_command_refuses_too() {
    for (from, to) in BAD {
        let ground = notes();
        ground.write("connectors/notes/connector.toml", &changed(from, to));
        let done = ground.run(&["connector", "check", "connectors/notes"]);
        assert_eq!(done.code, Some(1), "`{from}` to `{to}`");
        done.says("error[AB01");
        assert_eq!(done.out(), "");
    }
}

#[test]
fn the_lessons_connector_is_good_and_prints_as_the_lesson_shows() {
    let ground = notes();
    let done = ground.run(&["connector", "check", "connectors/notes"]);
    let shown = format!(
        "$ agentbox connector check connectors/notes\n{}",
        done.exits(0).out()
    );
    assert_eq!(shown, lesson("console"));
    assert_eq!(done.err(), "");
    let done = ground.run(&["connector", "check", "connectors/notes", "--json"]);
    let value = done.exits(0).json();
    assert_eq!(
        (&value["v"], &value["kind"]),
        (&json!(1), &json!("connector"))
    );
    assert_eq!(value["warnings"], json!([]));
    assert_eq!(value["operations"][1]["permission"], "notes:write");
}

#[test]
fn every_mistake_of_a_connector_is_shown_with_its_lines() {
    let ground = notes();
    let toml = lesson("toml")
        .replace("\"read\"", "\"raed\"")
        .replace("{id}", "{idd}");
    ground.write("connectors/notes/connector.toml", &toml);
    let done = ground.run(&["connector", "check", "connectors/notes"]);
    done.exits(1)
        .says("error[AB0107]: `raed` is not an effect")
        .says("error[AB0126]: `remove-note` has no parameter `idd`")
        .says("did you mean `id`?")
        .says("connectors/notes/connector.toml:");
    let done = ground.run(&["connector", "check", "connectors/notes", "--json"]);
    let value = done.exits(1).json();
    assert_eq!(value["kind"], "error");
    assert_eq!(value["message"], "the connector cannot be used");
    assert_eq!(
        value["problems"].as_array().map(Vec::len),
        Some(2),
        "{value}"
    );
    ground
        .run(&["connector", "check", "connectors/none"])
        .exits(1);
    ground.run(&["connector", "check"]).exits(2);
}

#[test]
fn a_function_that_nothing_requests_is_a_warning() {
    let ground = notes();
    let toml = lesson("toml");
    let at = toml
        .find("[operations.\"notebook/remove")
        .expect("it is there");
    ground.write("connectors/notes/connector.toml", &toml[..at]);
    let done = ground.run(&["connector", "check", "connectors/notes"]);
    done.exits(0)
        .says("warning[AB0303]: nothing says how `notebook/remove-note` is requested");
}

#[test]
fn list_has_the_built_in_connectors_and_those_beside_the_policy() {
    let ground = notes();
    let value = ground.run(&["connector", "list", "--json"]).exits(0).json();
    assert_eq!(value["kind"], "connectors");
    let names = |value: &Value| -> Vec<(String, bool)> {
        let connectors = value["connectors"].as_array().cloned().unwrap_or_default();
        let mut names = connectors.iter();
        let name = |one: &Value| {
            let name = one["name"].as_str().unwrap_or_default().to_owned();
            (name, one["built-in"] == json!(true))
        };
        names.by_ref().map(name).collect()
    };
    let expected = ["github", "matrix", "notes", "openai", "vault"];
    let expected = expected.map(|name| (name.to_owned(), name != "notes"));
    assert_eq!(names(&value), expected);
    let done = ground.run(&["connector", "list"]);
    assert_eq!(done.exits(0).out().lines().count(), 5);

    // A copy that says the same is not built in.
    for (file, name) in [
        ("connector.toml", "connector.toml"),
        ("issues.wit", "mine.wit"),
    ] {
        ground.write(&format!("connectors/hub/{name}"), &built_in("github", file));
    }
    let value = ground.run(&["connector", "list", "--json"]).exits(0).json();
    assert!(
        names(&value).contains(&("github".to_owned(), false)),
        "{value}"
    );
    assert_eq!(names(&value).len(), 5);

    // Wherever the policy is that is named or found, its `connectors/` counts.
    ground.write("elsewhere/agentbox.toml", "policy = 1\n");
    let there = [
        "connector",
        "list",
        "--json",
        "--policy",
        "elsewhere/agentbox.toml",
    ];
    assert_eq!(names(&ground.run(&there).exits(0).json()).len(), 4);
}

#[test]
fn a_broken_connector_hides_no_other_one() {
    let ground = notes();
    fs::create_dir_all(ground.work().join("connectors/empty")).expect("a folder");
    ground.write(
        "connectors/bad/connector.toml",
        "connector = 1\nname = \"bad\"\n",
    );
    let done = ground.run(&["connector", "list"]);
    let out = done
        .exits(1)
        .says("`connectors/empty/connector.toml` does not exist")
        .says("a folder in `connectors/` is a connector")
        .says("no `.wit` file is beside `connector.toml`")
        .out();
    assert_eq!(out.lines().count(), 7, "{out}");
    assert!(out.contains("\nempty      broken\n"), "{out}");
    let value = ground.run(&["connector", "list", "--json"]).exits(1).json();
    let all = value["connectors"].as_array().expect("a list");
    let broken: Vec<_> = all.iter().filter(|one| one["broken"].is_string()).collect();
    assert_eq!(broken.len(), 2, "{value}");
    ground.run(&["connector", "show", "github"]).exits(0);
    ground
        .run(&["connector", "show", "githib"])
        .exits(1)
        .says("did you mean `github`?");
    ground.write("agentbox.toml", "policy = 1\n");
    ground
        .run(&["policy", "explain"])
        .exits(1)
        .says("a folder in `connectors/` is a connector");
}

#[test]
fn show_says_what_each_operation_requests_and_its_wit() {
    let ground = notes();
    let done = ground.run(&["connector", "show", "github"]);
    let out = done.exits(0).out();
    for text in [
        "github: GitHub's REST API\n",
        "  origin      https://api.github.com\n",
        "  key         as a bearer token\n",
        "github:issues/create-comment@2022.11.28\n",
        "  request     POST /repos/{owner}/{repo}/issues/{issue-number}/comments\n",
        "  effect      write\n",
        "  scope       owner, repo\n",
        "  permission  issues: write\n",
        "  repeatable  no: each call does it again\n",
        "      create-comment: func(p: params) -> result<comment, error>;\n",
        "\ngithub:issues/types\n    interface types {\n",
        "      record comment {\n",
        "  include github:issues/reader@2022.11.28;  // Reads issues and their comments.\n",
    ] {
        assert!(out.contains(text), "no `{text}` in\n{out}");
    }
    let value = ground
        .run(&["connector", "show", "matrix", "--json"])
        .exits(0)
        .json();
    let send = &value["operations"][2];
    assert_eq!(send["import"], "matrix:client/send-message@1.11.0");
    assert_eq!(send["idempotent"], json!({ "key": "transaction-id" }));
    assert_eq!(send["scope"], json!(["room-id"]));
    let wit = send["wit"].as_str().unwrap_or_default();
    assert!(
        wit.starts_with("interface send-message {") && wit.ends_with('}'),
        "{wit}"
    );
    ground
        .run(&["connector", "show", "githbu"])
        .exits(1)
        .says("no connector is called `githbu`")
        .says("`github`");
    ground.run(&["connector", "show", "notes"]).exits(0);
}

#[test]
fn copy_writes_the_wit_and_overwrites_nothing_that_differs() {
    let ground = notes();
    let done = ground.run(&["connector", "copy", "github", "notes"]);
    assert_eq!(done.exits(0).out().lines().count(), 3);
    let read = |name: &str| fs::read_to_string(ground.work().join(name)).expect(name);
    assert_eq!(
        read("wit/deps/github/issues.wit"),
        built_in("github", "issues.wit")
    );
    assert_eq!(read("wit/deps/notes/notes.wit"), lesson("wit"));
    assert_eq!(
        read("wit/deps/agentbox/host.wit"),
        root("wit/host/host.wit")
    );

    let again = ground.run(&["connector", "copy", "github"]);
    assert_eq!(again.exits(0).out(), "wit/deps: all up to date\n");

    ground.write("wit/deps/github/issues.wit", "package mine:own;\n");
    let refused = ground.run(&["connector", "copy", "openai", "github"]);
    refused
        .exits(1)
        .says("`wit/deps/github/issues.wit` is there and differs");
    assert_eq!(read("wit/deps/github/issues.wit"), "package mine:own;\n");
    assert!(!ground.work().join("wit/deps/openai").exists());

    let forced = ground.run(&["connector", "copy", "github", "--force", "--json"]);
    let value = forced.exits(0).json();
    assert_eq!(value["written"], json!(["wit/deps/github/issues.wit"]));
    assert_eq!(
        read("wit/deps/github/issues.wit"),
        built_in("github", "issues.wit")
    );

    ground
        .run(&["connector", "copy", "vault", "--to", "other"])
        .exits(0);
    assert_eq!(read("other/vault/kv.wit"), built_in("vault", "kv.wit"));
    ground.run(&["connector", "copy"]).exits(2);
}

#[test]
fn copy_does_not_follow_a_link_out_of_its_folder() {
    let ground = Ground::new();
    let outside = ground.write("outside/kept", "");
    let outside = outside.parent().expect("a folder");
    fs::create_dir_all(ground.work().join("wit/deps")).expect("a folder");
    std::os::unix::fs::symlink(outside, ground.work().join("wit/deps/github")).expect("a link");
    ground.run(&["connector", "copy", "github"]).exits(1);
    assert!(!outside.join("issues.wit").exists());
}

/// A policy that grants one operation of the lesson's connector.
const NOTES: &str = r#"policy = 1
world = "acme:desk/desk"
[agent]
id = "desk"
[credentials]
notes = "env://NOTES_KEY"
[grants."notes:notebook/list-notes"]
use   = "notes"
where = { notebook = "mine" }
"#;

#[test]
fn a_connector_beside_the_policy_is_used_with_copies_of_its_wit_and_without() {
    let ground = notes();
    ground.write("agentbox.toml", NOTES);
    let world = "package acme:desk;\nworld desk {\n  import notes:notebook/list-notes@1.0.0;\n}\n";
    ground.write("wit/world.wit", world);
    let explain = ["policy", "explain", "--policy", "agentbox.toml"];
    let digest = |command: &[&str]| {
        let value = ground.run(&[command, &["--json"]].concat()).exits(0).json();
        value["policy-digest"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let before = digest(&explain);
    let out = ground.run(&explain).exits(0).out();
    assert!(out.contains("https://api.notes.example"), "{out}");
    assert!(out.contains("in the header `x-notes-key`"), "{out}");
    ground.run(&["connector", "copy", "notes"]).exits(0);
    ground.run(&explain).exits(0);

    // The connector is part of what is approved.
    let other = lesson("toml").replace("api.notes.example", "other.example");
    ground.write("connectors/notes/connector.toml", &other);
    fs::remove_dir_all(ground.work().join("wit/deps")).expect("it was copied");
    assert_ne!(digest(&explain), before);
    let out = ground.run(&explain).exits(0).out();
    assert!(out.contains("https://other.example"), "{out}");

    // A program built from a copy that differs would not fit.
    ground.run(&["connector", "copy", "notes"]).exits(0);
    let copied = lesson("wit").replace("limit: option<u8>", "limit: option<u16>");
    ground.write("wit/deps/notes/notes.wit", &copied);
    ground.run(&explain).exits(1).says("error[AB0123]");
}

#[test]
fn a_connector_beside_the_policy_replaces_the_built_in_one_of_its_name() {
    let ground = Ground::new();
    let toml = built_in("github", "connector.toml").replace("api.github.com", "git.example");
    ground.write("connectors/github/connector.toml", &toml);
    ground.write(
        "connectors/github/issues.wit",
        &built_in("github", "issues.wit"),
    );
    let policy = NOTES
        .replace("notes:notebook/list-notes", "github:issues/get")
        .replace(
            "{ notebook = \"mine\" }",
            "{ owner = \"acme\", repo = \"widgets\" }",
        );
    ground.write("agentbox.toml", &policy);
    let world = "package acme:desk;\nworld desk {\n  import github:issues/get@2022.11.28;\n}\n";
    ground.write("wit/world.wit", world);
    let explain = ["policy", "explain", "--policy", "agentbox.toml"];
    let out = ground.run(&explain).exits(0).out();
    assert!(
        out.contains("https://git.example") && !out.contains("api.github.com"),
        "{out}"
    );
    ground.write(
        "connectors/github/connector.toml",
        &toml.replace("\"read\"", "\"raed\""),
    );
    ground
        .run(&explain)
        .exits(1)
        .says("`raed` is not an effect");
}

#[test]
fn two_connectors_of_one_name_beside_a_policy_are_refused() {
    let ground = notes();
    ground.write("connectors/other/connector.toml", &lesson("toml"));
    ground.write("agentbox.toml", "policy = 1\n");
    let refused = ground.run(&["policy", "explain"]);
    refused
        .exits(1)
        .says("connectors/other` has the name of another connector beside it");
}

#[test]
fn a_connector_that_others_can_write_is_not_read() {
    use std::os::unix::fs::PermissionsExt as _;

    let ground = notes();
    let path = ground.work().join("connectors/notes/connector.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("it is ours");
    for command in [
        &["connector", "check", "connectors/notes"][..],
        &["connector", "list"],
    ] {
        let done = ground.run(command);
        done.exits(1)
            .says("can be written by every user of this machine");
    }
}
