//! What a policy's world imports, held against the connectors there are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{Standing, standing};
use crate::code::Code;
use crate::connector::wit::Copy;
use crate::operation::Operation;
use crate::policy::{Text, World};

use super::connectors::{Connectors, namespace};
use super::document::{Item, Problems, list, nearest};
use super::wit::{Import, Packages, Place};

/// The world that a policy names, and the operations among its imports.
pub(crate) struct Imports {
    pub(crate) world: World,
    pub(crate) operations: Vec<Imported>,
}

/// An import of an operation.
pub(crate) struct Imported {
    /// `namespace:package/interface`, without version.
    pub(crate) path: String,
    pub(crate) place: Place,
    // None where no connector has it, which has been reported.
    pub(crate) operation: Option<Arc<Operation>>,
}

/// Reads the world of this name, and refuses what cannot be enforced.
pub(crate) fn imports(
    name: &Item,
    wit: &mut Packages,
    connectors: &Connectors<'_>,
    problems: &mut Problems,
) -> Option<Imports> {
    let found = wit.world(name, connectors, problems)?;
    let mut versions: HashMap<String, String> = HashMap::new();
    let mut names = Vec::new();
    let mut operations = Vec::new();
    let mut copies = Copies::default();
    for import in found {
        let path = path(&import.name).to_owned();
        let standing = standing(&import.name);
        match versions.get(&path) {
            Some(other) if *other == import.name => continue,
            Some(_) if matches!(standing, Standing::Base | Standing::OutgoingHttp) => continue,
            Some(other) => {
                let message = format!("`{}` is imported beside `{other}`", import.name);
                wit.problem(Code::DUPLICATE, &import.place, message)
                    .advise("a world has one version of an interface");
                continue;
            }
            None => {}
        }
        versions.insert(path.clone(), import.name.clone());
        match standing {
            Standing::Base | Standing::OutgoingHttp => {}
            Standing::Operation if import.functions == Some(0) => {}
            Standing::Operation => {
                let operation = operation(&import, &path, &mut copies, wit, connectors);
                operations.push(Imported {
                    path,
                    place: import.place,
                    operation,
                });
            }
            Standing::Unsupported => {
                let message = format!("this build does not have `{}`", import.name);
                wit.problem(Code::NOT_ENFORCED, &import.place, message)
                    .advise("it has the interfaces of WASI 0.2 and of `agentbox:host@0.1.0`");
            }
        }
        names.push(import.name);
    }
    let world = World {
        name: name.text.clone(),
        imports: names,
    };
    Some(Imports { world, operations })
}

/// An import's name without version.
fn path(import: &str) -> &str {
    import.split('@').next().unwrap_or_default()
}

/// The operation that an import means.
fn operation(
    import: &Import,
    path: &str,
    copies: &mut Copies,
    wit: &mut Packages,
    connectors: &Connectors<'_>,
) -> Option<Arc<Operation>> {
    match connectors.operation(path) {
        Some(operation) if operation.import() == import.name => {
            if let Some(texts) = &import.texts {
                let difference = copies.difference(texts, path, operation);
                if let Some(difference) = difference {
                    refuse_copy(import, path, &difference, wit);
                }
            }
            return Some(Arc::clone(operation));
        }
        // Its errors say why.
        None if connectors.is_broken(namespace(path)) => return None,
        Some(other) => {
            let message = format!("no connector has `{}`", import.name);
            wit.problem(Code::MISSING_NAME, &import.place, message)
                .advise(format!("the connector has `{}`", other.import()));
        }
        None if import.functions.is_some_and(|functions| functions > 1) => {
            let functions = import.functions.unwrap_or_default();
            let message = format!(
                "`{}` has {functions} functions, and an operation is an interface with one",
                import.name
            );
            wit.problem(Code::WORLD, &import.place, message)
                .advise("a policy grants single operations: give each an interface of its own");
        }
        None => {
            let message = format!("no connector has `{}`", import.name);
            let advice = nearest_operation(path, connectors);
            wit.problem(Code::MISSING_NAME, &import.place, message)
                .advise(advice);
        }
    }
    None
}

/// What to do about an operation that no connector has.
fn nearest_operation(path: &str, connectors: &Connectors<'_>) -> String {
    let namespace = namespace(path);
    let Some(connector) = connectors.of(namespace) else {
        let names: Vec<_> = connectors.names.iter().map(String::as_str).collect();
        return match nearest(namespace, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("put one into `connectors/{namespace}/`, beside the policy"),
        };
    };
    let names: Vec<_> = connector.operations().map(|other| other.name()).collect();
    match nearest(path, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.len() <= 8 => format!("`{namespace}` has {}", list(&names)),
        None => format!("`agentbox connector show {namespace}` lists what there is"),
    }
}

/// The packages in the policy's own WIT that a connector has too.
#[derive(Default)]
struct Copies(HashMap<*const Text, Copy>);

impl Copies {
    /// How a copy differs from the connector: a program would be built from it.
    fn difference(
        &mut self,
        texts: &Arc<[Text]>,
        path: &str,
        operation: &Operation,
    ) -> Option<String> {
        let interface = path.rsplit('/').next().unwrap_or_default();
        // All imports from one package share its texts, so where they are tells them apart.
        let copy = self
            .0
            .entry(texts.as_ptr())
            .or_insert_with(|| Copy::read(texts));
        match copy.signature(interface) {
            // The world found it in these texts, so they cannot be resolved.
            None => Some("the copy cannot be read".to_owned()),
            Some(Err(why)) => Some(why),
            Some(Ok(copy)) => copy.difference(operation.signature()),
        }
    }
}

fn refuse_copy(import: &Import, path: &str, difference: &str, wit: &mut Packages) {
    let message = format!("the copy of `{path}` in `wit/` is not the connector's: {difference}");
    wit.problem(Code::TYPE_MISMATCH, &import.place, message)
        .advise(format!(
            "`agentbox connector copy {}` writes the connector's own",
            namespace(path)
        ));
}
