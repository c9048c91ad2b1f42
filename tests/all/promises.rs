//! SECURITY.md names a test for each promise, and the test is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_promise_names_tests_that_exist_or_says_pending() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).expect("the page is there");
    let tests: BTreeSet<String> = ["runtime", "host-apis", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root.join(folder)))
        .flat_map(|file| tests_of(&fs::read_to_string(file).expect("a source is text")))
        .collect();
    let promises: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "))
        .filter(|(promise, _)| *promise != "promise")
        .collect();
    assert!(promises.len() > 20, "{}", promises.len());
    for (promise, evidence) in promises {
        let names: Vec<_> = evidence
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains('_'))
            .collect();
        assert!(
            !names.is_empty() || evidence == "pending",
            "nothing holds: {promise}"
        );
        for name in names {
            assert!(tests.contains(name), "no test `{name}` for: {promise}");
        }
    }
}

/// The names of the functions in `source` that are tests: those with an attribute that says so, such
/// as `#[test]` or `#[tokio::test(…)]`.
fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if let Some(attribute) = line.strip_prefix("#[") {
            let path = attribute.split(['(', ']']).next().unwrap_or_default();
            is_test |= path.rsplit("::").next() == Some("test");
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
            names.push(name.split('(').next().unwrap_or_default().to_owned());
            is_test = false;
        }
    }
    names
}

#[test]
fn only_a_function_that_runs_as_a_test_counts_as_one() {
    let source = "#[test]\nfn a() {}\n\nfn b() {}\n\n#[track_caller]\nfn c() {}\n\n\
        #[tokio::test(start_paused = true)]\nasync fn d() {}\n\n#[cfg(test)]\nfn e() {}\n\n\
        #[test]\n#[should_panic]\nfn f() {}\n// fn g(\n";
    assert_eq!(tests_of(source), ["a", "d", "f"]);
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources can be read") {
        let path = entry.expect("a folder of sources can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
