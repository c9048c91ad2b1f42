//! A stand-in for GitHub that follows a script: each request has to be the next one of it, to the
//! last byte.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::api::{self, Api, Seen, Step};
use super::canary::Canary;
use super::http::find;

/// A running stand-in. When it is dropped, all that was expected must have come and nothing else.
#[derive(Debug)]
pub(crate) struct GitHub {
    api: Api,
    script: Arc<Mutex<Script>>,
}

/// A request that has to come, and what it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// `GET /path?query`.
    request: String,
    /// Every byte of the request's body; `None` when it has none.
    body: Option<String>,
    reply: Vec<u8>,
}

#[derive(Debug)]
struct Script {
    token: Canary,
    expected: VecDeque<Exchange>,
    /// What did not come as the script says.
    wrong: Vec<String>,
}

impl Exchange {
    /// A request without a body, and the JSON it is answered with.
    pub(crate) fn get(target: &str, reply: &Value) -> Self {
        Self {
            request: format!("GET {target}"),
            body: None,
            reply: api::json(200, &reply.to_string()),
        }
    }

    /// A request with exactly this body, and the JSON it is answered with.
    pub(crate) fn post(target: &str, body: &str, status: u16, reply: &Value) -> Self {
        Self {
            request: format!("POST {target}"),
            body: Some(body.to_owned()),
            reply: api::json(status, &reply.to_string()),
        }
    }

    /// The same, answered with these bytes instead.
    pub(crate) fn answered(self, reply: Vec<u8>) -> Self {
        Self { reply, ..self }
    }
}

impl GitHub {
    /// Starts a stand-in that expects these requests in this order, each with `token`.
    pub(crate) fn start(token: &Canary, expected: impl IntoIterator<Item = Exchange>) -> Self {
        let script = Arc::new(Mutex::new(Script {
            token: token.clone(),
            expected: expected.into_iter().collect(),
            wrong: Vec::new(),
        }));
        let shared = Arc::clone(&script);
        let api = Api::start(move |seen| vec![Step::Send(lock(&shared).answer(seen))]);
        Self { api, script }
    }

    /// What `triage` asks when it is let loose on `acme/widgets`, and gets.
    pub(crate) fn triaged() -> Vec<Exchange> {
        let mut exchanges = vec![Self::listed("?state=open&per_page=50")];
        exchanges.extend([
            Self::labelled(7),
            Exchange::get(&format!("{WIDGETS}/issues/7/comments"), &json!([])),
            Exchange::get(
                &format!("{WIDGETS}/issues/7"),
                &issue(
                    7,
                    "The left-handed screw turns right",
                    Some("It does."),
                    &[],
                ),
            ),
            Self::commented("Thank you. Somebody will look at this."),
            Self::labelled(9),
            Exchange::get(
                &format!("{WIDGETS}/issues/9/comments"),
                &json!([comment(9_007_199_254_740_995, 9, "Please say more.")]),
            ),
        ]);
        exchanges
    }

    /// The issues of `acme/widgets`, asked for with `query`.
    pub(crate) fn listed(query: &str) -> Exchange {
        let issues = json!([
            issue(
                7,
                "The left-handed screw turns right",
                Some("It does."),
                &[]
            ),
            issue(8, "No sky hook", Some("None at all."), &["bug"]),
            issue(9, "Help", None, &[]),
        ]);
        Exchange::get(&format!("{WIDGETS}/issues{query}"), &issues)
    }

    /// A comment on issue 7 of `acme/widgets`.
    pub(crate) fn commented(text: &str) -> Exchange {
        Exchange::post(
            &format!("{WIDGETS}/issues/7/comments"),
            &json!({ "body": text }).to_string(),
            201,
            // Larger than what a double holds exactly.
            &comment(9_007_199_254_740_993, 7, text),
        )
    }

    /// The label `triage` on an issue of `acme/widgets`.
    fn labelled(number: u32) -> Exchange {
        Exchange::post(
            &format!("{WIDGETS}/issues/{number}/labels"),
            r#"{"labels":["triage"]}"#,
            200,
            &json!([label("triage")]),
        )
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        self.api.url()
    }

