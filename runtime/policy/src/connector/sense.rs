//! Whether what an operation says of itself goes with its HTTP method.

use http::Method;

use crate::code::Code;
use crate::operation::{Effect, Operation};
use crate::parse::document::{Problems, Table};

/// A body where none is sent, and an effect that the method speaks against.
pub(super) fn request(
    table: &Table<'_>,
    method: &Method,
    effect: Option<Effect>,
    problems: &mut Problems,
) {
    if let Some(entry) = table.get("body")
        && matches!(*method, Method::GET | Method::HEAD)
    {
        let message = format!("a `{method}` request has no body");
        problems.add(Code::CONNECTOR, &entry.span, message);
    }
    let Some(entry) = table.get("effect").filter(|_| effect == Some(Effect::Read)) else {
        return;
    };
    let span = entry.value.span();
    // Searches are often POST requests.
    if *method == Method::DELETE {
        problems
            .add(Code::CONNECTOR, &span, "a `DELETE` request is no `read`")
            .advise("`destroy`, or `write` where what is removed can be brought back");
    } else if matches!(*method, Method::PUT | Method::PATCH) {
        let message = format!("a `{method}` request is seldom a `read`");
        problems
            .add(Code::EFFECT, &span, message)
            .advise("`write`, if it changes something");
    }
}

/// Why a HEAD request cannot give what the operation gives.
pub(super) fn head(operation: &Operation) -> Option<&'static str> {
    let gives = operation.request.method == Method::HEAD && operation.value().is_some();
    gives.then_some("the reply to a `HEAD` request has no body to read a result from")
}
