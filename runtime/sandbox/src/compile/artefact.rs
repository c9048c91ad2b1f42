//! Native code, and the one place where bytes become it.

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::ProgramError;

/// A component as native code, in wasmtime's own serialised form.
///
/// INVARIANT: the bytes are wasmtime's output, from this process or through the pipe of a child that
/// runs the same executable. They are never read from a file, and never taken from a caller.
pub(crate) struct Artefact(Vec<u8>);

impl Artefact {
    /// Validates and compiles a component.
    pub(super) fn compile(engine: &Engine, component: &[u8]) -> Result<Self, ProgramError> {
        match engine.precompile_component(component) {
            Ok(code) => Ok(Self(code)),
            Err(error) if is_out_of_memory(&error) => Err(ProgramError::OutOfMemory),
            Err(error) => Err(ProgramError::Malformed(
                format!("{error:#}").replace('\n', " "),
            )),
        }
    }

    /// What the child that was started to compile has answered.
    pub(super) fn of_child(answer: Vec<u8>) -> Self {
        Self(answer)
    }

    /// The code of a component that is loaded already, to load it for another engine.
    pub(crate) fn of(component: &Component) -> Result<Self, wasmtime::Error> {
        component.serialize().map(Self)
    }

    /// The bytes, for the pipe.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Loads the code, to be run by `engine`.
    pub(crate) fn load(&self, engine: &Engine) -> Result<Component, wasmtime::Error> {
        #[expect(
            unsafe_code,
            reason = "native code is run as it is; by the invariant above it is wasmtime's own output"
        )]
        // SAFETY: the bytes come from `precompile_component` or `serialize`, unchanged.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}

/// Whether compiling failed for want of memory, where that was an error and no abort.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<wasmtime::error::OutOfMemory>()
            || cause
                .downcast_ref::<rustix::io::Errno>()
                .is_some_and(|errno| *errno == rustix::io::Errno::NOMEM)
    })
}
