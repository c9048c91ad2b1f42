//! The policy as a whole.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::bounds::{Bounds, LowerBounds, Widening};
use crate::catalogue::Catalogue;
use crate::credential::Credential;
use crate::grant::{FileGrant, HttpGrant, OperationGrant};
use crate::index::Index;
use crate::limit::Limit;
use crate::operation::{Connector, Effect};
use crate::parse;
use crate::problem::{PolicyErrors, PolicyProblem};

/// One text, and its name as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// A path, most often.
    pub name: String,
    /// What the file holds.
    pub text: String,
}

/// All the texts that make up a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// `agentbox.toml`.
    pub toml: Text,
    /// The files of `wit/`: one package.
    pub wit: Vec<Text>,
    /// What is in `wit/deps/`: each folder or file is one package.
    pub deps: Vec<Vec<Text>>,
    /// The connectors there are to choose from.
    pub connectors: Vec<ConnectorText>,
}

/// The texts of a connector's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorText {
    /// `connector.toml`.
    pub toml: Text,
    /// Its `.wit` files: each is one package.
    pub wit: Vec<Text>,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            name: "agentbox.toml".to_owned(),
            text: String::new(),
        }
    }
}

/// What a program may do.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) digest: String,
    pub(crate) agent: Agent,
    pub(crate) world: Option<World>,
    pub(crate) credentials: Vec<Arc<Credential>>,
    pub(crate) http: Vec<Arc<HttpGrant>>,
    /// By the operation's name, so that finding one costs the same however many there are.
    pub(crate) operations: IndexMap<Arc<str>, Arc<OperationGrant>>,
    /// The connectors of its world's imports, and the others there are.
    pub(crate) connectors: Catalogue,
    pub(crate) never: Never,
    pub(crate) limits: Vec<Limit>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) files: Vec<FileGrant>,
    pub(crate) bounds: Bounds,
    pub(crate) tls_ca: Option<String>,
    pub(crate) warnings: Vec<PolicyProblem>,
    // INVARIANT: built from `http` alone.
    pub(crate) index: Arc<Index>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, not only the first.
    pub fn parse(sources: &Sources) -> Result<Self, PolicyErrors> {
        parse::parse(sources)
    }

    /// The policy of a program without one: grants nothing, has the default bounds, and its
    /// agent is called `none`.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            digest: parse::digest(&Sources::default(), &[]),
            agent: Agent::default(),
            world: None,
            credentials: Vec::new(),
            http: Vec::new(),
            operations: IndexMap::new(),
            connectors: Catalogue::default(),
            never: Never::default(),
            limits: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
            bounds: Bounds::default(),
            tls_ca: None,
            warnings: Vec::new(),
            index: Arc::default(),
        }
    }

    /// What is probably not meant, though it can be used: codes `AB03xx`.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyProblem] {
        &self.warnings
    }

    /// Lower-case hexadecimal SHA-256 over the TOML and all WIT texts with their names, and over the
    /// connectors of its world's imports.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Who runs under it.
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The world it names.
    #[must_use]
    pub fn world(&self) -> Option<&World> {
        self.world.as_ref()
    }

    /// Whether any call can carry a key.
    #[must_use]
    pub fn uses_credentials(&self) -> bool {
        !self.credentials.is_empty()
    }

    /// The credentials, in the order of the text.
    pub fn credentials(&self) -> impl Iterator<Item = &Credential> {
        self.credentials.iter().map(|credential| &**credential)
    }

    /// The `[http.*]` tables, in the order of the text.
    pub fn http_grants(&self) -> impl Iterator<Item = &HttpGrant> {
        self.http.iter().map(|grant| &**grant)
    }

    /// The `[grants]` tables, in the order of the text.
    pub fn operation_grants(&self) -> impl Iterator<Item = &OperationGrant> {
        self.operations.values().map(|grant| &**grant)
    }

    /// The grant of an operation, by its name without version.
    #[must_use]
    pub fn operation_grant(&self, name: &str) -> Option<&OperationGrant> {
        self.operations.get(name).map(|grant| &**grant)
    }

    /// The connectors of the operations that the world imports.
    pub fn connectors(&self) -> impl Iterator<Item = &Connector> {
        self.connectors.used.iter().map(|connector| &**connector)
    }

    /// This policy, told which connectors there are, so that it can say what would grant their
    /// operations. It grants the same, and has the same digest; of two of one name, the first counts.
    #[must_use]
    pub fn knowing(mut self, connectors: Vec<ConnectorText>) -> Self {
        self.connectors = self.connectors.with(connectors);
        self
    }

    /// The limits, in the order of the text.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter()
    }

    /// The environment of the program: names and values, never secret.
    pub fn env(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The directories of the program.
    pub fn files(&self) -> impl Iterator<Item = &FileGrant> {
        self.files.iter()
    }

    /// The bounds of one run.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// `[tls] ca`: a file of further certificate authorities, relative to the policy.
    #[must_use]
    pub fn tls_ca(&self) -> Option<&str> {
        self.tls_ca.as_deref()
    }

    /// This policy with lower bounds.
    ///
    /// # Errors
    ///
    /// When a bound would become higher than the policy's own.
    pub fn with_lower_bounds(mut self, lower: &LowerBounds) -> Result<Self, Widening> {
        self.bounds = self.bounds.lowered(lower)?;
        Ok(self)
    }
}

/// Who runs under a policy: the id that calls are counted and recorded under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    // INVARIANT: `[a-z0-9][a-z0-9._-]{0,63}`.
    pub(crate) id: Arc<str>,
    pub(crate) owner: Option<String>,
}

impl Agent {
    /// The id; `none` where the policy has no `[agent]`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whom to ask about it.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            id: "none".into(),
            owner: None,
        }
    }
}

/// `[never]`: what a policy promises not to grant. Checked when it is loaded, not at a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Never {
    /// `namespace:package/interface`, `namespace:package/*` or `namespace:*`.
    pub(crate) imports: Vec<String>,
    pub(crate) effects: Vec<Effect>,
}

/// A WIT world: which imports a program may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    pub(crate) name: String,
    pub(crate) imports: Vec<String>,
}

impl World {
    /// The name as the policy writes it: `acme:triage/triage-bot`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its imports with every `include` expanded, such as `wasi:http/outgoing-handler@0.2.0`.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Approved, Denied};

    fn crosses_threads<T: Send + Sync + 'static>() {}

    #[test]
    fn a_policy_and_its_verdicts_cross_threads() {
        crosses_threads::<Policy>();
        crosses_threads::<Approved>();
        crosses_threads::<Denied>();
        crosses_threads::<PolicyErrors>();
    }

    #[test]
    fn no_policy_grants_nothing() {
        let nothing = Policy::nothing();
        assert_eq!(nothing.agent().id(), "none");
        assert!(!nothing.uses_credentials() && nothing.world().is_none());
        assert_eq!(nothing.http_grants().count() + nothing.files().count(), 0);
        assert_eq!(nothing.env().count() + nothing.limits().count(), 0);
    }
}
