//! Requests of a guest's own: which routes, where to, with which key and headers.

use std::collections::HashMap;

use http::Method;

use crate::address::AddressRule;
use crate::grant::{HttpGrant, OriginPattern};
use crate::headers::{HeaderClass, class};
use crate::policy::Policy;
use crate::route::{QueryRule, Route, Segment};

use super::{amounts, same_key, words};

/// All routes of a policy, by what two routes have to share before one can cover the other.
pub(super) struct Routes<'p>(HashMap<Kind<'p>, Vec<(&'p HttpGrant, &'p Route)>>);

/// Method, number of segments, and whether a slash follows them.
type Kind<'p> = (&'p Method, usize, bool);

/// A route at an origin, as it is told.
type Place<'p> = (&'p str, &'p OriginPattern);

impl<'p> Routes<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        let mut routes: HashMap<_, Vec<_>> = HashMap::new();
        for grant in &policy.http {
            for route in &grant.routes {
                routes
                    .entry(kind(route))
                    .or_default()
                    .push((&**grant, route));
            }
        }
        Self(routes)
    }

    /// What a grant allows and none of these routes does.
    ///
    /// Each route has to be covered by one route: routes of one policy never overlap, and what a
    /// hole takes no number of literals can.
    pub(super) fn excess(&self, of: &HttpGrant) -> Vec<String> {
        let mut uncovered: Vec<Place<'_>> = Vec::new();
        let mut shortfalls: Vec<(String, Vec<Place<'_>>)> = Vec::new();
        for (origin, addresses) in &of.origins {
            for route in &of.routes {
                let place = (route.text(), origin);
                let Some(missing) = self.missing(of, route, origin, addresses) else {
                    uncovered.push(place);
                    continue;
                };
                for what in missing {
                    match shortfalls.iter_mut().find(|(other, _)| *other == what) {
                        Some((_, places)) => places.push(place),
                        None => shortfalls.push((what, vec![place])),
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

    /// What a route at an origin has beyond the route that covers it best; none where none does.
    fn missing(
        &self,
        of: &HttpGrant,
        route: &Route,
        origin: &OriginPattern,
        addresses: &AddressRule,
    ) -> Option<Vec<String>> {
        self.0
            .get(&kind(route))?
            .iter()
            .filter(|(_, other)| other.covers(route))
            .flat_map(|(grant, _)| grant.origins.iter().map(move |placed| (grant, placed)))
            .filter(|(_, (pattern, _))| pattern.covers(origin))
            .map(|(grant, (_, rule))| {
                let mut missing = grant_excess(of, grant);
                missing.extend(amounts::addresses(addresses, rule));
                missing
            })
            .min_by_key(Vec::len)
    }
}

fn kind(route: &Route) -> Kind<'_> {
    (&route.method, route.segments.len(), route.slash)
}

impl Route {
    /// Whether every request that `other` matches is matched by this one as well.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
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
    for (_, addresses) in &of.origins {
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
        match origins.iter_mut().find(|(other, _)| other == origin) {
            Some((_, routes)) => routes.push(route),
            None => origins.push((origin, vec![route])),
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
