//! The typed door: an operation is a function that the program imports.

mod error;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::future::Future;
use std::sync::Arc;

use agentbox_gate::{Body, Call, Failure, Gate, Patience, Room};
use agentbox_policy::{CallHead, Code, Import, OperationHead, Policy, RefusedHead};
use http_body_util::BodyExt;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{Linker, Val};

use crate::State;
use error::to_val;

/// Links each operation that the program imports and `policy` grants.
///
/// An import that is not granted stays unlinked, so a program that was not checked does not start.
///
/// # Errors
/// When a function is linked already.
pub fn link_operations(
    linker: &mut Linker<State>,
    imports: &[Import],
    policy: &Policy,
) -> Result<(), wasmtime::Error> {
    let most = usize::try_from(policy.bounds().arguments).unwrap_or(usize::MAX);
    for import in imports {
        let Some((name, version)) = import.name.split_once('@') else {
            continue;
        };
        let Some(grant) = policy.operation_grant(name) else {
            continue;
        };
        let operation = grant.operation();
        if operation.version() == version {
            let name = Arc::from(operation.name());
            link(linker, &import.name, operation.function(), name, most)?;
        }
    }
    Ok(())
}

/// Links the function of one operation, whose arguments have at most `most` bytes as JSON.
fn link(
    linker: &mut Linker<State>,
    import: &str,
    function: &str,
    operation: Arc<str>,
    most: usize,
) -> Result<(), wasmtime::Error> {
    linker
        .instance(import)?
        .func_new_async(function, move |store, ty, params, results| {
            let way = Way {
                gate: Arc::clone(store.data().gate()),
                room: store.data().room().clone(),
            };
            let operation = Arc::clone(&operation);
            Box::new(async move {
                let given = call(way, &operation, &ty, params, most).await;
                if let Some(result) = results.first_mut() {
                    *result = Val::Result(match given {
                        Ok(value) => Ok(value.map(Box::new)),
                        Err(failure) => Err(Some(Box::new(to_val(&failure, &operation)))),
                    });
                }
                Ok(())
            })
        })
}

/// Where a call goes, and what the host may hold for it.
struct Way {
    gate: Arc<dyn Gate>,
    room: Room,
}

/// One call: the value of a good reply, where the function gives one.
fn call<'a>(
    way: Way,
    operation: &'a str,
    ty: &'a ComponentFunc,
    params: &'a [Val],
    most: usize,
) -> impl Future<Output = Result<Option<Val>, Failure>> + Send + 'a {
    let arguments = write::arguments(ty, params, most);
    let result = ty.results().next();
    async move {
        let head = match arguments {
            Ok(arguments) => CallHead::Operation(OperationHead {
                operation: operation.to_owned(),
                arguments,
            }),
            Err(unfit) => CallHead::Refused(RefusedHead {
                call: operation.to_owned(),
                code: Code::BAD_ARGUMENTS,
                message: unfit.to_string(),
            }),
        };
        let reply = way
            .gate
            .call(Call {
                head,
                body: Body::empty(),
                patience: Patience::default(),
            })
            .await?;
        let body = reply.body.collect().await.map_err(|failure| *failure)?;
        let Some(Type::Result(result)) = result else {
            return Ok(None);
        };
        let read = |ty| read::value(&body.to_bytes(), &ty, &way.room);
        result.ok().map(read).transpose()
    }
}
