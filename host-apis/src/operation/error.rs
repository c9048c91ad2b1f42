//! From the gate's [`Failure`] to `agentbox:host/errors.error`, as a value.

use agentbox_gate::Failure;
use wasmtime::component::Val;

use crate::errors::{Kind, kind};

/// What the program is told of a call of `operation` that failed.
pub(super) fn to_val(failure: &Failure, operation: &str) -> Val {
    let code = || text(&failure.code.to_string());
    let message = || text(&failure.message);
    let (case, payload) = match kind(failure) {
        Kind::Denied => {
            let fields = [
                ("code", code()),
                ("operation", text(operation)),
                ("message", message()),
                ("hint", Val::Option(None)),
            ];
            ("denied", record(fields))
        }
        Kind::InvalidReply => ("invalid-reply", message()),
        Kind::Limit {
            name,
            retry_after_ms,
        } => {
            let fields = [
                ("code", code()),
                ("name", text(name)),
                ("retry-after-ms", milliseconds(retry_after_ms)),
            ];
            ("limit", record(fields))
        }
        Kind::Unavailable => ("unavailable", message()),
        Kind::Upstream {
            status,
            retry_after_ms,
        } => {
            let fields = [
                ("status", Val::U16(status)),
                ("message", message()),
                ("retry-after-ms", milliseconds(retry_after_ms)),
            ];
            ("upstream", record(fields))
        }
    };
    Val::Variant(case.to_owned(), Some(Box::new(payload)))
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn record<const N: usize>(fields: [(&str, Val); N]) -> Val {
    Val::Record(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn milliseconds(time: Option<u32>) -> Val {
    Val::Option(time.map(|time| Box::new(Val::U32(time))))
}
