//! `origin` and `addresses`.

use std::sync::Arc;

use ipnet::IpNet;

use crate::address::AddressRule;
use crate::code::Code;
use crate::grant::OriginPattern;
use crate::origin::{Origin, Scheme};

use super::document::{Item, Problems, Span, Table};

/// An origin and where it is written.
pub(crate) type Placed = (OriginPattern, Span);

/// Reads `origin`; none where it is absent. What is wrong has been reported and is left out.
pub(crate) fn origins(
    table: &Table<'_>,
    insecure_loopback: bool,
    problems: &mut Problems,
) -> Option<Vec<Placed>> {
    table.get("origin")?;
    let items = table.texts("origin", true, problems).unwrap_or_default();
    let mut origins: Vec<Placed> = Vec::new();
    for item in items {
        let Some(pattern) = origin(&item, insecure_loopback, problems) else {
            continue;
        };
        let other = origins
            .iter()
            .find(|(other, _)| other.covers(&pattern) || pattern.covers(other));
        if let Some((other, span)) = other {
            problems
                .add(
                    Code::DUPLICATE,
                    &item.span,
                    format!("`{pattern}` overlaps with `{other}`"),
                )
                .also(span.clone(), "this one");
        } else {
            origins.push((pattern, item.span));
        }
    }
    Some(origins)
}

fn origin(item: &Item, insecure_loopback: bool, problems: &mut Problems) -> Option<OriginPattern> {
    let text = item.text.as_str();
    let shown = text.escape_debug();
    if text.contains('*') {
        return wildcard(item, problems);
    }
    let origin = match Origin::parse(text) {
        Ok(origin) => origin,
        Err(error) => {
            problems.bad_value(&item.span, format!("`{shown}` is not an origin: {error}"));
            return None;
        }
    };
    if origin.scheme() == Scheme::Http {
        let loopback = origin.ip().is_some_and(|ip| ip.is_loopback());
        if !loopback || !insecure_loopback {
            let hint = if loopback {
                "write `insecure-loopback = true` at the top of the policy, or use `https`"
            } else {
                "plain HTTP goes to a loopback address such as `127.0.0.1` only; use `https`"
            };
            let message = format!("`{shown}` would send calls in the clear");
            problems.bad_value(&item.span, message).advise(hint);
            return None;
        }
    }
    Some(OriginPattern::Exact(origin))
}

fn wildcard(item: &Item, problems: &mut Problems) -> Option<OriginPattern> {
    let shown = item.text.escape_debug();
    let below = item
        .text
        .strip_prefix("https://*.")
        .filter(|rest| !rest.contains('*'));
    let Some(below) = below else {
        problems
            .bad_value(
                &item.span,
                format!("`{shown}` is not an origin that can be granted"),
            )
            .advise("a wildcard stands for whole labels at the start: `https://*.example.com`");
        return None;
    };
    match Origin::from_parts(Scheme::Https, below) {
        Err(error) => {
            problems.bad_value(&item.span, format!("`{shown}` is not an origin: {error}"));
            None
        }
        Ok(origin) if origin.ip().is_some() || psl::domain_str(origin.host()).is_none() => {
            problems
                .bad_value(
                    &item.span,
                    format!("`{shown}` covers hosts of more than one owner"),
                )
                .advise("a wildcard needs a domain that someone has registered: `*.example.com`");
            None
        }
        Ok(origin) => Some(OriginPattern::Below(origin)),
    }
}

/// Reads `addresses`.
pub(crate) fn addresses(table: &Table<'_>, problems: &mut Problems) -> Vec<IpNet> {
    let items = table
        .texts("addresses", false, problems)
        .unwrap_or_default();
    items
        .iter()
        .filter_map(|item| range(item, problems))
        .collect()
}

fn range(item: &Item, problems: &mut Problems) -> Option<IpNet> {
    let shown = item.text.escape_debug();
    let range = match item.text.parse::<IpNet>() {
        Ok(range) => range,
        Err(error) => {
            let problem = problems.bad_value(
                &item.span,
                format!("`{shown}` is not a range of addresses: {error}"),
            );
            match item.text.parse::<std::net::IpAddr>() {
                Ok(ip) => problem.advise(format!("did you mean `{}`?", IpNet::from(ip))),
                Err(_) => problem.advise("a range is written `10.0.0.0/8` or `fd00::/8`"),
            };
            return None;
        }
    };
    if range.prefix_len() == 0 {
        problems
            .bad_value(&item.span, format!("`{shown}` is every address"))
            .advise("public addresses need no range; name the others as narrowly as you can");
        return None;
    }
    let canonical = range.trunc().to_string();
    if canonical != item.text {
        problems
            .bad_value(
                &item.span,
                format!("`{shown}` is not written as the range it is"),
            )
            .advise(format!("did you mean `{canonical}`?"));
        return None;
    }
    Some(range)
}

/// The address rule of one origin: `public`, unless it is an address of this machine. Reports an
/// address that the rule would never let through.
pub(crate) fn rule(
    origin: &OriginPattern,
    span: &Span,
    public: &Arc<AddressRule>,
    problems: &mut Problems,
) -> Arc<AddressRule> {
    let literal = match origin {
        OriginPattern::Exact(origin) => origin.ip(),
        OriginPattern::Below(_) => None,
    };
    if let (Some(ip), Scheme::Http) = (literal, origin.scheme()) {
        return Arc::new(AddressRule::only(ip));
    }
    if let Some(ip) = literal.filter(|ip| !public.admits(*ip)) {
        problems
            .bad_value(span, format!("`{ip}` is not a public address"))
            .advise(format!(
                "admit it by name: `addresses = [\"{}\"]`",
                IpNet::from(ip)
            ));
    }
    Arc::clone(public)
}
