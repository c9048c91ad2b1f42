//! The README's first command: the same story, told with the programs that the tests have built.

// Where the story looks for its search.
use crate::support::canary;

#[path = "../../guest-examples/fetch/first-call/story.rs"]
mod story;

use std::fs;
use std::path::Path;

use crate::support::guests;

#[test]
fn the_first_command_tells_a_true_story() {
    let mut told = Vec::new();
    let agentbox = Path::new(env!("CARGO_BIN_EXE_agentbox"));
    let result = story::tell(agentbox, &guests::guest("fetch"), &mut told);
    let told = String::from_utf8_lossy(&told);
    assert_eq!(result, Ok(()), "{told}");
    for line in [
        "  GET /v1/widgets without the key: 401",
        "  note n-1 added to w-1",
        "  POST /v1/widgets/w-1/notes   with the key",
        "The key is in nothing that was printed",
    ] {
        assert!(told.contains(line), "no `{line}` in:\n{told}");
    }
    assert_eq!(shape(&transcript()), shape(&told));
}

/// What the README shows of it, after the lines about building.
fn transcript() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("there is a README");
    let (_, shown) = readme
        .split_once("$ cargo run --locked --example first-call\n")
        .expect("the README shows the first command");
    let (shown, _) = shown.split_once("```").expect("a block ends");
    shown
        .lines()
        .skip_while(|line| line.starts_with("Building "))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// A text without its ports, times, ids and counts: every word with a digit in it is `#`.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for word in text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        if word.contains(|letter: char| letter.is_ascii_digit()) {
            shape.push('#');
            shape.extend(
                word.chars()
                    .filter(|letter| !letter.is_ascii_alphanumeric()),
            );
        } else {
            shape.push_str(word);
        }
    }
    shape
}

#[test]
fn the_first_command_notices_when_its_story_is_not_true() {
    // A program that makes no call at all.
    let agentbox = Path::new(env!("CARGO_BIN_EXE_agentbox"));
    let result = story::tell(agentbox, &guests::wat_hello(), &mut Vec::new());
    let error = result.expect_err("nothing was denied, since nothing was asked");
    assert!(error.contains("deleting is denied"), "{error}");
}
