//! The `invoke` door: operations and HTTP requests by name, many at once.

mod calls;
mod http;
#[cfg(test)]
mod tests;

use agentbox_gate::{Body, Call, Cause, Failure, Patience, Reply};
use agentbox_policy::{CallHead, Code, OperationHead, RefusedHead};
use bytes::Bytes;
use wasmtime::component::{HasSelf, Linker};

use crate::State;
use crate::errors::{Kind, kind};
use bindings::agentbox::host::errors::{Denial, Error, Limit, Upstream};
use bindings::agentbox::host::invoke::{Answer, Host, add_to_linker as add_invoke};
pub(crate) use calls::Calls;
use calls::Finished;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/host",
        world: "imports",
        imports: {
            "agentbox:host/invoke.start": trappable,
            "agentbox:host/invoke.wait": async,
        },
    });
}

/// Links `agentbox:host/invoke`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<(), wasmtime::Error> {
    add_invoke::<State, HasSelf<Calls>>(linker, State::calls)
}

/// The name by which an HTTP request is called.
const HTTP: &str = "wasi:http/outgoing-handler";

/// The longest name of an operation that a guest is told again, in bytes.
const LONGEST_NAME: usize = 256;

/// The longest message of what is refused here, in bytes: it may repeat the guest's text.
const LONGEST_MESSAGE: usize = 1 << 10;

impl Host for Calls {
    fn start(
        &mut self,
        operation: String,
        arguments: String,
        body: Vec<u8>,
    ) -> wasmtime::Result<u32> {
        self.begin(operation, arguments, body)
    }

    async fn wait(&mut self) -> Option<(u32, Result<Answer, Error>)> {
        let (id, finished) = self.next().await?;
        let Finished { operation, given } = finished;
        Some((id, given.map_err(|failure| to_error(failure, &operation))))
    }

    fn cancel(&mut self, id: u32) -> bool {
        self.give_up(id)
    }
}

/// A call by name, in the gate's words. Where it cannot be told what is asked for, the gate denies
/// it and puts that on record. Of a request, no more than `most` bytes of arguments are read.
fn to_call(operation: &str, arguments: String, body: Vec<u8>, most: usize) -> Call {
    let head = if is_http(operation) {
        http::head(&arguments, most).unwrap_or_else(CallHead::Refused)
    } else if body.is_empty() {
        CallHead::Operation(OperationHead {
            operation: operation.to_owned(),
            arguments,
        })
    } else {
        let message = "an operation takes no body";
        CallHead::Refused(refused(operation, Code::BAD_ARGUMENTS, message))
    };
    with_body(head, Body::full(Bytes::from(body)))
}

fn with_body(head: CallHead, body: Body) -> Call {
    Call {
        head,
        body,
        patience: Patience::default(),
    }
}

/// Whether an HTTP request is called, by the name of its interface at any version of WASI 0.2.
fn is_http(operation: &str) -> bool {
    operation
        .strip_prefix(HTTP)
        .is_some_and(|version| version.is_empty() || version.starts_with("@0.2."))
}

/// The value that the head of a reply makes: of a request's; the result of an operation is its body.
fn head_value(operation: &str, head: &Reply) -> Option<String> {
    is_http(operation).then(|| http::value(head))
}

/// What a call gave, once its body has been read.
fn to_answer(value: Option<String>, body: Vec<u8>) -> Result<Answer, Failure> {
    if let Some(value) = value {
        return Ok(Answer { value, body });
    }
    let value = String::from_utf8(body).map_err(|error| {
        Failure::new(Code::INVALID_REPLY, Cause::InvalidReply, error.to_string())
    })?;
    let body = Vec::new();
    Ok(Answer { value, body })
}

/// A call that is denied whatever the policy says.
fn refused(operation: &str, code: Code, message: impl Into<String>) -> RefusedHead {
    let mut message = message.into();
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
    message.shrink_to_fit();
    RefusedHead {
        call: shortened(operation).to_owned(),
        code,
        message,
    }
}

/// The beginning of an operation's name, which may be any text of the guest's.
fn shortened(operation: &str) -> &str {
    &operation[..operation.floor_char_boundary(LONGEST_NAME)]
}

fn to_error(failure: Failure, operation: &str) -> Error {
    let code = failure.code.to_string();
    match kind(&failure) {
        Kind::Denied => Error::Denied(Denial {
            code,
            operation: shortened(operation).to_owned(),
            message: failure.message,
            hint: None,
        }),
        Kind::InvalidReply => Error::InvalidReply(failure.message),
        Kind::Limit {
            name,
            retry_after_ms,
        } => Error::Limit(Limit {
            code,
            name: name.to_owned(),
            retry_after_ms,
        }),
        Kind::Unavailable => Error::Unavailable(failure.message),
        Kind::Upstream {
            status,
            retry_after_ms,
        } => Error::Upstream(Upstream {
            status,
            message: failure.message.clone(),
            retry_after_ms,
        }),
    }
}
