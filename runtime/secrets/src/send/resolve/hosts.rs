//! The names that whoever runs this machine wrote into its file of hosts.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

/// Where the system keeps it.
pub(super) const FILE: &str = "/etc/hosts";

/// How much of it is read, in bytes: lists of a hundred thousand names stay below it.
const LONGEST: u64 = 4 << 20;

/// The addresses that `file` lists for `host`. A machine without the file lists none.
pub(super) fn find(file: &Path, host: &str) -> io::Result<Vec<IpAddr>> {
    let mut text = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(LONGEST).read_to_end(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    Ok(listed(&String::from_utf8_lossy(&text), host))
}

fn listed(text: &str, host: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        words
            .any(|name| name.eq_ignore_ascii_case(host))
            .then_some(address)
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "127.0.0.1 localhost\n::1\tlocalhost ip6-localhost\n\
        # 10.0.0.1 commented\n10.0.0.2  API api.corp.example # not.this\n\
        10.0.0.300 broken\nfe80::1%lo scoped\n\n10.0.0.3\n10.0.0.4 api";

    fn check(host: &str, expected: &[&str]) {
        let found: Vec<String> = listed(TEXT, host).iter().map(IpAddr::to_string).collect();
        assert_eq!(found, expected, "{host}");
    }

    #[test]
    fn d06_a_name_is_found_as_it_is_written_and_in_no_other_form() {
        check("localhost", &["127.0.0.1", "::1"]);
        check("api", &["10.0.0.2", "10.0.0.4"]);
        check("api.corp.example", &["10.0.0.2"]);
        for other in [
            "corp.example",
            "api.corp",
            "commented",
            "not.this",
            "broken",
        ] {
            check(other, &[]);
        }
        check("scoped", &[]);
        check("", &[]);
    }

    #[test]
    fn a_machine_without_the_file_lists_nothing() {
        let none = find(Path::new("/nonexistent/hosts"), "localhost");
        assert!(none.expect("no file").is_empty());
    }
}
