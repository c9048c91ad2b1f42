//! SECURITY.md names a test for each promise, and the test is there.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_promise_names_tests_that_exist_or_says_pending() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).expect("the page is there");
    let sources: String = ["runtime", "host-apis", "tests"]
        .iter()
        .flat_map(|folder| rust_files(&root.join(folder)))
        .map(|file| fs::read_to_string(file).expect("a source is text"))
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
            assert!(
                sources.contains(&format!("fn {name}(")),
                "no test `{name}` for: {promise}"
            );
        }
    }
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
