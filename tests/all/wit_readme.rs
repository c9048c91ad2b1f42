//! What `wit/README.md` teaches is so: every example in it is loaded, and the wrong ones fail as it
//! says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::agentbox::{Ground, Outcome};

const EXPLAIN: [&str; 4] = ["policy", "explain", "--policy", "agentbox.toml"];

#[test]
fn every_example_of_the_lesson_loads_or_fails_as_it_says() {
    let (mut good, mut bad) = (0, 0);
    let blocks = blocks("wit/README.md");
    let worlds = worlds(&blocks);
    let mut named = BTreeSet::new();
    for block in &blocks {
        let ground = Ground::new();
        match block.language.as_str() {
            "toml" => named.extend(write_policy(&ground, &complete(&block.text), &worlds)),
            // An operation needs a grant; the policy that names its world has it.
            "wit" if block.fails.is_empty() && imports_operation(&block.text) => continue,
            "wit" => {
                ground.write("wit/world.wit", &block.text);
                ground.write("agentbox.toml", &for_world(&block.text));
            }
            _ => continue,
        }
        let outcome = ground.run(&[&EXPLAIN[..], &["--json"]].concat());
        let shown = format!("{}\n{}", block.text, outcome.err());
        if block.fails.is_empty() {
            assert_eq!(outcome.code, Some(0), "{shown}");
            good += 1;
        } else {
            assert_eq!(outcome.code, Some(1), "{shown}");
            assert_eq!(codes(&outcome), block.fails, "{shown}");
            bad += 1;
        }
    }
    assert!(
        good >= 16 && bad >= 14,
        "{good} good and {bad} bad examples"
    );
    assert!(
        worlds.keys().all(|world| named.contains(world)),
        "every world has a policy: {named:?}"
    );
}

#[test]
fn every_policy_of_the_first_page_loads() {
    let blocks = blocks("README.md");
    let worlds = worlds(&blocks);
    let policies = blocks.iter().filter(|block| block.language == "toml");
    let mut loaded = 0;
    for policy in policies {
        let ground = Ground::new();
        write_policy(&ground, &policy.text, &worlds);
        ground.run(&EXPLAIN).exits(0);
        loaded += 1;
    }
    assert_eq!((loaded, worlds.len()), (2, 1));
}

#[test]
fn what_the_lesson_shows_as_printed_is_what_is_printed() {
    let blocks = blocks("wit/README.md");
    let worlds = worlds(&blocks);
    let mut compared = 0;
    for pair in blocks.windows(2) {
        let [policy, printed] = pair else { continue };
        if (policy.language.as_str(), printed.language.as_str()) != ("toml", "console") {
            continue;
        }
        let ground = Ground::new();
        write_policy(&ground, &policy.text, &worlds);
        let outcome = ground.run(&EXPLAIN);
        let shown = format!(
            "$ agentbox {}\n{}{}",
            EXPLAIN.join(" "),
            outcome.err(),
            outcome.out()
        );
        // Blanks at the ends of lines are for no reader.
        let lines = |text: &str| {
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(lines(&printed.text), lines(&shown), "it prints\n{shown}");
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn the_lessons_table_has_every_error_a_program_can_get() {
    let door = root("host-apis/src/http/error.rs");
    let lesson = root("wit/README.md");
    let mut names: Vec<String> = door
        .split("=> Error::")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|letter: char| !letter.is_alphanumeric());
            wit_name(&rest[..end.unwrap_or(rest.len())])
        })
        .collect();
    names.dedup();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(lesson.contains(&format!("`{name}`")), "no `{name}`");
    }
}

#[test]
fn every_code_the_lesson_names_can_be_explained() {
    let lesson = root("wit/README.md");
    let ground = Ground::new();
    let codes: BTreeSet<&str> = lesson
        .match_indices("AB0")
        .filter_map(|(at, _)| lesson.get(at..at + 6))
        .collect();
    assert!(codes.len() > 5, "{codes:?}");
    for code in codes {
        ground.run(&["explain", code]).exits(0);
    }
}

