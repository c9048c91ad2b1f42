//! U11. Writes dot segments, plain, escaped and disguised, that lead from a granted path to another.
//! Each is refused as not canonical, before anybody resolves it.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for path in [
        "/v1/widgets/../admin",
        "/v1/widgets/%2e%2e/admin",
        "/v1/widgets/%2E%2E",
        "/v1/widgets/.%2e",
        "/v1/widgets/%2e.",
        "/v1/widgets/..",
        "/v1/widgets/../",
        "/v1/widgets/.",
        "/v1/./widgets",
        "/./v1/widgets",
        "/..",
        "/v1/widgets/..;x=1",
        "/v1/widgets/..;/admin",
        "/v1/widgets/.;a",
        "/v1/widgets/;",
        "/../../v1/widgets",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
}
