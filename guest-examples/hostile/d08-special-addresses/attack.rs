//! D08. Calls granted names that lead to addresses which are nobody's on the public network, plain and inside of
//! others. Each is refused.

use attempt::Places;

fn main() {
    let places = Places::new();
    for label in [
        "any",
        "any-six",
        "loopback",
        "loopback-six",
        "private",
        "home",
        "office",
        "unique-local",
        "link",
        "link-six",
        "shared",
        "protocols",
        "benchmarks",
        "documents",
        "documents-six",
        "multicast",
        "multicast-six",
        "reserved",
        "broadcast",
        "mapped",
        "compatible",
        "translated",
        "tunnelled",
    ] {
        places
            .named(&format!("{label}.widgets.example"))
            .at_both_doors();
    }
}
