//! L14. Looks for the key where programs are often given one: arguments, environment, standard input, the
//! folder it runs in, and what a system tells of its processes. There is none of it.

use std::io::Read as _;

use attempt::{Places, tell};

fn main() {
    // Nobody is called: this one only looks around.
    let _ = Places::new();
    let arguments: Vec<String> = std::env::args().skip(3).collect();
    tell("look", "arguments", || format!("{arguments:?}"));
    tell("look", "environment", || {
        format!("{:?}", std::env::vars().collect::<Vec<_>>())
    });
    tell("look", "input", || {
        let mut input = Vec::new();
        let read = std::io::stdin().read_to_end(&mut input);
        format!("{read:?}")
    });
    for path in [
        "/proc/self/environ",
        "/proc/self/cmdline",
        "agentbox.toml",
        ".env",
        "/run/secrets/key",
        "/home/agent/.netrc",
    ] {
        tell("look", path, || {
            format!("{:?}", std::fs::read(path).map_err(|error| error.kind()))
        });
    }
    for path in [".", "/", "/proc", "/run/secrets"] {
        tell("look", path, || {
            let listed = std::fs::read_dir(path).map(|entries| entries.count());
            format!("{:?}", listed.map_err(|error| error.kind()))
        });
    }
}
