//! D05. Calls names that are other names of others: of another host, of this machine, of each other, and
//! of each other twenty times. They are followed a few steps, and where they end is checked.

use attempt::Places;

fn main() {
    let places = Places::new();
    for label in ["elsewhere", "here", "circle", "itself", "twenty", "three"] {
        places
            .named(&format!("{label}.widgets.example"))
            .at_both_doors();
    }
}
