//! Policies, WIT and connectors as text: read, or refused with all that is wrong, and never more.

use std::time::{Duration, Instant};

use agentbox_policy::explain::explain;
use agentbox_policy::{
    Code, Connector, ConnectorText, Policy, PolicyErrors, PolicyProblem, Sources, Text, compare,
    excess,
};

use crate::Reached;
use crate::bytes::Bytes;
use crate::printed::printed;

/// The texts that are valid as they are, and the seeds of the fuzzer.
const SEEDS: &[&str] = &[
    include_str!("../../seeds/policy_text/routes"),
    include_str!("../../seeds/policy_text/operations"),
    include_str!("../../seeds/policy_text/everything"),
];

/// Longer texts cost time and show nothing more.
const LONGEST: usize = 64 << 10;

/// Far more than any text of that length takes, even on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// Any text is read as a policy, or refused with problems that have a place, in bounded time and
/// size. What is read is read again as the same policy, also when it is printed in another layout
/// and order.
///
/// The bytes are a text, of the files that a line `=== NAME` begins; after a zero byte they say how
/// to spoil one of the valid ones.
pub fn policy_text(data: &[u8]) -> Reached {
    let text = match data.split_first() {
        Some((0, choices)) => spoilt(&mut Bytes::new(choices)),
        _ => String::from_utf8_lossy(data)
            .chars()
            .take(LONGEST)
            .collect(),
    };
    let sources = sources(&text);
    let began = Instant::now();
    let parsed = Policy::parse(&sources);
    let mut reached = match &parsed {
        Ok(policy) => {
            check_good(policy, &sources);
            vec!["good"]
        }
        Err(errors) => {
            check_bad(errors, &sources);
            vec!["bad"]
        }
    };
    for connector in &sources.connectors {
        match Connector::parse(connector) {
            Ok((read, warnings)) => {
                check_problems(&warnings, &sources);
                let (again, _) = Connector::parse(connector).expect("it was read before");
                assert_eq!(format!("{read:?}"), format!("{again:?}"));
                reached.push("connector");
            }
            Err(errors) => {
                check_bad(&errors, &sources);
                reached.push("no connector");
            }
        }
    }
    let took = began.elapsed();
    assert!(took < PATIENCE, "{took:?} for {} bytes", text.len());
    reached
}

fn check_good(policy: &Policy, sources: &Sources) {
    check_problems(policy.warnings(), sources);
    check_same(policy, &Policy::parse(sources).expect("it was read before"));
    let table: toml::Table = sources.toml.text.parse().expect("a policy is TOML");
    let mut other = sources.clone();
    other.toml.text = printed(&table);
    match Policy::parse(&other) {
        Ok(other) => check_same(policy, &other),
        Err(errors) => panic!("{errors}\n{}\n{}", sources.toml.text, other.toml.text),
    }
}

/// Two readings allow the same, and say the same, in whatever order.
fn check_same(one: &Policy, other: &Policy) {
    assert_eq!(excess(one, other), []);
    assert_eq!(excess(other, one), []);
    let changes = compare(one, other);
    assert!(changes.is_empty(), "{changes:?}");
    let said = |policy: &Policy| {
        let said = explain(policy);
        // Lists within a sentence are in the order of the text, so its letters are compared.
        let letters = |text: String| {
            let letters = text.chars().filter(|letter| letter.is_alphanumeric());
            sorted(letters.collect()).into_iter().collect::<String>()
        };
        let grants = said
            .grants
            .iter()
            .map(|grant| letters(format!("{grant:?}")));
        let grants: Vec<String> = sorted(grants.collect());
        let bounds: Vec<String> = said.bounds.into_iter().map(letters).collect();
        let codes: Vec<Code> = policy.warnings().iter().map(PolicyProblem::code).collect();
        (grants, said.agent.len(), bounds, sorted(codes))
    };
    assert_eq!(said(one), said(other));
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items
}

fn check_bad(errors: &PolicyErrors, sources: &Sources) {
    assert!(!errors.problems().is_empty());
    check_problems(errors.problems(), sources);
}

