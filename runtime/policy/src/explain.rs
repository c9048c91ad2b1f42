//! A policy in plain sentences.

mod operation;

use std::fmt;

use ipnet::IpNet;

use crate::base::{Standing, standing};
use crate::bounds::{Bound, Bounds, OPERATION_REPLY};
use crate::credential::Credential;
use crate::grant::{Access, FileGrant, HttpGrant, OperationGrant};
use crate::limit::Limit;
use crate::operation::Effect;
use crate::origin::Scheme;
use crate::policy::{Agent, Policy};
use crate::route::Route;
use crate::units::{print_bytes, print_duration};
use crate::verdict::Window;

use operation::{joined, operation_grant};

/// A policy in plain sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Who runs, and under which world.
    pub agent: Vec<String>,
    /// What each grant allows.
    pub grants: Vec<GrantExplanation>,
    /// What holds for everything else: the environment, the bounds of one run.
    pub bounds: Vec<String>,
    /// The most that a program can do with all of it; starts with `Worst case: `.
    pub worst_case: String,
}

/// What one grant allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantExplanation {
    /// Its name, such as `http.widgets`.
    pub name: String,
    /// Sentences.
    pub sentences: Vec<String>,
}

/// Says what a policy allows.
#[must_use]
pub fn explain(policy: &Policy) -> Explanation {
    let operations = policy.operation_grants().map(operation_grant);
    let http = policy.http_grants().map(http_grant);
    Explanation {
        agent: agent(policy),
        grants: operations
            .chain(http)
            .chain(policy.files().map(files))
            .collect(),
        bounds: bounds(policy),
        worst_case: worst_case(policy),
    }
}

fn agent(policy: &Policy) -> Vec<String> {
    let agent = policy.agent();
    let mut sentences = vec![match agent.owner() {
        None if agent.id() == Agent::default().id() => {
            format!("It names no agent; on record, that is `{}`.", agent.id())
        }
        Some(owner) => format!("The agent `{}` belongs to {owner}.", agent.id()),
        None => format!("The agent is `{}`.", agent.id()),
    }];
    if let Some(world) = policy.world() {
        let imports: Vec<_> = world
            .imports()
            .filter(|import| has_functions(policy, import))
            .map(|import| format!("`{import}`"))
            .collect();
        sentences.push(match imports.len() {
            0 => format!("Its world `{}` imports nothing.", world.name()),
            _ => format!(
                "Its world `{}` imports {}.",
                world.name(),
                joined(&imports, "and")
            ),
        });
    }
    let connectors: Vec<_> = policy
        .connectors()
        .map(|connector| match connector.about() {
            Some(about) => format!("`{}` ({})", connector.name(), one_line(about)),
            None => format!("`{}`", connector.name()),
        })
        .collect();
    match connectors.len() {
        0 => {}
        1 => sentences.push(format!("It uses the connector {}.", connectors[0])),
        _ => sentences.push(format!(
            "It uses the connectors {}.",
            joined(&connectors, "and")
        )),
    }
    sentences.extend(never(policy));
    sentences
}

/// Whether an import of the policy's world is more than types: those of others than operations are
/// WASI's and agentbox's.
fn has_functions(policy: &Policy, import: &str) -> bool {
    let path = import.split('@').next().unwrap_or_default();
    match standing(import) {
        Standing::Operation => policy.operation_grant(path).is_some(),
        _ => path != "agentbox:host/errors",
    }
}

/// A connector's own words, which must not look like lines of the explanation.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What the policy promises.
fn never(policy: &Policy) -> Vec<String> {
    let imports: Vec<_> = policy
        .never
        .imports
        .iter()
        .map(|pattern| format!("`{pattern}`"))
        .collect();
    let effects: Vec<_> = policy
        .never
        .effects
        .iter()
        .map(|effect| format!("`{effect}`"))
        .collect();
    let mut sentences = Vec::new();
    if !imports.is_empty() {
        sentences.push(format!("It never grants {}.", joined(&imports, "or")));
    }
    if !effects.is_empty() {
        sentences.push(format!(
            "It never grants what has the effect {}.",
            joined(&effects, "or")
        ));
    }
    sentences
}

