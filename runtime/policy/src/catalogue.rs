//! The connectors of a policy: those it uses, and all there are to choose from.

use std::sync::{Arc, OnceLock};

use crate::operation::Connector;
use crate::policy::ConnectorText;

/// Connectors of which a policy uses some. The others say what could be granted, and are no part of
/// what is, nor of the policy's digest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    /// Those of the world's imports.
    pub(crate) used: Vec<Arc<Connector>>,
    texts: Arc<[ConnectorText]>,
    // Read when somebody has to be told of them, which most runs never need.
    read: Arc<OnceLock<Vec<Arc<Connector>>>>,
}

impl Catalogue {
    /// Of which these are used, and none else is there.
    pub(crate) fn of(used: Vec<Arc<Connector>>) -> Self {
        Self {
            used,
            ..Self::default()
        }
    }

    /// The same, where there are the connectors of these texts; of two of one name, the first counts.
    pub(crate) fn with(self, texts: Vec<ConnectorText>) -> Self {
        Self {
            used: self.used,
            texts: texts.into(),
            read: Arc::default(),
        }
    }

    /// Those that can be used: first those that are.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Connector>> {
        let is_used = |name: &str| self.used.iter().any(|used| used.name() == name);
        let others = self.read().iter();
        let others = others.filter(move |connector| !is_used(connector.name()));
        self.used.iter().chain(others)
    }

    /// Whether there is a connector of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all().any(|connector| connector.name() == name)
    }

    fn read(&self) -> &[Arc<Connector>] {
        self.read.get_or_init(|| {
            let mut found: Vec<Arc<Connector>> = Vec::new();
            for (connector, _) in self.texts.iter().filter_map(|t| Connector::parse(t).ok()) {
                if !found.iter().any(|other| other.name == connector.name) {
                    found.push(Arc::new(connector));
                }
            }
            found
        })
    }
}
