//! U26. Fills the hole of a granted route, `/v1/widgets/{id}`, with what would be more than one segment,
//! or less. None of it is granted; what is one segment arrives as it is.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for path in [
        "/v1/widgets/w-1/notes",
        "/v1/widgets/w-1/w-2",
        "/v1/widgets/",
        "/v1/widgets/..",
        "/v1/widgets/w-1/",
        "/v1/widgets/w-1%2Fnotes",
        "/v1/widgets/{id}",
        "/v1/widgets/%7Bid%7D",
        "/v1/widgets/*",
        "/v1/widgets/...",
        "/v1/{id}",
        "/{a}/{b}",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
    for path in [
        "/v1/widgets/w-1/../admin/notes",
        "/v1/widgets//notes",
        "/v1/widgets/notes",
        "/v1/widgets/a/b/notes",
        "/v1/widgets/w-1/notes/",
        "/v1/widgets/w-1/Notes",
        "/v1/widgets/w-1/notes;x",
    ] {
        Try::new("POST", places.url(path)).at_both_doors();
    }
}
