//! What a line of the record holds, and how it is put into bytes.

use std::collections::BTreeMap;

use agentbox_ledger::Exhausted;
use agentbox_policy::{Approved, Denied};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The version of the schema: [`VERSION`](Self::VERSION).
    pub v: u32,
    /// 1 for the first line, then one more for each. Says the order of things, whatever the clock
    /// does.
    pub seq: u64,
    /// When it was written, to the millisecond.
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. Fields are facts; texts that a guest could choose are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The policy refused a call; nothing of it left.
    Denied {
        /// Which rule.
        code: String,
        /// Method, origin and path as the guest spelt them, escaped.
        call: String,
        /// The grant whose origin it was for, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grant: Option<String>,
        /// What was wrong with it.
        message: String,
        /// What would allow it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// A limit had no room for an approved call; nothing of it left.
    Exhausted {
        /// Which rule.
        code: String,
        /// Method, origin and path.
        call: String,
        /// The grant that allowed it.
        grant: String,
        /// The limit's name.
        limit: String,
        /// How many calls its window holds.
        used: u64,
        /// How many it may hold.
        of: u32,
        /// `second`, `minute`, `hour`, `day` or `run`.
        window: String,
        /// How long until there is room; absent where this run will have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// A call is about to be sent.
    Intent {
        /// 1 for the run's first, then one more for each.
        call: u64,
        /// The grant that allowed it.
        grant: String,
        /// The operation, `namespace:package/interface@version`, for a call by name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// The scope parameters of the operation, which decided what it may touch.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        arguments: BTreeMap<String, String>,
        /// The route that allowed it, as the policy or the connector writes it.
        route: String,
        /// The method.
        method: String,
        /// Scheme, host and port.
        origin: String,
        /// The path.
        #[serde(flatten)]
        path: Path,
        /// The names in the query, as sent, never their values; the first [`MOST_NAMES`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        query: Vec<String>,
        /// How many names the query has beyond those.
        #[serde(default, skip_serializing_if = "is_zero")]
        query_more: usize,
        /// The limits that counted it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        limits: Vec<String>,
        /// The credential to be added, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<CredentialName>,
        /// How many bytes the body has, where the guest said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_length: Option<u64>,
        /// SHA-256 of the [canonical head](Approved::canonical_head) of what was approved,
        /// lower-case hex. Always written; none where an earlier build wrote the line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<String>,
    },
    /// What became of a call. A call without one was cut off: what happened to it is not known.
    Outcome {
        /// The number in its intent.
        call: u64,
        /// The upstream's status, where it answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// What went wrong, where something did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Facts about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Bytes of the request's body that were sent.
        sent: u64,
        /// SHA-256 of just those bytes, lower-case hex: of the whole body, unless it broke off or
        /// the call ended before it did. That of no bytes where the request has no body; absent
        /// where no request was handed to a connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// Bytes of the reply's body that came.
        received: u64,
        /// The address that was dialled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<std::net::SocketAddr>,
        /// From the intent to the end.
        elapsed_ms: u64,
    },
    /// The last line of a run that ended by itself or was ended by agentbox; only outcomes follow.
    RunEnded {
        /// The exit code of `agentbox run`.
        exit: i32,
        /// Why agentbox ended it, where it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// How many calls have an intent.
        calls: u64,
        /// How many were denied, or found a limit exhausted.
        denied: u64,
        /// The run's length.
        elapsed_ms: u64,
    },
    /// The first line.
    RunStarted {
        /// The run's id, as in the file's name.
        run: String,
        /// The agent id, as in the policy.
        agent: String,
        /// Who answers for the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// SHA-256 of the policy, lower-case hex.
        policy_digest: String,
        /// What the program is called.
        program_name: String,
        /// SHA-256 of the program, lower-case hex.
        program_digest: String,
        /// Whether calls are only decided, and none sent.
        dry_run: bool,
        /// The version of agentbox.
        version: String,
    },
}

/// A path, whole or cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Its first [`LONGEST_PATH`] bytes.
    pub path: String,
    /// SHA-256 of all of it, lower-case hex, where it is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_digest: Option<String>,
}

