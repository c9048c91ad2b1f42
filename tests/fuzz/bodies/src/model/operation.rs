//! The model for operations: arguments by their types, conditions, and the request they make.

use std::fmt::Write as _;

use agentbox_policy::{
    Approved, Code, ConnectorText, OperationHead, Policy, Sources, Text, decide,
};
use serde_json::json;

use super::value::{Matcher, Type, Value, number};
use super::{encoded, is_clear};
use crate::Reached;
use crate::bytes::Bytes;

/// A call of an operation is approved exactly when the model says that it is granted, that each
/// argument is of its type and that every condition holds; and as the request that the model makes.
pub fn model_operation(data: &[u8]) -> Reached {
    let bytes = &mut Bytes::new(data);
    let grants = Grants::new(bytes);
    let policy = match Policy::parse(&grants.sources()) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}\n{}", grants.sources().toml.text),
    };
    let mut reached = Vec::new();
    for _ in 0..12 {
        let call = Call::new(bytes);
        let head = OperationHead {
            operation: call.name.clone(),
            arguments: call.json(bytes),
        };
        let expected = grants.find(&call, head.arguments.len());
        let verdict = decide(&policy, &head.clone().into());
        match (&verdict, &expected) {
            (Ok(approved), Ok(grant)) => {
                check(approved, &call, grant);
                reached.push("approved");
            }
            (Err(denied), Err(code)) => {
                assert_eq!(
                    denied.code(),
                    *code,
                    "{denied}\n{head:?}\n{}",
                    grants.sources().toml.text
                );
                reached.push(if *code == Code::ARGUMENT_DENIED {
                    "a condition denied"
                } else {
                    "denied"
                });
            }
            _ => panic!(
                "{verdict:?}\nbut {expected:?}\n{head:?}\n{}",
                grants.sources().toml.text
            ),
        }
    }
    reached
}

/// The connector, and a world that imports its operations.
const CONNECTOR: &str = include_str!("../../../seeds/policy_text/operations");

