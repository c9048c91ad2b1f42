//! `[credentials]`.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;
use toml::de::DeValue;

use crate::code::Code;
use crate::credential::{Credential, Placement, Reference};
use crate::grant::OriginPattern;
use crate::headers::{HeaderClass, class};
use crate::operation::Connector;
use crate::origin::Scheme;

use super::connectors::Connectors;
use super::document::{Entry, Item, Problems, Span, Table, check_name, list, nearest, wrong_type};
use super::files::is_variable;
use super::grants::refuse_clear;
use super::origins::{addresses, origins};

/// All schemes of references that the language has; the first three can be used.
pub(crate) const SCHEMES: &[&str] = &[
    "env",
    "dotenv",
    "file",
    "op",
    "vault",
    "vault+lease",
    "awssm",
    "akv",
    "keyring",
    "systemd",
    "exec",
];
const ENFORCED_SCHEMES: usize = 3;

/// Placements that the language has and this build does not know.
const LATER_PLACEMENTS: &[&str] = &[
    "path",
    "sigv4",
    "aws-sigv4",
    "hmac",
    "oauth",
    "oauth2",
    "jwt",
    "mtls",
];

const LATER_KEYS: &[&str] = &[
    "cache",
    "rotate",
    "refresh",
    "expires",
    "allow-short",
    "seal",
    "shared",
];

/// A credential as far as it could be read, and where it is defined.
pub(crate) struct Defined {
    pub(crate) name: String,
    pub(crate) span: Span,
    /// Where each of the credential's origins is written.
    pub(crate) origin_spans: Vec<Span>,
    // None where something in it is wrong, which has been reported.
    pub(crate) credential: Option<Credential>,
}

/// What a credential may leave to a connector.
pub(crate) struct Lenders<'p> {
    pub(crate) connectors: &'p Connectors<'p>,
    /// The namespaces of the operations that each credential is used for.
    pub(crate) users: HashMap<String, Vec<String>>,
    pub(crate) insecure_loopback: bool,
}

pub(crate) fn credentials(
    root: &Table<'_>,
    lenders: &Lenders<'_>,
    problems: &mut Problems,
) -> Vec<Defined> {
    let Some(tables) = root.table("credentials", problems) else {
        return Vec::new();
    };
    let mut defined = Vec::new();
    for entry in &tables.entries {
        let named = check_name(&tables, entry, problems);
        let mut origin_spans = Vec::new();
        let credential = if let DeValue::String(text) = entry.value.get_ref() {
            origin_spans.push(entry.value.span());
            let from = Item {
                text: text.clone().into_owned(),
                span: entry.value.span(),
            };
            short_form(&tables, entry, &from, lenders, problems)
        } else {
            tables.as_table(entry, problems).and_then(|table| {
                credential(&entry.key, &table, lenders, &mut origin_spans, problems)
            })
        };
        defined.push(Defined {
            name: entry.key.clone(),
            span: entry.span.clone(),
            origin_spans,
            credential: credential.filter(|_| named),
        });
    }
    defined
}

const REFERENCES: &str = "a reference is `env://NAME`, `dotenv://FILE#NAME` or `file:///PATH`";

/// `name = "env://NAME"`: placement and origin are those of the connector.
fn short_form(
    tables: &Table<'_>,
    entry: &Entry<'_>,
    from: &Item,
    lenders: &Lenders<'_>,
    problems: &mut Problems,
) -> Option<Credential> {
    let path = tables.path(&entry.key);
    let reference = reference(&path, from, problems)?;
    let lender = match lenders.lender(&entry.key) {
        Lender::Nobody => {
            let message = format!(
                "`{path}` leaves placement and origin to a connector, and no grant of an operation uses it"
            );
            if let Some(problem) = problems.absent(Code::BAD_VALUE, &from.span, message) {
                problem.advise(format!(
                    "add `use = \"{}\"` to a grant, or write `{{ from = \"env://NAME\", \
                     as = \"bearer\", origin = \"https://…\" }}`",
                    entry.key.escape_debug()
                ));
            }
            None
        }
        Lender::Several(names) => {
            refuse_several(&path, &from.span, &names, problems);
            None
        }
        Lender::Unusable => None,
        Lender::One(connector) => Some(connector),
    }?;
    let placement = lent_placement(&path, &lender, &from.span, problems);
    let origin = lenders.lent_origin(&lender, &from.span, problems);
    Some(Credential {
        name: entry.key.clone(),
        reference,
        placement: placement?,
        origins: vec![origin?],
        addresses: Vec::new(),
    })
}

