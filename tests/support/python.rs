//! Python programs the tests need, each in a virtual environment pinned by hashes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The virtual environment of `tests/support/servers/NAME.txt`, made when it is not there yet.
///
/// It lives under `$XDG_CACHE_HOME/agentbox-tests`, named by the digest of the requirements, so
/// that it is made once on a machine and again when a pin changes.
pub(crate) fn venv(name: &str) -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/support/servers")
        .join(name)
        .with_extension("txt");
    let text = fs::read(&requirements).expect("the requirements are checked in");
    let cache = cache();
    let made = cache.join(format!("{name}-{:016x}", digest(&text)));

    let lock = File::create(made.with_extension("lock")).expect("a lock file can be made");
    lock.lock().expect("the lock file can be locked");
    if !made.exists() {
        let half = tempfile::tempdir_in(&cache).expect("the cache folder can be written");
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(half.path()));
        run(Command::new(half.path().join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args([
                "--no-deps",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "-r",
            ])
            .arg(&requirements));
        // Nothing in it is started by a path written at install time, so it may be moved.
        fs::rename(half.keep(), &made).expect("a folder can be renamed within the cache");
    }
    made
}

/// The Python of the virtual environment `venv`.
pub(crate) fn python(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

/// The folder of the Python package `package` in the virtual environment `venv`.
pub(crate) fn package(venv: &Path, package: &str) -> PathBuf {
    fs::read_dir(venv.join("lib"))
        .expect("a virtual environment has a lib folder")
        .flatten()
        .map(|version| version.path().join("site-packages").join(package))
        .find(|folder| folder.is_dir())
        .expect("the package is installed")
}

/// The folder for what is fetched once on a machine.
pub(crate) fn cache() -> PathBuf {
    let below = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = below("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| below("HOME").map(|home| Path::new(&home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("agentbox-tests");
    fs::create_dir_all(&cache).expect("the cache folder can be made");
    cache
}

fn run(command: &mut Command) {
    let done = command.output().expect("python3 is installed");
    assert!(
        done.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// FNV-1a: it names a folder and guards nothing.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
