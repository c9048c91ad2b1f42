//! An operation of an API: its types, and how a call of it becomes a request.

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};

use crate::credential::Placement;
use crate::origin::Origin;
use crate::shape::{Field, Pointer, Shape, Signature};

/// All that is known of one API: a folder of data.
#[derive(Clone, Debug)]
pub struct Connector {
    pub(crate) name: Arc<str>,
    /// What it is, in a sentence.
    pub(crate) about: Option<String>,
    pub(crate) origin: Origin,
    /// Where the key goes; none for an API without keys.
    pub(crate) placement: Option<Placement>,
    /// In the order of `connector.toml`.
    pub(crate) operations: Vec<Arc<Operation>>,
    /// SHA-256 over its texts, lower-case hexadecimal.
    pub(crate) digest: String,
}

/// One thing an API can do.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `namespace:package/interface`, without version.
    pub(crate) name: Arc<str>,
    /// The version of its package.
    pub(crate) version: Arc<str>,
    /// The name of its one function.
    pub(crate) function: Arc<str>,
    /// INVARIANT: made of what JSON can carry, and its result is `result<T, errors.error>`.
    pub(crate) signature: Signature,
    pub(crate) effect: Effect,
    /// The parameters that decide what it may touch.
    pub(crate) scope: Vec<Arc<str>>,
    /// What the key has to be allowed to do, in the API's own words.
    pub(crate) permission: Option<String>,
    pub(crate) idempotency: Idempotency,
    pub(crate) request: RequestTemplate,
    pub(crate) reply: ReplyTemplate,
}

/// What an operation does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Changes who may do what.
    Admin,
    /// Removes what cannot be brought back.
    Destroy,
    /// Looks, and changes nothing.
    Read,
    /// Costs money.
    Spend,
    /// Changes something.
    Write,
}

/// What happens when an operation is called once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The same as when called once.
    Always,
    /// The same as when called once, where this parameter is the same.
    ByKey(Arc<str>),
    /// It happens again.
    Never,
}

/// How an operation's arguments become a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestTemplate {
    /// `METHOD /path` as the connector writes it.
    pub(crate) route: Arc<str>,
    pub(crate) method: Method,
    pub(crate) path: Vec<Segment>,
    /// A trailing slash; `/` alone is no segment and a slash.
    pub(crate) slash: bool,
    pub(crate) query: Vec<(String, Filling)>,
    pub(crate) headers: Vec<(HeaderName, Filling)>,
    pub(crate) body: Option<BodyTemplate>,
}

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// `{name}`: one segment.
    Hole(Arc<str>),
    /// This segment, decoded.
    Literal(String),
    /// `{+name}`: one segment or more, parted by slashes.
    Rest(Arc<str>),
}

/// The value of a query parameter or a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// `{name}`: left out where the argument is absent.
    Hole(Arc<str>),
    /// This text.
    Literal(String),
}

/// How a request's body is made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum BodyTemplate {
    /// A JSON document.
    Json(JsonTemplate),
    /// The bytes of one `list<u8>` or the text of one `string`.
    Raw {
        hole: Arc<str>,
        content_type: HeaderValue,
    },
}

/// A JSON value with holes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JsonTemplate {
    /// `"{name}"`: the argument; in an object, left out where it is absent.
    Hole(Arc<str>),
    List(Vec<JsonTemplate>),
    Literal(serde_json::Value),
    Object(Vec<(String, JsonTemplate)>),
}

/// Where a reply has what its operation gives. Where the parts of a record are is in its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ReplyTemplate {
    /// The value of a good reply.
    pub(crate) value: Pointer,
    /// The first of these that holds a text is what went wrong.
    pub(crate) message: Vec<Pointer>,
    /// How long to wait, in milliseconds, in an error's body.
    pub(crate) retry_after_ms: Option<Pointer>,
    /// A header that says when to try again, in seconds since 1970.
    pub(crate) reset: Option<HeaderName>,
}

impl Connector {
    /// The API's name, which is the namespace of its WIT packages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, in a sentence.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        self.about.as_deref()
    }

    /// Where its requests go, unless a credential says otherwise.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where in a request its key goes; none for an API without keys.
    #[must_use]
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }

    /// Its operations, in the order of `connector.toml`.
    pub fn operations(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.operations.iter()
    }

    /// SHA-256 over its texts, lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Operation {
    /// `namespace:package/interface`, without version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of its package.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// As a world imports it: `namespace:package/interface@version`.
    #[must_use]
    pub fn import(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The name of its function.
    #[must_use]
    pub fn function(&self) -> &str {
        &self.function
    }

    /// What it takes and gives.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// `METHOD /path` as the connector writes it.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.request.route
    }

    /// What it does to the world.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The parameters that decide what it may touch.
    pub fn scope(&self) -> impl Iterator<Item = &str> {
        self.scope.iter().map(|name| &**name)
    }

    /// What the key has to be allowed to do, in the API's own words.
    #[must_use]
    pub fn permission(&self) -> Option<&str> {
        self.permission.as_deref()
    }

    /// What happens when it is called once more.
    #[must_use]
    pub fn idempotency(&self) -> &Idempotency {
        &self.idempotency
    }

    /// What it gives when all is well: the `T` of its `result<T, error>`, and none for `_`.
    #[must_use]
    pub fn value(&self) -> Option<&Shape> {
        Self::value_of(&self.signature)
    }

    pub(crate) fn value_of(signature: &Signature) -> Option<&Shape> {
        match &signature.result {
            Some(Shape::Result(value, _)) => value.as_deref(),
            _ => None,
        }
    }

    /// The arguments by name: the fields of a sole record parameter, otherwise the parameters.
    pub fn arguments(&self) -> Vec<(&str, &Shape)> {
        match self.signature.params.as_slice() {
            [(_, Shape::Record(fields))] => fields.iter().map(Field::named).collect(),
            params => params
                .iter()
                .map(|(name, shape)| (name.as_str(), shape))
                .collect(),
        }
    }
}

impl Field {
    fn named(&self) -> (&str, &Shape) {
        (&self.name, &self.shape)
    }
}

impl Effect {
    /// The effect of this name: `read`, `write`, `destroy`, `spend` or `admin`.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        [
            Self::Admin,
            Self::Destroy,
            Self::Read,
            Self::Spend,
            Self::Write,
        ]
        .into_iter()
        .find(|effect| effect.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Destroy => "destroy",
            Self::Read => "read",
            Self::Spend => "spend",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
