//! R03. Asks an upstream, by TLS, that redirects to the same host without it, and follows by itself. Nothing
//! is ever sent in the clear.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let secure = places.more.as_deref().unwrap_or("localhost:8080");
    Try::get(format!("https://{secure}/v1/widgets"))
        .called("GET https://localhost/v1/widgets")
        .at_both_doors();
    Try::get(format!("http://{secure}/v1/widgets"))
        .called("GET http://localhost/v1/widgets")
        .at_both_doors();
    Try::get(places.url("/v1/widgets")).at_both_doors();
}
