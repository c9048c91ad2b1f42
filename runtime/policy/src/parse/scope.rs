//! What grants of every kind refer to by name: credentials and limits.

use std::sync::Arc;

use crate::code::Code;
use crate::credential::Credential;
use crate::limit::Limit;

use super::document::{Item, Problems, Table, undefined};
use super::{credentials, limits};

/// A credential's definition, and the credential where it is good.
pub(crate) type Known = (credentials::Defined, Option<Arc<Credential>>);

/// What grants refer to.
pub(crate) struct Scope<'d> {
    pub(crate) credentials: &'d [Known],
    pub(crate) limits: &'d [limits::Defined],
    pub(crate) insecure_loopback: bool,
}

/// What the grants that have been read refer to.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) credentials: Vec<String>,
    pub(crate) limits: Vec<String>,
}

impl<'d> Scope<'d> {
    /// The credential that a grant uses.
    pub(crate) fn credential(
        &self,
        item: &Item,
        used: &mut Used,
        problems: &mut Problems,
    ) -> Option<&'d Known> {
        let found = self
            .credentials
            .iter()
            .find(|(defined, _)| defined.name == item.text);
        if found.is_some() {
            used.credentials.push(item.text.clone());
        } else {
            let names: Vec<_> = self
                .credentials
                .iter()
                .map(|(defined, _)| defined.name.as_str())
                .collect();
            undefined("credential", item, &names, problems);
        }
        found
    }

    /// The limits that a grant's table names.
    pub(crate) fn limits(
        &self,
        table: &Table<'_>,
        used: &mut Used,
        problems: &mut Problems,
    ) -> Vec<Limit> {
        let mut found: Vec<Limit> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for item in table.texts("limits", false, problems).unwrap_or_default() {
            if seen.contains(&item.text) {
                let message = format!("the limit `{}` is there twice", item.text.escape_debug());
                problems.add(Code::DUPLICATE, &item.span, message);
                continue;
            }
            match self.limits.iter().find(|defined| defined.name == item.text) {
                Some(defined) => {
                    found.extend(defined.limit.clone());
                    used.limits.push(item.text.clone());
                }
                None => {
                    let names: Vec<_> = self.limits.iter().map(|d| d.name.as_str()).collect();
                    undefined("limit", &item, &names, problems);
                }
            }
            seen.push(item.text);
        }
        found
    }
}
