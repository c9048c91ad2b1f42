//! From any form of WebAssembly to a component: text to binary, core module to component.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{
    ComponentBuilder, ComponentExportKind, ComponentTypeRef, ComponentValType, ExportKind,
    ModuleArg,
};
use wasmparser::{ExternalKind, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::ProgramError;
use crate::exit_code::with_exit_codes;
use crate::host_world;

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
    if !shape.typed {
        shape.check_imports()?;
        if !shape.starts && !shape.runs {
            return Err(ProgramError::NothingToRun);
        }
        if shape.starts && !shape.imports {
            return bare_to_component(module);
        }
    }
    let mut module = if shape.preview1 {
        with_exit_codes(module)?
    } else {
        Cow::Borrowed(module)
    };
    if !shape.typed && (shape.is_run() || !shape.host.is_empty()) {
        shape.check_canonical_abi()?;
        host_world::embed(module.to_mut(), shape.is_run())?;
    }
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .map_err(not_encodable)?;
    if let Some(adapter) = shape.adapter() {
        encoder = encoder
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)
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

/// A name of the module's own, for people.
fn shown(name: &str) -> String {
    name.chars()
        .take(NAME_CHARS)
        .flat_map(char::escape_default)
        .collect()
}

/// The longest name that a message repeats, in characters.
const NAME_CHARS: usize = 64;

/// What of a core module decides how it becomes a component.
#[derive(Default)]
struct Shape {
    /// It carries the types of its world, as `wit-bindgen` leaves them.
    typed: bool,
    /// It imports anything at all.
    imports: bool,
    /// It imports WASI preview 1.
    preview1: bool,
    /// The functions of `agentbox:host` that it imports.
    host: Vec<String>,
    /// The first module it imports from that is neither of those two.
    foreign: Option<String>,
    /// It exports `_start`.
    starts: bool,
    /// It exports `run`.
    runs: bool,
    /// It exports a memory named `memory`.
    memory: bool,
    /// It exports `cabi_realloc`.
    realloc: bool,
}

impl Shape {
    fn of(module: &[u8]) -> Result<Self, ProgramError> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(malformed)? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(malformed)?;
                        shape.imports = true;
                        if import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME {
                            shape.preview1 = true;
                        } else if host_world::is_host(import.module) {
                            shape.host.push(import.name.to_owned());
                        } else {
                            shape.foreign.get_or_insert(shown(import.module));
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(malformed)?;
                        match (export.name, export.kind) {
                            ("_start", ExternalKind::Func) => shape.starts = true,
                            ("run", ExternalKind::Func) => shape.runs = true,
                            ("memory", ExternalKind::Memory) => shape.memory = true,
                            ("cabi_realloc", ExternalKind::Func) => shape.realloc = true,
                            _ => {}
                        }
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

    /// Whether it is run by its `run`. Where there is a `_start` as well, that is the program.
    fn is_run(&self) -> bool {
        self.runs && !self.starts
    }

    /// What stands between WASI preview 1 and the WASI of components.
    fn adapter(&self) -> Option<&'static [u8]> {
        if self.starts && (self.preview1 || !self.typed) {
            // This one also makes `wasi:cli/run` of `_start`.
            Some(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        } else if self.preview1 {
            Some(WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)
        } else {
            None
        }
    }

    /// Whether all it imports is known without types.
    fn check_imports(&self) -> Result<(), ProgramError> {
        let Some(foreign) = &self.foreign else {
            return Ok(());
        };
        Err(ProgramError::Malformed(format!(
            "it imports from `{foreign}`, and a module without types has only \
             `{WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME}` and `agentbox:host/invoke@0.1.0`; build it with \
             the types of its world, as `wit-bindgen` does"
        )))
    }

    /// Whether text can be passed in and out, as the canonical ABI does it.
    fn check_canonical_abi(&self) -> Result<(), ProgramError> {
        if !self.memory {
            return Err(ProgramError::Malformed(
                "it exports no memory named `memory`, through which text is passed".into(),
            ));
        }
        if self.host.iter().any(|name| name == "wait") && !self.realloc {
            return Err(ProgramError::Malformed(
                "it imports `wait` and exports no function `cabi_realloc`, which takes four `i32` \
                 and makes room for an answer"
                    .into(),
            ));
        }
        Ok(())
    }
}
