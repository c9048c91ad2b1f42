//! D01. Calls names that nobody granted, with what it knows in them, for whoever listens to the questions
//! that are asked about names. None is asked.

use attempt::{Places, Try};

fn main() {
    let places = Places::new();
    for host in [
        "widgets.example",
        "everything-i-know.evil.example",
        "everything.i.know.evil.example",
        "api.widgets.example.evil.example",
        "xn--everything-i-know-kza.example",
        "localhost.localdomain",
        "metadata.google.internal",
        "instance-data.ec2.internal",
        "1.0.0.127.in-addr.arpa",
        "everything-i-know.local",
        "metadata",
    ] {
        places.named(host).at_both_doors();
    }
    // Granted names, and nothing else of it is.
    let asked = "everything-i-know.widgets.example";
    for url in [
        format!("https://{asked}/v1/widgets"),
        format!("http://{asked}/v1/widgets"),
        format!("https://{asked}:8443/v1/widgets"),
    ] {
        Try::get(url).at_both_doors();
    }
    for (method, path) in [("GET", "/v1/admin"), ("POST", "/v1/widgets")] {
        places.named_with(method, asked, path).at_both_doors();
    }
}
