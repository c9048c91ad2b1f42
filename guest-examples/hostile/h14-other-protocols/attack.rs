//! H14. Asks to go on in another protocol, over which no gate would look. Each is refused.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("upgrade", "h2c"),
        ("Upgrade", "websocket"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("connection", "Upgrade, HTTP2-Settings"),
        ("alt-used", "127.0.0.2"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
    Try::get(&url)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .at_both_doors();
}
