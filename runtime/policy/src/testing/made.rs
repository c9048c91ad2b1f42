//! Operations made by hand, and policies that grant them.

use std::sync::Arc;

use http::Method;

use crate::address::AddressRule;
use crate::condition::{Condition, Matcher, Scalar};
use crate::grant::OperationGrant;
use crate::operation::{
    Effect, Filling, Idempotency, Operation, ReplyTemplate, RequestTemplate, Segment,
};
use crate::shape::{Case, Pointer, Step};
use crate::{Approved, Denied, Field, OperationHead, Origin, Policy, Shape, Signature};

/// `test:things/make@1.0.0` with a sole record of these fields: `POST /things`, giving nothing.
pub(crate) fn operation(fields: Vec<Field>) -> Operation {
    let params = vec![("p".to_owned(), Shape::Record(fields))];
    let failure = Shape::Other("error".to_owned());
    let result = Shape::Result(None, Some(Box::new(failure)));
    Operation {
        name: "test:things/make".into(),
        version: "1.0.0".into(),
        function: "make".into(),
        signature: Signature::new(params, Some(result)),
        effect: Effect::Write,
        scope: Vec::new(),
        permission: None,
        idempotency: Idempotency::Never,
        request: RequestTemplate {
            route: "POST /things".into(),
            method: Method::POST,
            path: path("/things"),
            slash: false,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        },
        reply: ReplyTemplate::default(),
    }
}

/// The same with one argument of each shape, called `a`, `b` and so on.
pub(crate) fn taking(shapes: impl IntoIterator<Item = Shape>) -> Operation {
    let names = 'a'..='z';
    let fields = names.zip(shapes);
    operation(
        fields
            .map(|(name, shape)| Field::new(name, shape))
            .collect(),
    )
}

/// The same without arguments, giving a value of this shape.
pub(crate) fn giving(shape: Shape) -> Operation {
    let mut operation = operation(Vec::new());
    let failure = Shape::Other("error".to_owned());
    let result = Shape::Result(Some(Box::new(shape)), Some(Box::new(failure)));
    operation.signature.result = Some(result);
    operation
}

/// The segments of a template without a trailing slash: `/a/{b}/{+c}`.
pub(crate) fn path(template: &str) -> Vec<Segment> {
    let segment = |text: &str| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        Some(name) => match name.strip_prefix('+') {
            Some(name) => Segment::Rest(name.into()),
            None => Segment::Hole(name.into()),
        },
        None => Segment::Literal(text.to_owned()),
    };
    template.split('/').skip(1).map(segment).collect()
}

/// A hole where it is in braces, a literal otherwise.
pub(crate) fn filling(text: &str) -> Filling {
    match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        Some(name) => Filling::Hole(name.into()),
        None => Filling::Literal(text.to_owned()),
    }
}

/// A pointer as a connector writes it.
pub(crate) fn pointer(text: &str) -> Pointer {
    let step = |text: &str| match text {
        "*" => Step::Each,
        key => Step::Key(key.to_owned()),
    };
    Pointer(text.split('/').skip(1).map(step).collect())
}

/// An enum of these cases, with `_` for `-` in the API's JSON.
pub(crate) fn cases(names: &[&str]) -> Shape {
    let case = |name: &&str| Case {
        key: name.replace('-', "_"),
        ..Case::new(*name)
    };
    Shape::Enum(names.iter().map(case).collect())
}

/// `list<T>`.
pub(crate) fn list(item: Shape) -> Shape {
    Shape::List(Box::new(item))
}

/// `option<T>`.
pub(crate) fn option(inner: Shape) -> Shape {
    Shape::Option(Box::new(inner))
}

/// A condition.
pub(crate) fn condition(argument: &str, matcher: Matcher) -> Condition {
    Condition {
        argument: argument.to_owned(),
        matcher,
    }
}

/// One of these texts.
pub(crate) fn one_of(texts: &[&str]) -> Matcher {
    let texts = texts.iter().map(|text| Scalar::Text((*text).to_owned()));
    Matcher::OneOf(texts.collect())
}

/// A policy that grants the operation at `https://api.test`, without a key.
pub(crate) fn granting(operation: Operation, conditions: Vec<Condition>) -> Policy {
    let grant = OperationGrant {
        name: Arc::clone(&operation.name),
        operation: Arc::new(operation),
        credential: None,
        origin: Origin::parse("https://api.test").expect("an origin"),
        addresses: Arc::new(AddressRule::public_or(&[])),
        conditions,
        limits: Arc::default(),
    };
    Policy {
        operations: [(Arc::clone(&grant.name), Arc::new(grant))].into(),
        ..Policy::nothing()
    }
}

/// The decision on a call of `test:things/make`.
pub(crate) fn make(policy: &Policy, arguments: &str) -> Result<Approved, Denied> {
    by_name(policy, "test:things/make", arguments)
}

/// The decision on a call of an operation.
pub(crate) fn by_name(
    policy: &Policy,
    operation: &str,
    arguments: &str,
) -> Result<Approved, Denied> {
    let head = OperationHead {
        operation: operation.to_owned(),
        arguments: arguments.to_owned(),
    };
    crate::decide(policy, &head.into())
}