/// Whose placement and origin a credential takes where it has none.
enum Lender {
    /// No grant uses the credential.
    Nobody,
    One(Arc<Connector>),
    /// Grants of several connectors use it.
    Several(Vec<String>),
    /// The connector cannot be used, which has been reported.
    Unusable,
}

impl Lenders<'_> {
    fn lender(&self, credential: &str) -> Lender {
        match self.users.get(credential).map(Vec::as_slice) {
            None | Some([]) => Lender::Nobody,
            Some([one]) => match self.connectors.of(one) {
                Some(connector) => Lender::One(Arc::clone(connector)),
                None => Lender::Unusable,
            },
            Some(several) => Lender::Several(several.to_vec()),
        }
    }

    fn lent_origin(
        &self,
        connector: &Connector,
        span: &Span,
        problems: &mut Problems,
    ) -> Option<OriginPattern> {
        if connector.origin().scheme() == Scheme::Http && !self.insecure_loopback {
            refuse_clear(connector, span, problems);
            return None;
        }
        Some(OriginPattern::Exact(connector.origin().clone()))
    }
}

fn lent_placement(
    path: &str,
    connector: &Connector,
    span: &Span,
    problems: &mut Problems,
) -> Option<Placement> {
    if connector.placement().is_none() {
        let message = format!(
            "the connector `{}` does not say where a key goes, nor does `{path}`",
            connector.name()
        );
        problems.bad_value(span, message).advise(FORMS);
    }
    connector.placement().cloned()
}

fn refuse_several(path: &str, span: &Span, names: &[String], problems: &mut Problems) {
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let message = format!(
        "`{path}` leaves placement and origin to a connector, and grants of {} use it",
        list(&names)
    );
    problems
        .bad_value(span, message)
        .advise("write `as` and `origin`, or a credential for each");
}

fn credential(
    name: &str,
    table: &Table<'_>,
    lenders: &Lenders<'_>,
    origin_spans: &mut Vec<Span>,
    problems: &mut Problems,
) -> Option<Credential> {
    table.check_keys(&["from", "as", "origin", "addresses"], LATER_KEYS, problems);
    let from = table.needed_text("from", problems);
    let reference = from.and_then(|from| reference("from", &from, problems));
    let whole = table.get("as").is_some() && table.get("origin").is_some();
    let lender = if whole {
        Lender::Unusable
    } else {
        lenders.lender(name)
    };
    match &lender {
        Lender::Nobody => {
            for key in ["as", "origin"]
                .into_iter()
                .filter(|key| table.get(key).is_none())
            {
                table.missing(key, problems);
            }
        }
        Lender::Several(names) => refuse_several(&table.name, &table.span, names, problems),
        Lender::One(_) | Lender::Unusable => {}
    }
    let placement = match (table.get("as"), &lender) {
        (Some(entry), _) => placement(table, entry, problems),
        (None, Lender::One(lender)) => lent_placement(&table.name, lender, &table.span, problems),
        (None, _) => None,
    };
    let placed = match (table.get("origin"), &lender) {
        (Some(_), _) => origins(table, lenders.insecure_loopback, problems).unwrap_or_default(),
        (None, Lender::One(lender)) => lenders
            .lent_origin(lender, &table.span, problems)
            .map(|origin| (origin, table.span.clone()))
            .into_iter()
            .collect(),
        (None, _) => Vec::new(),
    };
    let addresses = addresses(table, problems);
    let (origins, spans) = placed.into_iter().unzip::<_, _, Vec<_>, _>();
    *origin_spans = spans;
    Some(Credential {
        name: name.to_owned(),
        reference: reference?,
        placement: placement?,
        origins: Some(origins).filter(|origins| !origins.is_empty())?,
        addresses,
    })
}

