//! A program of the tests: it calls operations by name, all of them at once, and prints what each
//! gave in the order in which they finish.
//!
//! Usage: `ask (OPERATION ARGUMENTS [body:TEXT])...`. In OPERATION and ARGUMENTS the first `<N>` stands for N times `a`.
//! A line is `ID ok VALUE`, with ` body TEXT` if there is one, or `ID` and the error.

wit_bindgen::generate!({ world: "program", path: "../../wit/host" });

use agentbox::host::errors::Error;
use agentbox::host::invoke::{Answer, start, wait};

struct Program;

export!(Program);

impl Guest for Program {
    fn run() -> Result<String, String> {
        let mut words = std::env::args().skip(1).peekable();
        while let Some(operation) = words.next() {
            let Some(arguments) = words.next() else {
                return Err(format!("`{operation}` has no arguments"));
            };
            let body = words.next_if(|word| word.starts_with("body:"));
            let body = body.as_deref().map_or("", |word| &word["body:".len()..]);
            start(&spread(&operation), &spread(&arguments), body.as_bytes());
        }
        let mut finished = 0;
        while let Some((id, result)) = wait() {
            match result {
                Ok(Answer { value, body }) if body.is_empty() => println!("{id} ok {value}"),
                Ok(Answer { value, body }) => {
                    println!("{id} ok {value} body {}", String::from_utf8_lossy(&body));
                }
                Err(error) => println!("{id} {}", explain(&error)),
            }
            finished += 1;
        }
        Ok(format!("{finished} finished"))
    }
}

/// `text` with its first `<N>` replaced by N times `a`.
fn spread(text: &str) -> String {
    let Some((before, (count, after))) = text
        .split_once('<')
        .and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    else {
        return text.to_owned();
    };
    match count.parse() {
        Ok(count) => [before, &"a".repeat(count), after].concat(),
        Err(_) => text.to_owned(),
    }
}

/// All that an error says, on one line.
fn explain(error: &Error) -> String {
    match error {
        Error::Denied(denial) => {
            let hint = denial.hint.as_deref().unwrap_or("none");
            format!(
                "denied {} {}: {} (hint: {hint})",
                denial.code, denial.operation, denial.message
            )
        }
        Error::Limit(limit) => {
            format!(
                "limit {} {} {:?}",
                limit.code, limit.name, limit.retry_after_ms
            )
        }
        Error::Upstream(upstream) => format!(
            "upstream {} {:?} {}",
            upstream.status, upstream.retry_after_ms, upstream.message
        ),
        Error::InvalidReply(what) => format!("invalid-reply {what}"),
        Error::Unavailable(what) => format!("unavailable {what}"),
    }
}
