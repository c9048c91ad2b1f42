//! R05. Is redirected to another port of the same host, and follows by itself. Another port is another
//! origin.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    Try::get(places.url("/v1/widgets/w-1")).at_both_doors();
    Try::get(format!("http://{}/v1/widgets", places.neighbour)).at_both_doors();
}
