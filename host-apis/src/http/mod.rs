//! The `wasi:http` door: a program with any HTTP library sends its request without a key.

mod error;
mod parts;
mod request;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use agentbox_gate::{Gate, Patience, Reply};
use http_body_util::BodyExt;
use wasmtime::component::Linker;
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks, p2,
};

use crate::State;
use error::to_wasi;
use request::to_call;

/// Links `wasi:http/types` and `wasi:http/outgoing-handler`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> Result<(), wasmtime::Error> {
    p2::add_only_http_to_linker_async(linker)?;
    parts::add_to_linker(linker)
}

/// The largest piece of a request's body, in bytes; the host holds two of an unsent one.
const BODY_CHUNK: usize = 32 << 10;

/// Hands each outgoing request to the gate.
pub(crate) struct HttpDoor {
    gate: Arc<dyn Gate>,
}

impl HttpDoor {
    pub(crate) fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate }
    }
}

impl fmt::Debug for HttpDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDoor").finish_non_exhaustive()
    }
}

type Sent = Result<(http::Response<WasiBody>, Finished), Error>;
type Finished = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for HttpDoor {
    /// Lets every header through to the gate, which refuses the call and records it. Were it
    /// forbidden here, it would vanish without a trace.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|_| false)
    }

    /// The host header is the sender's to write.
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// What the host holds of a request's body that nobody has sent yet.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _reply_read: Finished,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let call = to_call(request, patience(options));
        let reply = self.gate.call(call);
        Box::new(async move {
            let reply = reply.await.map_err(|failure| to_wasi(&failure))?;
            let finished: Finished = Box::new(async { Ok(()) });
            Ok((to_response(reply), finished))
        })
    }
}

fn patience(options: Option<RequestOptions>) -> Patience {
    options.map_or_else(Patience::default, |options| Patience {
        call: None,
        connect: options.connect_timeout,
        first_byte: options.first_byte_timeout,
        between_bytes: options.between_bytes_timeout,
    })
}

fn to_response(reply: Reply) -> http::Response<WasiBody> {
    let body = reply
        .body
        .map_err(|failure| to_wasi(&failure))
        .boxed_unsync();
    let mut response = http::Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
