//! The first command of the README: builds agentbox and `fetch`, starts an API that demands a key,
//! lets the program call it, and shows that the key stayed out of the program.
//!
//! `cargo run --locked --example first-call`

#![expect(clippy::print_stderr, reason = "it is a command, and errors are talk")]

#[path = "../../../tests/support/canary.rs"]
#[expect(dead_code, reason = "tests look for a key in more ways than this")]
mod canary;
mod story;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match build()
        .and_then(|(agentbox, fetch)| story::tell(&agentbox, &fetch, &mut std::io::stdout().lock()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("first-call: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds agentbox, as this example was built, and the program; says where they are.
fn build() -> Result<(PathBuf, PathBuf), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // TARGET/PROFILE/examples/first-call
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let built = this.ancestors().nth(2).ok_or("it runs from nowhere")?;
    let target = built.parent().ok_or("it runs from nowhere")?;
    let profile = match built.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    eprintln!("Building agentbox …");
    // Naming the example as well makes cargo choose the dependencies that are already built.
    cargo(
        root,
        target,
        &[
            "--profile",
            profile,
            "--bin",
            "agentbox",
            "--example",
            "first-call",
        ],
    )?;
    eprintln!("Building the program …");
    let guests = target.join("tmp/guests");
    cargo(
        &root.join("guest-examples"),
        &guests,
        &["--release", "--target", "wasm32-wasip2", "-p", "fetch"],
    )?;
    Ok((
        built.join("agentbox"),
        guests.join("wasm32-wasip2/release/fetch.wasm"),
    ))
}

fn cargo(folder: &Path, target: &Path, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--target-dir"])
        .arg(target)
        .args(arguments)
        .current_dir(folder)
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo build {}` failed", arguments.join(" ")))
    }
}
