//! `body` of an operation: JSON with holes, or one parameter as it is.

use http::HeaderValue;

use crate::code::Code;
use crate::operation::{BodyTemplate, JsonTemplate, Operation};
use crate::parse::document::{Item, Problems, Span, Table};
use crate::shape::Shape;

use super::operation::Hole;
use super::template::{self, Use};

/// A body before it is known what fills it.
pub(super) enum Body {
    Template(JsonTemplate),
    /// One hole, with what `content-type` says.
    Whole {
        hole: Item,
        content_type: Option<(HeaderValue, Span)>,
    },
}

/// Reads `body` and `content-type`.
pub(super) fn body(
    table: &Table<'_>,
    holes: &mut Vec<Hole>,
    problems: &mut Problems,
) -> Option<Body> {
    let content_type = content_type(table, problems);
    let Some(entry) = table.get("body") else {
        if let Some(entry) = table.get("content-type") {
            problems.add(
                Code::CONNECTOR,
                &entry.span,
                "`content-type` goes with `body`",
            );
        }
        return None;
    };
    let path = table.path("body");
    let template = template::json(&path, &entry.value, 0, holes, problems)?;
    if content_type.is_none() && table.get("content-type").is_some() {
        return None;
    }
    if let JsonTemplate::Hole(name) = &template {
        if let Some(hole) = holes.last_mut() {
            hole.place = Use::Body;
        }
        return Some(Body::Whole {
            hole: Item {
                text: name.to_string(),
                span: entry.value.span(),
            },
            content_type,
        });
    }
    if let Some((_, span)) = content_type {
        problems
            .add(Code::CONNECTOR, &span, "this body is JSON, and says so")
            .advise("`content-type` goes with a body that is one string or one `list<u8>`");
    }
    Some(Body::Template(template))
}

fn content_type(table: &Table<'_>, problems: &mut Problems) -> Option<(HeaderValue, Span)> {
    let item = table.text("content-type", problems)?;
    let visible = item.text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    match HeaderValue::from_str(&item.text) {
        Ok(value) if visible && item.text.contains('/') && item.text.trim() == item.text => {
            Some((value, item.span))
        }
        _ => {
            let message = format!("`{}` is not a content type", item.text.escape_debug());
            problems
                .add(Code::CONNECTOR, &item.span, message)
                .advise("such as `text/plain; charset=utf-8`");
            None
        }
    }
}

impl Body {
    /// The template, now that it is known what fills it.
    pub(super) fn fit(
        self,
        operation: &Operation,
        problems: &mut Problems,
    ) -> Option<BodyTemplate> {
        let (hole, content_type) = match self {
            Self::Template(template) => return Some(BodyTemplate::Json(template)),
            Self::Whole { hole, content_type } => (hole, content_type),
        };
        let arguments = operation.arguments();
        let name = hole.text.as_str();
        let (_, shape) = arguments.iter().find(|(other, _)| *other == name)?;
        let is_raw = match shape {
            Shape::String => true,
            Shape::List(inner) => matches!(**inner, Shape::U8),
            _ => false,
        };
        match (is_raw, content_type) {
            (true, Some((content_type, _))) => Some(BodyTemplate::Raw {
                hole: name.into(),
                content_type,
            }),
            (true, None) => {
                problems
                    .add(
                        Code::CONNECTOR,
                        &hole.span,
                        "a body of text or bytes needs `content-type`",
                    )
                    .advise("such as `content-type = \"text/plain; charset=utf-8\"`");
                None
            }
            (false, Some((_, span))) => {
                problems
                    .add(Code::CONNECTOR, &span, "this body is JSON, and says so")
                    .advise("`content-type` goes with a body that is one string or one `list<u8>`");
                None
            }
            (false, None) => Some(BodyTemplate::Json(JsonTemplate::Hole(name.into()))),
        }
    }
}
