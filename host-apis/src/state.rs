//! The data of a guest's store: its share of the sandbox, and its doors.

use std::fmt;
use std::sync::Arc;

use agentbox_gate::{Gate, Room};
use agentbox_policy::Bounds;
use agentbox_sandbox::{Guest, Host};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::http::HttpDoor;
use crate::invoke::Calls;

/// What the host holds for one guest.
#[derive(Debug)]
pub struct State {
    guest: Guest,
    http: WasiHttpCtx,
    http_door: HttpDoor,
    calls: Calls,
    room: Room,
    gate: OpenGate,
}

impl State {
    /// The state of `guest`, all of whose calls go to `gate`, in a run of these bounds. `room` is what
    /// the host may hold for its calls, on both sides of the gate.
    #[must_use]
    pub fn new(guest: Guest, gate: Arc<dyn Gate>, bounds: &Bounds, room: &Room) -> Self {
        Self {
            guest,
            http: http_context(),
            http_door: HttpDoor::new(Arc::clone(&gate)),
            calls: Calls::new(Arc::clone(&gate), bounds, room.clone()),
            room: room.clone(),
            gate: OpenGate(gate),
        }
    }

    /// Where all its calls go.
    pub(crate) fn gate(&self) -> &Arc<dyn Gate> {
        &self.gate.0
    }

    /// What the host may hold for its calls.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    /// Its calls by name.
    pub(crate) fn calls(&mut self) -> &mut Calls {
        &mut self.calls
    }
}

/// The gate, which says nothing of itself.
struct OpenGate(Arc<dyn Gate>);

impl fmt::Debug for OpenGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

/// The most that one set of headers may take, in the host's memory. The gate takes no more in all.
const FIELD_BYTES: usize = 64 << 10;

fn http_context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(FIELD_BYTES);
    context
}

impl Host for State {
    fn guest(&mut self) -> &mut Guest {
        &mut self.guest
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.guest.wasi()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http_door,
            table: self.guest.table(),
            ctx: &mut self.http,
        }
    }
}
