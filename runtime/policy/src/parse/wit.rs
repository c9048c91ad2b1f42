//! `world`, and the WIT packages beside the policy.
//!
//! What the author wrote is read from the unresolved packages: resolving would lose the places,
//! and would want the packages of WASI, of which only the names matter here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use miette::NamedSource;
use wit_parser::{
    AstItem, InterfaceId, PackageName, SourceMap, Span, Type, TypeDefKind, TypeOwner,
    UnresolvedPackage, WorldId, WorldItem, WorldKey,
};

use crate::base::wasi_world;
use crate::code::Code;
use crate::connector::HOST_WIT;
use crate::policy::{Sources, Text};
use crate::problem::PolicyProblem;

use super::connectors::Connectors;
use super::document::{Item, LONGEST_FILE, Problems, is_plain, nearest};

/// All packages of a policy, and what is wrong with them.
pub(crate) struct Packages {
    packages: Vec<Package>,
    sources: HashMap<String, Arc<NamedSource<String>>>,
    pub(crate) problems: Vec<PolicyProblem>,
}

struct Package {
    unresolved: UnresolvedPackage,
    map: Arc<SourceMap>,
    origin: Origin,
    // The texts it was read from, with those of the packages beside it.
    texts: Arc<[Text]>,
}

/// Where a package comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A connector, or agentbox itself.
    Built,
    /// `wit/deps/`.
    Deps,
    /// `wit/`.
    Own,
}

/// A place in the WIT.
pub(crate) type Place = (Arc<SourceMap>, Span);

/// An import of a world, and the place that asks for it.
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// How many functions it has; none where its package is not here.
    pub(crate) functions: Option<usize>,
    /// The texts that define it, unless they are a connector's own.
    pub(crate) texts: Option<Arc<[Text]>>,
}

pub(crate) fn packages(sources: &Sources) -> Packages {
    let mut packages = Packages {
        packages: Vec::new(),
        sources: HashMap::new(),
        problems: Vec::new(),
    };
    let total: usize = sources
        .wit
        .iter()
        .chain(sources.deps.iter().flatten())
        .map(|t| t.text.len())
        .sum();
    if total > MOST_WIT {
        let text = sources.wit.first().or(sources.deps.iter().flatten().next());
        let mut problems = Problems::new(text.unwrap_or(&sources.toml));
        problems.add(
            Code::WORLD,
            &(0..0),
            "the WIT files together are larger than 16 MiB",
        );
        packages.problems.extend(problems.into_found());
        return packages;
    }
    packages.add(&sources.wit, Origin::Own);
    for group in &sources.deps {
        packages.add(group, Origin::Deps);
    }
    packages
}

/// The most WIT: the interfaces of a large API take one of these sixteen files' worth.
const MOST_WIT: usize = 16 * LONGEST_FILE;