fn reference(path: &str, from: &Item, problems: &mut Problems) -> Option<Reference> {
    // The text itself is not repeated: it may be a key that was pasted here by mistake.
    let Some((scheme, rest)) = from.text.split_once("://") else {
        problems
            .add(
                Code::CREDENTIAL_SCHEME,
                &from.span,
                format!("`{path}` is not a reference to a key"),
            )
            .advise(REFERENCES);
        return None;
    };
    let known = SCHEMES.iter().position(|known| *known == scheme);
    let Some(known) = known else {
        let message = format!("`{path}` has a scheme that means nothing");
        let problem = problems.add(Code::CREDENTIAL_SCHEME, &from.span, message);
        match nearest(scheme, SCHEMES) {
            Some(near) => problem.advise(format!("did you mean `{near}://`?")),
            None => problem.advise("known: `env://NAME`, `dotenv://FILE#NAME`, `file:///PATH`"),
        };
        return None;
    };
    if known >= ENFORCED_SCHEMES {
        problems
            .add(
                Code::NOT_ENFORCED,
                &from.span,
                format!("this build has no source for `{scheme}://`"),
            )
            .advise("it has `env://NAME`, `dotenv://FILE#NAME` and `file:///PATH`");
        return None;
    }
    let (reference, expected) = match scheme {
        "env" => (
            env(rest),
            "`env://NAME`, a variable of agentbox's own environment",
        ),
        "dotenv" => (
            dotenv(rest),
            "`dotenv://FILE#NAME`, a file below the policy's folder",
        ),
        _ => (file(rest), "`file:///PATH`, an absolute path without `..`"),
    };
    if reference.is_none() {
        problems.bad_value(
            &from.span,
            format!("`{path}` is not of the form {expected}"),
        );
    }
    reference
}

fn env(name: &str) -> Option<Reference> {
    is_variable(name).then(|| Reference::Env {
        name: name.to_owned(),
    })
}

fn dotenv(rest: &str) -> Option<Reference> {
    let (file, key) = rest.split_once('#')?;
    let file = file.strip_prefix("./").unwrap_or(file);
    (is_below(file) && is_variable(key)).then(|| Reference::Dotenv {
        file: file.to_owned(),
        key: key.to_owned(),
    })
}

fn file(path: &str) -> Option<Reference> {
    path.strip_prefix('/')
        .is_some_and(is_below)
        .then(|| Reference::File {
            path: path.to_owned(),
        })
}

fn is_below(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains(|c: char| c.is_control() || matches!(c, '\\' | '#'))
}

/// Reads `as`.
pub(crate) fn placement(
    table: &Table<'_>,
    entry: &Entry<'_>,
    problems: &mut Problems,
) -> Option<Placement> {
    let path = table.path("as");
    match entry.value.get_ref() {
        DeValue::String(word) if word == "bearer" => Some(Placement::Bearer),
        DeValue::String(word) => {
            let span = entry.value.span();
            if LATER_PLACEMENTS.contains(&&**word) {
                later_placement(word, &span, problems);
            } else {
                problems
                    .bad_value(
                        &span,
                        format!("`{}` is not a placement", word.escape_debug()),
                    )
                    .advise(FORMS);
            }
            None
        }
        DeValue::Table(_) => {
            let inner = table.as_table(entry, problems)?;
            placement_table(&inner, entry, problems)
        }
        other => {
            let expected = "`\"bearer\"` or a table such as `{ header = \"x-api-key\" }`";
            wrong_type(&path, &entry.value.span(), other, expected, problems);
            None
        }
    }
}