fn http_grant(grant: &HttpGrant) -> GrantExplanation {
    let origins: Vec<_> = grant
        .origins()
        .map(|origin| format!("`{origin}`"))
        .collect();
    let mut sentences = vec![format!("It may call {}:", joined(&origins, "and"))];
    sentences.extend(
        grant
            .routes()
            .iter()
            .map(|route| format!("- `{}`", route.text())),
    );
    sentences.push(match grant.credential() {
        Some(credential) => key(credential),
        None => "No key is sent.".to_owned(),
    });
    sentences.extend(ways(grant));
    sentences.push(counts(grant.limits()));
    let (sent, seen) = (grant.request_headers(), grant.reply_headers().extra());
    for (names, what) in [(sent, "It may also send"), (seen, "It may also see")] {
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            sentences.push(format!("{what} the headers {}.", joined(&names, "and")));
        }
    }
    GrantExplanation {
        name: grant.name().to_owned(),
        sentences,
    }
}

fn counts(limits: &[Limit]) -> String {
    if limits.is_empty() {
        return "Nothing limits how often.".to_owned();
    }
    let limits: Vec<_> = limits.iter().map(limit).collect();
    format!("Each call counts towards {}.", joined(&limits, "and"))
}

/// What is unusual about the way to the grant's origins.
fn ways(grant: &HttpGrant) -> Vec<String> {
    let what = match grant.credential() {
        Some(_) => "the key travels",
        None => "requests travel",
    };
    let mut sentences: Vec<_> = grant
        .origins()
        .filter(|origin| origin.scheme() == Scheme::Http)
        .map(|origin| format!("To `{origin}`, {what} in the clear, on this machine."))
        .collect();
    let ranges = grant.origins.iter().flat_map(|(_, rule)| rule.ranges());
    sentences.extend(beside_public(ranges));
    sentences
}

/// The ranges of addresses that are not public and are admitted all the same.
fn beside_public<'r>(ranges: impl IntoIterator<Item = &'r IpNet>) -> Option<String> {
    let mut ranges: Vec<_> = ranges
        .into_iter()
        .map(|range| format!("`{range}`"))
        .collect();
    ranges.sort();
    ranges.dedup();
    (!ranges.is_empty()).then(|| {
        let ranges = joined(&ranges, "and");
        format!("Beside public addresses, names may lead to those in {ranges}.")
    })
}

fn key(credential: &Credential) -> String {
    format!(
        "The host adds the key `{}` from `{}` {}.",
        credential.name(),
        credential.reference(),
        credential.placement()
    )
}

fn limit(limit: &Limit) -> String {
    let windows: Vec<_> = limit.windows().iter().map(Window::to_string).collect();
    format!("`{}` ({})", limit.name(), joined(&windows, "and"))
}

fn files(grant: &FileGrant) -> GrantExplanation {
    let verb = match grant.access() {
        Access::Read => "read",
        Access::ReadWrite => "read, write, create and delete in",
    };
    let sentence = format!(
        "It may {verb} the folder `{}` beside the policy, which it sees as `{}`.",
        grant.host(),
        grant.guest()
    );
    GrantExplanation {
        name: format!("files.{:?}", grant.guest()),
        sentences: vec![sentence],
    }
}

fn bounds(policy: &Policy) -> Vec<String> {
    let bounds = policy.bounds();
    let mut sentences = vec![format!(
        "A run has at most {} of memory, {} of computing and {} in all.",
        print_bytes(bounds.memory),
        print_duration(bounds.cpu),
        print_duration(bounds.wall)
    )];
    let output = print_bytes(bounds.output);
    let has_operations = policy.operation_grants().next().is_some();
    let has_routes = policy.http_grants().next().is_some();
    if has_operations || has_routes {
        sentences.push(format!(
            "It may make {} calls, {} at once, and be refused {} times.",
            bounds.calls, bounds.calls_at_once, bounds.denials
        ));
    }
    sentences.push(if has_routes || !has_operations {
        format!(
            "It may print {output}, send {} in one request and receive {} in one reply.",
            print_bytes(bounds.request_body),
            print_bytes(bounds.reply_body)
        )
    } else {
        format!("It may print {output}.")
    });
    if has_operations {
        sentences.push(format!(
            "An operation takes at most {} of arguments, and its reply has at most {}.",
            print_bytes(bounds.arguments),
            print_bytes(bounds.reply_body.min(OPERATION_REPLY.into()))
        ));
    }
    sentences.extend(changed(bounds));
    if let Some(ca) = policy.tls_ca() {
        sentences.push(format!(
            "The host also trusts the certificate authorities in `{ca}`."
        ));
    }
    let variables: Vec<_> = policy
        .env()
        .map(|(name, value)| format!("`{name}={}`", value.escape_debug()))
        .collect();
    if !variables.is_empty() {
        sentences.push(format!(
            "It sees the variables {}.",
            joined(&variables, "and")
        ));
    }
    sentences
}