impl Packages {
    /// The namespaces of all packages that are referred to, and of the policy's own.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        let own = self.packages.iter().map(|package| &package.unresolved.name);
        let foreign = self
            .packages
            .iter()
            .flat_map(|package| package.unresolved.foreign_deps.keys());
        own.chain(foreign)
            .map(|package| package.namespace.clone())
            .collect()
    }

    /// Adds what resolves without a copy in `wit/deps/`, which comes first where there is one.
    pub(crate) fn add_built(&mut self, connectors: &Connectors<'_>) {
        let host = Text {
            name: "agentbox:host".to_owned(),
            text: HOST_WIT.to_owned(),
        };
        self.add(&[host], Origin::Built);
        for text in connectors.texts().flat_map(|connector| &connector.wit) {
            self.add(std::slice::from_ref(text), Origin::Built);
        }
    }

    fn add(&mut self, group: &[Text], origin: Origin) {
        let mut map = SourceMap::new();
        for text in group {
            let mut problems = Problems::new(text);
            let plain = is_plain(&text.text, &mut problems);
            self.problems.extend(problems.into_found());
            if !plain {
                return;
            }
            map.push_str(&text.name, &text.text);
            let source = NamedSource::new(&text.name, text.text.clone());
            self.sources.insert(text.name.clone(), Arc::new(source));
        }
        let Some(first) = group.first() else { return };
        // wit-parser panics on attributes that contradict each other before a foreign path.
        let Ok(parsed) = catch_unwind(AssertUnwindSafe(|| map.parse())) else {
            let mut problems = Problems::new(first);
            let message = "the WIT cannot be read; an attribute may contradict another";
            problems.add(Code::WORLD, &(0..0), message);
            self.problems.extend(problems.into_found());
            return;
        };
        match parsed {
            Ok(parsed) => {
                let map = Arc::new(parsed.source_map);
                let texts: Arc<[Text]> = group.into();
                for unresolved in std::iter::once(parsed.main).chain(parsed.nested) {
                    self.packages.push(Package {
                        unresolved,
                        map: Arc::clone(&map),
                        origin,
                        texts: Arc::clone(&texts),
                    });
                }
            }
            Err((map, error)) => {
                let message = error.kind().to_string().replace('\n', ", ");
                self.problem(Code::WORLD, &(Arc::new(map), error.kind().span()), message);
            }
        }
    }

    /// Adds a problem with a place in the WIT.
    pub(crate) fn problem(
        &mut self,
        code: Code,
        (map, span): &Place,
        message: impl Into<String>,
    ) -> &mut PolicyProblem {
        let place = map.resolve_span(*span);
        let (name, range) = place.map_or(("", 0..0), |place| (place.path, place.range));
        let source = match self.sources.get(name) {
            Some(source) => Arc::clone(source),
            None => Arc::new(NamedSource::new(name, String::new())),
        };
        self.problems
            .push(PolicyProblem::new(code, &source, range, message));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// All imports of the world that the policy names.
    pub(crate) fn world(
        &mut self,
        name: &Item,
        connectors: &Connectors<'_>,
        problems: &mut Problems,
    ) -> Option<Vec<Import>> {
        let mut names = Vec::new();
        let mut found = None;
        for (index, package) in self.own() {
            for (id, world) in package.unresolved.worlds.iter() {
                if is_foreign_world(&package.unresolved, id) {
                    continue;
                }
                let full = package.unresolved.name.interface_id(&world.name);
                let short = full.split('@').next().unwrap_or(&full).to_owned();
                if name.text == full || name.text == short {
                    found = Some((index, id));
                }
                names.push(short);
            }
        }
        let Some((index, id)) = found else {
            // Where the WIT itself is broken, the world may be in it.
            if self.problems.is_empty() {
                let message = format!("no world is called `{}`", name.text.escape_debug());
                let problem = problems.add(Code::WORLD, &name.span, message);
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                match nearest(&name.text, &names) {
                    Some(near) => problem.advise(format!("did you mean `{near}`?")),
                    None if names.is_empty() => problem
                        .advise("put the world in a `.wit` file in `wit/`, beside the policy"),
                    None => problem.advise(format!("`wit/` has {}", super::document::list(&names))),
                };
            }
            return None;
        };
        let mut walk = Walk {
            connectors,
            seen: HashSet::new(),
            imports: Vec::new(),
        };
        self.collect(index, id, None, &mut walk);
        Some(walk.imports)
    }

    /// The packages of `wit/`.
    fn own(&self) -> impl Iterator<Item = (usize, &Package)> {
        let all = self.packages.iter().enumerate();
        all.filter(|(_, package)| package.origin == Origin::Own)
    }

    /// Walks through a world. What it imports is asked for by `by`, or else by its own lines.
    fn collect(&mut self, index: usize, id: WorldId, by: Option<&Place>, walk: &mut Walk<'_, '_>) {
        if !walk.seen.insert((index, id)) || walk.seen.len() > MOST_WORLDS {
            return;
        }
        let map = Arc::clone(&self.packages[index].map);
        let world = self.packages[index].unresolved.worlds[id].clone();
        for (key, item) in &world.imports {
            let place = by.cloned().unwrap_or((Arc::clone(&map), item.span()));
            match (key, item) {
                (WorldKey::Interface(interface), _) => {
                    self.interface(index, *interface, &place, &mut walk.imports);
                }
                (WorldKey::Name(_), WorldItem::Type { id, .. }) => {
                    let owner = self.owner(index, *id);
                    if let Some(interface) = owner {
                        self.interface(index, interface, &place, &mut walk.imports);
                    }
                }
                (WorldKey::Name(name), _) => {
                    let message = format!("`{name}` is not imported as an interface of a package");
                    self.problem(Code::WORLD, &place, message)
                        .advise("an import is written `import namespace:package/interface;`");
                }
            }
        }
        for include in &world.includes {
            let place = by.cloned().unwrap_or((Arc::clone(&map), include.span));
            self.include(index, include.id, &place, by, walk);
        }
    }

    fn include(
        &mut self,
        index: usize,
        id: WorldId,
        place: &Place,
        by: Option<&Place>,
        walk: &mut Walk<'_, '_>,
    ) {
        let foreign = foreign_name(
            &self.packages[index].unresolved,
            |item| matches!(item, AstItem::World(world) if *world == id),
        );
        let Some((package, name)) = foreign else {
            self.collect(index, id, by, walk);
            return;
        };
        let path = format!("{}:{}/{name}", package.namespace, package.name);
        if let Some(wasi) = wasi_world(&path) {
            let version = package
                .version
                .map_or(String::new(), |version| format!("@{version}"));
            walk.imports.extend(wasi.into_iter().map(|import| Import {
                name: format!("{import}{version}"),
                place: place.clone(),
                functions: None,
                texts: None,
            }));
            return;
        }
        let found = self.packages.iter().enumerate().find_map(|(index, other)| {
            let mut worlds = other.unresolved.worlds.iter();
            let world = worlds.find(|(id, world)| {
                world.name == name && !is_foreign_world(&other.unresolved, *id)
            });
            world
                .filter(|_| other.unresolved.name == package)
                .map(|(id, _)| (index, id))
        });
        match found {
            Some((index, id)) => {
                // The policy's author can do nothing about a connector's lines.
                let built = self.packages[index].origin == Origin::Built;
                let by = if built { Some(place) } else { by };
                self.collect(index, id, by, walk);
            }
            None if walk.connectors.is_broken(&package.namespace) => {}
            None => {
                let message = format!(
                    "the world `{}` is not in `wit/deps/`, and no connector has it",
                    package.interface_id(&name)
                );
                self.problem(Code::WORLD, place, message);
            }
        }
    }

    /// Adds an interface, and those whose types it uses.
    fn interface(&self, index: usize, id: InterfaceId, place: &Place, imports: &mut Vec<Import>) {
        let mut waiting = vec![(index, id)];
        while let Some((index, id)) = waiting.pop() {
            let (name, home) = self.locate(index, id);
            if imports.iter().any(|import| import.name == name) {
                continue;
            }
            let interface = home.map(|(index, id)| &self.packages[index].unresolved.interfaces[id]);
            let copy = home.map(|(index, _)| &self.packages[index]);
            let copy = copy.filter(|package| package.origin != Origin::Built);
            imports.push(Import {
                name,
                place: place.clone(),
                functions: interface.map(|interface| interface.functions.len()),
                texts: copy.map(|package| Arc::clone(&package.texts)),
            });
            let (Some((index, id)), Some(interface)) = (home, interface) else {
                continue;
            };
            let owners = interface
                .types
                .values()
                .filter_map(|ty| self.owner(index, *ty));
            waiting.extend(
                owners
                    .filter(|other| *other != id)
                    .map(|other| (index, other)),
            );
        }
    }

    /// An interface's full name, and where its own package defines it, if that is here.
    fn locate(&self, index: usize, id: InterfaceId) -> (String, Option<(usize, InterfaceId)>) {
        let unresolved = &self.packages[index].unresolved;
        let foreign = foreign_name(
            unresolved,
            |item| matches!(item, AstItem::Interface(interface) if *interface == id),
        );
        let Some((package, interface)) = foreign else {
            let interface = unresolved.interfaces[id]
                .name
                .as_deref()
                .unwrap_or_default();
            return (unresolved.name.interface_id(interface), Some((index, id)));
        };
        let home = self.packages.iter().enumerate().find_map(|(index, other)| {
            let mut interfaces = other.unresolved.interfaces.iter();
            let found = interfaces.find(|(_, i)| i.name.as_deref() == Some(&interface));
            found
                .filter(|_| other.unresolved.name == package)
                .map(|(id, _)| (index, id))
        });
        (package.interface_id(&interface), home)
    }

    /// The interface that a type taken by `use` comes from.
    fn owner(&self, index: usize, ty: wit_parser::TypeId) -> Option<InterfaceId> {
        let types = &self.packages[index].unresolved.types;
        let TypeDefKind::Type(Type::Id(original)) = types[ty].kind else {
            return None;
        };
        match types[original].owner {
            TypeOwner::Interface(interface) => Some(interface),
            TypeOwner::World(_) | TypeOwner::None => None,
        }
    }
}

/// A walk through a world and those it includes.
struct Walk<'w, 's> {
    connectors: &'w Connectors<'s>,
    seen: HashSet<(usize, WorldId)>,
    imports: Vec<Import>,
}

/// The most worlds that one can include: far more than any has, and it bounds the recursion.
const MOST_WORLDS: usize = 200;

fn is_foreign_world(package: &UnresolvedPackage, id: WorldId) -> bool {
    foreign_name(
        package,
        |item| matches!(item, AstItem::World(world) if *world == id),
    )
    .is_some()
}

/// The package and name of an item that the package only refers to.
fn foreign_name(
    package: &UnresolvedPackage,
    wanted: impl Fn(&AstItem) -> bool,
) -> Option<(PackageName, String)> {
    package.foreign_deps.iter().find_map(|(name, items)| {
        let found = items.iter().find(|(_, (item, _))| wanted(item));
        found.map(|(item, _)| (name.clone(), item.clone()))
    })
}

#[cfg(test)]
mod tests;