/// A fenced block.
struct Block {
    language: String,
    /// The codes it gives, where it is wrong.
    fails: BTreeSet<String>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let page = root(page);
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(info), false) => {
                let (language, fails) = info.split_once(",fails=").unwrap_or((info, ""));
                let fails = fails.split('+').filter(|code| !code.is_empty());
                blocks.push(Block {
                    language: language.to_owned(),
                    fails: fails.map(str::to_owned).collect(),
                    text: String::new(),
                });
                inside = true;
            }
            (Some(_), true) => inside = false,
            (None, true) => {
                let block = blocks.last_mut().expect("a block was opened");
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) => {}
        }
    }
    blocks
}

/// The good `wit` blocks, by the name of their world.
fn worlds(blocks: &[Block]) -> BTreeMap<String, String> {
    blocks
        .iter()
        .filter(|block| block.language == "wit" && block.fails.is_empty())
        .map(|block| (world_of(&block.text), block.text.clone()))
        .collect()
}

/// Writes a policy, and the world that it names; gives the world's name.
fn write_policy(
    ground: &Ground,
    policy: &str,
    worlds: &BTreeMap<String, String>,
) -> Option<String> {
    ground.write("agentbox.toml", policy);
    let table: toml::Table = policy.parse().ok()?;
    let world = table.get("world")?.as_str()?;
    ground.write("wit/world.wit", worlds.get(world)?);
    Some(world.to_owned())
}

fn imports_operation(wit: &str) -> bool {
    wit.lines().any(|line| {
        let import = line.trim().strip_prefix("import ");
        import.is_some_and(|name| !name.starts_with("wasi:") && !name.starts_with("agentbox:"))
    })
}

/// The whole policy of which `text` is a part, as the page's last section says.
fn complete(text: &str) -> String {
    if text.contains("policy = 1") {
        return text.to_owned();
    }
    let table: toml::Table = text.parse().expect("an example is TOML");
    let mut whole = "policy = 1\n".to_owned();
    if table.contains_key("grants") && !table.contains_key("world") {
        whole.push_str("world = \"acme:triage/commenter\"\n");
    }
    whole.push_str(text);
    if !table.contains_key("agent") {
        whole.push_str("\n[agent]\nid = \"example\"\n");
    }
    let has = |name| {
        let all = table.get("credentials");
        all.is_some_and(|all| all.get(name).is_some())
    };
    if table.contains_key("grants") && !has("github") {
        whole.push_str("\n[credentials.github]\nfrom = \"env://GITHUB_TOKEN\"\n");
    }
    if !has("widgets") {
        whole.push_str(
            "\n[credentials.widgets]\nfrom = \"env://WIDGETS_KEY\"\nas = \"bearer\"\n\
             origin = \"https://api.widgets.example\"\n",
        );
    }
    if !table.contains_key("limits") {
        whole.push_str("\n[limits]\nwrites = \"20/hour\"\n");
    }
    whole
}

/// A policy for the first world of `wit`.
fn for_world(wit: &str) -> String {
    let world = world_of(wit);
    let mut policy = format!("policy = 1\nworld = \"{world}\"\n");
    if wit.contains("outgoing-handler") {
        policy.push_str("[http.a]\norigin = \"https://a.example\"\nallow = [\"GET /\"]\n");
    }
    policy
}

/// The name of the first world of `wit`.
fn world_of(wit: &str) -> String {
    let after = |word: &str| {
        let at = wit.find(word).expect("it has a package and a world");
        let rest = &wit[at + word.len()..];
        rest.split([' ', '@', ';']).next().unwrap_or_default()
    };
    format!("{}/{}", after("package "), after("world "))
}

fn codes(outcome: &Outcome) -> BTreeSet<String> {
    let problems = outcome.json()["problems"].clone();
    let problems = problems.as_array().cloned().unwrap_or_default();
    let codes = problems
        .iter()
        .filter_map(|problem| problem["code"].as_str());
    codes.map(str::to_owned).collect()
}

/// `HttpRequestUriInvalid` as WIT spells it: `HTTP-request-URI-invalid`.
fn wit_name(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if letter.is_lowercase() => word.push(letter),
            _ => words.push(letter.to_lowercase().collect()),
        }
    }
    for word in &mut words {
        if ["dns", "http", "ip", "tls", "uri"].contains(&word.as_str()) {
            word.make_ascii_uppercase();
        }
    }
    words.join("-")
}

fn root(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