/// The bounds that are not as they are by default; all others are on the page about policies.
fn changed(bounds: &Bounds) -> Option<String> {
    let default = Bounds::default();
    let changed: Vec<_> = Bound::all()
        .iter()
        .filter(|bound| bound.of(bounds) != bound.of(&default))
        .map(|bound| {
            let (name, usual) = (bound.name, bound.of(&default));
            format!("`{name}` is {} (by default {usual})", bound.of(bounds))
        })
        .collect();
    (!changed.is_empty()).then(|| format!("Of the bounds, {}.", joined(&changed, "and")))
}

/// The most harm: what is changed and how often, what can be read, what is lost on disk, and
/// where what was read can be sent.
fn worst_case(policy: &Policy) -> String {
    let mut harm: Vec<_> = policy.operation_grants().filter_map(change).collect();
    for grant in policy.http_grants() {
        if grant.routes().iter().any(Route::writes) {
            harm.push(format!(
                "makes every change that `{}` allows ({})",
                grant.name(),
                often(grant.limits())
            ));
        }
    }
    for grant in policy
        .files()
        .filter(|grant| grant.access() == Access::ReadWrite)
    {
        harm.push(format!("overwrites or deletes all of `{}`", grant.host()));
    }
    let readable: Vec<_> = policy
        .operation_grants()
        .filter(|grant| grant.credential().is_some() && grant.operation().effect() == Effect::Read)
        .map(|grant| format!("`{}`", grant.name()))
        .chain(
            policy
                .http_grants()
                .filter(|grant| {
                    grant.credential().is_some() && grant.routes().iter().any(|r| !r.writes())
                })
                .map(|grant| format!("`{}`", grant.name())),
        )
        .chain(policy.files().map(|grant| format!("`{}`", grant.host())))
        .collect();
    let mut places: Vec<_> = policy
        .http_grants()
        .flat_map(HttpGrant::origins)
        .map(|o| format!("`{o}`"))
        .chain(
            policy
                .operation_grants()
                .map(|grant| format!("`{}`", grant.origin())),
        )
        .collect();
    places.sort();
    places.dedup();
    match (readable.is_empty(), places.is_empty()) {
        (_, true) => {}
        (true, false) => harm.push(format!(
            "sends whatever it is given to {}",
            joined(&places, "or")
        )),
        (false, false) => harm.push(format!(
            "reads whatever it may of {} and sends it to {}",
            joined(&readable, "and"),
            joined(&places, "or")
        )),
    }
    if harm.is_empty() {
        return "Worst case: the program reads what it is given and uses up the bounds of its run."
            .to_owned();
    }
    format!("Worst case: the program {}.", joined(&harm, "and"))
}

/// What a grant of an operation does to the world, at its worst.
fn change(grant: &OperationGrant) -> Option<String> {
    let what = match grant.operation().effect() {
        Effect::Admin => "gives away every right that",
        Effect::Destroy => "destroys all that",
        Effect::Read => return None,
        Effect::Spend => "spends all that",
        Effect::Write => "makes every change that",
    };
    Some(format!(
        "{what} `{}` allows ({})",
        grant.name(),
        often(grant.limits())
    ))
}

