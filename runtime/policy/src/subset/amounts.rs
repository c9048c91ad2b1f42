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
                let often = often(own, window);
                let name = words::quote(&limit.name);
                found.push(format!("it may be used {often} ({name})"));
            }
        }
    }
    found
}

/// How often `own` lets calls through where another limit has `window`: the window that stands in its
/// place, or those that are left.
fn often(own: &[Window], window: &Window) -> String {
    let comparable = |other: &&Window| match (*other, window) {
        (Window::Run { .. }, Window::Run { .. }) => true,
        (Window::Sliding { per, .. }, Window::Sliding { per: other, .. }) => per == other,
        _ => false,
    };
    let sliding = |other: &&Window| {
        matches!(
            (*other, window),
            (Window::Sliding { .. }, Window::Sliding { .. })
        )
    };
    let instead = own.iter().find(comparable);
    if let Some(instead) = instead.or_else(|| own.iter().find(sliding)) {
        return format!("{instead} instead of {window}");
    }
    let left: Vec<_> = own.iter().map(Window::to_string).collect();
    if left.is_empty() {
        format!("without the limit {window}")
    } else {
        format!("{} without the limit {window}", words::all(&left))
    }
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
