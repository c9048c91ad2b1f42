//! U19. Puts question and number signs in a segment, raw and escaped, so that a path ends elsewhere for
//! the upstream. Raw, they begin a query that is not granted, or a fragment: refused, by `wasi:http`
//! before it is a call. Escaped in the one way there is, they stay in the segment.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for path in [
        "/v1/widgets/a?b",
        "/v1/widgets?",
        "/v1/widgets?q=1",
        "/v1/widgets/a#b",
        "/v1/widgets#/admin",
        "/v1/search?q=a#b",
        "/v1/search?x=1",
        "/v1/search?q=a&q=b",
        "/v1/search?q=a?b",
        "/v1/widgets/a%3fb",
        "/v1/widgets/a%23",
        "/v1/widgets/a%3Fb%23c",
        "/v1/widgets/a;b=c",
        "/v1/search?q=a;x=1&x=2",
        "/v1/search?q=%26x%3D1",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
}
