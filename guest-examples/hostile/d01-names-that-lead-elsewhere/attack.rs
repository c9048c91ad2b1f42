//! D01. Calls granted names that somebody leads to another host, to another one of the same machine, and to
//! several at once. Each is refused before it is dialled; of several the granted address is taken.

use attempt::Places;

fn main() {
    let places = Places::new();
    for label in ["elsewhere", "six", "inside", "several", "beside"] {
        places
            .named(&format!("{label}.widgets.example"))
            .at_both_doors();
    }
}
