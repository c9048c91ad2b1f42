//! H01. Sends credentials of its own, beside or in the place of the key, also in the key's own header. Each
//! call is refused, not overwritten.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let url = places.url("/v1/widgets");
    for (name, value) in [
        ("authorization", "mine"),
        ("Authorization", "mine"),
        ("AUTHORIZATION", "mine"),
        ("cookie", "mine"),
        ("Cookie2", "mine"),
        ("proxy-authorization", "mine"),
        ("x-api-key", "mine"),
        ("api-key", "mine"),
        ("x-auth-token", "mine"),
        ("private-token", "mine"),
        ("x-amz-security-token", "mine"),
        ("x-vault-token", "mine"),
        ("x-goog-api-key", "mine"),
        ("x-widgets-key", "mine"),
        ("X-Widgets-Key", "mine"),
    ] {
        Try::get(&url).header(name, value).at_both_doors();
    }
    Try::get(&url)
        .header("authorization", "Bearer mine")
        .header("authorization", "Basic bWluZQ==")
        .at_both_doors();
}
