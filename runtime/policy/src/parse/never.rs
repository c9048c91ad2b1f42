//! `[never]`: what a policy promises not to grant, held against what it grants.

use ::http::Method;

use crate::base::OUTGOING_HTTP;
use crate::code::Code;
use crate::operation::{Effect, Operation};
use crate::policy::Never;

use super::document::{Item, Problems, Span, Table, list, nearest};
use super::{grants, http};

/// What `[never]` says, and where it says it.
#[derive(Default)]
struct Promises {
    imports: Vec<Item>,
    effects: Vec<(Effect, Span)>,
}

/// Reads `[never]`, and reports every grant that breaks it.
pub(crate) fn never(
    root: &Table<'_>,
    operations: &[grants::Granted],
    routes: &[http::Granted],
    problems: &mut Problems,
) -> Never {
    let Some(table) = root.table("never", problems) else {
        return Never::default();
    };
    let promises = promises(&table, problems);
    for granted in operations {
        let Some(operation) = &granted.operation else {
            continue;
        };
        promises.hold_import(operation.name(), &granted.span, problems);
        for effect in effects(operation) {
            promises.hold_effect(&granted.name, effect, &granted.span, problems);
        }
    }
    for granted in routes {
        promises.hold_import(OUTGOING_HTTP, &granted.span, problems);
        for (route, span) in granted.grant.routes.iter().zip(&granted.route_spans) {
            promises.hold_effect(&route.text, effect(&route.method), span, problems);
        }
    }
    Never {
        imports: promises.imports.into_iter().map(|item| item.text).collect(),
        effects: promises
            .effects
            .into_iter()
            .map(|(effect, _)| effect)
            .collect(),
    }
}

fn promises(table: &Table<'_>, problems: &mut Problems) -> Promises {
    table.check_keys(&["imports", "effects"], &[], problems);
    let mut promises = Promises::default();
    for item in table.texts("imports", false, problems).unwrap_or_default() {
        if is_pattern(&item.text) {
            promises.imports.push(item);
            continue;
        }
        let message = format!("`{}` is not a pattern of imports", item.text.escape_debug());
        let advice = match item.text.split_once('@') {
            Some((path, _)) if is_pattern(path) => format!("all versions are meant: `{path}`"),
            _ => "a pattern is `ns:package/interface`, `ns:package/*` or `ns:*`".to_owned(),
        };
        problems.bad_value(&item.span, message).advise(advice);
    }
    promises.imports.retain(|item| {
        let every = item.text.starts_with("agentbox:")
            || (item.text.starts_with("wasi:") && !covers(&item.text, OUTGOING_HTTP));
        if every {
            let message = format!("every program has what `{}` covers", item.text);
            problems
                .bad_value(&item.span, message)
                .advise("it is inert; of `wasi:`, only `wasi:http/outgoing-handler` is granted");
        }
        !every
    });
    for item in table.texts("effects", false, problems).unwrap_or_default() {
        let Some(effect) = Effect::find(&item.text) else {
            let names = ["admin", "destroy", "read", "spend", "write"];
            let message = format!("`{}` is not an effect", item.text.escape_debug());
            let problem = problems.bad_value(&item.span, message);
            match nearest(&item.text, &names) {
                Some(near) => problem.advise(format!("did you mean `{near}`?")),
                None => problem.advise(format!("known: {}", list(&names))),
            };
            continue;
        };
        promises.effects.push((effect, item.span));
    }
    promises
}

impl Promises {
    fn hold_import(&self, import: &str, span: &Span, problems: &mut Problems) {
        let broken = self.imports.iter().find(|item| covers(&item.text, import));
        if let Some(promise) = broken {
            let message = format!("`{import}` is granted, and never to be imported");
            problems
                .add(Code::NEVER, span, message)
                .also(promise.span.clone(), "the promise");
        }
    }

    fn hold_effect(&self, what: &str, effect: Effect, span: &Span, problems: &mut Problems) {
        let broken = self.effects.iter().find(|(never, _)| *never == effect);
        if let Some((_, promise)) = broken {
            let message = format!(
                "`{}` is granted, and the effect `{effect}` never to be",
                what.escape_debug()
            );
            problems
                .add(Code::NEVER, span, message)
                .also(promise.clone(), "the promise");
        }
    }
}

/// Whether an import, without version, is one that a pattern means.
fn covers(pattern: &str, import: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => import.starts_with(start),
        None => import == pattern,
    }
}

/// `namespace:package/interface`, `namespace:package/*` or `namespace:*`.
fn is_pattern(text: &str) -> bool {
    let Some((namespace, rest)) = text.split_once(':') else {
        return false;
    };
    let rest = match rest.split_once('/') {
        None => rest == "*",
        Some((package, interface)) => is_word(package) && (interface == "*" || is_word(interface)),
    };
    is_word(namespace) && rest
}

/// A name of WIT, roughly: what could not be one could never match.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(plain)
}

/// What an operation does: what its connector says, and what its method says in spite of that.
fn effects(operation: &Operation) -> impl Iterator<Item = Effect> {
    let destroys = effect(&operation.request.method) == Effect::Destroy;
    let said = operation.effect();
    let unsaid = destroys && said != Effect::Destroy;
    [Some(said), unsaid.then_some(Effect::Destroy)]
        .into_iter()
        .flatten()
}

/// What a request of this method does, as far as the method says.
fn effect(method: &Method) -> Effect {
    match *method {
        Method::DELETE => Effect::Destroy,
        Method::PATCH | Method::POST | Method::PUT => Effect::Write,
        _ => Effect::Read,
    }
}
