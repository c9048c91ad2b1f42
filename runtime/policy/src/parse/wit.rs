//! `world`, and the WIT packages beside the policy.
//!
//! What the author wrote is read from the unresolved packages: resolving would lose the places,
//! and would want the packages of WASI, of which only the names matter here.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use miette::NamedSource;
use wit_parser::{
    AstItem, InterfaceId, PackageName, SourceMap, Span, Type, TypeDefKind, TypeOwner,
    UnresolvedPackage, WorldId, WorldItem, WorldKey,
};

use crate::base::{Standing, standing, wasi_world};
use crate::code::Code;
use crate::policy::{Sources, Text, World};
use crate::problem::PolicyProblem;

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
    // Of `wit/` itself and not of `wit/deps/`.
    own: bool,
}

/// An import of a world, and the place that asks for it.
struct Import {
    name: String,
    place: (Arc<SourceMap>, Span),
    /// Known to hold nothing that could be called.
    only_types: bool,
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
    packages.add(&sources.wit, true);
    for group in &sources.deps {
        packages.add(group, false);
    }
    packages
}

/// The most WIT: the interfaces of a large API take one of these sixteen files' worth.
const MOST_WIT: usize = 16 * LONGEST_FILE;

impl Packages {
    fn add(&mut self, group: &[Text], own: bool) {
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
                for unresolved in std::iter::once(parsed.main).chain(parsed.nested) {
                    self.packages.push(Package {
                        unresolved,
                        map: Arc::clone(&map),
                        own,
                    });
                }
            }
            Err((map, error)) => {
                let message = error.kind().to_string().replace('\n', ", ");
                self.problem(Code::WORLD, &(Arc::new(map), error.kind().span()), message);
            }
        }
    }

    fn problem(
        &mut self,
        code: Code,
        (map, span): &(Arc<SourceMap>, Span),
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

    /// The world that the policy names, with all its imports.
    pub(crate) fn world(&mut self, name: &Item, problems: &mut Problems) -> Option<World> {
        let mut names = Vec::new();
        let mut found = None;
        for (index, package) in self.packages.iter().enumerate().filter(|(_, p)| p.own) {
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
        let mut imports = Vec::new();
        self.collect(index, id, &mut HashSet::new(), &mut imports);
        let imports = self.check(imports);
        Some(World {
            name: name.text.clone(),
            imports,
        })
    }

    /// Refuses what cannot be enforced, and gives the names of the rest, each once.
    fn check(&mut self, imports: Vec<Import>) -> Vec<String> {
        let mut versions: HashMap<String, String> = HashMap::new();
        let mut names = Vec::new();
        for import in imports {
            let path = import.name.split('@').next().unwrap_or_default().to_owned();
            match versions.get(&path) {
                Some(other) if *other == import.name => continue,
                Some(_)
                    if matches!(
                        standing(&import.name),
                        Standing::Base | Standing::OutgoingHttp
                    ) =>
                {
                    continue;
                }
                Some(other) => {
                    let message = format!("`{}` is imported beside `{other}`", import.name);
                    self.problem(Code::DUPLICATE, &import.place, message)
                        .advise("a world has one version of an interface");
                    continue;
                }
                None => {}
            }
            versions.insert(path, import.name.clone());
            match standing(&import.name) {
                Standing::Base | Standing::OutgoingHttp => {}
                Standing::Operation if import.only_types => {}
                Standing::Operation => {
                    let message = format!(
                        "`{}` needs a connector, and this build has no connectors",
                        import.name
                    );
                    self.problem(Code::NOT_ENFORCED, &import.place, message)
                        .advise("reach the API over `wasi:http` and an `[http.NAME]` table");
                }
                Standing::Unsupported => {
                    let message = format!("this build does not have `{}`", import.name);
                    self.problem(Code::NOT_ENFORCED, &import.place, message)
                        .advise("it has the interfaces of WASI 0.2");
                }
            }
            names.push(import.name);
        }
        names
    }

    fn collect(
        &mut self,
        index: usize,
        id: WorldId,
        seen: &mut HashSet<(usize, WorldId)>,
        imports: &mut Vec<Import>,
    ) {
        if !seen.insert((index, id)) || seen.len() > MOST_WORLDS {
            return;
        }
        let map = Arc::clone(&self.packages[index].map);
        let world = self.packages[index].unresolved.worlds[id].clone();
        for (key, item) in &world.imports {
            let place = (Arc::clone(&map), item.span());
            match (key, item) {
                (WorldKey::Interface(interface), _) => {
                    self.interface(index, *interface, &place, imports);
                }
                (WorldKey::Name(_), WorldItem::Type { id, .. }) => {
                    let owner = self.owner(index, *id);
                    if let Some(interface) = owner {
                        self.interface(index, interface, &place, imports);
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
            let place = (Arc::clone(&map), include.span);
            self.include(index, include.id, &place, seen, imports);
        }
    }

    fn include(
        &mut self,
        index: usize,
        id: WorldId,
        place: &(Arc<SourceMap>, Span),
        seen: &mut HashSet<(usize, WorldId)>,
        imports: &mut Vec<Import>,
    ) {
        let foreign = foreign_name(
            &self.packages[index].unresolved,
            |item| matches!(item, AstItem::World(world) if *world == id),
        );
        let Some((package, name)) = foreign else {
            self.collect(index, id, seen, imports);
            return;
        };
        let path = format!("{}:{}/{name}", package.namespace, package.name);
        if let Some(wasi) = wasi_world(&path) {
            let version = package
                .version
                .map_or(String::new(), |version| format!("@{version}"));
            imports.extend(wasi.into_iter().map(|import| Import {
                name: format!("{import}{version}"),
                place: place.clone(),
                only_types: false,
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
            Some((index, id)) => self.collect(index, id, seen, imports),
            None => {
                let message = format!(
                    "the world `{}` is not in `wit/deps/`",
                    package.interface_id(&name)
                );
                self.problem(Code::WORLD, place, message);
            }
        }
    }

    /// Adds an interface, and those whose types it uses.
    fn interface(
        &self,
        index: usize,
        id: InterfaceId,
        place: &(Arc<SourceMap>, Span),
        imports: &mut Vec<Import>,
    ) {
        let mut waiting = vec![(index, id)];
        while let Some((index, id)) = waiting.pop() {
            let (name, home) = self.locate(index, id);
            if imports.iter().any(|import| import.name == name) {
                continue;
            }
            let interface = home.map(|(index, id)| &self.packages[index].unresolved.interfaces[id]);
            let only_types = interface.is_some_and(|interface| interface.functions.is_empty());
            imports.push(Import {
                name,
                place: place.clone(),
                only_types,
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
