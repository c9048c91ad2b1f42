//! `[http.*]`.

use std::sync::Arc;

use http::HeaderName;

use crate::address::AddressRule;
use crate::code::Code;
use crate::credential::{Credential, Placement};
use crate::grant::{HttpGrant, OriginPattern};
use crate::headers::{HeaderClass, ReplyHeaders, class, is_reserved_in_replies};
use crate::route::{QueryRule, Route};

use super::document::{Problems, Span, Table, check_name, list};
use super::origins::{Placed, addresses, origins, rule};
use super::routes::{BadRoute, route};
use super::scope::{Scope, Used};

const KEYS: &[&str] = &[
    "use",
    "origin",
    "allow",
    "limits",
    "addresses",
    "request-headers",
    "reply-headers",
];
const LATER_KEYS: &[&str] = &[
    "confirm",
    "guest-auth",
    "on-echo",
    "rotate",
    "response",
    "follow",
    "redirects",
    "where",
    "effect",
    "expires",
    "cache",
];

/// The most routes of a policy, each counted once for each of its origins: far more than any API
/// has, and few enough to hold and compare at once.
const MOST_ROUTES: usize = 20_000;

/// A grant, and where each of its routes is written.
pub(crate) struct Granted {
    pub(crate) grant: HttpGrant,
    pub(crate) span: Span,
    pub(crate) route_spans: Vec<Span>,
}

pub(crate) fn http(
    root: &Table<'_>,
    scope: &Scope<'_>,
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Granted> {
    let mut grants = Vec::new();
    let Some(tables) = root.table("http", problems) else {
        return grants;
    };
    let mut routes = 0;
    for entry in &tables.entries {
        let named = check_name(&tables, entry, problems);
        let Some(table) = tables.as_table(entry, problems) else {
            continue;
        };
        let granted = grant(&table, scope, used, problems);
        // The index has a leaf for each, so that this bounds its memory.
        routes += granted.as_ref().map_or(0, |Granted { grant, .. }| {
            grant.origins.len().saturating_mul(grant.routes.len())
        });
        if routes > MOST_ROUTES {
            let message = format!(
                "the policy has more than {MOST_ROUTES} routes, counting each at each of its origins"
            );
            problems
                .bad_value(&entry.span, message)
                .advise("write fewer origins or fewer routes; `{hole}` stands for any one segment");
            break;
        }
        grants.extend(granted.filter(|_| named));
    }
    grants
}

fn grant(
    table: &Table<'_>,
    scope: &Scope<'_>,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<Granted> {
    table.check_keys(KEYS, LATER_KEYS, problems);
    let named = table.text("use", problems);
    let defined = named
        .as_ref()
        .and_then(|named| scope.credential(named, used, problems));
    let credential = defined.and_then(|(_, credential)| credential.clone());
    let own = origins(table, scope.insecure_loopback, problems);
    let own_ranges = addresses(table, problems);
    let (routes, route_spans) = routes(table, credential.as_deref(), problems);
    let limits = scope.limits(table, used, problems);
    let request_headers = request_headers(table, credential.as_deref(), problems);
    let reply_headers = Arc::new(ReplyHeaders {
        extra: reply_headers(table, problems),
    });

    let origins = match (own, defined) {
        (Some(own), Some((_, Some(credential)))) => inside(own, credential, problems),
        (Some(own), _) => own,
        (None, Some((defined, Some(credential)))) => credential
            .origins
            .iter()
            .cloned()
            .zip(defined.origin_spans.iter().cloned())
            .collect(),
        (None, Some((_, None))) => return None,
        (None, None) => {
            if table.get("use").is_none()
                && let Some(problem) = problems.absent(
                    Code::BAD_VALUE,
                    &table.span,
                    format!("`{}` needs `use` or `origin`", table.name),
                )
            {
                problem.advise("`use` names a credential; `origin` alone sends no key");
            }
            return None;
        }
    };
    let mut ranges = own_ranges;
    ranges.extend(
        credential
            .iter()
            .flat_map(|credential| &credential.addresses),
    );
    let public = Arc::new(AddressRule::public_or(&ranges));
    let origins: Vec<_> = origins
        .into_iter()
        .map(|(origin, span)| {
            let rule = rule(&origin, &span, &public, problems);
            (origin, rule)
        })
        .collect();
    if (named.is_some() && credential.is_none()) || origins.is_empty() || routes.is_empty() {
        return None;
    }
    let grant = HttpGrant {
        name: table.name.as_str().into(),
        credential,
        origins,
        routes,
        limits: limits.into(),
        request_headers,
        reply_headers,
    };
    Some(Granted {
        grant,
        span: table.span.clone(),
        route_spans,
    })
}

/// The table's own origins, each of which the credential has to allow.
fn inside(own: Vec<Placed>, credential: &Credential, problems: &mut Problems) -> Vec<Placed> {
    own.into_iter()
        .filter(|(origin, span)| {
            let good = credential
                .origins
                .iter()
                .any(|allowed| allowed.covers(origin));
            if !good {
                let allowed: Vec<_> = credential
                    .origins
                    .iter()
                    .map(OriginPattern::to_string)
                    .collect();
                let allowed: Vec<_> = allowed.iter().map(String::as_str).collect();
                let message = format!(
                    "the credential `{}` may not be sent to `{origin}`",
                    credential.name
                );
                problems
                    .bad_value(span, message)
                    .advise(format!("it may be sent to {}", list(&allowed)));
            }
            good
        })
        .collect()
}

fn routes(
    table: &Table<'_>,
    credential: Option<&Credential>,
    problems: &mut Problems,
) -> (Vec<Route>, Vec<Span>) {
    let mut routes = Vec::new();
    let mut spans = Vec::new();
    let Some(allow) = table.get("allow") else {
        table.missing("allow", problems);
        return (routes, spans);
    };
    let items = table.texts_of(allow, false, MOST_ROUTES, problems);
    for item in items.unwrap_or_default() {
        match route(&item.text) {
            Ok(route) => {
                if let Some(name) = names_key_parameter(&route, credential) {
                    problems
                        .bad_value(&item.span, format!("`{name}` is where the key goes"))
                        .advise("the host adds it; leave it out of the route");
                }
                routes.push(route);
                spans.push(item.span);
            }
            Err(BadRoute { message, hint }) => {
                let problem = problems.bad_value(&item.span, message);
                if let Some(hint) = hint {
                    problem.advise(hint);
                }
            }
        }
    }
    (routes, spans)
}

fn names_key_parameter<'r>(route: &'r Route, credential: Option<&Credential>) -> Option<&'r str> {
    let Some(Placement::Query { name: own }) = credential.map(Credential::placement) else {
        return None;
    };
    match &route.query {
        QueryRule::Any => None,
        QueryRule::Names(names) => names
            .iter()
            .map(|name| &**name)
            .find(|name| name.eq_ignore_ascii_case(own)),
    }
}

