//! Reads and writes where it may, and reports each refusal where it may not.
//!
//! An ordinary `std::fs` program. The policy beside it grants `/data` to read and `/out` to read
//! and write; everything else it tries is outside of both.

use std::fs;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut wrong = 0;
    let text = match fs::read_to_string("/data/in.txt") {
        Ok(text) => text,
        Err(error) => {
            eprintln!("cannot read /data/in.txt: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("read /data/in.txt: {} bytes", text.len());
    match fs::write("/out/upper.txt", text.to_uppercase()) {
        Ok(()) => println!("wrote /out/upper.txt"),
        Err(error) => {
            eprintln!("cannot write /out/upper.txt: {error}");
            return ExitCode::FAILURE;
        }
    }

    let mut attempt = |what: &str, outcome: io::Result<()>| match outcome {
        Ok(()) => {
            println!("NOT REFUSED: {what}");
            wrong += 1;
        }
        Err(error) => println!("refused: {what}: {}", kind(&error)),
    };
    attempt("read /data/../secret.txt", read("/data/../secret.txt"));
    attempt(
        "read /data/sub/../../../secret.txt",
        read("/data/sub/../../../secret.txt"),
    );
    attempt("read /etc/passwd", read("/etc/passwd"));
    attempt("list /", fs::read_dir("/").map(drop));
    attempt("read /data/link (a symlink out)", read("/data/link"));
    attempt(
        "read /data/absolute (a symlink to an absolute path)",
        read("/data/absolute"),
    );
    attempt("write /data/in.txt", fs::write("/data/in.txt", "changed"));
    attempt("remove /data/in.txt", fs::remove_file("/data/in.txt"));
    attempt(
        "write /out/../escaped.txt",
        fs::write("/out/../escaped.txt", "escaped"),
    );
    attempt(
        "rename /out/upper.txt to /data",
        fs::rename("/out/upper.txt", "/data/upper.txt"),
    );
    attempt(
        "link /data/in.txt into /out",
        fs::hard_link("/data/in.txt", "/out/linked.txt"),
    );
    attempt("symlink /out/way to /etc", symlink("/etc", "/out/way"));
    attempt("read /out/way/passwd", read("/out/way/passwd"));
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(path: &str) -> io::Result<()> {
    fs::read(path).map(drop)
}

#[allow(deprecated, reason = "the one symlink call of std that the target has")]
fn symlink(target: &str, link: &str) -> io::Result<()> {
    fs::soft_link(target, link)
}

/// The kind of an error: the words around it are the platform's and change.
fn kind(error: &io::Error) -> String {
    format!("{:?}", error.kind())
}
