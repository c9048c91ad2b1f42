//! D06. Calls names that networks complete, files list and neighbours answer for. Those that are granted are
//! asked for as they stand and nowhere else; about the others nobody is asked.

use attempt::Places;

fn main() {
    let places = Places::new();
    for host in ["api", "localhost", "printer.local"] {
        places.named(host).at_both_doors();
    }
    for host in ["intranet", "gateway", "wpad", "scanner.local", "api.local"] {
        places.named(host).at_both_doors();
    }
}
