//! Types of WIT as shapes, with the names that an API's JSON has for them.

use std::collections::{HashMap, HashSet};

use wit_parser::{Function, Handle, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner};

use crate::shape::{Case, Field, Pointer, Shape, Signature};

/// How an API's JSON spells the names that WIT has in `kebab-case`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    Camel,
    Kebab,
    Snake,
}

/// What `[types]` says of one field or case.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) at: Option<Pointer>,
    pub(super) key: Option<String>,
    pub(super) text: bool,
}

/// The rules of each type, by field or case.
pub(super) type Rules = HashMap<TypeId, HashMap<String, Rule>>;

/// Makes shapes of one function's types.
pub(super) struct Shapes<'w> {
    resolve: &'w Resolve,
    names: Names,
    rules: &'w Rules,
    /// How many more parts the types may have.
    left: usize,
}

/// How deep a type may be, with all that it is made of.
const DEEPEST: usize = 32;

/// How many parts the types of one function may have: named types multiply when they are used, so
/// a few lines can mean more than fits into memory.
const MOST_PARTS: usize = 10_000;

impl Names {
    pub(super) const ALL: &'static [(&'static str, Self)] = &[
        ("snake_case", Self::Snake),
        ("camelCase", Self::Camel),
        ("kebab-case", Self::Kebab),
    ];

    /// A name of WIT, as the API spells it.
    pub(super) fn spell(self, name: &str) -> String {
        match self {
            Self::Kebab => name.to_owned(),
            Self::Snake => name.replace('-', "_"),
            Self::Camel => {
                let mut words = name.split('-');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |mut all, word| {
                    let mut letters = word.chars();
                    all.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                    all.push_str(letters.as_str());
                    all
                })
            }
        }
    }
}

impl<'w> Shapes<'w> {
    pub(super) fn new(resolve: &'w Resolve, names: Names, rules: &'w Rules) -> Self {
        Self {
            resolve,
            names,
            rules,
            left: MOST_PARTS,
        }
    }

    /// A function's parameters and result.
    pub(super) fn signature(mut self, function: &Function) -> Result<Signature, String> {
        let params = function
            .params
            .iter()
            .map(|param| Ok((param.name.clone(), self.shape(&param.ty, 0)?)))
            .collect::<Result<_, String>>()?;
        let result = match &function.result {
            Some(ty) => Some(self.shape(ty, 0)?),
            None => None,
        };
        Ok(Signature { params, result })
    }

