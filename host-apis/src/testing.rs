//! What the tests of this crate share: a gate that is a function, and programs of a few lines.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentbox_gate::{Body, Call, Failure, Gate, GateFuture, Reply, Room, Stop};
use agentbox_policy::{Bounds, CallHead, HOST_WIT, RefusedHead};
use agentbox_sandbox::{
    Compiler, Ending, Engine, Guest, GuestSetup, Input, Output, Program, Sink, run,
};
use bytes::Bytes;
use wasmtime::component::Linker;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::State;

/// A gate that answers with a function, and remembers what was asked.
pub(crate) struct Fake<F> {
    answer: F,
    asked: Mutex<Vec<CallHead>>,
}

impl<F> Fake<F>
where
    F: Fn(Call) -> GateFuture<Result<Reply, Failure>> + Send + Sync + 'static,
{
    pub(crate) fn new(answer: F) -> Arc<Self> {
        let asked = Mutex::default();
        Arc::new(Self { answer, asked })
    }

    /// The arguments of each call of an operation, in order.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(arguments).collect()
    }

    /// The codes of what was refused before it came here.
    pub(crate) fn refused(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let codes = asked.iter().filter_map(|head| match head {
            CallHead::Refused(head) => Some(head.code.to_string()),
            _ => None,
        });
        codes.collect()
    }

    pub(crate) fn asked(&self) -> Vec<CallHead> {
        self.asked.lock().unwrap().clone()
    }
}

impl<F> Gate for Fake<F>
where
    F: Fn(Call) -> GateFuture<Result<Reply, Failure>> + Send + Sync,
{
    fn call(&self, call: Call) -> GateFuture<Result<Reply, Failure>> {
        self.asked.lock().unwrap().push(call.head.clone());
        match call.head {
            // As the broker does it, so that no test takes one for a call that may go on.
            CallHead::Refused(RefusedHead {
                code, ref message, ..
            }) => {
                let denied = call.head.refuse(code, message);
                at_once(Err(Failure::from(&denied)))
            }
            _ => (self.answer)(call),
        }
    }
}

/// The arguments of a call of an operation.
pub(crate) fn arguments(head: &CallHead) -> String {
    match head {
        CallHead::Operation(head) => head.arguments.clone(),
        head => panic!("{head:?} is no operation"),
    }
}

/// A good reply of this text.
pub(crate) fn reply(text: impl Into<Bytes>) -> Reply {
    Reply {
        status: http::StatusCode::OK,
        headers: http::HeaderMap::new(),
        body: Body::full(text.into()),
    }
}

/// A gate's answer, at once.
pub(crate) fn at_once(given: Result<Reply, Failure>) -> GateFuture<Result<Reply, Failure>> {
    Box::pin(async { given })
}

/// A gate's answer, after so many milliseconds.
pub(crate) fn after(milliseconds: u64) -> GateFuture<Result<Reply, Failure>> {
    Box::pin(async move {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        Ok(reply("{}"))
    })
}

/// A core module that carries the types of the world `w`.
pub(crate) fn typed(wit: &str, module: &str) -> Vec<u8> {
    typed_with(&[], wit, module)
}

/// The same, with other packages that its world needs.
pub(crate) fn typed_with(packages: &[&str], wit: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_str("host.wit", HOST_WIT).unwrap();
    for package in packages {
        resolve.push_str("package.wit", package).unwrap();
    }
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// Runs a program to its end, with what `link` links besides what every program gets.
pub(crate) async fn ending(
    program: &[u8],
    gate: Arc<dyn Gate>,
    link: impl FnOnce(&mut Linker<State>, &Program),
) -> Ending {
    let engine = Engine::new().unwrap();
    let program = Compiler::InProcess
        .compile(&engine, program, &Bounds::default())
        .unwrap();
    let mut linker = crate::linker(&engine).unwrap();
    link(&mut linker, &program);
    let sink = || Sink {
        write: Box::new(std::io::sink()),
        terminal: false,
    };
    let setup = GuestSetup {
        args: &["program".to_owned()],
        env: &[],
        input: Input::Bytes(Bytes::new()),
        output: Output {
            stdout: sink(),
            stderr: sink(),
        },
        preopens: &[],
        bounds: &Bounds::default(),
    };
    let guest = Guest::new(setup, &Stop::new()).unwrap();
    let room = Room::new(Bounds::default().host_memory);
    let state = State::new(guest, gate, &Bounds::default(), &room);
    run(&engine, &program, &linker, state, &Bounds::default()).await
}
