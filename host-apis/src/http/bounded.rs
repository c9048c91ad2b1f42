//! What a program can put into a request that is not sent yet, held to the size that the gate takes.
//!
//! The library bounds headers, paths and schemes. A method and an authority it copies whatever their
//! length, and a program may hold thousands of requests.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;

use crate::State;

/// The interface, as the library links it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// The longest method or authority, in bytes: no URL that is longer passes the gate.
const WORD_BYTES: usize = 8 << 10;

type Request = Resource<HostOutgoingRequest>;
type Taken = (core::result::Result<(), ()>,);

/// Puts bounded functions in the place of the library's own.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, State>, (request, method): (Request, Method)| {
            if matches!(&method, Method::Other(word) if word.len() > WORD_BYTES) {
                return Ok::<Taken, _>((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, State>, (request, word): (Request, Option<String>)| {
            if word.as_ref().is_some_and(|word| word.len() > WORD_BYTES) {
                return Ok::<Taken, _>((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, word)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
