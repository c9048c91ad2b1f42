//! Policies of routes and calls under them, as data: what the model and the lenient reader judge.

use std::fmt::Write as _;

use agentbox_policy::{HttpHead, Policy, PolicyErrors, Sources, Text};

use crate::bytes::Bytes;

/// A policy of routes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) keys: Vec<Key>,
    pub(crate) tables: Vec<Table>,
}

/// A credential. Its name is `k` and its place.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) origins: Vec<&'static str>,
}

/// Where a key goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Basic,
    Bearer,
    Header(&'static str),
    Query(&'static str),
}

/// An `[http.*]` table. Its name is `t` and its place.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) key: Option<usize>,
    /// Those of the key where there is one.
    pub(crate) origins: Vec<&'static str>,
    pub(crate) routes: Vec<Route>,
    pub(crate) headers: Vec<&'static str>,
    pub(crate) limited: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) segments: Vec<Segment>,
    pub(crate) slash: bool,
    pub(crate) query: Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Hole,
    Literal(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) enum Query {
    Any,
    Names(Vec<&'static str>),
}

const ORIGINS: &[&str] = &[
    "https://a.test",
    "https://b.test:8443",
    "https://*.c.test",
    "https://x.c.test",
    "https://*.y.c.test",
];
const PLACES: &[Place] = &[
    Place::Bearer,
    Place::Basic,
    Place::Header("x-key"),
    Place::Query("key"),
];
const METHODS: &[&str] = &["GET", "POST", "DELETE", "HEAD", "PATCH"];
const LITERALS: &[&str] = &["v1", "a", "b b", "ä", "x;y", "a+b", "...", "v1:do"];
/// More names than a route has, and those that are the key's.
const ODD_NAMES: &[&str] = &[
    "q", "r", "+p", "key", "KEY", "+key", "key[]", "_method", "_METHOD",
];
const NAMES: &[&str] = &["q", "r", "q[]", "ä", "+p"];

impl Plan {
    /// A policy, which may have routes that overlap.
    pub(crate) fn new(bytes: &mut Bytes<'_>) -> Self {
        let keys: Vec<Key> = (0..bytes.below(3))
            .map(|_| Key {
                place: bytes.pick(PLACES),
                origins: one_or_two(bytes),
            })
            .collect();
        let tables = (0..1 + bytes.below(3)).map(|_| {
            let key = bytes.below(keys.len() + 1).checked_sub(1);
            Table {
                origins: key.map_or_else(|| one_or_two(bytes), |key| keys[key].origins.clone()),
                key,
                routes: (0..1 + bytes.below(4)).map(|_| Route::new(bytes)).collect(),
                headers: bytes.some(&["x-a", "range"]),
                limited: bytes.one_in(3),
            }
        });
        Self {
            tables: tables.collect(),
            keys,
        }
    }

    /// The policy as agentbox reads it.
    pub(crate) fn parse(&self) -> Result<Policy, PolicyErrors> {
        let sources = Sources {
            toml: Text {
                name: "agentbox.toml".to_owned(),
                text: self.to_string(),
            },
            ..Sources::default()
        };
        Policy::parse(&sources)
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "policy = 1\n[agent]\nid = \"model\"\n[limits]\nfew = \"9/hour\""
        )?;
        for (at, key) in self.keys.iter().enumerate() {
            let place = match key.place {
                Place::Basic => "{ basic = \"me\" }".to_owned(),
                Place::Bearer => "\"bearer\"".to_owned(),
                Place::Header(name) => format!("{{ header = {name:?} }}"),
                Place::Query(name) => format!("{{ query = {name:?} }}"),
            };
            let origins = &key.origins;
            writeln!(
                f,
                "[credentials.k{at}]\nfrom = \"env://K{at}\"\nas = {place}\norigin = {origins:?}"
            )?;
        }
        for (at, table) in self.tables.iter().enumerate() {
            writeln!(f, "[http.t{at}]")?;
            match table.key {
                Some(key) => writeln!(f, "use = \"k{key}\"")?,
                None => writeln!(f, "origin = {:?}", table.origins)?,
            }
            let routes: Vec<String> = table.routes.iter().map(Route::text).collect();
            writeln!(f, "allow = {routes:?}")?;
            if !table.headers.is_empty() {
                writeln!(f, "request-headers = {:?}", table.headers)?;
            }
            if table.limited {
                writeln!(f, "limits = [\"few\"]")?;
            }
        }
        Ok(())
    }
}

