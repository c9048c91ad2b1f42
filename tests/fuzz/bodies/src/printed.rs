//! TOML printed in the plainest layout there is: one line for each key, tables inline, keys sorted.

use std::fmt::Write as _;

use toml::{Table, Value};

/// `table` as text.
pub(crate) fn printed(table: &Table) -> String {
    let mut text = String::new();
    for (key, value) in table {
        print_key(&mut text, key);
        text.push('=');
        print_value(&mut text, value);
        text.push('\n');
    }
    text
}

fn print_value(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => print_string(text, value),
        Value::Integer(value) => text.push_str(&value.to_string()),
        Value::Float(value) if value.is_nan() => text.push_str("nan"),
        Value::Float(value) => text.push_str(&format!("{value:?}")),
        Value::Boolean(value) => text.push_str(&value.to_string()),
        Value::Datetime(value) => text.push_str(&value.to_string()),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                print_value(text, item);
                text.push(',');
            }
            text.push(']');
        }
        Value::Table(table) => {
            text.push('{');
            for (at, (key, value)) in table.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                print_key(text, key);
                text.push('=');
                print_value(text, value);
            }
            text.push('}');
        }
    }
}

fn print_key(text: &mut String, key: &str) {
    print_string(text, key);
}

fn print_string(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            ' '..='~' => text.push(letter),
            _ => drop(write!(text, "\\U{:08X}", u32::from(letter))),
        }
    }
    text.push('"');
}