fn check_problems(problems: &[PolicyProblem], sources: &Sources) {
    let mut texts = vec![&sources.toml];
    texts.extend(&sources.wit);
    for connector in &sources.connectors {
        texts.push(&connector.toml);
        texts.extend(&connector.wit);
    }
    let length: usize = texts.iter().map(|text| text.text.len()).sum();
    let mut said = 0;
    for problem in problems {
        let message = problem.message();
        assert!(problem.line() >= 1 && problem.column() >= 1);
        assert!(!message.is_empty(), "{problem:?}");
        assert!(!message.contains(char::is_control), "{message:?}");
        assert_ne!(problem.code(), Code::BUG, "{message}");
        let text = texts.iter().find(|text| text.name == problem.file());
        // What is not in one of the texts is in WIT that comes with agentbox.
        if let Some(text) = text {
            let span = problem.span();
            assert!(
                span.start <= span.end && span.end <= text.text.len(),
                "{problem:?}"
            );
        }
        said += message.len() + problem.hint().map_or(0, str::len);
    }
    assert!(
        said <= 64 * length + (64 << 10),
        "{said} bytes about {length}"
    );
}

/// The files of a text. Those that are left out are those of a valid policy, as far as it has them.
fn sources(text: &str) -> Sources {
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match (line.trim_end().strip_prefix("=== "), files.last_mut()) {
            (Some(name), _) => files.push((name, String::new())),
            (None, Some((_, file))) => file.push_str(line),
            (None, None) => files.push(("policy", line.to_owned())),
        }
    }
    let find = |name: &str| files.iter().find(|file| file.0 == name);
    let text = |name: &str, file: &str| {
        let found = find(name).map(|file| file.1.clone());
        Text {
            name: file.to_owned(),
            text: found.unwrap_or_default(),
        }
    };
    let mut sources = Sources {
        toml: text("policy", "agentbox.toml"),
        ..Sources::default()
    };
    if find("wit").is_some() {
        sources.wit.push(text("wit", "wit/world.wit"));
    }
    if find("connector").is_some() {
        sources.connectors.push(ConnectorText {
            toml: text("connector", "connectors/shop/connector.toml"),
            wit: vec![text("connector wit", "connectors/shop/desk.wit")],
        });
    }
    sources
}

/// What makes trouble where texts are read.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    "*",
    "\n",
    "\0",
    "\u{feff}",
    "é",
    "9",
    "@",
    ";",
    "/",
    "\r",
    "%",
    "\\",
    "\"\"\"",
    "[[",
    "0x",
    "inf",
    "-1",
    "{x}",
    "{+x}",
    "?a&b",
    "policy = 1\n",
    "\u{202e}",
    "use",
    "where",
    "option<",
    "result<",
    "import ",
    "include ",
    "list<u8>",
    "18446744073709551616",
];

/// One of the valid texts with a few edits, or with none.
fn spoilt(choices: &mut Bytes<'_>) -> String {
    let mut text: Vec<char> = choices.pick(SEEDS).chars().collect();
    for _ in 0..choices.below(4) {
        let at = choices.below(text.len() + 1);
        let end = (at + choices.below(40)).min(text.len());
        match choices.below(6) {
            0 => {
                text.splice(at..at, choices.pick(PIECES).chars());
            }
            1 => {
                text.splice(at..end.min(at + 1), choices.pick(PIECES).chars());
            }
            2 => drop(text.drain(at..end)),
            3 => {
                let piece = text[at..end].to_vec();
                let to = choices.below(text.len() + 1);
                text.splice(to..to, piece);
            }
            4 => {
                let line = line_at(&text, at);
                drop(text.drain(line));
            }
            _ => {
                let line = text[line_at(&text, at)].to_vec();
                let to = line_at(&text, choices.below(text.len() + 1)).start;
                text.splice(to..to, line);
            }
        }
    }
    text.into_iter().take(LONGEST).collect()
}

fn line_at(text: &[char], at: usize) -> std::ops::Range<usize> {
    let start = text[..at]
        .iter()
        .rposition(|c| *c == '\n')
        .map_or(0, |at| at + 1);
    let end = text[at..].iter().position(|c| *c == '\n');
    start..end.map_or(text.len(), |end| at + end + 1)
}
