//! U15. Leaves segments empty, which some upstreams fold away and others take for a host. Each is refused
//! as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for path in [
        "//admin",
        "//127.0.0.2/v1/widgets",
        "///v1/widgets",
        "/v1//widgets",
        "/v1/./widgets",
        "/v1/widgets//",
        "/v1/widgets//w-1",
        "//",
        "/v1/widgets/w-1//notes",
    ] {
        Try::get(places.url(path)).at_both_doors();
    }
    // A slash at the end is another path, and nobody granted it.
    Try::get(places.url("/v1/widgets/")).at_both_doors();
}
