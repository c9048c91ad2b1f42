//! The order in which a policy is written never changes a verdict.

use crate::testing::made::by_name;
use crate::testing::{Random, connected};
use crate::{Code, Policy};

/// A matcher for each argument that it is written for.
type Conditions = Vec<(&'static str, &'static str)>;

/// A table of `[grants]`: its operation, its other lines, and its `where`.
#[derive(Clone, Debug)]
struct Table {
    operation: &'static str,
    lines: Vec<&'static str>,
    conditions: Conditions,
}

const TEXTS: &[&str] = &[
    "\"a\"",
    "[\"a\", \"b\"]",
    "{ prefix = \"a\" }",
    "{ prefix = \"a\", max-bytes = 2 }",
    "{ max-bytes = 1 }",
    "{ any = true }",
];
const NUMBERS: &[&str] = &["1", "[1, 2]", "{ min = 2 }", "{ min = 1, max = 2 }"];

/// The operations of GitHub, each with an argument beside its scope.
const OPERATIONS: &[(&str, &str, &[&str])] = &[
    ("add-labels", "issue-number", NUMBERS),
    ("create-comment", "body", TEXTS),
    ("get", "issue-number", NUMBERS),
    ("list-comments", "page", NUMBERS),
    ("list-for-repo", "per-page", NUMBERS),
];

fn tables(random: &mut Random) -> Vec<Table> {
    let mut tables = Vec::new();
    for (operation, other, matchers) in OPERATIONS {
        if random.below(4) == 0 {
            continue;
        }
        let mut conditions = vec![
            ("owner", random.pick(TEXTS)),
            ("repo", random.pick(TEXTS)),
            (*other, random.pick(matchers)),
        ];
        conditions.truncate(2 + random.below(2));
        let lines = ["use = \"k\"", "limits = [\"one\"]"];
        tables.push(Table {
            operation,
            lines: lines.into_iter().filter(|_| random.below(2) == 0).collect(),
            conditions,
        });
    }
    tables
}

fn shuffled(tables: &[Table], random: &mut Random) -> Vec<Table> {
    let mut tables = tables.to_vec();
    random.shuffle(&mut tables);
    for table in &mut tables {
        random.shuffle(&mut table.lines);
        random.shuffle(&mut table.conditions);
    }
    tables
}

/// The policy of these tables, with what they refer to before, between or after them.
fn written(tables: &[Table], random: &mut Random) -> Policy {
    let mut blocks: Vec<_> = tables.iter().map(block).collect();
    for other in [
        "[agent]\nid = \"bot\"\n",
        "[credentials.k]\nfrom = \"env://KEY\"\nas = \"bearer\"\norigin = \"https://api.github.com\"\n",
        "[limits]\none = \"1/run\"\n",
    ] {
        blocks.insert(random.below(blocks.len() + 1), other.to_owned());
    }
    let text = format!("policy = 1\nworld = \"a:b/w\"\n{}", blocks.concat());
    let imports: String = tables
        .iter()
        .map(|table| format!("import github:issues/{}@2022.11.28; ", table.operation))
        .collect();
    let wit = format!("package a:b; world w {{ {imports} }}");
    match Policy::parse(&connected(&text, &[&wit])) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}\n{text}"),
    }
}

fn block(table: &Table) -> String {
    let conditions: Vec<_> = table
        .conditions
        .iter()
        .map(|(name, matcher)| format!("{name} = {matcher}"))
        .collect();
    format!(
        "[grants.\"github:issues/{}\"]\n{}\nwhere = {{ {} }}\n",
        table.operation,
        table.lines.join("\n"),
        conditions.join(", ")
    )
}

/// What is sent and counted, or why not.
fn verdict(policy: &Policy, operation: &str, arguments: &str) -> Result<String, Code> {
    by_name(policy, operation, arguments)
        .map(|approved| {
            let key = approved.credential().map(|key| key.name());
            format!(
                "{} {} {}{} {:?} {:?} {:?} {key:?} {:?}",
                approved.grant(),
                approved.method(),
                approved.origin(),
                approved.path(),
                approved.query(),
                approved.headers(),
                approved.body(),
                approved.limits(),
            )
        })
        .map_err(|denied| denied.code())
}

fn call(random: &mut Random) -> (String, String) {
    let (name, ..) = random.pick(OPERATIONS);
    let mut text = || random.pick(&["a", "b", "ab", "abc", "c"]);
    let (owner, repo, body) = (text(), text(), text());
    let number = random.below(4);
    let rest = match name {
        "add-labels" => format!("\"issue-number\":{number},\"labels\":[{body:?}]"),
        "create-comment" => format!("\"issue-number\":{number},\"body\":{body:?}"),
        "get" => format!("\"issue-number\":{number}"),
        "list-comments" => format!("\"issue-number\":1,\"page\":{number}"),
        _ => format!("\"per-page\":{number}"),
    };
    (
        format!("github:issues/{name}"),
        format!("{{\"owner\":{owner:?},\"repo\":{repo:?},{rest}}}"),
    )
}

#[test]
fn the_order_of_tables_and_of_their_keys_never_changes_a_verdict() {
    let mut random = Random(21);
    let (mut approved, mut denied) = (0, 0);
    for _ in 0..40 {
        let tables = tables(&mut random);
        let one = written(&tables, &mut random);
        let others = [(); 2].map(|()| {
            let tables = shuffled(&tables, &mut random);
            written(&tables, &mut random)
        });
        for _ in 0..100 {
            let (operation, arguments) = call(&mut random);
            let expected = verdict(&one, &operation, &arguments);
            for other in &others {
                let found = verdict(other, &operation, &arguments);
                assert_eq!(found, expected, "{tables:#?} {operation} {arguments}");
            }
            match expected {
                Ok(_) => approved += 1,
                Err(Code::ARGUMENT_DENIED) => denied += 1,
                Err(_) => {}
            }
        }
    }
    assert!(approved > 200 && denied > 200, "{approved} {denied}");
}
