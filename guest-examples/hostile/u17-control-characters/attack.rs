//! U17. Writes control characters and blanks, raw and escaped, in hosts, ports and paths: a reader that
//! strips them sees another request. Each is refused as not canonical, and none is stripped.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { api, port, .. } = &places;
    for url in [
        format!("http://127.0.0\t.1:{port}/v1/widgets"),
        format!("http://127.0.0\n.1:{port}/v1/widgets"),
        format!("http://127.0.0.1\0:{port}/v1/widgets"),
        format!("http:// {api}/v1/widgets"),
        format!("http://127.0.0.1\r\nhost: 127.0.0.2\r\n:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
    for path in [
        "/v1/widgets/a\0b",
        "/v1/widgets/a\tb",
        "/v1/widgets/a\rb",
        "/v1/widgets/a\nb",
        "/v1/widgets/a\x7fb",
        "/v1/widgets/a b",
        "/v1/widgets/a HTTP/1.1\r\nx-injected: 1\r\nx: ",
        "/v1/widgets/a%00b",
        "/v1/widgets/a%09b",
        "/v1/widgets/a%0Ab",
        "/v1/widgets/a%0d%0ab",
        "/v1/widgets/a%7Fb",
        "/v1/widgets/a%C2%85b",
        "/v1/widgets/a\u{85}b",
        "/v1/widgets/a\u{2028}b",
        "/v1/widgets/a\u{202e}b",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
    Try::get(places.url("\t/v1/widgets")).at_both_doors();
    Try::get(places.url("/v1/widgets ")).at_both_doors();
    Try::get(places.url("/v1/search?q=a\r\nx: y")).at_both_doors();
    Try::get(places.url("/v1/search?q=a b")).at_both_doors();
}
