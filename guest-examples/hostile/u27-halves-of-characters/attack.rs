//! U27. Gives halves of UTF-16 pairs, and bytes that are no text, as a URL and as arguments. Where the
//! types cannot carry them they are no JSON either; each is refused as arguments that do not fit.

use attempt::{Places, by_name};

fn main() {
    let Places { api, .. } = Places::new();
    let http = "wasi:http/outgoing-handler";
    for url in [
        r"http://API/v1/widgets/\ud800",
        r"http://API/v1/widgets/\udfff",
        r"http://API/v1/widgets/\udc00\ud800",
        r"http://API\ud83d/v1/widgets",
        r"\ud800http://API/v1/widgets",
        r"http://API/v1/widgets/\x41",
        r"http://API/v1/widgets/\u12",
    ] {
        let url = url.replace("API", &api);
        by_name(http, &format!(r#"{{"method":"GET","url":"{url}"}}"#), b"");
    }
    let good = format!(r#""url":"http://{api}/v1/widgets""#);
    for arguments in [
        format!(r#"{{"method":"\ud800",{good}}}"#),
        format!(r#"{{"method":"GET",{good},"headers":[["accept","\udfff"]]}}"#),
        format!(r#"{{"method":"GET",{good},{good}}}"#),
        format!(r#"{{"method":"GET",{good},"proxy":"http://127.0.0.2"}}"#),
        format!(r#"{{"method":"GET",{good}}} {{}}"#),
        "null".to_owned(),
        String::new(),
        "[".repeat(100_000),
    ] {
        by_name(http, &arguments, b"");
    }
}
