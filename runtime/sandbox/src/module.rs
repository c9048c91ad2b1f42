//! From any form of WebAssembly to a component: text to binary, core module to component.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasm_encoder::{
    ComponentBuilder, ComponentExportKind, ComponentTypeRef, ComponentValType, ExportKind,
    ModuleArg,
};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::ProgramError;
use crate::exit_code::with_exit_codes;

/// The bytes of the component that `program` is or can be made into.
pub(crate) fn to_component(program: &[u8]) -> Result<Cow<'_, [u8]>, ProgramError> {
    let binary = if program.starts_with(b"\0asm") {
        Cow::Borrowed(program)
    } else {
        Cow::Owned(text_to_binary(program)?)
    };
    if Parser::is_component(&binary) {
        return Ok(binary);
    }
    module_to_component(&binary).map(Cow::Owned)
}

fn text_to_binary(text: &[u8]) -> Result<Vec<u8>, ProgramError> {
    match str::from_utf8(text) {
        Ok(text) if text.trim_start().starts_with(['(', ';']) => {
            wat::parse_str(text).map_err(malformed)
        }
        _ => Err(ProgramError::Malformed(
            "it is neither a WebAssembly binary nor its text form".into(),
        )),
    }
}

fn module_to_component(module: &[u8]) -> Result<Vec<u8>, ProgramError> {
    let shape = Shape::of(module)?;
    if !shape.typed && !shape.starts {
        return Err(ProgramError::NothingToRun);
    }
    if !shape.typed && !shape.imports {
        return bare_to_component(module);
    }
    let module = if shape.typed {
        Cow::Borrowed(module)
    } else {
        with_exit_codes(module)?
    };
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .map_err(not_encodable)?;
    if !shape.typed {
        encoder = encoder
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            )
            .map_err(not_encodable)?;
    }
    encoder.encode().map_err(not_encodable)
}

/// A module that imports nothing needs no adapter: its `_start` becomes `wasi:cli/run`.
fn bare_to_component(module: &[u8]) -> Result<Vec<u8>, ProgramError> {
    let entry = wat::parse_str(
        r#"(module (import "program" "_start" (func $start))
             (func (export "run") (result i32) (call $start) (i32.const 0)))"#,
    )
    .map_err(malformed)?;
    let mut component = ComponentBuilder::default();
    let program = component.core_module_raw(None, module);
    let program = component.core_instantiate(None, program, []);
    let entry = component.core_module_raw(None, &entry);
    let entry =
        component.core_instantiate(None, entry, [("program", ModuleArg::Instance(program))]);
    let run = component.core_alias_export(None, entry, "run", ExportKind::Func);
    let ty = run_type(&mut component);
    let run = component.lift_func(None, run, ty, []);
    // An instance is made by a component: this one passes `run` through.
    let mut interface = ComponentBuilder::default();
    let ty = run_type(&mut interface);
    let passed = interface.import("run", ComponentTypeRef::Func(ty));
    interface.export("run", ComponentExportKind::Func, passed, None);
    let interface = component.component(None, interface);
    let interface =
        component.instantiate(None, interface, [("run", ComponentExportKind::Func, run)]);
    component.export(
        "wasi:cli/run@0.2.0",
        ComponentExportKind::Instance,
        interface,
        None,
    );
    Ok(component.finish())
}

/// `func() -> result`.
fn run_type(component: &mut ComponentBuilder) -> u32 {
    let (result, encoder) = component.type_defined(None);
    encoder.result(None, None);
    let (ty, mut encoder) = component.type_function(None);
    encoder
        .params::<[(&str, ComponentValType); 0], _>([])
        .result(Some(ComponentValType::Type(result)));
    ty
}

/// The encoder's reason, on one line: what failed and why.
pub(crate) fn not_encodable(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ProgramError {
    let mut text = String::new();
    let error = error.into();
    let mut cause: Option<&dyn std::error::Error> = Some(error.as_ref());
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    ProgramError::Malformed(text.replace('\n', " "))
}

pub(crate) fn malformed(error: impl std::fmt::Display) -> ProgramError {
    // A parser quotes the line it failed at, and a line can be all of the program.
    let text = error.to_string();
    let cut = text.floor_char_boundary(MESSAGE_BYTES);
    ProgramError::Malformed(text[..cut].to_owned())
}

/// The longest message about a malformed program.
const MESSAGE_BYTES: usize = 1000;

/// What of a core module decides how it becomes a component.
#[derive(Default)]
struct Shape {
    /// It carries the types of its world, as `wit-bindgen` leaves them.
    typed: bool,
    /// It imports anything at all.
    imports: bool,
    /// It exports `_start`.
    starts: bool,
}

impl Shape {
    fn of(module: &[u8]) -> Result<Self, ProgramError> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(malformed)? {
                Payload::ImportSection(imports) => shape.imports |= imports.count() > 0,
                Payload::ExportSection(exports) => {
                    for export in exports {
                        shape.starts |= export.map_err(malformed)?.name == "_start";
                    }
                }
                Payload::CustomSection(section) => {
                    shape.typed |= section.name().starts_with("component-type");
                }
                _ => {}
            }
        }
        Ok(shape)
    }
}
