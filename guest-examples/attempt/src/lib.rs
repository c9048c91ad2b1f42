//! Tries what should not work, at each door of a host, and says what came of it.
//!
//! What the attacks of `hostile` share. A [`Try`] goes through the raw bindings of `wasi:http`,
//! which parse and repair nothing on this side, and through `agentbox:host/invoke`; for each door
//! one line is printed, `DOOR WHAT -> OUTCOME`. What a reply holds comes before that in lines that
//! begin with a blank, piece by piece as it arrives, so that even a run that is stopped has shown
//! it.

mod http;
mod invoke;

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::Write as _;

pub use invoke::by_name;

/// Where an attack goes. The first argument is the address that the policy grants, the second one
/// that it does not, on the same host; a third is the attack's own.
#[derive(Clone, Debug)]
pub struct Places {
    /// `127.0.0.1:8080`: the granted one.
    pub api: String,
    /// Its port.
    pub port: u16,
    /// `127.0.0.2:8080`: the same port of a host that no grant covers.
    pub forbidden: String,
    /// `127.0.0.1:8081`: another port of the granted host.
    pub neighbour: String,
    /// What else it is told: the one door, `http` or `invoke`, that is to be tried for an echo, or
    /// the port of those that are called by name.
    pub more: Option<String>,
}

impl Places {
    /// From the program's arguments, or else where the policy beside it says.
    ///
    /// # Panics
    /// When an argument is no address with a port.
    pub fn new() -> Self {
        let mut arguments = std::env::args().skip(1);
        let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
        let (api, neighbour) = (next("127.0.0.1:8080"), next("127.0.0.1:8081"));
        let port = api
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok())
            .expect("the first argument is an address with a port");
        Self {
            forbidden: format!("127.0.0.2:{port}"),
            api,
            port,
            neighbour,
            more: arguments.next(),
        }
    }

    /// `http://127.0.0.1:8080` and then `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    /// A `GET` of the widgets at `host`, by TLS, at the port that the third argument says, which is
    /// not printed.
    pub fn named(&self, host: &str) -> Try {
        self.named_with("GET", host, "/v1/widgets")
    }

    /// The same for another method and path.
    pub fn named_with(&self, method: &str, host: &str, path: &str) -> Try {
        let port = self.more.as_deref().unwrap_or("8080");
        Try::new(method, format!("https://{host}:{port}{path}"))
            .called(&format!("{method} https://{host}{path}"))
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::new()
    }
}

/// One request, in the very bytes that a door is to be given.
#[derive(Clone, Debug)]
pub struct Try {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    trailers: Vec<(String, Vec<u8>)>,
    called: Option<String>,
}

impl Try {
    /// A request of any method, also of one that is none.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            trailers: Vec::new(),
            called: None,
        }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// The same with one header more, whatever its bytes.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// The same with a body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// The same with one trailer more, after a body; only `wasi:http` has them.
    pub fn trailer(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.trailers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// The same under another name, where it is too long to print or not the same in every run.
    pub fn called(mut self, name: &str) -> Self {
        self.called = Some(name.to_owned());
        self
    }

    /// Goes through both doors.
    pub fn at_both_doors(&self) {
        self.over_http();
        self.by_invoke();
    }

    /// Goes through the doors that are asked for, and then carries all that came back to where
    /// anybody who may look at notes can read it.
    pub fn and_carry_on(&self, places: &Places) {
        let door = places.more.as_deref();
        if door != Some("invoke") {
            self.over_http();
        }
        if door != Some("http") {
            self.by_invoke();
        }
        let heard = HEARD.take();
        Self::new("POST", places.url("/v1/widgets/w-1/notes"))
            .body(heard)
            .at_both_doors();
    }

    /// Goes through `wasi:http`.
    pub fn over_http(&self) {
        tell("http", &self.to_string(), || http::send(self));
    }

    /// Goes through `agentbox:host/invoke`, where its texts are UTF-8 as JSON wants them.
    pub fn by_invoke(&self) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let mut headers = String::new();
        for (name, value) in &self.headers {
            let Some(value) = text(value) else { return };
            let comma = if headers.is_empty() { "" } else { "," };
            let _ = write!(headers, "{comma}[{},{}]", json(name), json(&value));
        }
        let (method, url) = (json(&self.method), json(&self.url));
        let arguments = format!(r#"{{"method":{method},"url":{url},"headers":[{headers}]}}"#);
        let body = self.body.as_deref().unwrap_or_default();
        tell("invoke", &self.to_string(), || {
            invoke::call("wasi:http/outgoing-handler", &arguments, body)
        });
    }
}

/// Method and URL, then each header, then how long the body is; escaped, and cut where it is long.
impl std::fmt::Display for Try {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(name) = &self.called {
            return f.write_str(name);
        }
        write!(
            f,
            "{} {}",
            shown(self.method.as_bytes()),
            shown(self.url.as_bytes())
        )?;
        for (name, value) in self.headers.iter().take(3) {
            write!(f, " [{}: {}]", shown(name.as_bytes()), shown(value))?;
        }
        if self.headers.len() > 3 {
            write!(f, " and {} headers more", self.headers.len() - 3)?;
        }
        for (name, value) in &self.trailers {
            write!(f, " [trailer {}: {}]", shown(name.as_bytes()), shown(value))?;
        }
        Ok(())
    }
}

/// `bytes` on one line of ASCII: a character of UTF-8 as `\u{…}`, any other byte as `\x…`.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.extend(chunk.valid().chars().flat_map(|letter| match letter {
            // No matter to a reader, and commoner than what matters.
            '\'' | '"' => letter.to_string().chars().collect::<Vec<_>>(),
            _ => letter.escape_default().collect(),
        }));
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if let Some(trimmed) = text.strip_suffix(' ') {
        text = format!("{trimmed}\\x20");
    }
    if text.is_empty() {
        text.push_str("(nothing)");
    }
    if text.len() > 120 {
        text.truncate(60);
        let _ = write!(text, "... {} KiB", bytes.len() >> 10);
    }
    text
}

/// Makes a try and then prints one line for it.
pub fn tell(door: &str, what: &str, attempt: impl FnOnce() -> String) {
    let outcome = attempt();
    println!("{door} {what} -> {outcome}");
    flush();
}

thread_local! {
    /// All that replies held so far.
    static HEARD: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Keeps a part of a reply, and prints it to both streams, at once.
fn show(part: &str, bytes: &[u8]) {
    let mut heard = HEARD.take();
    heard.extend_from_slice(bytes);
    HEARD.set(heard);
    let line = [b" ", part.as_bytes(), b" ", bytes, b"\n"].concat();
    // Whoever closed a stream does not want to know.
    std::io::stdout().write_all(&line).ok();
    std::io::stderr().write_all(&line).ok();
    flush();
}

fn flush() {
    std::io::stdout().flush().ok();
}

/// A JSON string.
fn json(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '.. => quoted.push(letter),
            _ => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
        }
    }
    quoted.push('"');
    quoted
}
