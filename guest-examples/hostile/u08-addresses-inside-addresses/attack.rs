//! U08. Writes an IPv4 address inside an IPv6 one, in each way that a network or a library unwraps, and
//! the same in other letters. In its one spelling it is another host, which nobody granted; in any
//! other it is refused as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { port, .. } = &places;
    for url in [
        format!("http://[::ffff:127.0.0.1]:{port}/v1/widgets"),
        format!("http://[::ffff:127.0.0.2]:{port}/v1/widgets"),
        format!("http://[::FFFF:127.0.0.2]:{port}/v1/widgets"),
        format!("http://[::ffff:7f00:2]:{port}/v1/widgets"),
        format!("http://[0:0:0:0:0:ffff:127.0.0.2]:{port}/v1/widgets"),
        format!("http://[::127.0.0.2]:{port}/v1/widgets"),
        format!("http://[::7f00:2]:{port}/v1/widgets"),
        format!("http://[64:ff9b::7f00:2]:{port}/v1/widgets"),
        format!("http://[64:ff9b::127.0.0.2]:{port}/v1/widgets"),
        format!("http://[2002:7f00:2::]:{port}/v1/widgets"),
        format!("http://[2001:0:7f00:2::]:{port}/v1/widgets"),
        format!("http://[2001::7f00:2]:{port}/v1/widgets"),
        format!("http://[::1]:{port}/v1/widgets"),
        format!("http://[0:0:0:0:0:0:0:1]:{port}/v1/widgets"),
        format!("http://[::0001]:{port}/v1/widgets"),
        format!("http://[::]:{port}/v1/widgets"),
        format!("http://[::ffff:0:7f00:2]:{port}/v1/widgets"),
        format!("http://[fe80::5efe:127.0.0.2]:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
