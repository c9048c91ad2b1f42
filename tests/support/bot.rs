//! A program that calls operations by name, under a policy of its own with a key it never sees.

use serde_json::Value;

use super::agentbox::{Ground, Outcome};
use super::canary::Canary;
use super::guests;

/// A ground with a key in `API_KEY` and a policy.
#[derive(Debug)]
pub(crate) struct Bot {
    pub(crate) ground: Ground,
    pub(crate) key: Canary,
}

impl Bot {
    /// A policy whose world imports `imports`, with the credential `api` for `origin` and then the
    /// tables of `rest`.
    pub(crate) fn new(imports: &[&str], origin: &str, rest: &str) -> Self {
        let key = Canary::fresh();
        let bot = Self {
            ground: Ground::new().key("API_KEY", &key),
            key,
        };
        let imports: String = imports
            .iter()
            .map(|import| format!("  import {import};\n"))
            .collect();
        bot.ground.write(
            "wit/world.wit",
            &format!("package test:bot@0.1.0;\n\nworld bot {{\n{imports}}}\n"),
        );
        bot.ground.write(
            "agentbox.toml",
            &format!(
                "policy = 1\n\
                 world = \"test:bot/bot\"\n\
                 insecure-loopback = true\n\
                 [agent]\nid = \"bot\"\n\
                 [credentials.api]\nfrom = \"env://API_KEY\"\norigin = {origin:?}\n\
                 {rest}\n"
            ),
        );
        bot
    }

    /// Calls each operation with its arguments, all of them at once.
    pub(crate) fn ask(&self, calls: &[[&str; 2]]) -> Outcome {
        self.ask_with(&[], &calls.concat())
    }

    /// Lets `ask` do what `words` say, with more flags for agentbox.
    pub(crate) fn ask_with(&self, flags: &[&str], words: &[&str]) -> Outcome {
        let program = guests::guest("ask").display().to_string();
        let start = ["run", "--policy", "agentbox.toml"];
        self.ground
            .run(&[&start[..], flags, &[&program], words].concat())
    }

    /// The lines of the record that say `event`.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        self.ground.events(event)
    }

    /// The one line of the record that says `event`.
    #[track_caller]
    pub(crate) fn event(&self, event: &str) -> Value {
        self.ground.event(event)
    }
}

/// The lines of standard output that begin with the ids of calls, in the order of the ids.
pub(crate) fn answers(outcome: &Outcome) -> Vec<String> {
    let mut answers: Vec<(u32, String)> = outcome
        .out()
        .lines()
        .filter_map(|line| {
            let (id, answer) = line.split_once(' ')?;
            Some((id.parse().ok()?, answer.to_owned()))
        })
        // The last line counts them.
        .filter(|(_, answer)| answer != "finished")
        .collect();
    answers.sort_by_key(|answer| answer.0);
    answers.into_iter().map(|answer| answer.1).collect()
}
