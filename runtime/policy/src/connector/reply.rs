//! `reply` of an operation, and pointers into replies.

use toml::de::DeValue;

use crate::code::Code;
use crate::parse::document::{Entry, Item, Problems, Table, as_text};
use crate::shape::{Pointer, Shape, Signature};

/// Reads `reply`; a table's places go into the fields of the result's record.
pub(super) fn reply(
    table: &Table<'_>,
    signature: &mut Signature,
    problems: &mut Problems,
) -> Option<Pointer> {
    let entry = table.get("reply")?;
    let Some(Shape::Result(Some(value), _)) = &mut signature.result else {
        let message = "the operation gives nothing, so `reply` has no use";
        problems.add(Code::CONNECTOR, &entry.span, message);
        return None;
    };
    if matches!(&**value, Shape::List(inner) if matches!(**inner, Shape::U8)) {
        let message = "a `list<u8>` is the whole body of the reply";
        problems
            .add(Code::CONNECTOR, &entry.span, message)
            .advise("leave `reply` out");
        return None;
    }
    if !matches!(entry.value.get_ref(), DeValue::Table(_)) {
        return pointer_for(&table.path("reply"), entry, value, problems);
    }
    let places = table.as_table(entry, problems)?;
    let Shape::Record(fields) = &mut **value else {
        let message = "`reply` is a table, and the operation gives no record";
        problems
            .add(Code::CONNECTOR, &entry.value.span(), message)
            .advise("write one pointer: `reply = \"/data\"`");
        return None;
    };
    let names: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    places.check_keys(&names, &[], problems);
    for field in fields {
        let Some(entry) = places.get(&field.name) else {
            continue;
        };
        let path = places.path(&field.name);
        field.at = pointer_for(&path, entry, &field.shape, problems);
    }
    None
}

/// Reads a pointer to a value of this shape.
pub(super) fn pointer_for(
    path: &str,
    entry: &Entry<'_>,
    shape: &Shape,
    problems: &mut Problems,
) -> Option<Pointer> {
    let item = as_text(path, &entry.value, "a pointer", problems)?;
    let pointer = pointer(&item, problems)?;
    let inner = match shape {
        Shape::Option(inner) => inner,
        other => other,
    };
    if pointer.is_each() && !matches!(inner, Shape::List(_)) {
        let message = format!("`{}` gives a list, and this is none", item.text);
        problems.add(Code::CONNECTOR, &item.span, message);
        return None;
    }
    Some(pointer)
}

/// Reads a pointer.
pub(super) fn pointer(item: &Item, problems: &mut Problems) -> Option<Pointer> {
    match Pointer::parse(&item.text) {
        Ok(pointer) => Some(pointer),
        Err(why) => {
            let message = format!("`{}` is not a pointer", item.text.escape_debug());
            problems
                .add(Code::CONNECTOR, &item.span, message)
                .advise(why);
            None
        }
    }
}