    fn shape(&mut self, ty: &Type, depth: usize) -> Result<Shape, String> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| format!("its types have more than {MOST_PARTS} parts"))?;
        if depth > DEEPEST {
            return Err(format!("its types are nested more than {DEEPEST} deep"));
        }
        Ok(match ty {
            Type::Bool => Shape::Bool,
            Type::U8 => Shape::U8,
            Type::U16 => Shape::U16,
            Type::U32 => Shape::U32,
            Type::U64 => Shape::U64,
            Type::S8 => Shape::S8,
            Type::S16 => Shape::S16,
            Type::S32 => Shape::S32,
            Type::S64 => Shape::S64,
            Type::F32 => Shape::F32,
            Type::F64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::ErrorContext => Shape::Other("error-context".to_owned()),
            Type::Id(id) => return self.named(*id, depth),
        })
    }

    fn named(&mut self, id: TypeId, depth: usize) -> Result<Shape, String> {
        let resolve = self.resolve;
        let id = original(resolve, id);
        let Some(def) = resolve.types.get(id) else {
            return Err("a type is not there".to_owned());
        };
        let next = depth + 1;
        Ok(match &def.kind {
            TypeDefKind::Type(ty) => return self.shape(ty, next),
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                for field in &record.fields {
                    let shape = self.shape(&field.ty, next)?;
                    fields.push(self.field(id, &field.name, shape));
                }
                Shape::Record(fields)
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter();
                Shape::Enum(cases.map(|case| self.case(id, &case.name)).collect())
            }
            TypeDefKind::Tuple(tuple) => Shape::Tuple(
                tuple
                    .types
                    .iter()
                    .map(|ty| self.shape(ty, next))
                    .collect::<Result<_, _>>()?,
            ),
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::new();
                for case in &variant.cases {
                    cases.push((case.name.clone(), self.maybe(case.ty.as_ref(), next)?));
                }
                Shape::Variant(cases)
            }
            TypeDefKind::Option(ty) => Shape::Option(Box::new(self.shape(ty, next)?)),
            TypeDefKind::List(ty) => Shape::List(Box::new(self.shape(ty, next)?)),
            TypeDefKind::Result(result) => {
                let ok = self.maybe(result.ok.as_ref(), next)?.map(Box::new);
                let err = self.maybe(result.err.as_ref(), next)?.map(Box::new);
                Shape::Result(ok, err)
            }
            TypeDefKind::Flags(flags) => {
                Shape::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect())
            }
            other => Shape::Other(self.written(def, other)),
        })
    }

    fn maybe(&mut self, ty: Option<&Type>, depth: usize) -> Result<Option<Shape>, String> {
        ty.map(|ty| self.shape(ty, depth)).transpose()
    }

    fn field(&self, record: TypeId, name: &str, shape: Shape) -> Field {
        let rule = self.rule(record, name);
        Field {
            name: name.to_owned(),
            shape,
            key: rule
                .and_then(|rule| rule.key.clone())
                .unwrap_or_else(|| self.names.spell(name)),
            at: rule.and_then(|rule| rule.at.clone()),
            text: rule.is_some_and(|rule| rule.text),
        }
    }

    fn case(&self, of: TypeId, name: &str) -> Case {
        let key = self.rule(of, name).and_then(|rule| rule.key.clone());
        Case {
            name: name.to_owned(),
            key: key.unwrap_or_else(|| self.names.spell(name)),
        }
    }

    fn rule(&self, of: TypeId, name: &str) -> Option<&Rule> {
        self.rules.get(&of)?.get(name)
    }

    /// A type that no JSON can carry, as WIT writes it.
    fn written(&self, def: &TypeDef, kind: &TypeDefKind) -> String {
        let name = |id: &TypeId| {
            let id = original(self.resolve, *id);
            let def = self.resolve.types.get(id);
            def.and_then(|def| def.name.clone()).unwrap_or_default()
        };
        match kind {
            TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", name(id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name(id)),
            other => match &def.name {
                Some(name) => format!("{} {name}", other.as_str()),
                None => other.as_str().to_owned(),
            },
        }
    }
}

/// The type that an alias, or `use`, stands for.
pub(super) fn original(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let Some(TypeDef {
        kind: TypeDefKind::Type(Type::Id(other)),
        ..
    }) = resolve.types.get(id)
    {
        id = *other;
    }
    id
}

/// Whether the type is `agentbox:host/errors.error`.
pub(super) fn is_error(resolve: &Resolve, ty: &Type) -> bool {
    let Type::Id(id) = ty else { return false };
    let Some(def) = resolve.types.get(original(resolve, *id)) else {
        return false;
    };
    let TypeOwner::Interface(owner) = def.owner else {
        return false;
    };
    let interface = resolve.id_of(owner);
    let interface = interface.as_deref().unwrap_or_default();
    def.name.as_deref() == Some("error") && interface.starts_with("agentbox:host/errors@")
}

/// The first part of a shape that JSON cannot carry: where it is, and what it is.
pub(super) fn not_carried(shape: &Shape, path: &str) -> Option<(String, String)> {
    let here = |what: &str| Some((path.to_owned(), what.to_owned()));
    match shape {
        Shape::Flags(_) => here("flags"),
        Shape::Variant(_) => here("a variant"),
        Shape::Result(..) => here("a result"),
        Shape::Other(text) => here(&format!("`{text}`")),
        Shape::Option(inner) if matches!(**inner, Shape::Option(_)) => {
            here("an option of an option")
        }
        Shape::Option(inner) => not_carried(inner, path),
        Shape::List(inner) => not_carried(inner, &format!("{path}[]")),
        Shape::Tuple(parts) => parts
            .iter()
            .enumerate()
            .find_map(|(at, part)| not_carried(part, &format!("{path}.{at}"))),
        Shape::Record(fields) if has_twins(fields.iter().map(|field| &field.key)) => {
            here("a record with two fields of one name")
        }
        Shape::Enum(cases) if has_twins(cases.iter().map(|case| &case.key)) => {
            here("an enum with two cases of one name")
        }
        Shape::Record(fields) => fields
            .iter()
            .find_map(|field| not_carried(&field.shape, &format!("{path}.{}", field.name))),
        _ => None,
    }
}

fn has_twins<'k>(mut keys: impl Iterator<Item = &'k String>) -> bool {
    let mut seen = HashSet::new();
    !keys.all(|key| seen.insert(key))
}
