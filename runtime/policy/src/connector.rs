//! Connectors: an API as data.

use crate::operation::Connector;
use crate::policy::ConnectorText;
use crate::problem::{PolicyErrors, PolicyProblem};

impl Connector {
    /// Reads a connector; beside it, what is probably not meant.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place.
    pub fn parse(text: &ConnectorText) -> Result<(Self, Vec<PolicyProblem>), PolicyErrors> {
        let _ = text;
        Err(PolicyErrors::new(Vec::new()).expect("for now"))
    }
}
