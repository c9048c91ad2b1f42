//! `[limits]`.

use std::collections::HashSet;

use toml::de::DeValue;

use crate::Window;
use crate::code::Code;
use crate::limit::Limit;

use super::document::{Item, MOST_VALUES, Problems, Span, Table, check_name};

/// A limit as far as it could be read, and where it is defined.
pub(crate) struct Defined {
    pub(crate) name: String,
    pub(crate) span: Span,
    // None where its value is wrong, which has been reported.
    pub(crate) limit: Option<Limit>,
}

pub(crate) fn limits(root: &Table<'_>, problems: &mut Problems) -> Vec<Defined> {
    let Some(table) = root.table("limits", problems) else {
        return Vec::new();
    };
    let mut defined = Vec::new();
    for entry in &table.entries {
        let named = check_name(&table, entry, problems);
        let single = matches!(
            entry.value.get_ref(),
            DeValue::String(_) | DeValue::Array(_)
        );
        let items = if single {
            table.texts_of(entry, true, MOST_VALUES, problems)
        } else {
            let expected = "a limit such as `\"20/hour\"`, or a list of them";
            let path = table.path(&entry.key);
            let (span, value) = (entry.value.span(), entry.value.get_ref());
            super::document::wrong_type(&path, &span, value, expected, problems);
            None
        };
        let windows = items
            .and_then(|items| windows(&items, problems))
            .filter(|_| named);
        let limit = windows.map(|windows| Limit {
            name: entry.key.as_str().into(),
            windows: windows.into(),
        });
        defined.push(Defined {
            name: entry.key.clone(),
            span: entry.span.clone(),
            limit,
        });
    }
    defined
}

fn windows(items: &[Item], problems: &mut Problems) -> Option<Vec<Window>> {
    let mut lengths = HashSet::new();
    let mut windows = Vec::new();
    for item in items {
        let Some(window) = Window::parse(&item.text) else {
            if is_money(&item.text) {
                problems
                    .add(
                        Code::NOT_ENFORCED,
                        &item.span,
                        format!(
                            "`{}`: limits of money are not enforced by this build",
                            item.text
                        ),
                    )
                    .advise("limit the number of calls: `\"20/hour\"`");
            } else {
                problems
                    .bad_value(
                        &item.span,
                        format!("`{}` is not a limit", item.text.escape_debug()),
                    )
                    .advise("a limit is `N/second`, `N/minute`, `N/hour`, `N/day` or `N/run`");
            }
            continue;
        };
        let length = match window {
            Window::Run { .. } => None,
            Window::Sliding { per, .. } => Some(per),
        };
        if lengths.insert(length) {
            windows.push(window);
        } else {
            problems.add(
                Code::DUPLICATE,
                &item.span,
                format!("`{window}` is a second window of the same length"),
            );
        }
    }
    (windows.len() == items.len()).then_some(windows)
}

/// `1.00 USD/run`: a decimal and a currency.
fn is_money(text: &str) -> bool {
    let Some((amount, rest)) = text.split_once(' ') else {
        return false;
    };
    let currency = rest.split('/').next().unwrap_or_default();
    amount
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && currency.len() == 3
        && currency.bytes().all(|byte| byte.is_ascii_uppercase())
}
