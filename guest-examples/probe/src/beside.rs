//! A call by name and one over HTTP, both under way.

wit_bindgen::generate!({ world: "imports", path: "../../wit/host" });

use agentbox::host::invoke;
use anyhow::Result;

use crate::request;

/// Begins a call of `operation`, makes an HTTP request to its end, and waits for the call.
pub(crate) fn beside(operation: &str, arguments: &str, url: &str) -> Result<()> {
    invoke::start(operation, arguments, &[]);
    request::http("GET", url, &[])?;
    match invoke::wait() {
        Some((_, Ok(answer))) => println!("{}", answer.value),
        other => println!("{other:?}"),
    }
    Ok(())
}
