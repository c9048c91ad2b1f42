//! H17. Sends after a body, as trailers, what it may not send before it. None of them arrives.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let notes = places.url("/v1/widgets/w-1/notes");
    for (name, value) in [
        ("authorization", "Bearer mine"),
        ("x-widgets-key", "mine"),
        ("host", "127.0.0.2"),
        ("transfer-encoding", "chunked"),
        ("x-http-method-override", "DELETE"),
        ("x-harmless", "1"),
        ("x-a\r\nx-injected", "1"),
    ] {
        Try::new("POST", &notes)
            .body("{}")
            .trailer(name, value)
            .over_http();
    }
}
