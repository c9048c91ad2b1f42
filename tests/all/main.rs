//! Integration tests: the binary, real servers and real guests, all on this machine.
//!
//! One binary, so that it links once; `architecture` sees to it that every file here is listed.

#[path = "../support/mod.rs"]
mod support;

mod apis;
mod approval;
mod architecture;
mod authorised;
mod bad_input;
mod bounds;
mod calls;
mod command_line;
mod commands;
mod compiling;
mod connectors;
mod containment;
mod echoes;
mod embedding;
mod examples;
mod files;
mod first_call;
mod gate;
mod host_memory;
mod hostile;
mod keys;
mod limits;
mod models;
mod names;
mod on_record;
mod openbao;
mod operations;
mod policy_diff;
mod programs;
mod promises;
mod room;
mod support_selftest;
mod synapse;
mod upstreams;
mod wit_readme;