/// An argument: its name, its type, and whether it may be absent.
type Parameter = (&'static str, Type, bool);

/// The operations of the connector, as its WIT has them.
const OPERATIONS: &[(&str, &[Parameter])] = &[
    (
        "shop:desk/put-thing",
        &[
            ("owner", Type::Text, false),
            ("path", Type::Text, false),
            ("count", Type::Integer(-32768, 32767), false),
            ("size", Type::Integer(0, 255), true),
            ("color", Type::Color, false),
            ("flag", Type::Bool, false),
            ("note", Type::Text, true),
            ("data", Type::Bytes, false),
            ("letter", Type::Char, false),
            ("ratio", Type::F64, false),
        ],
    ),
    (
        "shop:desk/look",
        &[
            ("owner", Type::Text, false),
            ("start", Type::Integer(0, 4_294_967_295), true),
        ],
    ),
];

#[derive(Clone, Debug)]
struct Grant {
    name: &'static str,
    parameters: &'static [Parameter],
    conditions: Vec<(&'static str, Matcher)>,
    keyed: bool,
}

#[derive(Clone, Debug)]
struct Grants {
    all: Vec<Grant>,
    /// The most bytes of arguments.
    most: usize,
}

const BASE64: &[&str] = &[
    "", "AAEC", "AA==", "AA", "AB==", "A===", "AA==AA==", "_w==", "//8=", "docs", " AA=",
];

impl Grants {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let mut all = Vec::new();
        for (at, (name, parameters)) in OPERATIONS.iter().copied().enumerate() {
            if at > 0 && bytes.one_in(4) {
                continue;
            }
            let mut conditions = Vec::new();
            for (name, of, _) in parameters {
                // What an operation may touch has to be said.
                let scope = *name == "owner" || *name == "path";
                if scope && bytes.one_in(2) {
                    conditions.push((*name, Matcher::Any));
                } else if scope || bytes.one_in(5) {
                    conditions.push((*name, of.matcher(bytes)));
                }
            }
            let keyed = bytes.one_in(2);
            all.push(Grant {
                name,
                parameters,
                conditions,
                keyed,
            });
        }
        let most = bytes.pick(&[100_000, 100_000, 100_000, 190]);
        Self { all, most }
    }

    fn sources(&self) -> Sources {
        let mut toml = format!(
            "policy = 1\nworld = \"acme:bot/bot\"\nagent.id = \"bot\"\n\
             run.arguments = \"{} B\"\n",
            self.most
        );
        if self.all.iter().any(|grant| grant.keyed) {
            toml.push_str("credentials.shop = \"env://SHOP\"\n");
        }
        let mut wit = "package acme:bot@0.1.0;\nworld bot {\n".to_owned();
        for grant in &self.all {
            writeln!(wit, "import {}@1.0.0;", grant.name).expect("a text");
            writeln!(toml, "[grants.{:?}]", grant.name).expect("a text");
            if grant.keyed {
                toml.push_str("use = \"shop\"\n");
            }
            for (name, matcher) in &grant.conditions {
                writeln!(toml, "where.{name} = {}", matcher.text()).expect("a text");
            }
        }
        wit.push('}');
        let text = |name: &str, text: &str| Text {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let (_, connector) = CONNECTOR
            .split_once("=== connector\n")
            .expect("a connector");
        let (connector, types) = connector
            .split_once("=== connector wit\n")
            .expect("its WIT");
        Sources {
            toml: text("agentbox.toml", &toml),
            wit: vec![text("wit/world.wit", &wit)],
            deps: Vec::new(),
            connectors: vec![ConnectorText {
                toml: text("connector.toml", connector),
                wit: vec![text("desk.wit", types)],
            }],
        }
    }

    /// The grant that allows the call, or the code that it is denied with.
    fn find(&self, call: &Call, length: usize) -> Result<&Grant, Code> {
        if length > self.most {
            return Err(Code::ARGUMENTS_SIZE);
        }
        let (name, version) = call.name.split_once('@').unwrap_or((&call.name, "1.0.0"));
        let grant = self
            .all
            .iter()
            .find(|grant| grant.name == name && version == "1.0.0");
        let grant = grant.ok_or(Code::OPERATION_DENIED)?;
        for (at, (name, value)) in call.arguments.iter().enumerate() {
            let parameter = grant
                .parameters
                .iter()
                .find(|parameter| parameter.0 == name);
            let again = call.arguments[..at].iter().any(|(other, _)| other == name);
            let fits = parameter.is_some_and(|(_, of, optional)| match value {
                Value::Null => *optional,
                _ => of.has(value),
            });
            if again || !fits {
                return Err(Code::BAD_ARGUMENTS);
            }
        }
        for (name, _, optional) in grant.parameters {
            if !optional && call.find(name).is_none() {
                return Err(Code::BAD_ARGUMENTS);
            }
        }
        for (name, matcher) in &grant.conditions {
            let parameter = grant
                .parameters
                .iter()
                .find(|parameter| parameter.0 == *name);
            let (_, of, _) = parameter.expect("a condition is on a parameter");
            if !matcher.admits(*of, call.find(name).unwrap_or(&Value::Null)) {
                return Err(Code::ARGUMENT_DENIED);
            }
        }
        let owner = call.text("owner");
        let paths_are_clear = is_clear(owner)
            && (grant.name != "shop:desk/put-thing" || call.text("path").split('/').all(is_clear));
        if paths_are_clear {
            Ok(grant)
        } else {
            Err(Code::BAD_ARGUMENTS)
        }
    }
}

/// A call, before it is JSON.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    arguments: Vec<(String, Value)>,
}

impl Call {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let (name, parameters) = bytes.pick(OPERATIONS);
        let mut arguments: Vec<(String, Value)> = Vec::new();
        for (name, of, optional) in parameters {
            if *optional && bytes.one_in(3) {
                continue;
            }
            let value = match of {
                Type::Text if !*optional && !bytes.one_in(3) => {
                    Value::Text(bytes.pick(&["acme", "docs/a", "é", "a b"]).to_owned())
                }
                _ => of.some(bytes),
            };
            arguments.push(((*name).to_owned(), value));
        }
        // One in three is wrong in some way.
        if bytes.one_in(3) {
            let at = bytes.below(arguments.len());
            match bytes.below(5) {
                0 => drop(arguments.remove(at)),
                1 => arguments.push(arguments[at].clone()),
                2 => arguments[at].0 = bytes.pick(&["Owner", "owner ", "x", ""]).to_owned(),
                3 => arguments[at].1 = Value::Text(bytes.pick(BASE64).to_owned()),
                _ => arguments[at].1 = wrong(bytes),
            }
        }
        let first = bytes.below(arguments.len().max(1)).min(arguments.len());
        arguments.rotate_left(first);
        let version = bytes.pick(&["", "", "", "", "@1.0.0", "@1.0.1", "@", "@1.0"]);
        let name = match bytes.below(12) {
            0 => bytes.pick(&["shop:desk/Look", "shop:desk", "shop:desk/look ", "", "http"]),
            _ => name,
        };
        Self {
            name: format!("{name}{version}"),
            arguments,
        }
    }

    /// The arguments as JSON, some of its letters escaped.
    fn json(&self, bytes: &mut Bytes<'_>) -> String {
        let all = bytes.one_in(4);
        let quoted = |text: &str| {
            let mut written = String::from('"');
            for unit in text.encode_utf16() {
                match char::from_u32(u32::from(unit)) {
                    Some(letter @ (' ' | '!' | '#'..='[' | ']'..='~')) if !all => {
                        written.push(letter);
                    }
                    _ => write!(written, "\\u{unit:04x}").expect("a text"),
                }
            }
            written + "\""
        };
        let mut parts = Vec::new();
        for (name, value) in &self.arguments {
            let value = match value {
                Value::Bool(value) => value.to_string(),
                Value::Integer(number) => number.to_string(),
                Value::Null => "null".to_owned(),
                Value::Number(number) => format!("{number:?}"),
                Value::Object => "{}".to_owned(),
                Value::Text(text) => quoted(text),
            };
            parts.push(format!("{}:{value}", quoted(name)));
        }
        format!("{{{}}}", parts.join(", "))
    }

    fn find(&self, name: &str) -> Option<&Value> {
        let found = self.arguments.iter().find(|argument| argument.0 == name);
        found
            .map(|argument| &argument.1)
            .filter(|value| **value != Value::Null)
    }

    fn text(&self, name: &str) -> &str {
        match self.find(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }
}

fn wrong(bytes: &mut Bytes<'_>) -> Value {
    match bytes.below(6) {
        0 => Value::Null,
        1 => Value::Object,
        2 => Value::Bool(true),
        3 => Value::Number(1.5),
        4 => Value::Integer(bytes.pick(&[-1, 256, 32768, 4_294_967_296, i64::MAX])),
        _ => Value::Text("two".to_owned()),
    }
}

/// What was approved is the request that the arguments make.
fn check(approved: &Approved, call: &Call, grant: &Grant) {
    let owner = encoded(call.text("owner"), super::stands_for_itself);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert_eq!(approved.grant(), grant.name);
    assert_eq!(approved.origin().to_string(), "https://shop.test");
    assert_eq!(approved.credential().is_some(), grant.keyed);
    let integer = |name: &str| match call.find(name) {
        Some(Value::Integer(number)) => Some(number.to_string()),
        _ => None,
    };
    let sent = |name: &str| {
        approved
            .headers()
            .get(name)
            .map(|value| value.as_bytes().to_vec())
    };
    assert_eq!(sent("accept").as_deref(), Some(&b"application/json"[..]));
    if grant.name == "shop:desk/look" {
        assert_eq!((approved.method().as_str(), approved.body()), ("GET", None));
        assert_eq!(approved.path(), format!("/v1/{owner}"));
        assert_eq!(
            approved.query(),
            integer("start").map(|n| format!("from={n}")).as_deref()
        );
        return;
    }
    assert_eq!(approved.method().as_str(), "PUT");
    let path: Vec<String> = call
        .text("path")
        .split('/')
        .map(|part| encoded(part, super::stands_for_itself))
        .collect();
    assert_eq!(
        approved.path(),
        format!("/v1/{owner}/files/{}", path.join("/"))
    );
    let mut query = vec![format!(
        "color={}",
        encoded(&call.text("color").replace('-', "_"), plain)
    )];
    query.extend(integer("size").map(|size| format!("size={size}")));
    query.push("fixed=a%20b".to_owned());
    assert_eq!(approved.query(), Some(query.join("&").as_str()));
    assert_eq!(sent("x-count"), integer("count").map(String::into_bytes));
    let mut body = json!({
        "flag": call.find("flag") == Some(&Value::Bool(true)),
        "data": call.text("data"),
        "inner": { "letter": call.text("letter") },
        "kind": "thing",
    });
    if call.find("note").is_some() {
        body["note"] = call.text("note").into();
    }
    let read: Result<serde_json::Value, _> =
        serde_json::from_slice(approved.body().unwrap_or_default());
    let mut read = read.expect("the body is JSON");
    let inner = read["inner"].as_object_mut().expect("an object");
    let ratio = inner.remove("ratio").and_then(|ratio| ratio.as_f64());
    assert_eq!(ratio, call.find("ratio").map(number));
    assert_eq!(read, body);
}