/// Which credential a call was given: never a part of its value, nor anything computed from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialName {
    /// Its name in the policy.
    pub name: String,
    /// Where it comes from, as the policy writes it: `env://WIDGETS_KEY`.
    pub reference: String,
}

impl Line {
    /// The version this build writes and reads.
    pub const VERSION: u32 = 1;

    /// The line as it is stored, with its line feed.
    ///
    /// Only ASCII is in it, and no control character but the last: no reader can take a character
    /// of a guest's for the end of the line, and no terminal for a command.
    pub(crate) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let json = serde_json::to_string(self)?;
        let mut line = String::with_capacity(json.len() + 1);
        for character in json.chars() {
            if (' '..='~').contains(&character) {
                line.push(character);
                continue;
            }
            // JSON has such characters in strings only, where an escape means the same.
            for unit in character.encode_utf16(&mut [0; 2]) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        }
        line.push('\n');
        Ok(line.into_bytes())
    }
}

impl Event {
    pub(crate) fn denied(denied: &Denied) -> Self {
        Self::Denied {
            code: denied.code().to_string(),
            call: cut(denied.call()),
            grant: denied.grant().map(str::to_owned),
            message: cut(denied.message()),
            hint: denied.hint().map(cut),
        }
    }

    pub(crate) fn exhausted(exhausted: &Exhausted) -> Self {
        Self::Exhausted {
            code: exhausted.code().to_string(),
            call: cut(exhausted.call()),
            grant: exhausted.grant().to_owned(),
            limit: exhausted.limit().to_owned(),
            used: exhausted.used(),
            of: exhausted.of(),
            window: exhausted.window().to_owned(),
            retry_after_ms: exhausted.retry_after().map(millis),
        }
    }

    pub(crate) fn intent(call: u64, approved: &Approved) -> Self {
        let mut names = approved.query().unwrap_or_default().split('&').map(|pair| {
            let (name, _value) = pair.split_once('=').unwrap_or((pair, ""));
            cut_at(name, LONGEST_NAME).to_owned()
        });
        let query = names
            .by_ref()
            .take(MOST_NAMES)
            .filter(|name| !name.is_empty())
            .collect();
        Self::Intent {
            call,
            grant: approved.grant().to_owned(),
            operation: approved.operation().map(|operation| operation.import()),
            arguments: approved
                .arguments()
                .map(|(name, value)| (name.to_owned(), cut(value)))
                .collect(),
            route: cut(approved.route()),
            method: approved.method().to_string(),
            origin: approved.origin().to_string(),
            path: Path::of(approved.path()),
            query,
            query_more: names.count(),
            limits: approved
                .limits()
                .iter()
                .map(|limit| limit.name().to_owned())
                .collect(),
            credential: approved.credential().map(|credential| CredentialName {
                name: credential.name().to_owned(),
                reference: credential.reference().to_string(),
            }),
            content_length: approved.content_length(),
            head: Some(digest(&approved.canonical_head())),
        }
    }
}

impl Path {
    fn of(path: &str) -> Self {
        let shown = cut_at(path, LONGEST_PATH);
        let path_digest = (shown.len() < path.len()).then(|| digest(path.as_bytes()));
        Self {
            path: shown.to_owned(),
            path_digest,
        }
    }
}

/// SHA-256 in lower-case hex.
fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bounds what a guest can make of one line.
pub(crate) fn cut(text: &str) -> String {
    match cut_at(text, LONGEST_TEXT) {
        whole if whole.len() == text.len() => whole.to_owned(),
        start => format!("{start}…"),
    }
}

fn cut_at(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn write_time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
    // Nothing else is ever written, so another spelling is not agentbox's.
    if format!("{time:.3}") != text {
        return Err(serde::de::Error::custom(
            "the time is not to the millisecond",
        ));
    }
    Ok(time)
}

/// How much of a path is shown: more than any API's own paths have, so only data is cut.
pub const LONGEST_PATH: usize = 1024;
/// How much of any other text is shown, in bytes: a few lines of a terminal.
pub const LONGEST_TEXT: usize = 2048;
/// How many names of a query are shown: more than any API's own routes have.
pub const MOST_NAMES: usize = 32;
/// How much of a query's name is shown, in bytes.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests;
