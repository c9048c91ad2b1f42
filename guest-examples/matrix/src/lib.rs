//! Says which Matrix account it has and which rooms that is in, and sends a message to one of them.
//!
//! The same as `rooms`, with operations for functions in the place of an HTTP client.
//!
//! Usage: `matrix [ROOM-ID MESSAGE [TRANSACTION-ID]]`; it returns the id of the event.

wit_bindgen::generate!({ world: "herald", path: "wit", generate_all });

use agentbox::host::errors::Error;
use matrix::client::{joined_rooms, send_message, whoami};

struct Program;

export!(Program);

impl Guest for Program {
    fn run() -> Result<String, String> {
        work(std::env::args().skip(1)).map_err(|error| explain(&error))
    }
}

fn work(mut arguments: impl Iterator<Item = String>) -> Result<String, Error> {
    println!("this is {}", whoami::whoami()?.user_id);
    let rooms = joined_rooms::joined_rooms()?;
    println!("in {} rooms:", rooms.len());
    for room in rooms {
        println!("  {room}");
    }
    let (Some(room_id), Some(body)) = (arguments.next(), arguments.next()) else {
        return Ok("nothing to send".to_owned());
    };
    let transaction_id = arguments.next().unwrap_or_else(|| "1".to_owned());
    let event = send_message::send_message(&send_message::Params {
        room_id: room_id.clone(),
        transaction_id,
        body,
    })?;
    Ok(format!("sent {event} to {room_id}"))
}

/// Why a call has no result, on one line.
fn explain(error: &Error) -> String {
    match error {
        Error::Denied(denial) => format!("denied {}: {}", denial.code, denial.message),
        Error::Limit(limit) => format!("limit `{}` is used up", limit.name),
        Error::Upstream(upstream) => match upstream.retry_after_ms {
            Some(wait) => format!("{}: {}, in {wait} ms", upstream.status, upstream.message),
            None => format!("{}: {}", upstream.status, upstream.message),
        },
        Error::InvalidReply(what) => format!("invalid reply: {what}"),
        Error::Unavailable(what) => format!("unavailable: {what}"),
    }
}
