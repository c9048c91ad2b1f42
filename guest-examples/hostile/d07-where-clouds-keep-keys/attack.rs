//! D07. Calls granted names that lead to where machines in a cloud get their keys, under a policy whose ranges
//! hold those addresses; and the addresses themselves. Each is refused: only by itself is one granted.

use attempt::Places;

fn main() {
    let places = Places::new();
    for label in [
        "aws",
        "aws-six",
        "containers",
        "pods",
        "alibaba",
        "oracle",
        "azure",
        "mapped",
        "translated",
    ] {
        places
            .named(&format!("{label}.widgets.example"))
            .at_both_doors();
    }
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[::ffff:a9fe:a9fe]",
        "metadata.google.internal",
    ] {
        places.named(host).at_both_doors();
    }
}
