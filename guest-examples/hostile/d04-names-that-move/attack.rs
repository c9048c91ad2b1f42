//! D04. Calls one name again and again, while it leads to the granted address when it is asked about, and to
//! another host by the next time. Every new connection is checked, and one that is kept stays where it was.

use attempt::Places;

fn main() {
    let places = Places::new();
    for _ in 0..5 {
        places.named("moving.widgets.example").at_both_doors();
    }
}
