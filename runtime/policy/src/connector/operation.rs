//! `[operations]`: what an API can do, and how a call of it becomes a request.

use std::collections::HashSet;
use std::sync::Arc;

use http::{HeaderName, Method};
use toml::de::DeValue;
use wit_parser::{Function, Interface, TypeDefKind};

use crate::code::Code;
use crate::credential::Placement;
use crate::operation::{Effect, Filling, Idempotency, Operation, ReplyTemplate, RequestTemplate};
use crate::parse::document::{Item, Problems, Span, Table, list, nearest, wrong_type};
use crate::problem::PolicyProblem;
use crate::shape::{Shape, Signature};

use super::body::body;
use super::reply::reply;
use super::sense;
use super::shapes::{Names, Rules, Shapes, is_error, not_carried};
use super::template::{self, Use};
use super::wit::Wit;

const KEYS: &[&str] = &[
    "request",
    "query",
    "headers",
    "body",
    "content-type",
    "effect",
    "scope",
    "permission",
    "idempotent",
    "reply",
];
const LATER_KEYS: &[&str] = &["form", "multipart", "pages", "paginate", "cost", "response"];

/// What all operations of a connector share.
pub(super) struct Shared<'w> {
    pub(super) names: Names,
    pub(super) rules: Rules,
    pub(super) wit: &'w Wit,
    pub(super) placement: Option<Placement>,
    pub(super) headers: Vec<(HeaderName, Filling)>,
    /// Where an error says what it is.
    pub(super) errors: ReplyTemplate,
}

/// A parameter that a template names.
pub(super) struct Hole {
    pub(super) name: String,
    pub(super) place: Use,
    pub(super) span: Span,
}

impl Hole {
    pub(super) fn new(name: &str, place: Use, span: &Span) -> Self {
        Self {
            name: name.to_owned(),
            place,
            span: span.clone(),
        }
    }
}

/// An operation of the WIT: its package and its interface.
#[derive(Clone, Copy)]
pub(super) struct Place<'w> {
    pub(super) package: &'w wit_parser::Package,
    pub(super) name: &'w str,
    pub(super) interface: &'w Interface,
}

impl Place<'_> {
    /// `package/interface`.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.package.name.name, self.name)
    }

    /// `namespace:package/interface`.
    fn full(&self) -> String {
        format!("{}:{}", self.package.name.namespace, self.key())
    }

    /// Where it is.
    pub(super) fn span(&self) -> wit_parser::Span {
        self.interface.span
    }
}

/// What is wrong, in the TOML and in the WIT.
pub(super) struct Found<'p> {
    pub(super) toml: &'p mut Problems,
    pub(super) wit: &'p mut Vec<PolicyProblem>,
}

/// Reads one table of `[operations]`; none where something is wrong with it.
pub(super) fn operation(
    table: &Table<'_>,
    place: Option<Place<'_>>,
    shared: &Shared<'_>,
    found: &mut Found<'_>,
) -> Option<Operation> {
    let problems = &mut *found.toml;
    table.check_keys(KEYS, LATER_KEYS, problems);
    let before = problems.count();
    let mut holes = Vec::new();
    let text = table.needed_text("request", problems);
    let request = text
        .as_ref()
        .and_then(|text| template::request(text, &mut holes, problems));
    let placement = shared.placement.as_ref();
    let query = template::query(table, placement, &mut holes, problems);
    let own = template::headers(table, placement, Some(&mut holes), problems);
    let body = body(table, &mut holes, problems);
    let method = request.as_ref().map(|request| &request.method);
    let effect = effect(table, problems);
    let scope = scope(table, problems);
    let permission = table.words(Code::CONNECTOR, "permission", problems);
    let idempotency = idempotency(table, method, &mut holes, problems);
    let good = problems.count() == before;
    if let Some(method) = method {
        sense::request(table, method, effect, problems);
    }
    let place = place?;
    let function = function(place, shared, found)?;
    let mut signature = signature(place, function, shared, found)?;
    let problems = &mut *found.toml;
    let value = reply(table, &mut signature, problems);
    let operation = Operation {
        name: place.full().into(),
        version: version(place).into(),
        function: function.name.as_str().into(),
        signature,
        effect: effect.unwrap_or(Effect::Admin),
        scope: Vec::new(),
        permission: permission.map(|item| item.text),
        idempotency,
        request: RequestTemplate {
            route: text.as_ref().map_or("", |item| &item.text).into(),
            method: method.cloned().unwrap_or_default(),
            path: Vec::new(),
            slash: false,
            query,
            headers: merged(&shared.headers, own),
            body: None,
        },
        reply: ReplyTemplate {
            value: value.unwrap_or_default(),
            ..shared.errors.clone()
        },
    };
    if let Some(why) = sense::head(&operation) {
        let mut problem = shared.wit.problem(Code::CONNECTOR, function.span, why);
        problem.advise("give `result<_, error>`");
        found.wit.push(problem);
    }
    let problems = &mut *found.toml;
    fit(&operation, table.span.clone(), good, &holes, problems);
    let body = body.map(|body| body.fit(&operation, problems));
    let scope = named(&operation, scope?, problems);
    let request = request?;
    effect?;
    Some(Operation {
        scope,
        request: RequestTemplate {
            path: request.path,
            slash: request.slash,
            body: body.flatten(),
            ..operation.request
        },
        ..operation
    })
}