fn often(limits: &[Limit]) -> String {
    let windows: Vec<_> = limits
        .iter()
        .flat_map(|limit| limit.windows())
        .map(Window::to_string)
        .collect();
    if windows.is_empty() {
        "as often as a run has time for".to_owned()
    } else {
        format!("at most {}", joined(&windows, "and"))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sentence in &self.agent {
            writeln!(f, "{sentence}")?;
        }
        for grant in &self.grants {
            writeln!(f, "\n{}", grant.name)?;
            for sentence in &grant.sentences {
                writeln!(f, "  {sentence}")?;
            }
        }
        writeln!(f)?;
        for sentence in &self.bounds {
            writeln!(f, "{sentence}")?;
        }
        write!(f, "\n{}", self.worst_case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{connected, policy};

    #[test]
    fn a_policy_is_told_in_sentences_that_end_in_the_worst_case() {
        let policy = policy(
            r#"policy = 1
            agent = { id = "bot", owner = "team@acme.example" }
            limits.writes = "20/hour"
            credentials.w = { from = "env://KEY", as = "bearer", origin = "https://w.example" }
            http.w = { use = "w", allow = ["GET /v1/{id}", "POST /v1"], limits = ["writes"] }
            http.p = { origin = "https://p.example", allow = ["GET /"] }
            files."/data" = { host = "data", access = "read-write" }
            env.LANG = "C""#,
        );
        let expected = r#"The agent `bot` belongs to team@acme.example.

http.w
  It may call `https://w.example`:
  - `GET /v1/{id}`
  - `POST /v1`
  The host adds the key `w` from `env://KEY` as a bearer token.
  Each call counts towards `writes` (20/hour).

http.p
  It may call `https://p.example`:
  - `GET /`
  No key is sent.
  Nothing limits how often.

files."/data"
  It may read, write, create and delete in the folder `data` beside the policy, which it sees as `/data`.

A run has at most 256 MiB of memory, 10s of computing and 2m in all.
It may make 10000 calls, 128 at once, and be refused 1000 times.
It may print 64 MiB, send 16 MiB in one request and receive 64 MiB in one reply.
It sees the variables `LANG=C`.

Worst case: the program makes every change that `http.w` allows (at most 20/hour), overwrites or deletes all of `data` and reads whatever it may of `http.w` and `data` and sends it to `https://p.example` or `https://w.example`."#;
        assert_eq!(explain(&policy).to_string(), expected);
    }

    #[test]
    fn operations_are_told_in_sentences_too() {
        let wit = "package a:b; world w { import github:issues/list-for-repo@2022.11.28; \
                   import github:issues/create-comment@2022.11.28; \
                   import matrix:client/send-message@1.11.0; }";
        let sources = connected(
            r#"policy = 1
            world = "a:b/w"
            insecure-loopback = true
            agent.id = "bot"
            limits.writes = "20/hour"
            credentials.g = "env://KEY"
            credentials.m = { from = "env://M", origin = "http://127.0.0.1:8008" }
            [grants."github:issues/list-for-repo"]
            use = "g"
            where = { owner = "acme", repo = ["a", "b", "c"], per-page = { min = 1, max = 50 }, state = { any = true } }
            [grants."github:issues/create-comment"]
            use = "g"
            where = { owner = "acme", repo = { any = true }, body = { prefix = "[bot]", max-bytes = 4096 } }
            limits = ["writes"]
            [grants."matrix:client/send-message"]
            use = "m"
            where = { room-id = "!a:b" }
            [never]
            imports = ["stripe:*"]
            effects = ["destroy", "admin"]"#,
            &[wit],
        );
        let policy = Policy::parse(&sources).expect("good");
        let expected = r#"The agent is `bot`.
Its world `a:b/w` imports `github:issues/list-for-repo@2022.11.28`, `github:issues/create-comment@2022.11.28` and `matrix:client/send-message@1.11.0`.
It uses the connectors `github` (GitHub's REST API) and `matrix` (Matrix's client-server API; a credential names the homeserver).
It never grants `stripe:*`.
It never grants what has the effect `destroy` or `admin`.

github:issues/list-for-repo
  It may send `GET /repos/{owner}/{repo}/issues` to `https://api.github.com`.
  It reads. Called twice, it is as if called once.
  Only where `owner` is "acme", `repo` is "a", "b" or "c" and `per-page` is 1 to 50.
  Whatever `state` may be.
  The host adds the key `g` from `env://KEY` as a bearer token.
  That key has to be allowed `issues: read`, and no more.
  Nothing limits how often.

github:issues/create-comment
  It may send `POST /repos/{owner}/{repo}/issues/{issue-number}/comments` to `https://api.github.com`.
  It changes something. Called twice, it happens twice.
  Only where `owner` is "acme" and `body` starts with "[bot]" and has at most 4096 bytes.
  Whatever `repo` may be.
  The host adds the key `g` from `env://KEY` as a bearer token.
  That key has to be allowed `issues: write`, and no more.
  Each call counts towards `writes` (20/hour).

matrix:client/send-message
  It may send `PUT /_matrix/client/v3/rooms/{room-id}/send/m.room.message/{transaction-id}` to `http://127.0.0.1:8008`.
  It changes something. Called twice with the same `transaction-id`, it is as if called once.
  Only where `room-id` is "!a:b".
  The host adds the key `m` from `env://M` as a bearer token.
  To `http://127.0.0.1:8008`, the key travels in the clear, on this machine.
  Nothing limits how often.

A run has at most 256 MiB of memory, 10s of computing and 2m in all.
It may make 10000 calls, 128 at once, and be refused 1000 times.
It may print 64 MiB.
An operation takes at most 1 MiB of arguments, and its reply has at most 8 MiB.

Worst case: the program makes every change that `github:issues/create-comment` allows (at most 20/hour), makes every change that `matrix:client/send-message` allows (as often as a run has time for) and reads whatever it may of `github:issues/list-for-repo` and sends it to `http://127.0.0.1:8008` or `https://api.github.com`."#;
        assert_eq!(explain(&policy).to_string(), expected);
    }

    #[test]
    fn a_grant_that_asks_nothing_of_its_arguments_says_so_and_lower_bounds_are_told() {
        let wit = "package a:b; world w { import github:issues/get@2022.11.28; \
                   import matrix:client/whoami@1.11.0; import wasi:http/outgoing-handler@0.2.0; \
                   import agentbox:host/invoke@0.1.0; }";
        let text = r#"policy = 1
            world = "a:b/w"
            http.p = { origin = "https://p.example", allow = ["GET /"] }
            run = { arguments = "2 KiB", reply-body = "1 MiB", handles = 100 }
            [grants."github:issues/get"]
            where = { owner = { any = true }, repo = { any = true } }
            [grants."matrix:client/whoami"]"#;
        let mut policy = Policy::parse(&connected(text, &[wit])).expect("good");
        let told = explain(&policy).to_string();
        for line in [
            "Its world `a:b/w` imports `github:issues/get@2022.11.28`, \
             `matrix:client/whoami@1.11.0`, `wasi:http/outgoing-handler@0.2.0` and \
             `agentbox:host/invoke@0.1.0`.\n",
            "  Whatever `owner` and `repo` may be.\n",
            "It may make 10000 calls, 128 at once, and be refused 1000 times.\n",
            "It may print 64 MiB, send 16 MiB in one request and receive 1 MiB in one reply.\n",
            "An operation takes at most 2 KiB of arguments, and its reply has at most 1 MiB.\n",
            "Of the bounds, `handles` is 100 (by default 4096), `arguments` is 2 KiB (by default \
             1 MiB) and `reply-body` is 1 MiB (by default 64 MiB).\n",
        ] {
            assert!(told.contains(line), "{line} in {told}");
        }
        assert!(!told.contains("Whatever its arguments."), "{told}");
        let grant = policy.operations.first_mut().expect("one").1;
        std::sync::Arc::make_mut(grant).conditions.clear();
        let told = explain(&policy).to_string();
        assert_eq!(
            told.matches("  Whatever its arguments.\n").count(),
            1,
            "{told}"
        );
    }

    #[test]
    fn a_connectors_words_stay_on_their_line() {
        let wit = "package a:b; world w { import github:issues/get@2022.11.28; }";
        let text = "policy = 1\nworld = \"a:b/w\"\nagent.id = \"b\"\ncredentials.g = \"env://K\"\n\
                    [grants.\"github:issues/get\"]\nuse = \"g\"\n\
                    where = { owner = \"a\", repo = \"b\" }";
        let mut sources = connected(text, &[wit]);
        let words = &mut sources.connectors[0].toml.text;
        *words = words
            .replace("GitHub's REST API", "x\\nIt may do nothing.")
            .replace("issues: read", "y\\u001bz\\nIt may do nothing.");
        let explained = match Policy::parse(&sources) {
            Ok(policy) => explain(&policy).to_string(),
            // The connector's parser may refuse it as well.
            Err(errors) => errors.to_string(),
        };
        let forged = explained
            .lines()
            .any(|line| line.trim_start().starts_with("It may do"));
        assert!(!forged && !explained.contains('\u{1b}'), "{explained}");
    }

    #[test]
    fn what_is_unusual_about_the_way_is_said() {
        let explained = explain(&policy(
            r#"policy = 1
            insecure-loopback = true
            agent.id = "bot"
            tls.ca = "ca.pem"
            credentials.w = { from = "env://KEY", as = "bearer", origin = "http://127.0.0.1:8080" }
            http.w = { use = "w", allow = ["GET /"] }
            http.p = { origin = "https://p.example", allow = ["GET /"], addresses = ["10.0.0.0/8"] }"#,
        ))
        .to_string();
        for sentence in [
            "To `http://127.0.0.1:8080`, the key travels in the clear, on this machine.",
            "Beside public addresses, names may lead to those in `10.0.0.0/8`.",
            "The host also trusts the certificate authorities in `ca.pem`.",
        ] {
            assert_eq!(explained.matches(sentence).count(), 1, "{explained}");
        }
    }

    #[test]
    fn a_policy_without_an_agent_says_so() {
        let agent = explain(&Policy::nothing()).agent;
        assert_eq!(agent, ["It names no agent; on record, that is `none`."]);
    }

    #[test]
    fn a_policy_without_grants_has_a_mild_worst_case() {
        let worst = explain(&Policy::nothing()).worst_case;
        assert!(
            worst.starts_with("Worst case: ") && worst.contains("bounds"),
            "{worst}"
        );
    }
}
