//! Lists widgets, adds a note to one, and tries something it may not have.
//!
//! An ordinary program for `wasi:http`: it knows nothing of agentbox and holds no key. The host
//! adds the key the service asks for, and refuses what the policy beside this program does not
//! grant; the program takes the refusal as it would take any other failed request.
//!
//! Usage: `fetch BASE-URL`, such as `fetch http://127.0.0.1:8080`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wstd::http::{Body, Client, Method, Request};

#[wstd::main]
async fn main() -> Result<()> {
    let base = std::env::args().nth(1).context("usage: fetch BASE-URL")?;

    let widgets = ask(&base, Method::GET, "/v1/widgets", None).await?;
    let widgets = widgets["widgets"]
        .as_array()
        .context("the service sent no list of widgets")?;
    println!("{} widgets:", widgets.len());
    for widget in widgets {
        println!("  {}  {}", text(&widget["id"]), text(&widget["name"]));
    }

    let first = widgets
        .first()
        .map(|widget| text(&widget["id"]))
        .context("there is no widget")?;
    let note = serde_json::json!({ "text": "looked at by an agent" });
    let noted = ask(
        &base,
        Method::POST,
        &format!("/v1/widgets/{first}/notes"),
        Some(note),
    )
    .await?;
    println!("note {} added to {first}", text(&noted["id"]));

    match ask(&base, Method::DELETE, &format!("/v1/widgets/{first}"), None).await {
        Ok(_) => println!("{first} deleted"),
        Err(error) => println!("{first} was not deleted: {error:#}"),
    }
    Ok(())
}

/// Sends one request and reads the JSON of its reply.
async fn ask(base: &str, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let mut request = Request::builder()
        .method(&method)
        .uri(format!("{base}{path}"));
    let body = match body {
        Some(json) => {
            request = request.header("content-type", "application/json");
            Body::from(json.to_string())
        }
        None => Body::empty(),
    };
    let reply = Client::new().send(request.body(body)?).await?;
    let status = reply.status();
    let mut reply = reply.into_body();
    let reply = reply.str_contents().await?;
    ensure!(status.is_success(), "{method} {path}: {status}: {reply}");
    if reply.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_str(reply)?)
    }
}

/// The text of a JSON string, or the JSON itself of anything else.
fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
