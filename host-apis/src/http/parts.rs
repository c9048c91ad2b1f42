//! What a program sets of a request that is not sent yet: taken to the letter or not at all, and no
//! larger than the gate takes.
//!
//! The library bounds headers, paths and schemes. A method and an authority it copies whatever their
//! length, and a program may hold thousands of requests. All of them it keeps as they are given, or
//! refuses them; only a path it repairs.

use http::uri::PathAndQuery;
use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;

use crate::State;

/// The interface, as the library links it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// The longest method or authority, in bytes: no URL that is longer passes the gate.
const WORD_BYTES: usize = 8 << 10;

type Request = Resource<HostOutgoingRequest>;
type Taken = (core::result::Result<(), ()>,);

/// Puts bounded and exact functions in the place of the library's own.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, State>, (request, method): (Request, Method)| {
            if matches!(&method, Method::Other(word) if word.len() > WORD_BYTES) {
                return Ok::<Taken, _>((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, State>, (request, word): (Request, Option<String>)| {
            if word.as_ref().is_some_and(|word| word.len() > WORD_BYTES) {
                return Ok::<Taken, _>((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, word)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: StoreContextMut<'_, State>, (request, path): (Request, Option<String>)| {
            if path.as_ref().is_some_and(|path| !is_kept(path)) {
                return Ok::<Taken, _>((Err(()),));
            }
            Ok((store.data_mut().http().set_path_with_query(request, path)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Whether a call would have `path` as it is written.
///
/// A door translates exactly or not at all: the gate refuses what is not canonical and repairs
/// nothing, so it has to see what the program asked for. The library would cut a fragment off, and
/// put a `/` where a path does not begin with one.
fn is_kept(path: &str) -> bool {
    // As text, which is what a call has of it: the type itself is equal to a path without its `/`.
    let kept = path.parse::<PathAndQuery>().map(|kept| kept.to_string());
    kept.is_ok_and(|kept| kept == path)
}

#[cfg(test)]
mod tests {
    use agentbox_gate::Patience;
    use agentbox_policy::{CallHead, HttpHead};
    use http::Uri;
    use http_body_util::{BodyExt, Empty};

    use super::super::request::to_call;
    use super::*;

    /// The head of the call that these parts of a URL become, the way the library joins them.
    fn head(scheme: &str, authority: &str, path: &str) -> Option<HttpHead> {
        let uri = Uri::builder().scheme(scheme).authority(authority);
        let uri = uri.path_and_query(path).build().ok()?;
        let body = Empty::new().map_err(|never| match never {});
        let mut request = http::Request::new(body.boxed_unsync());
        *request.uri_mut() = uri;
        match to_call(request, Patience::default()).head {
            CallHead::Http(head) => Some(head),
            head => panic!("{head:?} is no request"),
        }
    }

    #[test]
    fn u19_a_path_is_taken_exactly_when_a_call_has_it_to_the_letter() {
        for (path, taken) in [
            ("/", true),
            ("/a", true),
            ("/a?", true),
            ("/?a=?&/", true),
            ("//a/../%2e;b", true),
            ("/%zz", true),
            ("", false),
            ("?", false),
            ("?a", false),
            ("#", false),
            ("#/a", false),
            ("/#", false),
            ("/a#b", false),
            ("/a?b#c", false),
            ("/a#b?c", false),
            ("/a b", false),
            ("/a\n", false),
            ("/a\0", false),
        ] {
            assert_eq!(is_kept(path), taken, "{path:?}");
            let head = head("http", "a", path);
            let exact = head.is_some_and(|head| head.path_and_query == path);
            assert_eq!(exact, taken, "{path:?}");
        }
    }

    #[test]
    fn u19_a_scheme_and_an_authority_are_kept_to_the_letter_or_refused() {
        let mut kept = 0;
        for scheme in [
            "http", "https", "HTTP", "hTTps", "ftp", "a+b", "", "a:", "a b",
        ] {
            if let Some(head) = head(scheme, "a", "/") {
                assert_eq!(head.scheme, scheme);
                kept += 1;
            }
        }
        for authority in [
            "a",
            "A.EXAMPLE.",
            "a:",
            "a:080",
            "a:80",
            "u:p@a",
            "@a",
            "[::1]",
            "[::0:1]:80",
            "%41",
            "a%20",
            "0x7f.1",
            "a#b",
            "a?b",
            "a/b",
            "a\\b",
            "ä",
            "xn--a",
            " a",
            "",
        ] {
            if let Some(head) = head("http", authority, "/") {
                assert_eq!(head.authority, authority);
                kept += 1;
            }
        }
        assert!(kept > 12, "{kept}");
    }
}
