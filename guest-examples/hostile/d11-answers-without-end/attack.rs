//! D11. Calls granted names about which a server says nothing, too much, half of it, or something else. Each
//! costs the time to connect at most, and leads nowhere.

use attempt::Places;

fn main() {
    let places = Places::new();
    for label in [
        "silent", "lies", "another", "cut", "stuck", "huge", "many", "none",
    ] {
        places
            .named(&format!("{label}.widgets.example"))
            .at_both_doors();
    }
}
