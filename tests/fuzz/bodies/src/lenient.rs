//! What was approved, read by upstreams that take it less exactly than agentbox does.

use agentbox_policy::{Approved, HttpHead, decide};

use crate::Reached;
use crate::bytes::Bytes;
use crate::plan::{self, Place, Plan, Query, Route, Segment};

/// Whatever is approved is inside the granted route for an upstream that decodes again and again,
/// drops `;parameters`, takes `\` for `/`, merges slashes, resolves dots, folds the host's case,
/// parts queries at `;` too, and honours method overrides.
pub fn lenient(data: &[u8]) -> Reached {
    let bytes = &mut Bytes::new(data);
    let plan = Plan::new(bytes);
    let Ok(policy) = plan.parse() else {
        return vec!["ambiguous"];
    };
    let mut reached = vec!["loaded"];
    for _ in 0..16 {
        let call = plan::call(&plan, bytes);
        let Ok(approved) = decide(&policy, &call.clone().into()) else {
            reached.push("denied");
            continue;
        };
        check(&plan, &call, &approved);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'/';
        let is_plain = approved.path().bytes().all(plain);
        reached.extend(
            ["approved"]
                .iter()
                .chain((!is_plain).then_some(&"approved, not plain")),
        );
    }
    reached
}

fn check(plan: &Plan, call: &HttpHead, approved: &Approved) {
    let at: usize = approved.grant()["http.t".len()..]
        .parse()
        .expect("a table's name");
    let table = &plan.tables[at];
    let route = table
        .routes
        .iter()
        .find(|route| route.text() == approved.route());
    let route = route.expect("the route is the table's");
    assert_eq!(call.method, route.method);
    let host = host(&call.authority);
    assert!(
        table.origins.iter().any(|origin| is_at(origin, &host)),
        "{call:?}\n{plan}"
    );
    let (path, query) = match call.path_and_query.split_once('?') {
        Some((path, query)) => (path, query),
        None => (call.path_and_query.as_str(), ""),
    };
    for reader in Reader::all() {
        let read = reader.path(path);
        assert!(
            reader.is_inside(&read, route),
            "{reader:?} reads {read:?}\n{call:?}\n{plan}"
        );
    }
    let place = table.key.map(|key| plan.keys[key].place);
    for name in names(query) {
        assert!(
            is_granted(&name, route, place),
            "a reader finds the parameter {name:?}\n{call:?}\n{plan}"
        );
    }
    for name in approved.headers().keys() {
        let name = name.as_str();
        assert!(
            !name.contains("method") && !name.contains("forwarded"),
            "{name}"
        );
    }
}

/// Host and port as a browser reads an authority: behind the last `@`, in lower case, without a
/// trailing dot, the number of the port alone.
fn host(authority: &str) -> String {
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let authority = authority
        .split(['/', '\\', '?', '#'])
        .next()
        .unwrap_or_default();
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let port: u32 = port.trim().parse().unwrap_or(443);
    format!(
        "{}:{port}",
        decode(host).to_lowercase().trim_end_matches('.')
    )
}

fn is_at(origin: &str, host: &str) -> bool {
    let origin = origin.trim_start_matches("https://");
    let (name, port) = origin.split_once(':').unwrap_or((origin, "443"));
    let Some(given) = host.strip_suffix(&format!(":{port}")) else {
        return false;
    };
    match name.strip_prefix("*.") {
        Some(domain) => given
            .strip_suffix(domain)
            .is_some_and(|label| label.len() > 1 && label.ends_with('.')),
        None => given == name,
    }
}

/// How an upstream reads a path.
#[derive(Clone, Copy, Debug)]
struct Reader {
    /// How often it decodes.
    decodes: usize,
    /// Whether it decodes before it looks for slashes, too.
    early: bool,
    /// Whether it drops what follows a semicolon in a segment.
    strips: bool,
    /// Whether it takes blanks and dots at a segment's end away.
    trims: bool,
}

impl Reader {
    fn all() -> impl Iterator<Item = Self> {
        (0..24).map(|at| Self {
            decodes: 1 + at / 8,
            early: at & 1 != 0,
            strips: at & 2 != 0,
            trims: at & 4 != 0,
        })
    }

    /// The segments that are left, the last one empty behind a slash.
    fn path(self, path: &str) -> Vec<String> {
        let path = path.split(['#', '\0']).next().unwrap_or_default();
        let decodes = if self.early { self.decodes } else { 0 };
        let text = (0..decodes).fold(path.to_owned(), |text, _| decode(&text));
        let text = text.replace('\\', "/");
        let mut read: Vec<String> = Vec::new();
        for segment in text.split('/').skip(1) {
            let segment = (0..self.decodes).fold(segment.to_owned(), |text, _| decode(&text));
            let segment = self.segment(&segment);
            // What a decoded slash parts is parted as well.
            for part in segment.split(['/', '\\']) {
                match part {
                    ".." => drop(read.pop()),
                    "." | "" => {}
                    _ => read.push(part.to_owned()),
                }
            }
        }
        if text.ends_with('/') {
            read.push(String::new());
        }
        read
    }

    /// A decoded segment.
    fn segment(self, text: &str) -> String {
        let text = match self.strips {
            true => text.split(';').next().unwrap_or_default(),
            false => text,
        };
        // Dots alone lead somewhere before anybody trims them, or are a name.
        let trims = self.trims && !text.chars().all(|letter| letter == '.');
        let bare = text.trim_end_matches([' ', '.']);
        (if trims { bare } else { text }).to_owned()
    }

    fn is_inside(self, read: &[String], route: &Route) -> bool {
        let slash = read.last().is_some_and(String::is_empty);
        let segments = &read[..read.len() - usize::from(slash)];
        let matches = route.segments.len() == segments.len()
            && route
                .segments
                .iter()
                .zip(segments)
                .all(|(part, given)| match part {
                    Segment::Hole => true,
                    Segment::Literal(text) => self.segment(text) == *given,
                });
        matches && slash == route.slash
    }
}

/// Undoes every escape there is, in either case; what is none stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut read = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                read.push(byte);
                at += 3;
            }
            None => {
                read.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// The names of a query's parameters, for a reader that parts it at `&` and `;` and decodes twice.
fn names(query: &str) -> Vec<String> {
    let parts = query.split(['&', ';']).filter(|part| !part.is_empty());
    let name = |part: &str| part.split('=').next().unwrap_or_default().to_owned();
    parts
        .flat_map(|part| [decode(&name(part)), decode(&decode(&name(part)))])
        .collect()
}

fn is_granted(name: &str, route: &Route, place: Option<Place>) -> bool {
    let bare = name
        .split('[')
        .next()
        .unwrap_or_default()
        .trim_matches(['+', ' ']);
    let is_key = matches!(place, Some(Place::Query(own)) if bare.eq_ignore_ascii_case(own));
    let overrides = bare.eq_ignore_ascii_case("_method");
    let named = match &route.query {
        Query::Any => true,
        Query::Names(names) => names.contains(&name),
    };
    named && !is_key && !overrides
}
