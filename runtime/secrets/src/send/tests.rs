//! Sending to servers of all kinds, most of them hostile, on loopback.

mod authorised;
mod frames;
mod hostile;
mod http2;
mod limits;
mod request;
mod reuse;
mod tls;
mod upstream;

use std::sync::{Arc, Mutex};

use agentbox_gate::{Body, Failure, Patience, Reply};
use agentbox_policy::Bounds;
use http_body_util::BodyExt;

use crate::testing::fixture::Fixture;
use crate::{Echo, Reach, Sender, Traffic, scrub};

/// A call that has got its reply.
struct Answered {
    reply: Reply,
    traffic: Traffic,
    echoes: Arc<Mutex<Vec<Echo>>>,
}

/// One call through inject, send and scrub.
struct Call<'a> {
    fixture: &'a Fixture,
    sender: &'a Sender,
    line: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Body,
    patience: Patience,
}

impl<'a> Call<'a> {
    fn get(fixture: &'a Fixture, sender: &'a Sender) -> Self {
        let (body, patience) = (Body::empty(), Patience::default());
        Self {
            fixture,
            sender,
            line: "GET /things",
            headers: &[],
            body,
            patience,
        }
    }

    async fn answer(self) -> Result<Answered, Failure> {
        let Self {
            fixture,
            sender,
            line,
            headers,
            body,
            patience,
        } = self;
        let recorded = fixture.recorded(line, headers).await;
        let keyed = fixture
            .secrets
            .inject(recorded)
            .await
            .map_err(|e| fixture.clean(&e))?;
        fixture.check(&keyed);
        let received = sender
            .send(keyed, body, patience)
            .await
            .map_err(|e| fixture.clean(&e))?;
        fixture.check(&received);
        let echoes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&echoes);
        let on_echo = move |echo: &Echo| heard.lock().expect("whole").push(echo.clone());
        let scrubbed = scrub(received, &fixture.secrets, on_echo);
        let scrubbed = scrubbed.map_err(|e| fixture.clean(&e))?;
        fixture.check(&scrubbed);
        let (reply, traffic) = scrubbed.into_reply();
        fixture.check(&(&reply, &traffic));
        Ok(Answered {
            reply,
            traffic,
            echoes,
        })
    }

    /// What the operator is told of a call without a reply, or of a reply without its end.
    async fn facts(self) -> String {
        let mut answered = match self.answer().await {
            Ok(answered) => answered,
            Err(failure) => return failure.facts().to_owned(),
        };
        loop {
            match answered.reply.body.frame().await {
                None => return String::new(),
                Some(Ok(_)) => {}
                Some(Err(failure)) => return failure.facts().to_owned(),
            }
        }
    }

    /// What it came to, in one line: `STATUS: body`, or `CODE: message`, or both.
    async fn outcome(self) -> String {
        let fixture = self.fixture;
        let mut answered = match self.answer().await {
            Ok(answered) => answered,
            Err(failure) => return failure.to_string(),
        };
        let mut text = format!("{}: ", answered.reply.status.as_u16());
        let outcome = loop {
            match answered.reply.body.frame().await {
                None => break text,
                Some(Ok(frame)) => {
                    text.push_str(&String::from_utf8_lossy(&frame.into_data().expect("data")));
                }
                Some(Err(failure)) => break format!("{text} then {failure}"),
            }
        };
        assert!(!outcome.contains(&fixture.key), "{outcome}");
        outcome
    }
}

impl Fixture {
    /// The failure that a guest gets, after a look at what operators and the record get.
    fn clean<E>(&self, error: &E) -> Failure
    where
        E: std::error::Error,
        Failure: for<'a> From<&'a E>,
    {
        assert!(!error.to_string().contains(&self.key), "{error}");
        self.check(error);
        Failure::from(error)
    }

    /// Nothing prints the key.
    fn check(&self, value: &impl std::fmt::Debug) {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            assert!(!shown.contains(&self.key), "{shown}");
        }
    }
}

fn sender() -> Sender {
    Sender::new(Reach::default(), &Bounds::default()).expect("no certificates to read")
}
