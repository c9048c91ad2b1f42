//! One request and the head of its reply, over HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::connection::{Connection, Requests};
use super::deadlines::Deadlines;
use super::pool::Home;
use super::request::{BrokeOff, Outgoing, Progress, RequestBody};
use super::response::head_too_large;
use crate::error::Trouble;

/// Why there is no reply.
pub(super) enum Unanswered {
    /// The request may have been written, in part or whole.
    Failed(Trouble),
    /// The connection was over before a byte of the request was written. The body is as it was.
    Unsent(RequestBody),
}

impl From<Trouble> for Unanswered {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble)
    }
}

/// What keeps an exchange going, while its reply is read.
///
/// Dropped, it ends the exchange: an HTTP/1.1 connection closes, an HTTP/2 stream is reset, and no
/// other call begins on the connection. Only [`Hold::release`] gives it back.
pub(super) struct Hold {
    connection: Connection,
    home: Home,
    /// The request's body goes on while this is there.
    going: oneshot::Sender<Infallible>,
}

impl Hold {
    /// Gives the connection back for other calls: the reply was read to its end.
    pub(super) fn release(self) {
        let Self {
            connection,
            home,
            going,
        } = self;
        // A body that an early reply left unsent ends with the exchange.
        drop(going);
        home.keep(connection);
    }
}

/// Sends the request and waits for the head of its reply.
pub(super) async fn exchange(
    mut connection: Connection,
    home: &Home,
    request: Outgoing<'_>,
    progress: &mut Progress,
    deadlines: &Deadlines,
) -> Result<(Response<Incoming>, Hold), Unanswered> {
    let (going, wanted) = oneshot::channel();
    let begin = |body| Upload { body, wanted };
    let reply = match &mut connection.requests {
        Requests::Http1(requests) => {
            let request = request.into_request(Version::HTTP_11)?.map(begin);
            let reply = requests.try_send_request(request);
            deadlines
                .within_call(head(reply, progress, deadlines))
                .await
        }
        Requests::Http2(requests) => {
            let request = request.into_request(Version::HTTP_2)?.map(begin);
            let reply = requests.try_send_request(request);
            deadlines
                .within_call(head(reply, progress, deadlines))
                .await
        }
    };
    let reply = reply??;
    connection.answered(home);
    let hold = Hold {
        connection,
        home: home.clone(),
        going,
    };
    Ok((reply, hold))
}

type Sent = Result<Response<Incoming>, TrySendError<Request<Upload>>>;

/// The head of the reply, unless the request's body fails first or the wait after its end is too
/// long; or the request, if none of it was written.
async fn head(
    reply: impl Future<Output = Sent>,
    progress: &mut Progress,
    deadlines: &Deadlines,
) -> Result<Response<Incoming>, Unanswered> {
    let mut reply = pin!(reply);
    let early = tokio::select! {
        biased;
        // A request that was handed back once may have ended its body then.
        ended = &mut progress.ended, if !progress.ended.is_terminated() => {
            if let Ok(Some(trouble)) = ended {
                return Err(trouble.into());
            }
            None
        }
        reply = &mut reply => Some(reply),
    };
    let reply = match early {
        Some(reply) => reply,
        None => timeout(deadlines.first_byte.time, reply)
            .await
            .map_err(|_elapsed| deadlines.first_byte.answer_is_late())?,
    };
    reply.map_err(|mut error| match error.take_message() {
        Some(request) => Unanswered::Unsent(request.into_body().body),
        // The library only knows that the body failed; the body knows why.
        None => Unanswered::Failed(match progress.ended.try_recv() {
            Ok(Some(trouble)) => trouble,
            _ => in_our_words(error.error()),
        }),
    })
}

/// A request's body, for as long as somebody wants the reply.
pub(super) struct Upload {
    body: RequestBody,
    wanted: oneshot::Receiver<Infallible>,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        if self.wanted.is_terminated() || Pin::new(&mut self.wanted).poll(context).is_ready() {
            return Poll::Ready(Some(Err(BrokeOff)));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
