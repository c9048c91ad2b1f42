//! U22. Asks by schemes that a client library might serve from files, sockets or other protocols. None
//! is granted, and one in other letters is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for url in [
        format!("file://{}/v1/widgets", places.api),
        format!("gopher://{}/v1/widgets", places.api),
        format!("ftp://{}/v1/widgets", places.api),
        format!("data://{}/v1/widgets", places.api),
        format!("ws://{}/v1/widgets", places.api),
        format!("wss://{}/v1/widgets", places.api),
        format!("unix://{}/v1/widgets", places.api),
        format!("http+unix://{}/v1/widgets", places.api),
        format!("javascript://{}/v1/widgets", places.api),
        format!("blob://{}/v1/widgets", places.api),
        format!("about://{}/v1/widgets", places.api),
        format!("jar://{}/v1/widgets", places.api),
        format!("HTTP://{}/v1/widgets", places.api),
        format!("Http://{}/v1/widgets", places.api),
        format!("https://{}/v1/widgets", places.api),
        format!("h2c://{}/v1/widgets", places.api),
        format!("ht tp://{}/v1/widgets", places.api),
        format!("http\n://{}/v1/widgets", places.api),
    ] {
        Try::get(url).at_both_doors();
    }
}