fn version(place: Place<'_>) -> String {
    let version = place.package.name.version.as_ref();
    version.map(ToString::to_string).unwrap_or_default()
}

/// The connector's headers, with the operation's own in place of those of the same name.
fn merged(
    shared: &[(HeaderName, Filling)],
    own: Vec<(HeaderName, Filling)>,
) -> Vec<(HeaderName, Filling)> {
    let is_own = |name: &HeaderName| own.iter().any(|(other, _)| other == name);
    let mut all: Vec<_> = shared
        .iter()
        .filter(|(name, _)| !is_own(name))
        .cloned()
        .collect();
    all.extend(own);
    all
}

/// The one function of an operation's interface.
fn function<'w>(
    place: Place<'w>,
    shared: &Shared<'_>,
    found: &mut Found<'_>,
) -> Option<&'w Function> {
    let mut functions = place.interface.functions.values();
    let (first, second) = (functions.next()?, functions.next());
    let mut add = |span, message: String, hint: String| {
        let mut problem = shared.wit.problem(Code::CONNECTOR, span, message);
        problem.advise(hint);
        found.wit.push(problem);
    };
    if let Some(second) = second {
        let message = format!("the interface `{}` has more than one function", place.name);
        add(
            second.span,
            message,
            "give each operation an interface of its own".to_owned(),
        );
        return None;
    }
    if first.name != place.name {
        let message = format!(
            "the function of `{}` is called `{}`",
            place.name, first.name
        );
        add(
            first.span,
            message,
            format!("call it `{}`, as its interface", place.name),
        );
        return None;
    }
    Some(first)
}

/// A function's types, as long as JSON can carry them.
fn signature(
    place: Place<'_>,
    function: &Function,
    shared: &Shared<'_>,
    found: &mut Found<'_>,
) -> Option<Signature> {
    let wit = shared.wit;
    let mut refuse = |message: String, hint: &str| {
        let mut problem = wit.problem(Code::CONNECTOR, function.span, message);
        if !hint.is_empty() {
            problem.advise(hint);
        }
        found.wit.push(problem);
    };
    let name = place.name;
    if !matches!(function.kind, wit_parser::FunctionKind::Freestanding) {
        refuse(format!("`{name}` is not a plain function"), "");
        return None;
    }
    let error = function
        .result
        .as_ref()
        .and_then(|ty| result_error(wit, ty));
    if !error.is_some_and(|ty| is_error(&wit.resolve, &ty)) {
        let message = format!("`{name}` does not give `result<T, error>`");
        let hint = "its `error` is the one of `use agentbox:host/errors@0.1.0.{error};`";
        refuse(message, hint);
        return None;
    }
    let shapes = Shapes::new(&wit.resolve, shared.names, &shared.rules);
    let signature = match shapes.signature(function) {
        Ok(signature) => signature,
        Err(why) => {
            refuse(format!("`{name}` cannot be called: {why}"), "");
            return None;
        }
    };
    let value = Operation::value_of(&signature).map(|shape| ("result", shape));
    let bad = signature
        .params()
        .chain(value)
        .find_map(|(name, shape)| not_carried(shape, name));
    if let Some((path, what)) = bad {
        refuse(format!("`{path}` is {what}, which JSON cannot carry"), "");
        return None;
    }
    Some(signature)
}

/// The error's type, of a `result<T, E>`.
fn result_error(wit: &Wit, ty: &wit_parser::Type) -> Option<wit_parser::Type> {
    let wit_parser::Type::Id(id) = ty else {
        return None;
    };
    let id = super::shapes::original(&wit.resolve, *id);
    match &wit.resolve.types.get(id)?.kind {
        TypeDefKind::Result(result) => result.err,
        _ => None,
    }
}

fn effect(table: &Table<'_>, problems: &mut Problems) -> Option<Effect> {
    let item = table.needed_text("effect", problems)?;
    let effect = Effect::find(&item.text);
    if effect.is_none() {
        let message = format!("`{}` is not an effect", item.text.escape_debug());
        problems
            .bad_value(&item.span, message)
            .advise("one of `read`, `write`, `destroy`, `spend`, `admin`");
    }
    effect
}

