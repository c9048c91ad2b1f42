//! U09. Puts zones and names in the brackets of an address, or leaves one bracket out. Each is refused
//! as not canonical.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    let Places { port, .. } = &places;
    for url in [
        format!("http://[fe80::1%25lo]:{port}/v1/widgets"),
        format!("http://[fe80::1%lo]:{port}/v1/widgets"),
        format!("http://[::1%25lo]:{port}/v1/widgets"),
        format!("http://[127.0.0.1]:{port}/v1/widgets"),
        format!("http://[127.0.0.2]:{port}/v1/widgets"),
        format!("http://[localhost]:{port}/v1/widgets"),
        format!("http://[::1:{port}/v1/widgets"),
        format!("http://::1]:{port}/v1/widgets"),
        format!("http://[]:{port}/v1/widgets"),
        format!("http://[[::1]]:{port}/v1/widgets"),
        format!("http://[::1]x:{port}/v1/widgets"),
        format!("http://[v1.fe80::a]:{port}/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
}
