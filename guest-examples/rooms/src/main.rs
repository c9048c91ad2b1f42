//! Lists the Matrix rooms an account is in and sends a message to one of them.
//!
//! An ordinary client of the Matrix client-server API over `wasi:http`. It sends no access token:
//! the host adds it. What the server refuses is printed as the server said it, and the exit code
//! is then 1.
//!
//! Usage: `rooms BASE-URL [ROOM-ID MESSAGE [TRANSACTION-ID]]`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wstd::http::{Body, Client, Method, Request};

#[wstd::main]
async fn main() -> ExitCode {
    match work().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rooms: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn work() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let base = arguments
        .next()
        .context("usage: rooms BASE-URL [ROOM-ID MESSAGE]")?;

    let joined = ask(
        Method::GET,
        format!("{base}/_matrix/client/v3/joined_rooms"),
        None,
    )
    .await?;
    let rooms = joined["joined_rooms"]
        .as_array()
        .context("the reply lists no rooms")?;
    println!("in {} rooms:", rooms.len());
    for room in rooms {
        println!("  {}", room.as_str().unwrap_or("?"));
    }

    let Some(room) = arguments.next() else {
        return Ok(());
    };
    let message = arguments.next().context("a room needs a message")?;
    let transaction = arguments.next().unwrap_or_else(|| "1".to_owned());
    let room_in_path = encode(&room);
    let sent = ask(
        Method::PUT,
        format!(
            "{base}/_matrix/client/v3/rooms/{room_in_path}/send/m.room.message/{}",
            encode(&transaction)
        ),
        Some(serde_json::json!({ "msgtype": "m.text", "body": message })),
    )
    .await?;
    println!(
        "sent {} to {room}",
        sent["event_id"].as_str().unwrap_or("?")
    );
    Ok(())
}

/// Sends one request and reads the JSON of its reply.
async fn ask(method: Method, url: String, body: Option<Value>) -> Result<Value> {
    let mut request = Request::builder().method(method).uri(url);
    let body = match body {
        Some(json) => {
            request = request.header("content-type", "application/json");
            Body::from(json.to_string())
        }
        None => Body::empty(),
    };
    let reply = Client::new().send(request.body(body)?).await?;
    let status = reply.status();
    let mut body = reply.into_body();
    let text = body.str_contents().await?;
    if !status.is_success() {
        bail!("the server answers {}: {text}", status.as_u16());
    }
    serde_json::from_str(text).context("the reply is no JSON")
}

/// Percent-encodes one path segment, leaving what RFC 3986 lets stand in one.
fn encode(segment: &str) -> String {
    let mut encoded = String::new();
    for &byte in segment.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
