//! `[types]`: what a field is called in an API's JSON, and where a reply has it.

use std::collections::HashMap;

use toml::de::DeValue;
use wit_parser::{Type, TypeDef, TypeDefKind, TypeId};

use crate::code::Code;
use crate::parse::document::{Entry, Problems, Table, list, nearest};
use crate::shape::Shape;

use super::reply::pointer_for;
use super::shapes::{Rule, Rules, original};
use super::wit::Wit;

/// Reads `[types]`.
pub(super) fn rules(root: &Table<'_>, wit: &Wit, problems: &mut Problems) -> Rules {
    let mut rules = Rules::new();
    let Some(tables) = root.table("types", problems) else {
        return rules;
    };
    let known = known(wit);
    for entry in &tables.entries {
        let Some(table) = tables.as_table(entry, problems) else {
            continue;
        };
        let matching: Vec<_> = known
            .iter()
            .filter(|(long, short, _)| *long == entry.key || *short == entry.key)
            .collect();
        match matching[..] {
            [(_, _, id)] => {
                let read = of_type(&table, *id, wit, problems);
                if rules.insert(*id, read).is_some() {
                    let message = format!("`{}` is the type of another table", entry.key);
                    problems.add(Code::DUPLICATE, &entry.span, message);
                }
            }
            [] => unknown(entry, &known, problems),
            _ => {
                let message = format!("more than one type is called `{}`", entry.key);
                let longs: Vec<_> = matching.iter().map(|(long, ..)| long.as_str()).collect();
                problems
                    .add(Code::CONNECTOR, &entry.span, message)
                    .advise(format!("write one of {}", list(&longs)));
            }
        }
    }
    rules
}

/// The records and enums of the connector: `package/interface/type`, `package/type`, and which.
fn known(wit: &Wit) -> Vec<(String, String, TypeId)> {
    let mut known = Vec::new();
    for (package, _) in wit.packages() {
        for (interface, definition) in wit.interfaces(package) {
            for (name, id) in &definition.types {
                let kind = wit.resolve.types.get(*id).map(|def| &def.kind);
                if matches!(kind, Some(TypeDefKind::Record(_) | TypeDefKind::Enum(_))) {
                    let package = &package.name.name;
                    let long = format!("{package}/{interface}/{name}");
                    known.push((long, format!("{package}/{name}"), *id));
                }
            }
        }
    }
    known
}

fn unknown(entry: &Entry<'_>, known: &[(String, String, TypeId)], problems: &mut Problems) {
    let shown = entry.key.escape_debug();
    let message = format!("no record or enum is called `{shown}`");
    let problem = problems.add(Code::CONNECTOR, &entry.span, message);
    let names: Vec<_> = known.iter().map(|(_, short, _)| short.as_str()).collect();
    match nearest(&entry.key, &names) {
        Some(near) => problem.advise(format!("did you mean `{near}`?")),
        None => problem.advise("a type is named `package/type`, or `package/interface/type`"),
    };
}

/// Reads one table: its keys are the fields of a record, or the cases of an enum.
fn of_type(
    table: &Table<'_>,
    id: TypeId,
    wit: &Wit,
    problems: &mut Problems,
) -> HashMap<String, Rule> {
    let mut rules = HashMap::new();
    let parts: Vec<(&str, Option<&Type>)> = match wit.resolve.types.get(id) {
        Some(TypeDef {
            kind: TypeDefKind::Record(record),
            ..
        }) => record
            .fields
            .iter()
            .map(|field| (field.name.as_str(), Some(&field.ty)))
            .collect(),
        Some(TypeDef {
            kind: TypeDefKind::Enum(cases),
            ..
        }) => cases
            .cases
            .iter()
            .map(|case| (case.name.as_str(), None))
            .collect(),
        _ => Vec::new(),
    };
    let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
    table.check_keys(&names, &[], problems);
    for (name, ty) in &parts {
        let Some(entry) = table.get(name) else {
            continue;
        };
        let rule = match ty {
            Some(ty) => field(table, entry, &outline(wit, ty), problems),
            None => case(table, entry, problems),
        };
        rules.insert((*name).to_owned(), rule);
    }
    rules
}

/// What kind of type a field has, which is all that its rule depends on.
fn outline(wit: &Wit, ty: &Type) -> Shape {
    let Type::Id(id) = ty else {
        return match ty {
            Type::String => Shape::String,
            _ => Shape::Bool,
        };
    };
    match wit
        .resolve
        .types
        .get(original(&wit.resolve, *id))
        .map(|def| &def.kind)
    {
        Some(TypeDefKind::Type(ty) | TypeDefKind::Option(ty)) => outline(wit, ty),
        Some(TypeDefKind::List(_)) => Shape::List(Box::new(Shape::Bool)),
        _ => Shape::Bool,
    }
}

/// A field: a pointer, or a table with `at`, `key` and `text`.
fn field(table: &Table<'_>, entry: &Entry<'_>, shape: &Shape, problems: &mut Problems) -> Rule {
    let path = table.path(&entry.key);
    if !matches!(entry.value.get_ref(), DeValue::Table(_)) {
        return Rule {
            at: pointer_for(&path, entry, shape, problems),
            ..Rule::default()
        };
    }
    let Some(table) = table.as_table(entry, problems) else {
        return Rule::default();
    };
    table.check_keys(&["at", "key", "text"], &[], problems);
    let at = table.get("at");
    let text = table.flag("text", problems).unwrap_or(false);
    if text && !matches!(shape, Shape::String) {
        let message = format!("`{}` is not a string", entry.key);
        let span = table.get("text").map_or(&entry.span, |text| &text.span);
        problems
            .add(Code::CONNECTOR, span, message)
            .advise("`text` reads a whole number as a string");
    }
    Rule {
        at: at.and_then(|at| pointer_for(&table.path("at"), at, shape, problems)),
        key: key(&table, problems),
        text,
    }
}

/// A case of an enum: a table with `key`.
fn case(table: &Table<'_>, entry: &Entry<'_>, problems: &mut Problems) -> Rule {
    let Some(table) = table.as_table(entry, problems) else {
        return Rule::default();
    };
    table.check_keys(&["key"], &[], problems);
    Rule {
        key: key(&table, problems),
        ..Rule::default()
    }
}

fn key(table: &Table<'_>, problems: &mut Problems) -> Option<String> {
    let item = table.text("key", problems)?;
    if item.text.is_empty() || item.text.contains(char::is_control) {
        let message = format!("`{}` is not a name in JSON", item.text.escape_debug());
        problems.bad_value(&item.span, message);
        return None;
    }
    Some(item.text)
}
