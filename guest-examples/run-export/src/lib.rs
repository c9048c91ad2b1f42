//! A component that exports `run: func() -> result<string, string>` and no `wasi:cli/run`.
//!
//! `ok TEXT` returns the text as the result, `err TEXT` as the failure; without arguments it
//! returns a greeting.

wit_bindgen::generate!({
    inline: "
        package agentbox-examples:run-export@0.1.0;

        world program {
            export run: func() -> result<string, string>;
        }
    ",
});

struct Program;

export!(Program);

impl Guest for Program {
    fn run() -> Result<String, String> {
        let mut words = std::env::args().skip(1);
        match (words.next().as_deref(), words.next()) {
            (None, _) => Ok("hello from an exported function".to_owned()),
            (Some("ok"), text) => Ok(text.unwrap_or_default()),
            (Some("err"), text) => Err(text.unwrap_or_default()),
            (Some(other), _) => Err(format!("`{other}` is neither `ok` nor `err`")),
        }
    }
}
