//! The shape of the house: which crate may name which, and what every source file keeps to.
//!
//! The tables below are the rules. A change that breaks one either is wrong or changes the design,
//! and then it changes the table and ARCHITECTURE.md with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Which of agentbox's own crates each of them may depend on.
const EDGES: &[(&str, &[&str])] = &[
    ("agentbox", &["embed", "policy"]),
    (
        "agentbox-broker",
        &["gate", "ledger", "policy", "record", "secrets"],
    ),
    (
        "agentbox-embed",
        &[
            "broker",
            "gate",
            "host-apis",
            "ledger",
            "policy",
            "record",
            "sandbox",
            "secrets",
        ],
    ),
    // Tests only; nothing names it.
    (
        "agentbox-fuzz-bodies",
        &["broker", "gate", "ledger", "policy", "record", "secrets"],
    ),
    ("agentbox-gate", &["policy"]),
    ("agentbox-host-apis", &["gate", "policy", "sandbox"]),
    ("agentbox-ledger", &["policy"]),
    ("agentbox-policy", &[]),
    ("agentbox-record", &["ledger", "policy"]),
    ("agentbox-sandbox", &["gate", "policy"]),
    ("agentbox-secrets", &["gate", "ledger", "policy", "record"]),
];

/// Crates that carry an authority, by the start of their names, and who may depend on them.
const AUTHORITIES: &[(&str, &[&str])] = &[
    ("clap", &["agentbox"]),
    ("etcetera", &["agentbox"]),
    ("hyper", &["agentbox-secrets"]),
    ("rusqlite", &["agentbox-ledger"]),
    ("rustls", &["agentbox-secrets"]),
    ("tokio-rustls", &["agentbox-secrets"]),
    ("tracing-subscriber", &["agentbox"]),
    ("wasi-preview1", &["agentbox-sandbox"]),
    (
        "wasmtime",
        &["agentbox-embed", "agentbox-host-apis", "agentbox-sandbox"],
    ),
    ("zeroize", &["agentbox-secrets"]),
    // Clients with redirects, proxies, cookies and decompression to forget to switch off.
    ("curl", &[]),
    ("isahc", &[]),
    ("native-tls", &[]),
    ("openssl", &[]),
    ("reqwest", &[]),
    ("ureq", &[]),
];

/// Crates that are tests and end up in no binary; their upstreams need some of that authority.
const TESTS: &[&str] = &["agentbox-fuzz-bodies"];

/// Words that source files may hold only below the places listed, and why there.
const WORDS: &[(&str, &[&str])] = &[
    // Who is told the time instead can be tested at any time: `policy`, `gate`, `ledger`, `record`
    // and the doors are.
    (
        "SystemTime::now",
        &["runtime/broker/", "runtime/cli/", "runtime/embed/"],
    ),
    (
        "Instant::now",
        &[
            "runtime/broker/",
            "runtime/cli/",
            "runtime/embed/",
            "runtime/sandbox/",
            "runtime/secrets/",
        ],
    ),
    // The environment is read at the command line and by the one source that is named for it.
    (
        "env::var",
        &["runtime/cli/", "runtime/secrets/src/sources/env.rs"],
    ),
    // The process that compiles is bounded by its arguments, before it reads anything.
    (
        "env::args",
        &["runtime/cli/", "runtime/sandbox/src/compile/child.rs"],
    ),
    (
        "ambient_authority",
        &[
            "runtime/cli/",
            "runtime/embed/",
            "runtime/sandbox/",
            "runtime/secrets/",
        ],
    ),
    // Native code is loaded as it is, from the pipe of the process that compiled it.
    ("unsafe", &["runtime/sandbox/src/compile/artefact.rs"]),
];

/// No file has more lines of code than a reader can keep in mind.
const LONGEST_FILE: usize = 500;