    /// Every byte that was ever sent here.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.api.bytes()
    }

    /// Panics unless the whole script was followed, and nothing else was sent.
    #[track_caller]
    pub(crate) fn followed(&self) {
        assert_eq!(self.take_problems(), Vec::<String>::new());
    }

    /// Each request that did not come as the script says, and then each that never came.
    pub(crate) fn take_problems(&self) -> Vec<String> {
        let mut script = lock(&self.script);
        let never = std::mem::take(&mut script.expected).into_iter();
        let never = never.map(|next| format!("`{}` never came", next.request));
        let mut problems = std::mem::take(&mut script.wrong);
        problems.extend(never);
        let authority = self.api.authority();
        for seen in self.api.requests() {
            if seen.header("host") != Some(authority.as_str()) {
                problems.push(format!("`{}` is not for {authority}", seen.line));
            }
        }
        problems
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.followed();
        }
    }
}

impl Script {
    fn answer(&mut self, seen: &Seen) -> Vec<u8> {
        let Some(next) = self.expected.pop_front() else {
            self.wrong.push(format!("`{}` is one too many", seen.line));
            return api::json(500, r#"{"message":"one too many"}"#);
        };
        let (expected, came) = (self.lines(&next, seen), lines(seen));
        let body = next.body.unwrap_or_default();
        if came != expected || seen.body != body.as_bytes() {
            let came_body = String::from_utf8_lossy(&seen.body);
            self.wrong.push(format!(
                "{came:#?}\n{came_body}\nis not\n{expected:#?}\n{body}"
            ));
            return api::json(500, r#"{"message":"not as it is written"}"#);
        }
        next.reply
    }

    /// The head that `next` has to have: the request line, and all headers in any order.
    fn lines(&self, next: &Exchange, seen: &Seen) -> (String, BTreeSet<String>) {
        let host = seen.header("host").unwrap_or_default();
        let mut headers = BTreeSet::from([
            "accept: application/vnd.github+json".to_owned(),
            "accept-encoding: identity".to_owned(),
            format!("authorization: Bearer {}", self.token.text()),
            format!("host: {host}"),
            concat!("user-agent: agentbox/", env!("CARGO_PKG_VERSION")).to_owned(),
            "x-github-api-version: 2022-11-28".to_owned(),
        ]);
        if let Some(body) = &next.body {
            headers.insert("content-type: application/json".to_owned());
            headers.insert(format!("content-length: {}", body.len()));
        }
        (format!("{} HTTP/1.1", next.request), headers)
    }
}

/// The head of a request as it came; a header that came twice is told apart by its number.
fn lines(seen: &Seen) -> (String, BTreeSet<String>) {
    let end = find(&seen.raw, b"\r\n\r\n").unwrap_or(seen.raw.len());
    let head = String::from_utf8_lossy(&seen.raw[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let mut headers = BTreeSet::new();
    for (number, line) in lines.enumerate() {
        if !headers.insert(line.to_owned()) {
            headers.insert(format!("{line} (again, {number})"));
        }
    }
    (first, headers)
}

/// The one repository of the stand-in.
const WIDGETS: &str = "/repos/acme/widgets";

/// An issue as GitHub gives it: much more than the operation's type has.
pub(crate) fn issue(number: u32, title: &str, body: Option<&str>, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels.iter().map(|name| label(name)).collect();
    json!({
        "url": format!("https://api.github.com{WIDGETS}/issues/{number}"),
        "html_url": format!("https://github.com/acme/widgets/issues/{number}"),
        "id": 2_000_000_000_u64 + u64::from(number),
        "node_id": "I_kwDOAA",
        "number": number,
        "title": title,
        "user": user(),
        "labels": labels,
        "state": "open",
        "locked": false,
        "assignees": [],
        "milestone": null,
        "comments": 0,
        "created_at": "2026-11-23T10:00:00Z",
        "closed_at": null,
        "author_association": "NONE",
        "body": body,
        "reactions": { "+1": 0, "-1": 0, "total_count": 0 },
    })
}

/// A comment as GitHub gives it.
pub(crate) fn comment(id: u64, issue: u32, body: &str) -> Value {
    json!({
        "url": format!("https://api.github.com{WIDGETS}/issues/comments/{id}"),
        "html_url": format!("https://github.com/acme/widgets/issues/{issue}#issuecomment-{id}"),
        "id": id,
        "node_id": "IC_kwDOAA",
        "user": user(),
        "created_at": "2026-11-23T10:00:00Z",
        "body": body,
    })
}

fn label(name: &str) -> Value {
    json!({
        "id": 208_045_946,
        "node_id": "LA_kwDOAA",
        "name": name,
        "color": "d73a4a",
        "default": false,
        "description": null,
    })
}

fn user() -> Value {
    json!({ "login": "octocat", "id": 583_231, "type": "User", "site_admin": false })
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