/// Reads `scope`, which has to be there and may be empty.
fn scope(table: &Table<'_>, problems: &mut Problems) -> Option<Vec<Item>> {
    let Some(entry) = table.get("scope") else {
        table.missing("scope", problems);
        return None;
    };
    match entry.value.get_ref() {
        DeValue::Array(values) if values.is_empty() => Some(Vec::new()),
        _ => table.texts("scope", false, problems),
    }
}

/// The parameters that `scope` names.
fn named(operation: &Operation, scope: Vec<Item>, problems: &mut Problems) -> Vec<Arc<str>> {
    let arguments = operation.arguments();
    let mut names: Vec<Arc<str>> = Vec::new();
    for item in scope {
        let text = item.text.as_str();
        let Some((_, shape)) = arguments.iter().find(|(name, _)| *name == text) else {
            no_parameter(operation, &item.text, &item.span, problems);
            continue;
        };
        if !is_scalar(shape, true) {
            let message = format!("`{text}` cannot be bound: only scalars can be matched");
            problems.add(Code::CONNECTOR, &item.span, message);
        } else if names.iter().any(|other| **other == *text) {
            let message = format!("`{text}` is there twice");
            problems.add(Code::DUPLICATE, &item.span, message);
        } else {
            names.push(text.into());
        }
    }
    names
}

fn no_parameter(operation: &Operation, name: &str, span: &Span, problems: &mut Problems) {
    let function = &operation.function;
    let message = format!("`{function}` has no parameter `{}`", name.escape_debug());
    let names: Vec<_> = operation
        .arguments()
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let problem = problems.add(Code::CONNECTOR, span, message);
    match nearest(name, &names) {
        Some(near) => problem.advise(format!("did you mean `{near}`?")),
        None if names.is_empty() => problem.advise("it has none"),
        None => problem.advise(format!("it has {}", list(&names))),
    };
}

/// What can be compared, and stand in a path; in an option where `optional`.
fn is_scalar(shape: &Shape, optional: bool) -> bool {
    match shape {
        Shape::Option(inner) if optional => is_scalar(inner, false),
        Shape::Bool
        | Shape::Char
        | Shape::Enum(_)
        | Shape::S8
        | Shape::S16
        | Shape::S32
        | Shape::S64
        | Shape::String
        | Shape::U8
        | Shape::U16
        | Shape::U32
        | Shape::U64 => true,
        _ => false,
    }
}

/// Checks that each hole has a parameter that can fill it, and, where all `good` templates are
/// known, that each parameter is used.
fn fit(operation: &Operation, span: Span, mut good: bool, holes: &[Hole], problems: &mut Problems) {
    let arguments = operation.arguments();
    let mut used = HashSet::new();
    for hole in holes {
        let Some((name, shape)) = arguments.iter().find(|(name, _)| *name == hole.name) else {
            no_parameter(operation, &hole.name, &hole.span, problems);
            good = false;
            continue;
        };
        used.insert(*name);
        let (fits, what) = match hole.place {
            Use::Json | Use::Body => (true, ""),
            Use::Pair => (
                is_scalar(shape, true),
                "a query parameter or a header holds a bool, an integer, a string, a char or an \
                 enum, or an option of one",
            ),
            Use::Path => (
                is_scalar(shape, false),
                "a path holds a bool, an integer, a string, a char or an enum",
            ),
        };
        if !fits {
            let message = format!("`{name}` cannot stand here");
            problems
                .add(Code::CONNECTOR, &hole.span, message)
                .advise(what);
        }
    }
    for (name, _) in arguments {
        if good && !used.contains(name) {
            let message = format!("nothing uses the parameter `{name}`");
            if let Some(problem) = problems.absent(Code::CONNECTOR, &span, message) {
                let hint = format!("write `{{{name}}}` where the request has it");
                problem.advise(hint);
            }
        }
    }
}

fn idempotency(
    table: &Table<'_>,
    method: Option<&Method>,
    holes: &mut Vec<Hole>,
    problems: &mut Problems,
) -> Idempotency {
    let Some(entry) = table.get("idempotent") else {
        return match method {
            Some(&Method::POST | &Method::PATCH) | None => Idempotency::Never,
            Some(_) => Idempotency::Always,
        };
    };
    match entry.value.get_ref() {
        DeValue::Boolean(true) => Idempotency::Always,
        DeValue::Boolean(false) => Idempotency::Never,
        DeValue::String(text) => {
            let name = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
            let Some(name) = name else {
                let message = format!("`{}` is not a hole", text.escape_debug());
                problems.bad_value(&entry.value.span(), message).advise(
                    "`true`, `false`, or the parameter that makes two calls one: `\"{id}\"`",
                );
                return Idempotency::Never;
            };
            holes.push(Hole::new(name, Use::Pair, &entry.value.span()));
            Idempotency::ByKey(name.into())
        }
        other => {
            let path = table.path("idempotent");
            let expected = "true, false or a hole such as `\"{id}\"`";
            wrong_type(&path, &entry.value.span(), other, expected, problems);
            Idempotency::Never
        }
    }
}
