//! R01. Asks an upstream that redirects to another host, by each status, and then follows by itself. The
//! redirect is the program's to see; the host follows none, and the place it leads to is not granted.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for status in [301, 302, 303, 307, 308] {
        Try::get(places.url(&format!("/v1/widgets/{status}"))).at_both_doors();
    }
    Try::get(format!("http://{}/v1/widgets", places.forbidden)).at_both_doors();
}
