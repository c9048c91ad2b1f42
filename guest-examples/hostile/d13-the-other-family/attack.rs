//! D13. Calls `localhost`, which leads to an address of either family, where one is granted; and the other family
//! by a name and by its address. The granted one alone is reached.

use attempt::Places;

fn main() {
    let places = Places::new();
    for host in ["localhost", "six.widgets.example", "[::1]"] {
        places.named(host).at_both_doors();
    }
}
