//! H08. Names another host, or another client, in headers that proxies and frameworks believe. Each is
//! refused; a `host` is sent by the host alone.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("host", "127.0.0.2"),
        ("Host", "evil.test"),
        ("host", "127.0.0.1"),
        ("x-forwarded-host", "127.0.0.2"),
        ("x-forwarded-server", "127.0.0.2"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("forwarded", "for=127.0.0.1;host=evil.test"),
        ("x-real-ip", "127.0.0.1"),
        ("x-host", "127.0.0.2"),
        ("x-original-host", "127.0.0.2"),
        ("true-client-ip", "127.0.0.1"),
        ("cf-connecting-ip", "127.0.0.1"),
        ("x-client-ip", "127.0.0.1"),
        ("via", "1.1 evil.test"),
        ("x-envoy-original-dst-host", "127.0.0.2"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
    Try::get(&url)
        .header("host", &places.api)
        .header("host", &places.forbidden)
        .called("GET two hosts")
        .at_both_doors();
}
