//! The one thread of a ledger that touches the database.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::{fmt, iter};

use tokio::sync::oneshot;

use crate::demand::Demand;
use crate::error::{Problem, Shortage, Unavailable};
use crate::store::{Place, Store};

/// Answers demands in the order they come, those that wait together in one transaction.
pub(crate) struct Thread {
    place: Place,
    /// Where demands go, once the thread runs.
    sender: Mutex<Option<Sender<Request>>>,
}

type Answer = Result<Option<Shortage>, Unavailable>;

struct Request {
    demand: Demand,
    answer: oneshot::Sender<Answer>,
}

impl Thread {
    /// A thread that starts with the first demand.
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            sender: Mutex::new(None),
        }
    }

    /// `None` when all of `demand` has been counted; the shortage, when none of it has.
    pub(crate) async fn ask(&self, demand: Demand) -> Answer {
        self.put(demand)?
            .await
            .unwrap_or_else(|_closed| Err(Problem::Ended.into()))
    }

    fn put(&self, demand: Demand) -> Result<oneshot::Receiver<Answer>, Unavailable> {
        let (answer, receiver) = oneshot::channel();
        // A sender is never half made, so a panic elsewhere while it was held does no harm.
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.is_none() {
            *sender = Some(start(self.place.clone())?);
        }
        let sent = sender
            .as_ref()
            .map(|sender| sender.send(Request { demand, answer }));
        match sent {
            Some(Ok(())) => Ok(receiver),
            Some(Err(_)) | None => Err(Problem::Ended.into()),
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thread").field(&self.place).finish()
    }
}

fn start(place: Place) -> Result<Sender<Request>, Problem> {
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || serve(&place, &receiver))
        .map_err(Problem::Thread)?;
    Ok(sender)
}

/// Runs until the last ledger that shares the thread is gone.
fn serve(place: &Place, requests: &Receiver<Request>) {
    let mut store = None;
    while let Ok(first) = requests.recv() {
        let batch: Vec<Request> = iter::once(first)
            .chain(requests.try_iter())
            // Whoever no longer waits will not send anything, so there is nothing to count.
            .filter(|request| !request.answer.is_closed())
            .take(LARGEST_BATCH)
            .collect();
        answer(place, &mut store, batch);
    }
}

/// Answers only after the commit: an answer before it could be a promise that is not kept.
fn answer(place: &Place, store: &mut Option<Store>, batch: Vec<Request>) {
    let demands: Vec<&Demand> = batch.iter().map(|request| &request.demand).collect();
    match reserve(place, store, &demands) {
        Ok(answers) => {
            for (request, answer) in iter::zip(batch, answers) {
                // One who stopped waiting meanwhile has used its share all the same.
                drop(request.answer.send(Ok(answer)));
            }
        }
        Err(problem) => {
            let unavailable = Unavailable::from(problem);
            for request in batch {
                drop(request.answer.send(Err(unavailable.clone())));
            }
        }
    }
}

fn reserve(
    place: &Place,
    store: &mut Option<Store>,
    demands: &[&Demand],
) -> Result<Vec<Option<Shortage>>, Problem> {
    if demands.is_empty() {
        return Ok(Vec::new());
    }
    let mut open = match store.take() {
        Some(open) if open.is_current() => open,
        _ => Store::open(place)?,
    };
    let answers = open.reserve(demands);
    // After an error a file is opened anew, so that a fault which was repaired does not last.
    // Counts in memory would start again from nothing.
    if answers.is_ok() || matches!(place, Place::Memory) {
        *store = Some(open);
    }
    answers
}

/// Bounds how long one transaction keeps other processes waiting: some milliseconds.
const LARGEST_BATCH: usize = 256;

#[cfg(test)]
mod tests;
