//! Requests of a guest's own: which routes, where to, with which key and headers.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::address::AddressRule;
use crate::grant::{HttpGrant, OriginPattern};
use crate::headers::{HeaderClass, class};
use crate::index::{Leaf, Routes};
use crate::policy::Policy;
use crate::route::{QueryRule, Route, Segment};

use super::{amounts, same_key, words};

/// A route at an origin, as it is told.
type Place<'p> = (&'p str, &'p OriginPattern);

/// What a grant allows and `over` does not.
///
/// Each route has to be covered by one route: routes of one policy never overlap, and what a hole
/// takes no number of literals can.
pub(super) fn excess(of: &HttpGrant, over: &Policy) -> Vec<String> {
    let mut uncovered: Vec<Place<'_>> = Vec::new();
    let mut shortfalls: IndexMap<String, Vec<Place<'_>>> = IndexMap::new();
    let mut terms_of = Terms {
        of,
        missing: HashMap::new(),
    };
    for (origin, addresses) in &of.origins {
        let around = over.index.covering(origin);
        for route in &of.routes {
            let place = (route.text(), origin);
            let Some(leaf) = covering(&around, route) else {
                uncovered.push(place);
                continue;
            };
            for what in terms_of.missing(addresses, leaf) {
                match shortfalls.get_mut(what) {
                    Some(places) => places.push(place),
                    None => {
                        shortfalls.insert(what.clone(), vec![place]);
                    }
                }
            }
        }
    }
    let all = of.origins.len() * of.routes.len();
    let mut found: Vec<_> = by_origin(&uncovered)
        .into_iter()
        .map(|place| format!("it may call {place}"))
        .collect();
    if uncovered.len() == all {
        found.extend(terms(of));
    }
    for (what, places) in shortfalls {
        if places.len() == all {
            found.push(what);
        } else {
            let places = words::all(&by_origin(&places));
            found.push(format!("{what}, with {places}"));
        }
    }
    found
}

/// The route that covers this one, of those that are for all of its origin.
fn covering<'p>(around: &[&'p Routes], route: &Route) -> Option<&'p Leaf> {
    around
        .iter()
        .flat_map(|routes| routes.at_path(&route.method, &route.segments, route.slash))
        .find(|leaf| leaf.route().covers(route))
}

/// What holds for a grant beside its routes, held against other grants once each.
struct Terms<'p> {
    of: &'p HttpGrant,
    // By the grant and the rules of addresses: where they are tells them apart.
    missing: HashMap<Pair, Vec<String>>,
}

type Pair = (*const HttpGrant, *const AddressRule, *const AddressRule);

impl Terms<'_> {
    /// What the grant has beyond the grant of a route, for an origin with this rule of addresses.
    fn missing(&mut self, addresses: &Arc<AddressRule>, over: &Leaf) -> &[String] {
        let pair = (
            Arc::as_ptr(&over.grant),
            Arc::as_ptr(addresses),
            Arc::as_ptr(&over.addresses),
        );
        self.missing.entry(pair).or_insert_with(|| {
            let mut missing = grant_excess(self.of, &over.grant);
            missing.extend(amounts::addresses(addresses, &over.addresses));
            missing
        })
    }
}

impl Route {
    /// Whether every request that `other` matches is matched by this one as well.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        #[cfg(test)]
        tests::COMPARED.set(tests::COMPARED.get() + 1);
        // Every field is named, so that one that is added has to be thought of here.
        let Self {
            text: _,
            method,
            segments,
            slash,
            query,
        } = self;
        *method == other.method
            && *slash == other.slash
            && segments.len() == other.segments.len()
            && segments.iter().zip(&other.segments).all(|pair| match pair {
                (Segment::Hole(_), _) => true,
                (Segment::Literal(one), Segment::Literal(other)) => one == other,
                (Segment::Literal(_), Segment::Hole(_)) => false,
            })
            && query.covers(&other.query)
    }
}

impl QueryRule {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any) => true,
            // Any name but this one, which has to be named.
            (Self::Any, Self::Names(names)) => !names
                .iter()
                .any(|name| name.eq_ignore_ascii_case("_method")),
            (Self::Names(_), Self::Any) => false,
            (Self::Names(names), Self::Names(other)) => {
                other.iter().all(|name| names.contains(name))
            }
        }
    }
}

/// What holds for all routes of a grant and is more than another grant has.
fn grant_excess(of: &HttpGrant, over: &HttpGrant) -> Vec<String> {
    #[cfg(test)]
    tests::COMPARED.set(tests::COMPARED.get() + 1);
    // Every field is named, so that one that is added has to be thought of here.
    let HttpGrant {
        name: _,
        credential,
        origins: _,
        routes: _,
        limits,
        request_headers,
        reply_headers,
    } = of;
    let mut found = Vec::new();
    if !same_key(credential.as_deref(), over.credential()) {
        found.push(words::key(credential.as_deref()));
    }
    let sent = request_headers.iter().filter(|name| {
        class(name.as_str()) != HeaderClass::Ordinary && !over.request_headers.contains(name)
    });
    found.extend(sent.map(|name| sends(name.as_str())));
    let seen = reply_headers.extra.iter();
    let seen = seen.filter(|name| !over.reply_headers.allows(name));
    found.extend(seen.map(|name| sees(name.as_str())));
    found.extend(amounts::limits(limits, &over.limits));
    found
}

/// Under which terms a grant's requests are sent.
fn terms(of: &HttpGrant) -> Vec<String> {
    let mut found = vec![words::key(of.credential())];
    found.extend(of.request_headers.iter().map(|name| sends(name.as_str())));
    found.extend(
        of.reply_headers
            .extra
            .iter()
            .map(|name| sees(name.as_str())),
    );
    let mut seen: Option<&Arc<AddressRule>> = None;
    for (_, addresses) in &of.origins {
        // Most origins of a grant share one rule.
        if seen.is_some_and(|seen| Arc::ptr_eq(seen, addresses)) {
            continue;
        }
        seen = Some(addresses);
        let told = words::addresses(addresses).filter(|told| !found.contains(told));
        found.extend(told);
    }
    found.push(words::limits(&of.limits));
    found
}

fn sends(header: &str) -> String {
    format!("it may send the header {}", words::quote(header))
}

fn sees(header: &str) -> String {
    format!("it may see the header {}", words::quote(header))
}

/// Places in words, each origin with its routes.
fn by_origin(places: &[Place<'_>]) -> Vec<String> {
    let mut origins: Vec<(&OriginPattern, Vec<String>)> = Vec::new();
    for (route, origin) in places {
        let route = words::quote(route);
        match origins.last_mut() {
            // All places of an origin come together.
            Some((other, routes)) if other == origin => routes.push(route),
            _ => origins.push((origin, vec![route])),
        }
    }
    origins
        .iter()
        .map(|(origin, routes)| {
            let origin = words::quote(&origin.to_string());
            format!("{} at {origin}", words::all(routes))
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// How many routes and grants this thread has held against others.
        pub(in crate::subset) static COMPARED: Cell<usize> = const { Cell::new(0) };
    }
}
