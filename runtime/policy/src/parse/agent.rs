//! `policy`, `[agent]`, `[tls]`.

use toml::de::DeValue;

use crate::code::Code;
use crate::policy::Agent;

use super::document::{Problems, Table};
use super::files::relative;

/// Checks `policy = 1`; whether the rest is worth reading.
pub(crate) fn version(root: &Table<'_>, problems: &mut Problems) -> bool {
    let Some(entry) = root.get("policy") else {
        if let Some(problem) = problems.absent(
            Code::POLICY_VERSION,
            &(0..0),
            "the policy does not say which version of the language it is written in",
        ) {
            problem.advise("start it with `policy = 1`");
        }
        return true;
    };
    let span = entry.value.span();
    match entry.value.get_ref() {
        DeValue::Integer(number) if number.as_str() == "1" => true,
        DeValue::Integer(number) => {
            let message = format!("`policy = {number}` is not a version that this build reads");
            problems
                .add(Code::POLICY_VERSION, &span, message)
                .advise("this build reads `policy = 1`");
            false
        }
        other => {
            super::document::wrong_type("policy", &span, other, "`policy = 1`", problems);
            true
        }
    }
}

/// Reads `[agent]`; `needed` says what cannot be counted or recorded without an id.
pub(crate) fn agent(root: &Table<'_>, needed: Option<&str>, problems: &mut Problems) -> Agent {
    let table = root.table("agent", problems);
    let mut agent = Agent::default();
    let mut has_id = root.get("agent").is_some() && table.is_none();
    if let Some(table) = &table {
        table.check_keys(&["id", "owner"], &[], problems);
        has_id |= table.get("id").is_some();
        if let Some(id) = table.text("id", problems) {
            if is_id(&id.text) {
                agent.id = id.text.into();
            } else {
                problems
                    .bad_value(
                        &id.span,
                        format!("`{}` is not an agent id", id.text.escape_debug()),
                    )
                    .advise(
                        "an id is 1 to 64 lower-case letters, digits, `.`, `_` and `-`, \
                         and starts with a letter or digit",
                    );
            }
        }
        if let Some(owner) = table.text("owner", problems) {
            if owner.text.is_empty()
                || owner.text.len() > 254
                || owner.text.contains(char::is_control)
            {
                problems.bad_value(
                    &owner.span,
                    "`agent.owner` is not 1 to 254 bytes without control characters",
                );
            } else {
                agent.owner = Some(owner.text);
            }
        }
    }
    if let (false, Some(what)) = (has_id, needed) {
        let span = table.map_or(0..0, |table| table.span);
        let message = format!("a policy with {what} needs `[agent] id`");
        if let Some(problem) = problems.absent(Code::MISSING_NAME, &span, message) {
            problem.advise("calls are counted and recorded under it: `id = \"my-agent\"`");
        }
    }
    agent
}

fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=64).contains(&id.len())
        && id.bytes().next().is_some_and(plain)
        && id
            .bytes()
            .all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

/// Reads `[tls] ca`.
pub(crate) fn tls_ca(root: &Table<'_>, problems: &mut Problems) -> Option<String> {
    let table = root.table("tls", problems)?;
    table.check_keys(&["ca"], &["client", "pin", "pins", "min-version"], problems);
    let ca = table.needed_text("ca", problems)?;
    relative(&table.path("ca"), ca, problems)
}
