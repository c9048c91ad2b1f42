//! The routes of all grants, arranged so that finding one costs the same however many there are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use http::Method;

use crate::address::AddressRule;
use crate::grant::{HttpGrant, OriginPattern, one_owner};
use crate::origin::Origin;
use crate::route::{Route, Segment};

/// The routes, by origin, method and segment.
#[derive(Debug, Default)]
pub(crate) struct Index {
    exact: HashMap<Origin, Routes>,
    below: HashMap<Origin, Routes>,
}

/// The routes of one origin.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    methods: HashMap<Method, Node>,
    leaves: Vec<Leaf>,
}

/// A route that can be found.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) grant: Arc<HttpGrant>,
    pub(crate) addresses: Arc<AddressRule>,
    route: usize,
    // Which grant, in the order of the text.
    at: usize,
}

impl Leaf {
    pub(crate) fn route(&self) -> &Route {
        &self.grant.routes[self.route]
    }
}

/// Two routes that can match one request: grant and route of each, in the order of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Overlap {
    pub(crate) later: (usize, usize),
    pub(crate) earlier: (usize, usize),
}

/// More comparisons than a load may take.
#[derive(Debug)]
pub(crate) struct TooManyComparisons;

/// How many steps comparing all routes may take: a second or two at worst.
const MOST_STEPS: u32 = 20_000_000;

#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<Box<str>, Node>,
    hole: Option<Box<Node>>,
    // Without and with a trailing slash: an index into `leaves`.
    ends: [Option<usize>; 2],
}

impl Index {
    /// Arranges the routes of the grants, and finds those that overlap.
    pub(crate) fn new(
        grants: &[Arc<HttpGrant>],
    ) -> (Self, Result<Vec<Overlap>, TooManyComparisons>) {
        let mut index = Self::default();
        let mut found = Found {
            overlaps: Vec::new(),
            seen: HashSet::new(),
            steps: MOST_STEPS,
        };
        for (at, grant) in grants.iter().enumerate() {
            for (pattern, addresses) in &grant.origins {
                let routes = match pattern {
                    OriginPattern::Exact(origin) => index.exact.entry(origin.clone()).or_default(),
                    OriginPattern::Below(origin) => index.below.entry(origin.clone()).or_default(),
                };
                for route in 0..grant.routes.len() {
                    let leaf = Leaf {
                        grant: Arc::clone(grant),
                        addresses: Arc::clone(addresses),
                        route,
                        at,
                    };
                    routes.add(leaf, &mut found);
                }
            }
        }
        for (origin, routes) in index.exact.iter().chain(&index.below) {
            for broader in index.broader(origin) {
                for leaf in &routes.leaves {
                    broader.compare(leaf, &mut found);
                }
            }
        }
        let overlaps = if found.steps == 0 {
            Err(TooManyComparisons)
        } else {
            Ok(found.overlaps)
        };
        (index, overlaps)
    }

    /// The routes that a request to the origin may be meant for.
    pub(crate) fn at(&self, origin: &Origin) -> Vec<&Routes> {
        self.exact
            .get(origin)
            .into_iter()
            .chain(self.broader(origin))
            .collect()
    }

    /// The routes that are for every origin of a pattern.
    pub(crate) fn covering(&self, pattern: &OriginPattern) -> Vec<&Routes> {
        let (own, origin) = match pattern {
            OriginPattern::Exact(origin) => (self.exact.get(origin), origin),
            OriginPattern::Below(origin) => (self.below.get(origin), origin),
        };
        own.into_iter().chain(self.broader(origin)).collect()
    }

    /// The routes of the wildcards above an origin.
    fn broader(&self, origin: &Origin) -> impl Iterator<Item = &Routes> {
        let mut domain = (!self.below.is_empty() && origin.ip().is_none()).then(|| origin.clone());
        std::iter::from_fn(move || {
            domain = domain.take().and_then(|domain| domain.parent());
            domain
                .as_ref()
                .map(|domain| (domain.clone(), self.below.get(domain)))
        })
        .filter(|(domain, _)| one_owner(domain, origin))
        .filter_map(|(_, routes)| routes)
    }
}