fn one_or_two(bytes: &mut Bytes<'_>) -> Vec<&'static str> {
    let mut origins = vec![bytes.pick(ORIGINS)];
    let other = bytes.pick(ORIGINS);
    // Two of one credential or table never overlap.
    let apart = ["a.test", "b.test"];
    if bytes.one_in(3) && other != origins[0] && apart.iter().any(|host| other.contains(host)) {
        origins.push(other);
    }
    origins
}

impl Route {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let segments: Vec<Segment> = (0..bytes.below(4))
            .map(|_| match bytes.below(3) {
                0 => Segment::Hole,
                _ => Segment::Literal(bytes.pick(LITERALS)),
            })
            .collect();
        Self {
            method: bytes.pick(METHODS),
            slash: segments.is_empty() || bytes.one_in(5),
            segments,
            query: match bytes.below(4) {
                0 | 1 => Query::Names(Vec::new()),
                2 => Query::Names(bytes.some(NAMES)),
                _ => Query::Any,
            },
        }
    }

    /// The route as a policy writes it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} ", self.method);
        for (at, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Hole => write!(text, "/{{h{at}}}").expect("a text"),
                Segment::Literal(literal) => write!(text, "/{literal}").expect("a text"),
            }
        }
        if self.slash {
            text.push('/');
        }
        match &self.query {
            Query::Any => text.push_str("?*"),
            Query::Names(names) if names.is_empty() => {}
            Query::Names(names) => write!(text, "?{}", names.join("&")).expect("a text"),
        }
        text
    }
}

const HOSTS: &[&str] = &[
    "a.test",
    "b.test:8443",
    "x.c.test",
    "z.x.c.test",
    "w.y.c.test",
    "y.c.test",
    "c.test",
    "a.test:443",
    "a.test:8443",
    "b.test",
    "A.test",
    "a.test.",
    "a.test:0443",
    "u@a.test",
    ".c.test",
    "x..c.test",
    "-x.c.test",
    "evilc.test",
    "a.test/",
    "a.test:",
    "a.test#b.test",
    "a.test\\",
    "xC.c.test",
    "a%2etest",
    "a.test:443:443",
    "",
];
const FILLS: &[&str] = &[
    "a", "42", "%C3%A4", "b%20b", "v1", "a;b", "~", "@x:y", "a=b,c", "(1)",
];
/// Segments that lead elsewhere for some reader, or nowhere.
const ODD_FILLS: &[&str] = &[
    "", "..", ".", "...", "%20", "..%20", ";x", "..;x", ".;", "%2E%2E", "..a",
];
const VALUES: &[&str] = &[
    "1", "", "a%20b", "%C3%A4", "x/y?z", "%26r=2", "a=b", "%252e",
];
/// What is put into a target to see who reads it how.
const NASTY: &[&str] = &[
    "/",
    "//",
    "/.",
    "/..",
    "/../",
    "%2F",
    "%2f",
    "%5C",
    "\\",
    "%2e",
    "%2E%2E",
    "%252e",
    "%00",
    ";",
    ";x=1",
    "/;/",
    "/..;/",
    "%3B",
    "#",
    "%23",
    "?",
    "%3F",
    "&",
    "=",
    "&q=2",
    "&r",
    "&_method=PUT",
    "&key=1",
    "&KEY=1",
    "&key[]=1",
    ";key=1",
    ";r=2",
    "&%6Bey=1",
    "+",
    "%20",
    " ",
    ".",
    "%FF",
    "%C3",
    "ä",
    "%",
    "%4",
    "\n",
    "\t",
    "%0A",
    "%c3%a4",
    "%41",
    "{x}",
    "*",
    "~",
    "%7E",
    "'",
    "|",
    "%E2%80%AE",
    "%C2%85",
    "&+p=1",
    "&%2Bp=1",
    "&q%5B%5D=1",
];
type Header = (&'static str, &'static [u8]);
const HEADERS: &[Header] = &[
    ("accept", b"*/*"),
    ("accept", b"a/b"),
    ("user-agent", b"x"),
    ("user-agent", b"y"),
    ("content-type", b"text/plain"),
    ("content-type", b"text/html"),
    ("if-match", b"\"x\""),
    ("x-request-id", b"1"),
    ("x-a", b"1"),
    ("x-b", b"1"),
    ("range", b"bytes=0-1"),
    ("x-key", b"1"),
    ("host", b"a.test"),
    ("host", b"evil.test"),
    ("content-length", b"0"),
    ("content-length", b"12"),
    ("content-length", b"012"),
    ("content-length", b"+1"),
    ("content-length", b""),
    ("accept-encoding", b"gzip"),
    ("accept-encoding", b"\0"),
    ("connection", b"close"),
    ("te", b"trailers"),
    ("transfer-encoding", b"chunked"),
    ("x-forwarded-for", b"1"),
    ("proxy-x", b"1"),
    ("sec-x", b"1"),
    ("x-http-method-override", b"PUT"),
    ("cookie", b"a=b"),
    ("authorization", b"Bearer x"),
    ("x-api-key", b"1"),
    ("Accept", b"a"),
    ("a b", b"1"),
    ("", b"1"),
    ("prefer", b"a\r\nb: c"),
    ("prefer", b" a"),
    ("prefer", b"a\t"),
    ("prefer", b"\xc3\xa4"),
    ("prefer", b"a\tb"),
    ("prefer", b""),
];