fn header_names(
    table: &Table<'_>,
    key: &str,
    refused: impl Fn(&HeaderName) -> Option<&'static str>,
    problems: &mut Problems,
) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for item in table.texts(key, false, problems).unwrap_or_default() {
        let shown = item.text.escape_debug();
        let Ok(name) = HeaderName::from_lowercase(item.text.as_bytes()) else {
            let message = format!("`{shown}` is not a header's name in lower case");
            problems.bad_value(&item.span, message);
            continue;
        };
        if names.contains(&name) {
            problems.add(
                Code::DUPLICATE,
                &item.span,
                format!("`{name}` is there twice"),
            );
        } else if let Some(why) = refused(&name) {
            problems.bad_value(&item.span, format!("`{name}` cannot be allowed: {why}"));
        } else {
            names.push(name);
        }
    }
    names
}

fn request_headers(
    table: &Table<'_>,
    credential: Option<&Credential>,
    problems: &mut Problems,
) -> Vec<HeaderName> {
    let own = credential.and_then(|credential| credential.placement.header());
    let refused = |name: &HeaderName| match class(name.as_str()) {
        HeaderClass::Credential => Some("it carries credentials, and those are added by the host"),
        HeaderClass::Host => Some("it is about framing or routing, which are the host's"),
        _ if own.as_ref() == Some(name) => Some("it is where the key goes"),
        _ => None,
    };
    header_names(table, "request-headers", refused, problems)
}

fn reply_headers(table: &Table<'_>, problems: &mut Problems) -> Vec<HeaderName> {
    let refused = |name: &HeaderName| {
        is_reserved_in_replies(name.as_str())
            .then_some("it is about framing, routing or credentials, which are the host's")
    };
    header_names(table, "reply-headers", refused, problems)
}