/// What comparing has found so far.
struct Found {
    overlaps: Vec<Overlap>,
    seen: HashSet<(usize, usize)>,
    steps: u32,
}

impl Found {
    /// Notes an overlap, one for each later route.
    fn note(&mut self, one: &Leaf, other: &Leaf) {
        let (one, other) = ((one.at, one.route), (other.at, other.route));
        let (later, earlier) = (one.max(other), one.min(other));
        if later != earlier && self.seen.insert(later) {
            self.overlaps.push(Overlap { later, earlier });
        }
    }
}

impl Routes {
    /// The grant to name in a denial when no route matches.
    pub(crate) fn first(&self) -> Option<&Leaf> {
        self.leaves.first()
    }

    /// The route that matches: decoded segments, and whether a slash follows them.
    pub(crate) fn find(&self, method: &Method, segments: &[String], slash: bool) -> Option<&Leaf> {
        let end = self.methods.get(method)?.find(segments, slash)?;
        self.leaves.get(end)
    }

    /// The routes that match every path of another route, whatever queries they allow.
    pub(crate) fn at_path(
        &self,
        method: &Method,
        segments: &[Segment],
        slash: bool,
    ) -> impl Iterator<Item = &Leaf> {
        let mut ends = Vec::new();
        if let Some(node) = self.methods.get(method) {
            node.covering(segments, slash, &mut ends);
        }
        ends.into_iter().filter_map(|end| self.leaves.get(end))
    }

    fn compare(&self, leaf: &Leaf, found: &mut Found) {
        let route = leaf.route();
        let Some(node) = self.methods.get(&route.method) else {
            return;
        };
        if let Some(end) = node.overlapping(&route.segments, route.slash, &mut found.steps) {
            found.note(leaf, &self.leaves[end]);
        }
    }

    fn add(&mut self, leaf: Leaf, found: &mut Found) {
        self.compare(&leaf, found);
        let route = leaf.route();
        let mut node = self.methods.entry(route.method.clone()).or_default();
        for segment in &route.segments {
            node = match segment {
                Segment::Hole(_) => node.hole.get_or_insert_default(),
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
            };
        }
        // Where it overlaps nothing runs, so it does not matter which of the two stays.
        node.ends[usize::from(route.slash)].get_or_insert(self.leaves.len());
        self.leaves.push(leaf);
    }
}

impl Node {
    fn find(&self, segments: &[String], slash: bool) -> Option<usize> {
        let Some((first, rest)) = segments.split_first() else {
            return self.ends[usize::from(slash)];
        };
        let literal = self.literals.get(first.as_str());
        literal
            .and_then(|node| node.find(rest, slash))
            .or_else(|| self.hole.as_ref().and_then(|node| node.find(rest, slash)))
    }

    fn covering(&self, segments: &[Segment], slash: bool, ends: &mut Vec<usize>) {
        let Some((first, rest)) = segments.split_first() else {
            ends.extend(self.ends[usize::from(slash)]);
            return;
        };
        let literal = match first {
            Segment::Literal(text) => self.literals.get(text),
            Segment::Hole(_) => None,
        };
        for node in literal.into_iter().chain(self.hole.as_deref()) {
            node.covering(rest, slash, ends);
        }
    }

    fn overlapping(&self, segments: &[Segment], slash: bool, steps: &mut u32) -> Option<usize> {
        *steps = steps.saturating_sub(1);
        if *steps == 0 {
            return None;
        }
        let Some((first, rest)) = segments.split_first() else {
            return self.ends[usize::from(slash)];
        };
        let hole = self.hole.as_deref().into_iter();
        match first {
            Segment::Literal(text) => self
                .literals
                .get(text)
                .into_iter()
                .chain(hole)
                .find_map(|node| node.overlapping(rest, slash, steps)),
            Segment::Hole(_) => self
                .literals
                .values()
                .chain(hole)
                .find_map(|node| node.overlapping(rest, slash, steps)),
        }
    }
}
