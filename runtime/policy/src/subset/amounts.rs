//! Limits, addresses and bounds: how often, where to, and how much.

use std::time::Duration;

use crate::address::AddressRule;
use crate::bounds::Bounds;
use crate::limit::Limit;
use crate::units::{print_bytes, print_duration};
use crate::verdict::Window;

use super::{Excess, words};

/// How `of` lets more calls through than `over`.
///
/// Counters belong to a name: a limit of another name counts other calls, however strict it is.
pub(super) fn limits(of: &[Limit], over: &[Limit]) -> Vec<String> {
    let mut found = Vec::new();
    for limit in over {
        let own = of.iter().find(|own| own.name == limit.name);
        let own = own.map_or(&[][..], |own| &own.windows);
        for window in &*limit.windows {
            if !own.iter().any(|own| own.within(window)) {
                found.push(format!(
                    "it may be used more often than {window} ({})",
                    words::quote(&limit.name)
                ));
            }
        }
    }
    found
}

/// Which addresses `of` lets a name lead to and `over` does not.
pub(super) fn addresses(of: &AddressRule, over: &AddressRule) -> Option<String> {
    (!of.within(over)).then(|| {
        words::addresses(of).unwrap_or_else(|| "names may lead to any public address".to_owned())
    })
}

impl Window {
    /// Whether what this window lets through, the other one does as well: no more calls, in no
    /// shorter a stretch. A run and a stretch of time cannot be compared.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Run { count }, Self::Run { count: most }) => count <= most,
            (
                Self::Sliding { count, per },
                Self::Sliding {
                    count: most,
                    per: least,
                },
            ) => count <= most && per >= least,
            _ => false,
        }
    }
}

/// The bounds that are higher in `of`.
pub(super) fn bounds(of: &Bounds, over: &Bounds) -> Vec<Excess> {
    let Bounds {
        memory,
        cpu,
        wall,
        output,
        arguments,
        request_body,
        reply_body,
        connect,
        first_byte,
        call,
    } = *of;
    let bytes = [
        ("memory", memory, over.memory),
        ("output", output, over.output),
        ("arguments", arguments, over.arguments),
        ("request-body", request_body, over.request_body),
        ("reply-body", reply_body, over.reply_body),
    ];
    let times = [
        ("cpu", cpu, over.cpu),
        ("wall", wall, over.wall),
        ("connect", connect, over.connect),
        ("first-byte", first_byte, over.first_byte),
        ("call", call, over.call),
    ];
    let bytes = bytes.map(|(name, of, over)| higher(name, of, over, print_bytes));
    let times = times.map(|(name, of, over)| higher::<Duration>(name, of, over, print_duration));
    bytes.into_iter().chain(times).flatten().collect()
}

fn higher<T: Copy + PartialOrd>(
    name: &str,
    of: T,
    over: T,
    print: fn(T) -> String,
) -> Option<Excess> {
    (of > over).then(|| {
        let what = format!("more than {}, up to {}", print(over), print(of));
        Excess::new(format!("run.{name}"), what)
    })
}
