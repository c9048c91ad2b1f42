//! Programs written as text in a test, with the types of a world beside them.

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::guests;

/// The core module `text`, carrying the types of the one world of `wit`, as compilers leave it.
/// `packages` is what the world imports, beside `agentbox:host`.
pub(crate) fn module(text: &str, wit: &str, packages: &[&str]) -> Vec<u8> {
    let host = guests::sources().join("../wit/host/host.wit");
    let host = std::fs::read_to_string(host).expect("it is checked in");
    let mut types = Resolve::default();
    let mut add = |wit: &str| {
        types
            .push_str("test.wit", wit)
            .unwrap_or_else(|error| panic!("{error:#}\n{wit}"))
    };
    add(&host);
    for package in packages {
        add(package);
    }
    let own = add(wit);
    let world = types
        .select_world(&[own], None)
        .expect("the package has one world");
    let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    embed_component_metadata(&mut module, &types, world, StringEncoding::UTF8)
        .expect("a world can be written down");
    module
}

/// What the host asks such a module for: room for what it writes, from 1024 on.
pub(crate) const MEMORY: &str = r#"
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
"#;