const FORMS: &str =
    "one of `\"bearer\"`, `{ basic = \"USER\" }`, `{ header = \"NAME\" }`, `{ query = \"NAME\" }`";

fn later_placement(word: &str, span: &Span, problems: &mut Problems) {
    let message = format!("the placement `{word}` is not enforced by this build");
    problems
        .add(Code::NOT_ENFORCED, span, message)
        .advise(FORMS);
}

fn placement_table(
    table: &Table<'_>,
    outer: &Entry<'_>,
    problems: &mut Problems,
) -> Option<Placement> {
    if let Some(later) = table
        .entries
        .iter()
        .find(|e| LATER_PLACEMENTS.contains(&e.key.as_str()))
    {
        later_placement(&later.key, &later.span, problems);
        return None;
    }
    table.check_keys(
        &["basic", "header", "prefix", "query"],
        &["format", "template"],
        problems,
    );
    let kinds: Vec<_> = ["basic", "header", "query"]
        .into_iter()
        .filter(|kind| table.get(kind).is_some())
        .collect();
    let [kind] = kinds[..] else {
        // A key that is unknown or later has been reported, and is most likely why.
        if kinds.len() > 1 || table.entries.is_empty() {
            problems
                .bad_value(&outer.value.span(), "a key has exactly one placement")
                .advise(FORMS);
        }
        return None;
    };
    if kind != "header"
        && let Some(prefix) = table.get("prefix")
    {
        problems.bad_value(&prefix.span, "`prefix` goes with `header` only");
        return None;
    }
    let item = table.text(kind, problems)?;
    match kind {
        "basic" => basic(item, problems),
        "header" => header(table, &item, problems),
        _ => query(item, problems),
    }
}

fn basic(user: Item, problems: &mut Problems) -> Option<Placement> {
    let good = |byte: u8| matches!(byte, 0x20..=0x7e) && byte != b':';
    if user.text.len() <= 128 && user.text.bytes().all(good) {
        return Some(Placement::Basic { user: user.text });
    }
    problems.bad_value(
        &user.span,
        "a user name is at most 128 visible ASCII characters without `:`",
    );
    None
}

fn header(table: &Table<'_>, name: &Item, problems: &mut Problems) -> Option<Placement> {
    let prefix = match table.get("prefix") {
        Some(_) => table.text("prefix", problems)?,
        None => Item {
            text: String::new(),
            span: name.span.clone(),
        },
    };
    let parsed = HeaderName::from_bytes(name.text.as_bytes());
    let Ok(parsed) = parsed else {
        let message = format!("`{}` is not a header's name", name.text.escape_debug());
        problems.bad_value(&name.span, message);
        return None;
    };
    let reserved = parsed.as_str().starts_with("proxy-")
        || matches!(
            class(parsed.as_str()),
            HeaderClass::Host | HeaderClass::Ordinary
        );
    if reserved {
        let message = format!("the header `{parsed}` cannot carry a key");
        problems
            .bad_value(&name.span, message)
            .advise("it means something else, to the host or to servers between it and the API");
        return None;
    }
    if prefix.text.len() > 64 || !prefix.text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        problems.bad_value(
            &prefix.span,
            "a prefix is at most 64 visible ASCII characters",
        );
        return None;
    }
    Some(Placement::Header {
        name: parsed,
        prefix: prefix.text,
    })
}

fn query(name: Item, problems: &mut Problems) -> Option<Placement> {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    if (1..=64).contains(&name.text.len()) && name.text.bytes().all(plain) {
        return Some(Placement::Query { name: name.text });
    }
    problems
        .bad_value(
            &name.span,
            format!("`{}` is not a parameter's name", name.text.escape_debug()),
        )
        .advise("1 to 64 letters, digits, `.`, `_`, `~` and `-`");
    None
}