#[test]
fn crates_depend_only_on_what_the_design_lets_them() {
    let mut problems = Vec::new();
    for manifest in manifests() {
        let name = manifest.name.as_str();
        let Some((_, allowed)) = EDGES.iter().find(|edge| edge.0 == name) else {
            problems.push(format!("`{name}` is not in the table of edges"));
            continue;
        };
        for dependency in &manifest.all {
            if let Some(own) = dependency.strip_prefix("agentbox-")
                && !allowed.contains(&own)
            {
                problems.push(format!("`{name}` may not name `{dependency}`"));
            }
        }
        for dependency in &manifest.shipped {
            for (start, who) in AUTHORITIES {
                if !TESTS.contains(&name) && dependency.starts_with(start) && !who.contains(&name) {
                    problems.push(format!("`{name}` may not name `{dependency}`"));
                }
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn every_crate_of_the_table_is_there_and_no_other() {
    let found: BTreeSet<String> = manifests()
        .into_iter()
        .map(|manifest| manifest.name)
        .collect();
    let expected: BTreeSet<String> = EDGES.iter().map(|edge| edge.0.to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_there_for_tests_is_asked_for_by_tests_alone() {
    let mut asking = Vec::new();
    for manifest in manifests() {
        for (name, dependency) in &manifest.dependencies {
            let features = dependency.get("features").and_then(Value::as_array);
            let mut features = features.into_iter().flatten();
            if features.any(|feature| feature.as_str() == Some("testing")) {
                asking.push(format!("{} of {name}", manifest.name));
            }
        }
    }
    assert_eq!(asking, ["agentbox-fuzz-bodies of agentbox-secrets"]);
}

#[test]
fn every_crate_has_the_lints_of_the_workspace_and_no_build_script() {
    for manifest in manifests() {
        let lints = manifest
            .table
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        assert_eq!(lints, Some(&Value::Boolean(true)), "{}", manifest.name);
        assert!(
            !manifest.folder.join("build.rs").exists(),
            "{}",
            manifest.name
        );
        assert!(manifest.package("build").is_none(), "{}", manifest.name);
    }
}

#[test]
fn every_source_file_says_first_what_it_is() {
    let silent: Vec<_> = sources(&["runtime", "host-apis", "tests", "guest-examples"])
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.name)
        .collect();
    assert_eq!(
        silent,
        Vec::<String>::new(),
        "these do not begin with `//! `"
    );
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let long: Vec<_> = sources(&["runtime", "host-apis", "tests", "guest-examples"])
        .into_iter()
        .filter(|source| !is_test(&source.name))
        .map(|source| (source.name.clone(), code_lines(&source.text).len()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert_eq!(
        long,
        vec![],
        "these have more than {LONGEST_FILE} lines of code"
    );
}

#[test]
fn clock_environment_files_and_unsafe_stay_where_they_are_listed() {
    let mut problems = Vec::new();
    for source in sources(&["runtime", "host-apis"]) {
        if is_test(&source.name) {
            continue;
        }
        for (number, line) in code_lines(&source.text) {
            for (word, places) in WORDS {
                if has_word(line, word)
                    && !places.iter().any(|place| source.name.starts_with(place))
                {
                    problems.push(format!("{}:{number}: `{word}`", source.name));
                }
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}

/// Whether a file is compiled for its crate's own tests alone.
fn is_test(name: &str) -> bool {
    ["properties", "testing", "tests"].iter().any(|module| {
        name.ends_with(&format!("/{module}.rs")) || name.contains(&format!("/{module}/"))
    })
}

#[test]
fn every_integration_test_is_listed() {
    let all = root().join("tests/all");
    for (folder, list) in [(all.clone(), "main"), (all.join("hostile"), "mod")] {
        let listing = read(&folder.join(list).with_extension("rs"));
        for entry in fs::read_dir(&folder).expect("the tests can be listed") {
            let path = entry.expect("the tests can be listed").path();
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let listed = name == list || listing.contains(&format!("\nmod {name};"));
            assert!(listed, "{list}.rs does not list {}", path.display());
            assert!(
                path.is_file() || name == "hostile",
                "nobody looks into {}",
                path.display()
            );
        }
    }
}

#[test]
fn every_fuzz_target_can_be_run_is_run_on_generated_bytes_and_is_explained() {
    let fuzz = root().join("tests/fuzz");
    let table: Table = read(&fuzz.join("Cargo.toml")).parse().expect("a manifest");
    let bins = table["bin"].as_array().expect("it has binaries");
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let listed: BTreeSet<(String, String)> = bins
        .iter()
        .map(|bin| (text(bin.get("name")), text(bin.get("path"))))
        .collect();
    let mut found = BTreeSet::new();
    let generated = read(&fuzz.join("bodies/tests/generated.rs"));
    let page = read(&fuzz.join("README.md"));
    let rows: String = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for source in sources(&["tests/fuzz/fuzz_targets"]) {
        let file = source.name.rsplit('/').next().expect("it has a name");
        let name = file.strip_suffix(".rs").expect("it is a source");
        found.insert((name.to_owned(), format!("fuzz_targets/{file}")));
        let body = format!("agentbox_fuzz_bodies::{name}(data);");
        assert!(source.text.contains(&body), "{file} has no `{body}`");
        let runs = [",", "("].map(|end| format!("bodies::{name}{end}"));
        assert!(
            runs.iter().any(|run| generated.contains(run)),
            "generated.rs does not run {name}"
        );
        assert!(rows.contains(&format!("`{name}`")), "no row for {name}");
    }
    assert_eq!(listed, found);
}

#[test]
fn the_rules_see_what_they_are_to_see() {
    let text = "//! A.\n\nuse a;\n/* b\nc */\n#[cfg(test)]\nmod tests {\n    fn t() {\n    }\n}\nfn d() {}\n";
    let lines: Vec<_> = code_lines(text).into_iter().map(|line| line.1).collect();
    assert_eq!(lines, ["use a;", "fn d() {}"]);
    assert!(has_word("let a = unsafe { b };", "unsafe"));
    assert!(has_word("std::env::var_os(name)", "env::var"));
    assert!(!has_word("#![deny(unsafe_code)]", "unsafe"));
    assert!(!has_word("// INVARIANT: unsafe", "unsafe"));
    assert!(!has_word("let says = \"unsafe\";", "unsafe"));
}

struct Manifest {
    name: String,
    folder: PathBuf,
    table: Table,
    /// Every dependency as it is written, those of tests included.
    dependencies: Vec<(String, Value)>,
    /// Their names.
    all: BTreeSet<String>,
    /// What ends up in the binary, or in a build script.
    shipped: BTreeSet<String>,
}

impl Manifest {
    fn package(&self, key: &str) -> Option<&Value> {
        self.table
            .get("package")
            .and_then(|package| package.get(key))
    }
}

/// The manifests of the workspace: the root's, and each member's.
fn manifests() -> Vec<Manifest> {
    let mut folders = vec![
        root(),
        root().join("host-apis"),
        root().join("tests/fuzz/bodies"),
    ];
    for entry in fs::read_dir(root().join("runtime")).expect("the crates can be listed") {
        let folder = entry.expect("the crates can be listed").path();
        if folder.join("Cargo.toml").exists() {
            folders.push(folder);
        }
    }
    folders.into_iter().map(manifest).collect()
}

fn manifest(folder: PathBuf) -> Manifest {
    let path = folder.join("Cargo.toml");
    let table: Table = read(&path)
        .parse()
        .unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let (mut all, mut listed) = (BTreeSet::new(), Vec::new());
    let mut shipped = BTreeSet::new();
    let targets = table.get("target").and_then(Value::as_table);
    let tables = targets
        .into_iter()
        .flatten()
        .filter_map(|target| target.1.as_table());
    for table in tables.chain([&table]) {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(dependencies) = table.get(kind).and_then(Value::as_table) else {
                continue;
            };
            for (name, dependency) in dependencies {
                // A renamed dependency is known by the name it has in the registry.
                let name = dependency
                    .get("package")
                    .and_then(Value::as_str)
                    .unwrap_or(name);
                all.insert(name.to_owned());
                listed.push((name.to_owned(), dependency.clone()));
                if kind != "dev-dependencies" {
                    shipped.insert(name.to_owned());
                }
            }
        }
    }
    let name = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Value::as_str);
    let name = name.unwrap_or_default().to_owned();
    Manifest {
        name,
        folder,
        table,
        dependencies: listed,
        all,
        shipped,
    }
}

struct Source {
    /// Relative to the root, with `/`.
    name: String,
    text: String,
}

/// Every Rust file below `folders`.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("the sources can be listed").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("it is below the root");
                found.push(Source {
                    name: name.to_string_lossy().replace('\\', "/"),
                    text: read(&path),
                });
            }
        }
    }
    assert!(!found.is_empty(), "there are no sources in {folders:?}");
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// The lines of `text`, with their numbers, that are not blank, not comment, and not inside a
/// `#[cfg(test)] mod`. It goes by rustfmt's layout: a module ends at the first `}` as far left as
/// its `mod`.
fn code_lines(text: &str) -> Vec<(usize, &str)> {
    let mut code = Vec::new();
    let mut test_only = false;
    let mut in_comment = false;
    let mut module: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let depth = line.len() - bare.len();
        if let Some(start) = module {
            if bare == "}" && depth == start {
                module = None;
            }
        } else if in_comment || bare.starts_with("/*") {
            in_comment = !bare.contains("*/");
        } else if bare.starts_with("#[cfg(test)]") {
            test_only = true;
        } else if test_only && bare.contains("mod ") {
            test_only = false;
            if !bare.ends_with(';') {
                module = Some(depth);
            }
        } else if !(test_only && bare.starts_with("#[")) {
            test_only = false;
            if !bare.is_empty() && !bare.starts_with("//") {
                code.push((number + 1, line));
            }
        }
    }
    code
}

/// Whether a line of code has `word`, outside of a comment at its end and of strings. `word` must
/// not begin inside another word, and a lower-case word alone must not end inside one.
fn has_word(line: &str, word: &str) -> bool {
    let mut code = String::new();
    for (at, piece) in line.split('"').enumerate() {
        if at % 2 == 0 {
            code.push_str(piece);
        }
    }
    let code = code.split("//").next().unwrap_or_default();
    let part = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    code.match_indices(word).any(|(at, _)| {
        let whole = word.contains("::") || !part(code[at + word.len()..].chars().next());
        whole && !part(code[..at].chars().next_back())
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
