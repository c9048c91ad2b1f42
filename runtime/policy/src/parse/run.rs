//! `[run]`: the bounds of one run.

use std::time::Duration;

use crate::bounds::Bounds;
use crate::units::{UnitError, parse_bytes, parse_duration};

use super::document::{Problems, Table};

const KEYS: &[&str] = &[
    "memory",
    "cpu",
    "wall",
    "output",
    "arguments",
    "request-body",
    "reply-body",
    "connect",
    "first-byte",
    "call",
];

pub(crate) fn bounds(root: &Table<'_>, problems: &mut Problems) -> Bounds {
    let mut bounds = Bounds::default();
    let Some(table) = root.table("run", problems) else {
        return bounds;
    };
    table.check_keys(KEYS, &["calls", "confirm-timeout"], problems);
    let (bytes, time) = (parse_bytes, parse_duration);
    set(&mut bounds.memory, &table, "memory", bytes, problems);
    set(&mut bounds.cpu, &table, "cpu", time, problems);
    set(&mut bounds.wall, &table, "wall", time, problems);
    set(&mut bounds.output, &table, "output", bytes, problems);
    set(&mut bounds.arguments, &table, "arguments", bytes, problems);
    set(
        &mut bounds.request_body,
        &table,
        "request-body",
        bytes,
        problems,
    );
    set(
        &mut bounds.reply_body,
        &table,
        "reply-body",
        bytes,
        problems,
    );
    set(&mut bounds.connect, &table, "connect", time, problems);
    set(&mut bounds.first_byte, &table, "first-byte", time, problems);
    set(&mut bounds.call, &table, "call", time, problems);
    if bounds.memory == 0 {
        nothing(&table, "memory", problems);
    }
    let times = [
        ("cpu", bounds.cpu),
        ("wall", bounds.wall),
        ("connect", bounds.connect),
        ("first-byte", bounds.first_byte),
        ("call", bounds.call),
    ];
    for (key, _) in times.iter().filter(|(_, time)| *time == Duration::ZERO) {
        nothing(&table, key, problems);
    }
    bounds
}

fn set<T>(
    bound: &mut T,
    table: &Table<'_>,
    key: &str,
    read: fn(&str) -> Result<T, UnitError>,
    problems: &mut Problems,
) {
    let Some(item) = table.text(key, problems) else {
        return;
    };
    match read(&item.text) {
        Ok(value) => *bound = value,
        Err(error) => {
            problems.bad_value(&item.span, format!("`{}`: {error}", table.path(key)));
        }
    }
}

fn nothing(table: &Table<'_>, key: &str, problems: &mut Problems) {
    if let Some(entry) = table.get(key) {
        let message = format!("`{}` is zero, with which nothing can run", table.path(key));
        problems.bad_value(&entry.value.span(), message);
    }
}
