//! `agentbox explain`: what a code means.

use agentbox_policy::Code;
use serde_json::json;

use crate::args::{ExplainArgs, OutputFlags};
use crate::error::CommandError;
use crate::render;

pub(crate) fn run(args: &ExplainArgs, output: &OutputFlags) -> Result<u8, CommandError> {
    let codes: Vec<_> = match &args.code {
        None => Code::all().collect(),
        Some(text) => vec![Code::find(text).ok_or_else(|| {
            CommandError::usage(format!("there is no code `{}`", render::plain(text)))
                .hint("`agentbox explain` lists them all")
        })?],
    };
    if output.json {
        let list: Vec<_> = codes
            .iter()
            .map(|code| {
                json!({
                    "code": code.to_string(),
                    "title": code.title(),
                    "explanation": code.explanation(),
                })
            })
            .collect();
        render::data(&json!({ "v": 1, "kind": "codes", "codes": list }))?;
    } else if args.code.is_some() {
        for code in codes {
            render::line(&format!(
                "{code}: {}\n\n{}",
                code.title(),
                code.explanation()
            ))?;
        }
    } else {
        for code in codes {
            render::line(&format!("{code}  {}", code.title()))?;
        }
    }
    Ok(0)
}
