//! A model behind OpenAI's operations: what it may be asked, what it answers, and every way in which
//! it does not.

use serde_json::{Value, json};

use crate::support::api::{self, Api, Seen, Step};
use crate::support::bot::{Bot, answers};
use crate::support::canary::Canary;
use crate::support::server::free_port;

const CHAT: &str = "openai:chat/create-chat-completion";

/// What the model is asked, with `content` for the reply to be chosen by.
fn chat(content: &str) -> String {
    json!({
        "model": "gpt-5-mini",
        "messages": [{ "role": "user", "content": content }],
        "max-completion-tokens": 64,
    })
    .to_string()
}

/// A bot that may ask the model of `api`.
fn asker(api: &Api) -> Bot {
    let rest = format!(
        "[grants.\"{CHAT}\"]\nuse = \"api\"\n\
         where = {{ model = [\"gpt-5-mini\"], max-completion-tokens = {{ max = 1024 }} }}\n"
    );
    Bot::new(&[&format!("{CHAT}@1.0.0")], &api.url(), &rest)
}

/// Answers by what the model is asked.
fn model(seen: &Seen) -> Vec<Step> {
    let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let whole = |content: &Value, usage: &Value| {
        let completion = json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": content, "refusal": null },
                "finish_reason": "stop",
            }],
            "usage": usage,
        });
        api::json(200, &completion.to_string())
    };
    let tokens = json!({ "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12 });
    let slow_down = r#"{"error":{"message":"Rate limit reached","type":"requests","code":null}}"#;
    let reply = match body["messages"][0]["content"].as_str() {
        Some("hi") => whole(&json!("hello"), &tokens),
        Some("refused") => whole(&Value::Null, &tokens),
        Some("unbilled") => whole(&json!("hello"), &json!({ "total_tokens": -1 })),
        Some("too many") => api::reply(429, &[("retry-after", "7")], slow_down.as_bytes()),
        Some("down") => api::reply(502, &[("content-type", "text/html")], b"<h1>no\x07</h1>"),
        Some("garbled") => api::json(200, "{\"choices\":"),
        Some("moved") => api::reply(302, &[("location", "https://elsewhere.example/")], b""),
        _ => api::json(400, r#"{"error":{"message":"what?\n\u001b[31m"}}"#),
    };
    vec![Step::Send(reply)]
}

#[test]
fn a_completion_and_every_way_to_fail_arrive_as_what_they_are() {
    let api = Api::start(model);
    let bot = asker(&api);
    let asked = [
        "hi", "refused", "unbilled", "too many", "down", "garbled", "moved", "what",
    ]
    .map(chat);
    let calls: Vec<[&str; 2]> = asked.iter().map(|asked| [CHAT, asked.as_str()]).collect();
    let outcome = bot.ask(&calls);
    let answers = answers(outcome.exits(0));
    assert_eq!(answers[0], r#"ok {"content":"hello","total-tokens":12}"#);
    for (answer, names) in answers[1..3].iter().zip(["content", "total-tokens"]) {
        assert!(answer.starts_with("invalid-reply "), "{answer}");
        assert!(answer.contains(names), "{answer}");
    }
    assert_eq!(answers[3], "upstream 429 Some(7000) Rate limit reached");
    assert_eq!(
        answers[4],
        "upstream 502 None the API answered 502 Bad Gateway"
    );
    assert!(answers[5].starts_with("invalid-reply "), "{answers:?}");
    assert_eq!(answers[6], "upstream 302 None the API answered 302 Found");
    assert_eq!(answers[7], "upstream 400 None what?  [31m");

    let seen = api.requests();
    let hi = seen
        .iter()
        .find(|seen| String::from_utf8_lossy(&seen.body).contains("\"hi\""))
        .expect("it was asked");
    assert_eq!(hi.line, "POST /v1/chat/completions HTTP/1.1");
    let body: Value = serde_json::from_slice(&hi.body).expect("the body is JSON");
    let expected = json!({
        "model": "gpt-5-mini",
        "messages": [{ "role": "user", "content": "hi" }],
        "max_completion_tokens": 64,
    });
    assert_eq!(body, expected);
    // A redirect leads nowhere, and every call was sent once.
    assert_eq!(seen.len(), 8);
    // What the API refused is for the program; what does not fit is for whoever runs it, too.
    let outcomes = bot.events("outcome");
    let unfit = outcomes.iter().filter(|line| line["code"] == "AB0610");
    assert_eq!(unfit.filter(|line| line["status"] == 200).count(), 3);
    let told = outcome.err().matches("failed[").count();
    assert_eq!(told, outcome.err().matches("failed[AB0610]").count());
    assert_eq!(told, 3, "{}", outcome.err());
    // All others are settled, and nothing more is noted of them.
    let settled = outcomes.iter().filter(|line| line["code"].is_null());
    let noted = settled.clone().filter(|line| !line["note"].is_null());
    assert_eq!((settled.count(), noted.count()), (5, 0), "{outcomes:#?}");
}

#[test]
fn what_a_model_may_be_asked_is_bound_by_the_grant() {
    let api = Api::start(model);
    let bot = asker(&api);
    let large = chat("hi").replace("gpt-5-mini", "gpt-5-pro");
    let long = chat("hi").replace(":64", ":4096");
    let unbounded = chat("hi").replace("\"max-completion-tokens\":64,", "");
    let outcome = bot.ask(&[[CHAT, &large], [CHAT, &long], [CHAT, &unbounded]]);
    let expected = [
        "model is not one of \"gpt-5-mini\"",
        "max-completion-tokens is more than 1024",
        "max-completion-tokens is not given",
    ];
    for (answer, expected) in answers(outcome.exits(0)).iter().zip(expected) {
        let start = format!("denied AB0203 {CHAT}: {expected}");
        assert!(answer.starts_with(&start), "{answer}");
    }
    assert!(api.requests().is_empty());
}

#[test]
fn an_api_that_says_the_key_back_in_its_error_stops_the_run() {
    let key = Canary::fresh();
    let echoed = key.text().to_owned();
    let api = Api::start(move |_| {
        let body = json!({ "error": { "message": format!("no such key: {echoed}") } });
        vec![Step::Send(api::json(401, &body.to_string()))]
    });
    let mut bot = asker(&api);
    bot.ground = bot.ground.key("API_KEY", &key);
    let outcome = bot.ask(&[[CHAT, &chat("hi")]]);
    outcome.exits(121).says("AB0607");
}

#[test]
fn an_api_that_is_not_there_is_unavailable() {
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let rest = format!(
        "[grants.\"{CHAT}\"]\nuse = \"api\"\n\
         where = {{ model = {{ any = true }} }}\n"
    );
    let bot = Bot::new(&[&format!("{CHAT}@1.0.0")], &nowhere, &rest);
    let answers = answers(bot.ask(&[[CHAT, &chat("hi")]]).exits(0));
    assert!(answers[0].starts_with("unavailable "), "{answers:?}");
    // What the host knows of the way there is not the guest's to know.
    assert!(!answers[0].contains("127.0.0.1"), "{answers:?}");
}
