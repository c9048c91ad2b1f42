//! The connectors that a policy uses, out of those there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::code::Code;
use crate::operation::{Connector, Operation};
use crate::policy::{ConnectorText, Sources};
use crate::problem::PolicyProblem;

use super::document::Problems;

/// The connectors of the namespaces that a policy names.
#[derive(Default)]
pub(crate) struct Connectors<'s> {
    good: Vec<(Arc<Connector>, &'s ConnectorText)>,
    // Namespaces whose connector cannot be used, which has been reported.
    broken: Vec<String>,
    /// The names of all there are to choose from.
    pub(crate) names: Vec<String>,
}

/// Reads the connectors of these namespaces.
pub(crate) fn connectors<'s>(
    sources: &'s Sources,
    namespaces: &BTreeSet<String>,
    problems: &mut Vec<PolicyProblem>,
) -> Connectors<'s> {
    let mut connectors = Connectors::default();
    let named: Vec<_> = sources
        .connectors
        .iter()
        .map(|text| (text.name(), folder(text), text))
        .collect();
    connectors
        .names
        .extend(named.iter().map(|(name, ..)| name.clone()));
    connectors.names.sort();
    connectors.names.dedup();
    for namespace in namespaces {
        let mut by_name = named.iter().filter(|(name, ..)| name == namespace);
        // A connector whose own name is misspelt is found by its folder, and says what is wrong.
        let found = by_name.next().or_else(|| {
            named
                .iter()
                .find(|(_, folder, _)| *folder == Some(namespace.as_str()))
        });
        let Some((.., text)) = found else { continue };
        if let Some((.., other)) = by_name.next() {
            let mut second = Problems::new(&other.toml);
            let message = format!("a second connector is called `{namespace}`");
            second
                .add(Code::DUPLICATE, &(0..0), message)
                .advise(format!("the first is `{}`", text.toml.name));
            problems.extend(second.into_found());
        }
        match Connector::parse(text) {
            Ok((connector, warnings)) => {
                problems.extend(warnings);
                connectors.good.push((Arc::new(connector), text));
            }
            Err(errors) => {
                problems.extend(errors);
                connectors.broken.push(namespace.clone());
            }
        }
    }
    connectors
}

impl<'s> Connectors<'s> {
    /// The connector of a namespace.
    pub(crate) fn of(&self, namespace: &str) -> Option<&Arc<Connector>> {
        self.all().find(|connector| connector.name() == namespace)
    }

    /// Every connector that was read.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.good.iter().map(|(connector, _)| connector)
    }

    /// The texts of every connector that was read.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'s ConnectorText> {
        self.good.iter().map(|(_, text)| *text)
    }

    /// Whether a namespace's connector cannot be used, which has been reported.
    pub(crate) fn is_broken(&self, namespace: &str) -> bool {
        self.broken.iter().any(|broken| broken == namespace)
    }

    /// The operation `namespace:package/interface`, at whatever version its connector has.
    pub(crate) fn operation(&self, path: &str) -> Option<&Arc<Operation>> {
        let connector = self.of(namespace(path))?;
        connector.operations().find(|other| other.name() == path)
    }
}

/// The namespace of `namespace:package/interface`.
pub(crate) fn namespace(path: &str) -> &str {
    path.split(':').next().unwrap_or_default()
}

/// The folder that a connector's text is in.
fn folder(text: &ConnectorText) -> Option<&str> {
    text.toml.name.rsplit('/').nth(1)
}
