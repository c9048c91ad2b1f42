//! The guest programs, built once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::python;

/// The component of the member `name` of `guest-examples`.
pub(crate) fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    let component = built.join(name.replace('-', "_")).with_extension("wasm");
    if component.exists() {
        component
    } else {
        built.join(name).with_extension("wasm")
    }
}

/// The core module, for WASI preview 1, of the C program.
pub(crate) fn c_hello() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_c).clone()
}

/// The module in text form.
pub(crate) fn wat_hello() -> PathBuf {
    sources().join("wat-hello/hello.wat")
}

/// The policy of the example `name`, with each first text of `changes` replaced by its second: the
/// addresses in the checked in policies are fixed, those of the tests are not.
pub(crate) fn policy(name: &str, changes: &[(&str, &str)]) -> String {
    let path = sources().join(name).join("agentbox.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "the policy of {name} has no `{from}`");
        text.replace(from, to)
    })
}

/// The folder of the guest programs' sources, policies and transcripts.
pub(crate) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-examples")
}

/// Builds the workspace and says where its components are.
fn build() -> PathBuf {
    let target = target();
    let _lock = lock(&target);
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "build",
            "--locked",
            "--release",
            "--quiet",
            "--target",
            "wasm32-wasip2",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(sources());
    // What was said about building the host is not about the guests.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let flags = name.ends_with("RUSTFLAGS") || name.starts_with("CARGO_PROFILE_");
        let wrapper = name.starts_with("RUSTC_") || name.ends_with("_WRAPPER");
        if flags || wrapper || name.starts_with("CARGO_BUILD_") || name == "CARGO_TARGET_DIR" {
            command.env_remove(&*name);
        }
    }
    run(&mut command);
    target.join("wasm32-wasip2/release")
}

fn build_c() -> PathBuf {
    let target = target();
    let _lock = lock(&target);
    let source = sources().join("c-hello/hello.c");
    let module = target.join("c-hello.wasm");
    let changed = |path: &Path| {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    if changed(&module) < changed(&source) || !module.exists() {
        let half = target.join("c-hello.half.wasm");
        run(Command::new(python::python(&python::venv("ziglang")))
            .args([
                "-m",
                "ziglang",
                "cc",
                "-target",
                "wasm32-wasi",
                "-Os",
                "-s",
                "-o",
            ])
            .arg(&half)
            .arg(&source)
            .env("ZIG_GLOBAL_CACHE_DIR", target.join("zig"))
            .env("ZIG_LOCAL_CACHE_DIR", target.join("zig")));
        fs::rename(half, &module).expect("a file can be renamed within a folder");
    }
    module
}

/// A target folder of the guests' own, kept between runs.
fn target() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    fs::create_dir_all(&target).expect("the target folder can be written");
    target
}

/// Keeps other test processes out until it is dropped.
fn lock(target: &Path) -> File {
    let lock = File::create(target.join("tests.lock")).expect("a lock file can be made");
    lock.lock().expect("the lock file can be locked");
    lock
}

fn run(command: &mut Command) {
    let done = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        done.status.success(),
        "{command:?}:\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
}
