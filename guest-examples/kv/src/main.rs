//! Reads and writes one secret of a KV v2 store, such as OpenBao's.
//!
//! It speaks the store's HTTP API and sends no token: the host adds `x-vault-token`.
//!
//! Usage: `kv BASE-URL read PATH` prints the fields of the secret; `kv BASE-URL write PATH
//! NAME=VALUE...` writes a new version and prints its number. PATH is `MOUNT/data/NAME`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use wstd::http::{Body, Client, Method, Request};

#[wstd::main]
async fn main() -> ExitCode {
    match work().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kv: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn work() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, verb, path, fields @ ..] = arguments.as_slice() else {
        bail!("usage: kv BASE-URL read|write PATH [NAME=VALUE...]");
    };
    let url = format!("{base}/v1/{path}");
    match verb.as_str() {
        "read" => {
            let reply = ask(Method::GET, url, None).await?;
            let data = reply["data"]["data"]
                .as_object()
                .context("the secret has no fields")?;
            for (name, value) in data {
                println!("{name}={}", value.as_str().unwrap_or("?"));
            }
        }
        "write" => {
            let mut data = Map::new();
            for field in fields {
                let (name, value) = field.split_once('=').context("a field is NAME=VALUE")?;
                data.insert(name.to_owned(), Value::from(value));
            }
            let body = serde_json::json!({ "data": data });
            let reply = ask(Method::POST, url, Some(body)).await?;
            println!("version {}", reply["data"]["version"]);
        }
        other => bail!("`{other}` is neither `read` nor `write`"),
    }
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
        bail!("the store answers {}: {text}", status.as_u16());
    }
    serde_json::from_str(text).context("the reply is no JSON")
}
