//! A call's way, from `decide` to `outcome`.

use agentbox_gate::{Body, Call, Failure, Reply, Stopped};
use agentbox_policy::{Approved, CallHead, Code, decide};
use agentbox_secrets::scrub;
use bytes::Bytes;
use std::sync::Arc;
use tokio::time::Instant;

use crate::answer::Answers;
use crate::drain::Drained;
use crate::refusal::Refusal;
use crate::settle::{OpenCalls, Settlement};
use crate::tally::{Standing, Tally};
use crate::turns::{Place, Turn, Turns};
use crate::{Parts, Refused, now};

/// All that the calls of one run pass through and share.
#[derive(Debug)]
pub(crate) struct Pipeline {
    parts: Parts,
    tally: Tally,
    turns: Turns,
    answers: Answers,
    open: OpenCalls,
}

impl Pipeline {
    pub(crate) fn new(parts: Parts) -> Self {
        let bounds = parts.policy.bounds();
        Self {
            tally: Tally::new(bounds),
            turns: Turns::new(bounds, parts.room.clone()),
            answers: Answers::new(parts.room.clone()),
            open: OpenCalls::default(),
            parts,
        }
    }

    /// Puts one call through every step, in this order and no other. Each step takes what only the
    /// one before can make, so a step that is left out does not compile.
    async fn pass(
        &self,
        call: Call,
        place: Place,
        settlement: &Arc<Settlement>,
    ) -> Result<Reply, Refusal> {
        let parts = &self.parts;
        let bounds = parts.policy.bounds();
        let (head, mut patience) = (call.head, call.patience);
        let body = Body::new(Drained::new(call.body, bounds.request_body));
        let due = Instant::now() + bounds.call;
        self.still_running()?;
        self.count(&head)?;
        let approved = decide(&parts.policy, &head)?;
        // Arguments may be large, and have become a request.
        drop(head);
        settlement.approved(&approved);
        let (approved, turn) = self.turn(place, approved, due).await?;
        patience.call = Some(due - Instant::now());
        let (operation, body) = (approved.operation().cloned(), body_of(&approved, body));
        let reserved = parts.ledger.reserve(approved, &parts.run, now()).await?;
        // A person's approval of this exact call belongs here, before it is written as intended.
        let recorded = parts.record.intent(reserved, now())?;
        settlement.intended(recorded.call());
        if parts.mode.dry_run {
            return Err(Refusal::DryRun);
        }
        let keyed = parts.secrets.inject(recorded).await?;
        // In a box, so that a call that waits for its turn does not take up what sending needs.
        let received = Box::pin(parts.sender.send(keyed, body, patience)).await?;
        settlement.answered(&received);
        let echo = Arc::clone(settlement);
        let scrubbed = scrub(received, &parts.secrets, move |found| echo.echoed(found))?;
        match operation {
            None => Ok(settlement.outcome(scrubbed, turn)),
            Some(operation) => {
                let answer = self.answers.read(&operation, scrubbed).await?;
                Ok(settlement.result(answer))
            }
        }
    }

    /// A place for one call in the line for turns.
    pub(crate) fn line_up(&self) -> Place {
        self.turns.line_up()
    }

    /// Answers one call, and sees to it that whatever became of it is on record.
    pub(crate) async fn answer(&self, call: Call, place: Place) -> Result<Reply, Failure> {
        let summary = call.head.summary();
        let settlement = Arc::new(Settlement::new(&self.parts, summary));
        self.open.add(&settlement);
        match self.pass(call, place, &settlement).await {
            Ok(reply) => Ok(reply),
            Err(refusal) => Err(self.refuse(&refusal, &settlement)),
        }
    }

    /// Writes the outcome of every call that has none yet.
    pub(crate) fn close(&self) {
        self.open.close();
    }

    fn still_running(&self) -> Result<(), Refusal> {
        match self.parts.stop.reason() {
            Some(reason) => Err(Refusal::Stopped(reason)),
            None => Ok(()),
        }
    }

    /// Counts the call among those of the run.
    fn count(&self, head: &CallHead) -> Result<(), Refusal> {
        match self.tally.call() {
            Standing::Within => Ok(()),
            Standing::First => {
                let Stopped { code, message } = self.tally.too_many_calls();
                Err(Refusal::Denied(head.refuse(code, message)))
            }
            Standing::Beyond => Err(Refusal::Stopped(self.tally.too_many_calls())),
        }
    }

    /// Waits for the call's turn, unless the run has ended when it comes.
    async fn turn(
        &self,
        place: Place,
        approved: Approved,
        due: Instant,
    ) -> Result<(Approved, Turn), Refusal> {
        let turn = self.turns.take(place, approved, due).await?;
        self.still_running()?;
        Ok(turn)
    }

    /// Records a refusal, tells the observer, and ends the run where it has to end.
    fn refuse(&self, refusal: &Refusal, settlement: &Settlement) -> Failure {
        let parts = &self.parts;
        if let Some(traffic) = refusal.traffic() {
            settlement.sent(traffic);
        }
        let standing = match refusal.is_denial() {
            true => self.tally.denial(),
            false => Standing::Within,
        };
        if standing == Standing::Beyond {
            return Refusal::Stopped(self.tally.too_many_denials()).told();
        }
        let recorded = match refusal {
            Refusal::Denied(denied) => parts.record.denied(denied, now()),
            Refusal::Exhausted(exhausted) => parts.record.exhausted(exhausted, now()),
            // The status says it, and it is the program's own business.
            Refusal::Answered { .. } => settlement.settle(None, None),
            _ => settlement.settle(Some(refusal.code()), Some(refusal.to_string())),
        };
        if let Err(error) = recorded {
            parts.stop.stop(
                Code::RECORD_UNAVAILABLE,
                format!("a call is not on record: {error}"),
            );
        }
        let told = refusal.told();
        if refusal.is_news() {
            (parts.observer)(&Refused {
                call: settlement.summary(),
                code: refusal.code(),
                message: &refusal.to_string(),
                hint: refusal.hint(),
                told: &told,
            });
        }
        if refusal.ends_the_run(parts.mode.stop_on_denial) {
            parts.stop.stop(refusal.code(), refusal.to_string());
        }
        if standing == Standing::First {
            let Stopped { code, message } = self.tally.too_many_denials();
            parts.stop.stop(code, message);
        }
        debug_assert_ne!(told.code, Code::BUG, "{refusal}");
        told
    }
}

/// The body to send: the one an operation's arguments made, or the guest's own.
fn body_of(approved: &Approved, guests: Body) -> Body {
    match (approved.operation(), approved.shared_body()) {
        (None, _) => guests,
        (Some(_), None) => Body::empty(),
        (Some(_), Some(made)) => Body::full(Bytes::from_owner(made)),
    }
}
