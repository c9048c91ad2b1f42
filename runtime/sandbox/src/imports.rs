//! What a program imports, with the types of its functions in the policy's own words.

use agentbox_policy::{Case, Field, Import, Shape, Signature};
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem, Type};

use crate::Engine;

/// Types of one program that are written out, each use of each counted. Types share their parts, so
/// a small program can have types without end; all operations of a large API have some ten thousand.
const TYPES: usize = 1 << 18;

/// Every import of `component`. The functions of WASI and of agentbox's own interfaces are left out:
/// the linker compares those.
pub(crate) fn imports(engine: &Engine, component: &Component) -> Vec<Import> {
    let mut writer = Writer { left: TYPES };
    let ty = component.component_type();
    ty.imports(engine.wasmtime())
        .map(|(name, import)| Import {
            name: name.to_owned(),
            types_only: has_only_types(engine, &import.ty),
            functions: match &import.ty {
                ComponentItem::ComponentInstance(instance) if !is_known(name) => {
                    writer.functions(engine, instance)
                }
                _ => Vec::new(),
            },
        })
        .collect()
}

/// Whether the import is of a package whose types this build brings itself.
fn is_known(import: &str) -> bool {
    import.starts_with("wasi:") || import.starts_with("agentbox:")
}

/// Whether an import is a type, or an interface of nothing but types. A resource is more: its owner
/// runs code when one is dropped.
fn has_only_types(engine: &Engine, import: &ComponentItem) -> bool {
    match import {
        ComponentItem::Type(_) => true,
        ComponentItem::ComponentInstance(instance) => {
            let mut exports = instance.exports(engine.wasmtime()).peekable();
            // One of nothing at all says nothing of what it is.
            exports.peek().is_some()
                && exports.all(|(_, export)| matches!(export.ty, ComponentItem::Type(_)))
        }
        _ => false,
    }
}

/// Writes types out until there have been too many.
struct Writer {
    left: usize,
}

impl Writer {
    fn functions(
        &mut self,
        engine: &Engine,
        instance: &ComponentInstance,
    ) -> Vec<(String, Signature)> {
        instance
            .exports(engine.wasmtime())
            .filter_map(|(name, export)| match export.ty {
                ComponentItem::ComponentFunc(function) => {
                    Some((name.to_owned(), self.signature(&function)))
                }
                _ => None,
            })
            .collect()
    }

    fn signature(&mut self, function: &ComponentFunc) -> Signature {
        let params = function
            .params()
            .map(|(name, ty)| (name.to_owned(), self.shape(&ty)))
            .collect();
        let result = function.results().next().map(|ty| self.shape(&ty));
        // No operation is an `async` function, and none may pass for one that is not.
        let result = if function.async_() {
            Some(Shape::Other("async".to_owned()))
        } else {
            result
        };
        Signature::new(params, result)
    }

    fn shape(&mut self, ty: &Type) -> Shape {
        let Some(left) = self.left.checked_sub(1) else {
            return Shape::Other("a type too large to write out".to_owned());
        };
        self.left = left;
        match ty {
            Type::Bool => Shape::Bool,
            Type::S8 => Shape::S8,
            Type::U8 => Shape::U8,
            Type::S16 => Shape::S16,
            Type::U16 => Shape::U16,
            Type::S32 => Shape::S32,
            Type::U32 => Shape::U32,
            Type::S64 => Shape::S64,
            Type::U64 => Shape::U64,
            Type::Float32 => Shape::F32,
            Type::Float64 => Shape::F64,
            Type::Char => Shape::Char,
            Type::String => Shape::String,
            Type::List(list) => Shape::List(Box::new(self.shape(&list.ty()))),
            Type::Option(option) => Shape::Option(Box::new(self.shape(&option.ty()))),
            Type::Tuple(tuple) => Shape::Tuple(tuple.types().map(|ty| self.shape(&ty)).collect()),
            Type::Record(record) => Shape::Record(
                record
                    .fields()
                    .map(|field| Field::new(field.name, self.shape(&field.ty)))
                    .collect(),
            ),
            Type::Enum(ty) => Shape::Enum(ty.names().map(Case::new).collect()),
            Type::Flags(flags) => Shape::Flags(flags.names().map(str::to_owned).collect()),
            Type::Variant(variant) => Shape::Variant(
                variant
                    .cases()
                    .map(|case| (case.name.to_owned(), case.ty.map(|ty| self.shape(&ty))))
                    .collect(),
            ),
            Type::Result(result) => {
                let ok = result.ok().map(|ty| Box::new(self.shape(&ty)));
                let err = result.err().map(|ty| Box::new(self.shape(&ty)));
                Shape::Result(ok, err)
            }
            Type::Own(_) => Shape::Other("own".to_owned()),
            Type::Borrow(_) => Shape::Other("borrow".to_owned()),
            Type::Future(_) => Shape::Other("future".to_owned()),
            Type::Stream(_) => Shape::Other("stream".to_owned()),
            Type::Map(_) => Shape::Other("map".to_owned()),
            Type::ErrorContext => Shape::Other("error-context".to_owned()),
            Type::FixedLengthList(list) => Shape::Other(format!("list<_, {}>", list.len())),
        }
    }
}
