//! A call's way, from `decide` to `outcome`.

use std::sync::Arc;
use std::time::Instant;

use agentbox_gate::{Body, Call, Failure, Reply};
use agentbox_policy::{Approved, Code, decide};
use agentbox_secrets::scrub;
use bytes::Bytes;

use crate::answer::{Room, read_answer};
use crate::drain::Drained;
use crate::refusal::Refusal;
use crate::settle::{OpenCalls, Settlement};
use crate::{Parts, Refused, now};

impl Parts {
    /// Puts one call through every step, in this order and no other. Each step takes what only the
    /// one before can make, so a step that is left out does not compile.
    async fn pass(
        &self,
        call: Call,
        settlement: &Arc<Settlement>,
        room: &Room,
    ) -> Result<Reply, Refusal> {
        let body = Body::new(Drained::new(call.body, self.policy.bounds().request_body));
        self.still_running()?;
        let approved = decide(&self.policy, &call.head)?;
        settlement.approved(&approved);
        let (operation, body) = (approved.operation().cloned(), body_of(&approved, body));
        let reserved = self.ledger.reserve(approved, &self.run, now()).await?;
        // A person's approval of this exact call belongs here, before it is written as intended.
        let recorded = self.record.intent(reserved, now())?;
        settlement.intended(recorded.call());
        if self.mode.dry_run {
            return Err(Refusal::DryRun);
        }
        let keyed = self.secrets.inject(recorded).await?;
        let received = self.sender.send(keyed, body, call.patience).await?;
        settlement.answered(&received);
        let echo = Arc::clone(settlement);
        let scrubbed = scrub(received, &self.secrets, move |found| echo.echoed(found))?;
        match operation {
            None => Ok(settlement.outcome(scrubbed)),
            Some(operation) => {
                let answer = read_answer(&operation, scrubbed, room).await?;
                Ok(settlement.result(answer))
            }
        }
    }

    /// Answers one call, and sees to it that whatever became of it is on record.
    pub(crate) async fn answer(&self, call: Call, open: &OpenCalls) -> Result<Reply, Failure> {
        let settlement = Arc::new(Settlement::new(self, call.head.summary(), Instant::now()));
        open.add(&settlement);
        match self.pass(call, &settlement, open.room()).await {
            Ok(reply) => Ok(reply),
            Err(refusal) => Err(self.refuse(&refusal, &settlement)),
        }
    }

    fn still_running(&self) -> Result<(), Refusal> {
        self.stop
            .reason()
            .map_or(Ok(()), |reason| Err(Refusal::Stopped(reason)))
    }

    /// Records a refusal, tells the observer, and ends the run where it has to end.
    fn refuse(&self, refusal: &Refusal, settlement: &Settlement) -> Failure {
        if let Some(traffic) = refusal.traffic() {
            settlement.sent(traffic);
        }
        let recorded = match refusal {
            Refusal::Denied(denied) => self.record.denied(denied, now()),
            Refusal::Exhausted(exhausted) => self.record.exhausted(exhausted, now()),
            // The status says it, and it is the program's own business.
            Refusal::Answered { .. } => settlement.settle(None, None),
            _ => settlement.settle(Some(refusal.code()), Some(refusal.to_string())),
        };
        if let Err(error) = recorded {
            self.stop.stop(
                Code::RECORD_UNAVAILABLE,
                format!("a call is not on record: {error}"),
            );
        }
        let told = refusal.told();
        if refusal.is_news() {
            (self.observer)(&Refused {
                call: settlement.summary(),
                code: refusal.code(),
                message: &refusal.to_string(),
                hint: refusal.hint(),
                told: &told,
            });
        }
        if refusal.ends_the_run(self.mode.stop_on_denial) {
            self.stop.stop(refusal.code(), refusal.to_string());
        }
        debug_assert_ne!(told.code, Code::BUG, "{refusal}");
        told
    }
}

/// The body to send: the one an operation's arguments made, or the guest's own.
fn body_of(approved: &Approved, guests: Body) -> Body {
    match (approved.operation(), approved.body()) {
        (None, _) => guests,
        (Some(_), None) => Body::empty(),
        (Some(_), Some(made)) => Body::full(Bytes::copy_from_slice(made)),
    }
}
