//! One request and the head of its reply, over HTTP/1.1 or HTTP/2.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::deadlines::Deadlines;
use super::request::{Outgoing, Progress, RequestBody};
use super::response::{HEAD_BYTES, HEAD_HEADERS, head_too_large};
use crate::error::Trouble;

/// How much of a reply's body may be under way before the guest has read it, in bytes: enough to
/// keep a fast connection busy, little enough for many calls at once.
const WINDOW: u32 = 1 << 20;

/// A connection that has been agreed on and carries one exchange.
pub(super) struct Connection {
    requests: Requests,
    hold: Hold,
}

enum Requests {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Connection {
    pub(super) async fn http1<S>(stream: S) -> Result<Self, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hold = Hold(Tasks::default());
        let (requests, connection) = http1::Builder::new()
            .max_headers(HEAD_HEADERS)
            .max_header_size(HEAD_BYTES as usize)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| in_our_words(&error))?;
        // What becomes of it shows in the reply.
        hold.0.execute(async { drop(connection.await) });
        Ok(Self {
            requests: Requests::Http1(requests),
            hold,
        })
    }

    pub(super) async fn http2<S>(stream: S) -> Result<Self, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hold = Hold(Tasks::default());
        let (requests, connection) = http2::Builder::new(hold.0.clone())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| in_our_words(&error))?;
        hold.0.execute(async { drop(connection.await) });
        Ok(Self {
            requests: Requests::Http2(requests),
            hold,
        })
    }

    /// Sends the request and waits for the head of its reply.
    pub(super) async fn exchange(
        self,
        request: Outgoing<'_>,
        progress: Progress,
        deadlines: &Deadlines,
    ) -> Result<(Response<Incoming>, Hold), Trouble> {
        let reply = match self.requests {
            Requests::Http1(mut requests) => {
                let request = request.into_request(Version::HTTP_11)?;
                let reply = async move { requests.send_request(request).await };
                deadlines
                    .within_call(head(reply, progress, deadlines))
                    .await
            }
            Requests::Http2(mut requests) => {
                let request = request.into_request(Version::HTTP_2)?;
                let reply = async move { requests.send_request(request).await };
                deadlines
                    .within_call(head(reply, progress, deadlines))
                    .await
            }
        };
        Ok((reply??, self.hold))
    }
}

/// The head of the reply, unless the request's body fails first or the wait after its end is too
/// long.
async fn head(
    reply: impl Future<Output = hyper::Result<Response<Incoming>>>,
    mut progress: Progress,
    deadlines: &Deadlines,
) -> Result<Response<Incoming>, Trouble> {
    let mut reply = pin!(reply);
    tokio::select! {
        biased;
        ended = &mut progress.ended => if let Ok(Some(trouble)) = ended {
            return Err(trouble);
        },
        reply = &mut reply => return match reply {
            Ok(reply) => Ok(reply),
            // The library only knows that the body failed; the body knows why.
            Err(error) => Err(match progress.ended.try_recv() {
                Ok(Some(trouble)) => trouble,
                _ => in_our_words(&error),
            }),
        },
    }
    timeout(deadlines.first_byte, reply)
        .await
        .map_err(|_elapsed| Trouble::Timeout("the upstream took too long to answer"))?
        .map_err(|error| in_our_words(&error))
}

/// What an error of the HTTP library means, without a word of the upstream's.
pub(super) fn in_our_words(error: &hyper::Error) -> Trouble {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    let malformed = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    let is_broken = io.is_some_and(|io| !malformed.contains(&io.kind()));
    // The method that tells is there for servers alone; a test pins the text.
    if error.is_parse() && error.to_string() == "message head is too large" {
        head_too_large()
    } else if error.is_parse() {
        Trouble::Protocol("the upstream's reply is not HTTP")
    } else if is_broken || error.is_incomplete_message() || error.is_canceled() || error.is_closed()
    {
        Trouble::ReplyIncomplete
    } else {
        Trouble::Protocol("the upstream does not speak HTTP as it should")
    }
}

/// Runs the tasks of one connection.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Running>>);

#[derive(Default)]
struct Running {
    tasks: Vec<AbortHandle>,
    over: bool,
}

/// Keeps a connection open: when dropped, all of its tasks end, and so the connection.
pub(super) struct Hold(Tasks);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !running.over {
            running.tasks.push(tokio::spawn(task).abort_handle());
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut running = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.over = true;
        for task in running.tasks.drain(..) {
            task.abort();
        }
    }
}
