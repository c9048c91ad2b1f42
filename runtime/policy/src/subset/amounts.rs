//! Limits, addresses and bounds: how often, where to, and how much.

use crate::address::AddressRule;
use crate::bounds::Bounds;
use crate::limit::Limit;
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
    of.higher_than(over)
        .map(|(bound, of, over)| {
            let what = format!("more than {over}, up to {of}");
            Excess::new(format!("run.{}", bound.name), what)
        })
        .collect()
}
