//! Listings of directories: what the host holds of one counts, and one that does not fit is refused.
//!
//! The library reads a directory to its end when a program asks for its entries, and keeps them until
//! the program drops the stream. Its directories are the operator's or its own, and may have any
//! number of entries; and a program may hold thousands of streams.

use agentbox_gate::{Held, NoRoom, Room};
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DirectoryEntry, ErrorCode, HostDescriptor as _,
};
use wasmtime_wasi::p2::{FsError, ReaddirIterator};

use crate::State;

/// The interface, as the library links it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// What one entry takes up beside its name.
const ENTRY_BYTES: usize = size_of::<Entry>() + 16;

type Entry = core::result::Result<DirectoryEntry, ErrorCode>;
type Next = core::result::Result<Option<DirectoryEntry>, ErrorCode>;

/// The entries of a directory that a program has not read yet.
struct Listing {
    entries: std::vec::IntoIter<Entry>,
    _held: Held,
}

/// Puts a stream of entries that is counted in the place of the library's own.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.resource(
        "directory-entry-stream",
        ResourceType::host::<Listing>(),
        |mut store, handle| {
            let table = store.data_mut().ctx().table;
            table.delete(Resource::<Listing>::new_own(handle))?;
            Ok(())
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, State>, (folder,): (Resource<Descriptor>,)| {
            Box::new(async move { Ok((read(store.data_mut(), folder).await?,)) })
        },
    )?;
    types.func_wrap(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: StoreContextMut<'_, State>, (listing,): (Resource<Listing>,)| {
            let listing = store.data_mut().ctx().table.get_mut(&listing)?;
            let next: Next = listing.entries.next().transpose();
            Ok((next,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Reads a directory, and holds its entries until the stream is dropped.
async fn read(
    state: &mut State,
    folder: Resource<Descriptor>,
) -> Result<core::result::Result<Resource<Listing>, ErrorCode>> {
    let room = state.room().clone();
    let entries = match state.filesystem().read_directory(folder).await {
        Ok(entries) => state.ctx().table.delete(entries)?,
        Err(error) => return Ok(Err(error.downcast()?)),
    };
    let Ok(listing) = held(entries, &room)? else {
        return Ok(Err(ErrorCode::InsufficientMemory));
    };
    Ok(Ok(state.ctx().table.push(listing)?))
}

/// The entries of a directory, where there is room for them.
fn held(from: ReaddirIterator, room: &Room) -> Result<core::result::Result<Listing, NoRoom>> {
    let mut held = room.nothing();
    let mut entries = Vec::new();
    for entry in from {
        let entry = entry.map_or_else(|error: FsError| error.downcast().map(Err), |e| Ok(Ok(e)))?;
        let name = entry.as_ref().map_or(0, |entry| entry.name.capacity());
        if let Err(full) = held.more(ENTRY_BYTES + name) {
            return Ok(Err(full));
        }
        entries.push(entry);
    }
    entries.shrink_to_fit();
    Ok(Ok(Listing {
        entries: entries.into_iter(),
        _held: held,
    }))
}
