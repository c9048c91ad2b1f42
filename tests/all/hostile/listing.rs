//! No attack is without a test, a line for its readers and, in Rust, a program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

use crate::support::guests;

/// The folders of attacks.
fn folders() -> BTreeSet<String> {
    fs::read_dir(guests::sources().join("hostile"))
        .expect("the attacks can be listed")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_attack_has_a_test_of_its_name() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/hostile");
    let tests: String = fs::read_dir(tests)
        .expect("the tests can be listed")
        .flatten()
        .map(|entry| read(&entry.path()))
        .collect();
    let untested: Vec<_> = folders()
        .into_iter()
        .filter(|name| {
            let test = format!("#[test]\nfn {}() {{", name.replace('-', "_"));
            // A test of that name, and that it runs that attack.
            !tests.contains(&test) || !tests.contains(&format!("\"{name}\""))
        })
        .collect();
    assert_eq!(untested, Vec::<String>::new());
}

#[test]
fn every_attack_is_in_the_table_of_their_readme_and_no_other() {
    let readme = read(&guests::sources().join("hostile/README.md"));
    let listed: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| [")?.split_once(']'))
        .map(|(name, rest)| {
            assert!(rest.starts_with(&format!("({name}) | ")), "{name}: {rest}");
            name.to_owned()
        })
        .collect();
    assert_eq!(listed, folders());
}

#[test]
fn every_attack_is_a_program_that_says_what_it_tries() {
    let hostile = guests::sources().join("hostile");
    let manifest: Table = read(&hostile.join("Cargo.toml"))
        .parse()
        .expect("a manifest is TOML");
    let bins: BTreeSet<(&str, &str)> = manifest["bin"]
        .as_array()
        .expect("it has programs")
        .iter()
        .filter_map(|bin| Some((bin["name"].as_str()?, bin["path"].as_str()?)))
        .collect();
    let mut built = 0;
    for name in folders() {
        let (rust, text) = (
            hostile.join(&name).join("attack.rs"),
            hostile.join(&name).join("attack.wat"),
        );
        assert!(rust.exists() != text.exists(), "{name} is one program");
        let (program, mark) = if rust.exists() {
            let path = format!("{name}/attack.rs");
            assert!(bins.contains(&(&name, &path)), "no `[[bin]]` for {name}");
            built += 1;
            (rust, "//! ")
        } else {
            (text, ";; ")
        };
        let id = name.split('-').next().unwrap_or_default().to_uppercase();
        let start = format!("{mark}{id}. ");
        assert!(read(&program).starts_with(&start), "{name}: no `{start}`");
    }
    assert_eq!(bins.len(), built, "a `[[bin]]` without a folder");
    assert_eq!(manifest["package"]["autobins"], Value::Boolean(false));
}
