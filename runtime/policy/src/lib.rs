//! The policy: what a program may do, and whether one call is part of it.
//!
//! Owns: the language (`agentbox.toml` and the WIT beside it), [`Policy`], [`check`] (program
//! against policy), [`decide`] (call against policy) and [`explain`](explain::explain). It is pure:
//! text and data in, data out. It never reads a file, a clock or the environment, and never holds a
//! key. Start with `parse`, then `decide`.

pub mod code;
pub mod explain;

mod address;
mod base;
mod bounds;
mod call;
mod canonical;
mod catalogue;
mod check;
mod condition;
mod connector;
mod credential;
mod decide;
mod grant;
mod headers;
mod index;
mod limit;
mod operation;
mod origin;
mod parse;
mod path;
mod policy;
mod problem;
#[cfg(test)]
mod properties;
mod query;
mod reply;
mod request;
mod route;
mod shape;
mod subset;
#[cfg(test)]
mod testing;
mod units;
mod value;
mod verdict;

pub use address::AddressRule;
pub use bounds::{Amount, Bound, Bounds, LowerBounds, OPERATION_REPLY, Unit, Widening};
pub use call::{CallHead, HttpHead, OperationHead, RefusedHead};
pub use check::{Import, Ungranted, check, draft, is_drafted};
pub use code::Code;
pub use condition::{Condition, Matcher, Scalar, Within};
pub use connector::{HOST_WIT, Outline};
pub use credential::{Credential, Placement, Reference};
pub use decide::decide;
pub use grant::{Access, FileGrant, HttpGrant, OperationGrant, OriginPattern};
pub use headers::ReplyHeaders;
pub use limit::Limit;
pub use operation::{Connector, Effect, Idempotency, Operation};
pub use origin::{Origin, OriginError, Scheme};
pub use parse::document::nearest;
pub use policy::{Agent, ConnectorText, Never, Policy, Sources, Text, World};
pub use problem::{PolicyErrors, PolicyProblem};
pub use reply::ReplyError;
pub use route::Route;
pub use shape::{Case, Field, Shape, Signature};
pub use subset::{Change, ChangeKind, Excess, compare, excess};
pub use units::{LONGEST, UnitError, parse_bytes, parse_duration};
pub use verdict::{Approved, Denied, Window};
