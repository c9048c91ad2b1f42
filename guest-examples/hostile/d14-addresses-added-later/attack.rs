//! D14. Calls one name again and again, while an address of the other family is added to it, and the granted one is
//! then taken away. The added one is never dialled.

use attempt::Places;

fn main() {
    let places = Places::new();
    for _ in 0..3 {
        places.named("growing.widgets.example").at_both_doors();
    }
}
