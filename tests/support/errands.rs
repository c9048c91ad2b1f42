//! A program that runs errands: it does each thing it is asked to and says how that went.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::agentbox::{Ground, Outcome};

/// An ordinary program of the standard library: it does each thing it is asked to, separated by
/// `+`, and prints a line on how that went.
const GUEST: &str = r#"
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, io, process, thread};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for words in words.split(|word| *word == "+") {
        match act(words) {
            Ok(text) => println!("{text}"),
            Err(error) => println!("refused: {:?}", error.kind()),
        }
    }
}

#[allow(deprecated)]
fn act(words: &[&str]) -> io::Result<String> {
    let done = |()| "done".to_owned();
    match words {
        ["args", rest @ ..] => Ok(format!("{rest:?}")),
        ["env"] => Ok(format!("{:?}", env::vars().collect::<Vec<_>>())),
        ["exit", code] => process::exit(code.parse().unwrap()),
        ["copy"] => io::copy(&mut io::stdin(), &mut io::stdout()).map(|bytes| format!("{bytes} bytes")),
        ["stderr", text] => Ok(eprintln!("{text}")).map(done),
        ["clocks"] => {
            let start = Instant::now();
            thread::sleep(std::time::Duration::from_millis(20));
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
            Ok(format!("{wall} {}", start.elapsed().as_millis()))
        }
        ["random"] => {
            use std::hash::{BuildHasher, RandomState};
            Ok(RandomState::new().hash_one(1).to_string())
        }
        ["read", path] => fs::read_to_string(path),
        ["list", path] => fs::read_dir(path).map(|entries| entries.count().to_string()),
        ["stat", path] => fs::metadata(path).map(|_| ()).map(done),
        ["write", path, text] => fs::write(path, text).map(done),
        ["append", path] => fs::OpenOptions::new().append(true).open(path).map(|_| ()).map(done),
        ["truncate", path] => fs::File::create(path).map(|_| ()).map(done),
        ["mkdir", path] => fs::create_dir(path).map(done),
        ["remove", path] => fs::remove_file(path).map(done),
        ["rename", from, to] => fs::rename(from, to).map(done),
        ["hard-link", from, to] => fs::hard_link(from, to).map(done),
        ["symlink", target, link] => fs::soft_link(target, link).map(done),
        ["tcp", to] => TcpStream::connect(to).map(|_| ()).map(done),
        ["udp", to] => UdpSocket::bind("127.0.0.1:0").and_then(|it| it.send_to(b"x", to)).map(|_| ()).map(done),
        ["listen", on] => TcpListener::bind(on).map(|_| ()).map(done),
        ["resolve", name] => (*name, 80).to_socket_addrs().map(|found| found.count().to_string()),
        _ => Err(io::Error::other(format!("this program cannot do {words:?}"))),
    }
}
"#;

/// [`GUEST`], compiled for WASI 0.2 or for WASI preview 1.
fn guest(target: &'static str) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    static BUILT: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder can be made"));
    BUILT[usize::from(target == "wasm32-wasip1")]
        .get_or_init(|| {
            let source = folder.path().join(format!("{target}.rs"));
            let program = folder.path().join(format!("{target}.wasm"));
            fs::write(&source, GUEST).expect("a temporary folder can be written");
            let built = Command::new("rustc")
                .args([
                    "--edition=2024",
                    "-O",
                    "-Cstrip=symbols",
                    "--target",
                    target,
                    "-o",
                ])
                .arg(&program)
                .arg(&source)
                // Where the toolchain is pinned.
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .expect("rustc is there");
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{said}");
            program
        })
        .clone()
}

/// [`GUEST`] for WASI preview 1.
pub(crate) fn wasip1() -> PathBuf {
    guest("wasm32-wasip1")
}

/// [`GUEST`] for WASI 0.2.
pub(crate) fn wasip2() -> PathBuf {
    guest("wasm32-wasip2")
}

/// Runs `program` with `arguments`, which come after all flags, under the policy of the working
/// folder where there is one.
pub(crate) fn run(ground: &Ground, program: &Path, arguments: &[&str]) -> Outcome {
    let program = program.to_str().expect("temporary paths are UTF-8");
    let policy: &[&str] = match ground.work().join("agentbox.toml").exists() {
        true => &["--policy", "agentbox.toml"],
        false => &[],
    };
    ground.run(&[&["run"], policy, &[program], arguments].concat())
}

/// What it says of a thing that it may not do.
pub(crate) const DENIED: &str = "refused: PermissionDenied";
