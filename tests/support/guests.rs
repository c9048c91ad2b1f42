//! The guest programs, built once.

use std::ffi::OsStr;
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

/// The core module, with the types of its world, of the C program that calls operations.
pub(crate) fn c_issues() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_c_issues).clone()
}

/// The module in text form.
pub(crate) fn wat_hello() -> PathBuf {
    sources().join("wat-hello/hello.wat")
}

/// The module in text form that calls an operation.
pub(crate) fn invoke() -> PathBuf {
    sources().join("invoke/issues.wat")
}

/// The program of the attack in the folder `name` of `hostile`.
pub(crate) fn hostile(name: &str) -> PathBuf {
    let text = sources().join("hostile").join(name).join("attack.wat");
    if text.exists() { text } else { guest(name) }
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
    without_flags(&mut command);
    run(&mut command);
    target.join("wasm32-wasip2/release")
}

fn build_c() -> PathBuf {
    let target = target();
    let _lock = lock(&target);
    let source = sources().join("c-hello/hello.c");
    let module = target.join("c-hello.wasm");
    if !is_newer(&module, &[&source]) {
        compile_c(&target, &module, &[source.as_os_str()]);
    }
    module
}

/// As its README says: the bindings from its world, and then a reactor.
fn build_c_issues() -> PathBuf {
    let target = target();
    let _lock = lock(&target);
    let folder = sources().join("c-issues");
    let source = folder.join("issues.c");
    let module = target.join("c-issues.wasm");
    let world = folder.join("wit");
    let texts = [
        "world.wit",
        "deps/agentbox/host.wit",
        "deps/github/issues.wit",
    ]
    .map(|text| world.join(text));
    let [own, host, github] = &texts;
    if !is_newer(&module, &[&source, own, host, github]) {
        // The source includes `bindings/…` from beside itself.
        let copy = target.join("c-issues");
        let bindings = copy.join("bindings");
        fs::create_dir_all(&bindings).expect("the target folder can be written");
        run(Command::new(wit_bindgen())
            .arg("c")
            .arg(&world)
            .arg("--out-dir")
            .arg(&bindings));
        let copied = copy.join("issues.c");
        fs::copy(&source, &copied).expect("the target folder can be written");
        let made = ["commenter.c", "commenter_component_type.o"].map(|name| bindings.join(name));
        let reactor = OsStr::new("-mexec-model=reactor");
        let [code, types] = made.each_ref().map(PathBuf::as_path);
        compile_c(
            &target,
            &module,
            &[
                reactor,
                copied.as_os_str(),
                code.as_os_str(),
                types.as_os_str(),
            ],
        );
    }
    module
}

/// Whether `made` is there and newer than all of `sources`.
fn is_newer(made: &Path, sources: &[&PathBuf]) -> bool {
    let changed = |path: &Path| {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    made.exists() && sources.iter().all(|path| changed(made) > changed(path))
}

/// Makes `module` of the arguments of a C compiler with a WASI libc.
fn compile_c(target: &Path, module: &Path, arguments: &[&OsStr]) {
    let half = module.with_extension("half.wasm");
    run(Command::new(python::python(&python::venv("ziglang")))
        .args(["-m", "ziglang", "cc", "-target", "wasm32-wasi", "-Os", "-s"])
        .arg("-o")
        .arg(&half)
        .args(arguments)
        .env("ZIG_GLOBAL_CACHE_DIR", target.join("zig"))
        .env("ZIG_LOCAL_CACHE_DIR", target.join("zig")));
    fs::rename(half, module).expect("a file can be renamed within a folder");
}

/// The tool that makes C of a world, installed when it is not there yet.
fn wit_bindgen() -> PathBuf {
    let made = python::cache().join(format!("wit-bindgen-{WIT_BINDGEN}"));
    let lock = File::create(made.with_extension("lock")).expect("a lock file can be made");
    lock.lock().expect("the lock file can be locked");
    let tool = made.join("bin/wit-bindgen");
    if !tool.exists() {
        let mut command = Command::new(env!("CARGO"));
        command
            .args([
                "install",
                "wit-bindgen-cli",
                // It writes three files; to optimise it would take longer.
                "--debug",
                "--quiet",
                "--locked",
                "--no-default-features",
            ])
            .args(["--features", "c", "--version", WIT_BINDGEN, "--root"])
            .arg(&made);
        without_flags(&mut command);
        run(&mut command);
    }
    tool
}

/// The version of `wit-bindgen-cli`, which is that of the crate `wit-bindgen` in the workspace of
/// the guests.
const WIT_BINDGEN: &str = "0.57.1";

/// Keeps what was said about building the host from a command that builds something else.
fn without_flags(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let flags = name.ends_with("RUSTFLAGS") || name.starts_with("CARGO_PROFILE_");
        let wrapper = name.starts_with("RUSTC_") || name.ends_with("_WRAPPER");
        if flags || wrapper || name.starts_with("CARGO_BUILD_") || name == "CARGO_TARGET_DIR" {
            command.env_remove(&*name);
        }
    }
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