/// A call: most often one that a route of the plan would allow, or nearly.
pub(crate) fn call(plan: &Plan, bytes: &mut Bytes<'_>) -> HttpHead {
    let table = &plan.tables[bytes.below(plan.tables.len())];
    let route = &table.routes[bytes.below(table.routes.len())];
    let mut target = String::new();
    for segment in &route.segments {
        target.push('/');
        target.push_str(&match segment {
            Segment::Hole if bytes.one_in(6) => bytes.pick(ODD_FILLS).to_owned(),
            Segment::Hole => bytes.pick(FILLS).to_owned(),
            Segment::Literal(literal) => literal.replace(' ', "%20").replace('ä', "%C3%A4"),
        });
    }
    if route.slash {
        target.push('/');
    }
    let mut names: Vec<&str> = match &route.query {
        Query::Any => bytes.some(&["q", "r", "z"]),
        Query::Names(names) => bytes.some(names),
    };
    if bytes.one_in(8) {
        names.push(bytes.pick(ODD_NAMES));
    }
    for (at, name) in names.iter().enumerate() {
        let name = name
            .replace('ä', "%C3%A4")
            .replace('[', "%5B")
            .replace(']', "%5D");
        let (separator, value) = (if at == 0 { '?' } else { '&' }, bytes.pick(VALUES));
        write!(target, "{separator}{name}={value}").expect("a text");
    }
    if bytes.one_in(2) {
        for _ in 0..=bytes.below(2) {
            spoil(&mut target, bytes);
        }
    }
    let origin = bytes.pick(&table.origins);
    let host = origin.trim_start_matches("https://").replace('*', "x");
    HttpHead {
        method: match bytes.below(10) {
            0 => bytes.pick(&["get", "PUT", "TRACE", "", "GET ", "CONNECT"]),
            1 => bytes.pick(METHODS),
            _ => route.method,
        }
        .to_owned(),
        scheme: match bytes.below(20) {
            0 => bytes.pick(&["http", "HTTPS", "", "ftp"]),
            _ => "https",
        }
        .to_owned(),
        authority: match bytes.below(4) {
            0 => bytes.pick(HOSTS).to_owned(),
            _ => host,
        },
        path_and_query: target,
        headers: headers(bytes),
    }
}

fn spoil(target: &mut String, bytes: &mut Bytes<'_>) {
    let ends = target
        .char_indices()
        .map(|(at, _)| at)
        .chain([target.len()]);
    let ends: Vec<usize> = ends.collect();
    let at = bytes.pick(&ends);
    let piece = bytes.pick(NASTY);
    match bytes.below(3) {
        0 => target.push_str(piece),
        1 => target.insert_str(at, piece),
        _ => {
            let end = ends.iter().copied().find(|end| *end > at);
            target.replace_range(at..end.unwrap_or(at), piece);
        }
    }
}

fn headers(bytes: &mut Bytes<'_>) -> Vec<(String, Vec<u8>)> {
    // Half of all calls have none that is refused.
    let (from, most) = if bytes.one_in(2) {
        (HEADERS, 3)
    } else {
        (&HEADERS[..9], 2)
    };
    (0..bytes.below(most))
        .map(|_| bytes.pick(from))
        .map(|(name, value)| (name.to_owned(), value.to_vec()))
        .collect()
}
