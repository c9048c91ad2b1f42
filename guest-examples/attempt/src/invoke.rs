//! The door that takes names and JSON.

wit_bindgen::generate!({ world: "imports", path: "../../wit/host" });

use agentbox::host::errors::Error;
use agentbox::host::invoke::{start, wait};

use crate::{show, shown, tell};

/// Calls the operation `name` with the text `arguments`, which may be no JSON at all, and prints
/// what came of it.
pub fn by_name(name: &str, arguments: &str, body: &[u8]) {
    let what = format!("{} {}", shown(name.as_bytes()), shown(arguments.as_bytes()));
    tell("invoke", &what, || call(name, arguments, body));
}

/// Calls an operation, shows what it gives, and says how that ended.
pub(crate) fn call(name: &str, arguments: &str, body: &[u8]) -> String {
    start(name, arguments, body);
    match wait() {
        Some((_, Ok(answer))) => {
            show("value", answer.value.as_bytes());
            show("body", &answer.body);
            "answered".to_owned()
        }
        Some((_, Err(error))) => explain(&error),
        None => "nothing".to_owned(),
    }
}

/// All that an error says, on one line.
fn explain(error: &Error) -> String {
    let text = match error {
        Error::Denied(denial) => format!("denied {} {}", denial.code, denial.message),
        Error::Limit(limit) => format!("limit {} {}", limit.code, limit.name),
        Error::Upstream(upstream) => format!("upstream {} {}", upstream.status, upstream.message),
        Error::InvalidReply(what) => format!("invalid-reply {what}"),
        Error::Unavailable(what) => format!("unavailable {what}"),
    };
    text.replace('\n', " ")
}
