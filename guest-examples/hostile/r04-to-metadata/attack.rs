//! R04. Is redirected to the addresses from which machines in a cloud get their keys, and follows by itself.
//! None is granted.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "192.0.0.192",
        "169.254.170.2",
        "100.100.100.200",
        "metadata.google.internal",
    ] {
        Try::get(places.url("/v1/widgets/w-1")).at_both_doors();
        Try::get(format!("http://{host}/latest/meta-data/")).at_both_doors();
    }
}
