//! Headers, methods and bodies that would say more than the policy lets a program say.

use super::{Attack, unusable};
use crate::support::api::{self, Step};
use crate::support::canary::Canary;
use crate::support::http::find;

#[test]
fn h01_credentials_of_its_own() {
    Attack::new("h01-credentials-of-its-own").comes_to(
        r"
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [authorization: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [Authorization: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [AUTHORIZATION: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [cookie: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [Cookie2: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [proxy-authorization: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [x-api-key: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [api-key: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [x-auth-token: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [private-token: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [x-amz-security-token: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [x-vault-token: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [x-goog-api-key: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [x-widgets-key: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [X-Widgets-Key: mine]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [authorization: Bearer mine] [authorization: Basic bWluZQ==]
        ",
    );
}

#[test]
fn h05_lines_in_values() {
    Attack::new("h05-lines-in-values").comes_to(
        r"
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\r\nx-injected: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\r\n\r\nGET /v1/admin HTTP/1.1\r\nhost: a]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\rx-injected: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\nx-injected: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\u{0}b]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: \r\n]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\r\n]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: \u{7f}]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: \u{1b}[2J]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\u{85}b]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\u{2028}x: 1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\u{560a}x: 1]
        ",
    );
}

#[test]
fn h06_names_that_are_none() {
    Attack::new("h06-names-that-are-none").comes_to(
        r"
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-a\r\nx-injected: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-a: 1\r\nx-b: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-a:: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-a\x20: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [ x-a: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x a: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-\u{0}a: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [(nothing): 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-\u{e4}: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [(x): 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [x-a,x-b: 1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [\t: 1]
        ",
    );
}

#[test]
fn h07_too_much_in_headers() {
    Attack::new("h07-too-much-in-headers").comes_to(
        r"
        http AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: \x80]
        http AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: \xff\xfe]
        http AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\xc0\xafb]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: \u{fc}]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\r\n b]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\t]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept:  a]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [accept: a\x20]
        both sent GET http://127.0.0.1:8080/v1/widgets [accept: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... 63 KiB]
        invoke AB0505 GET http://127.0.0.1:8080/v1/widgets [accept: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... 64 KiB]
        invoke AB0507 GET http://127.0.0.1:8080/v1/widgets [accept: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... 8192 KiB]
        both AB0205 a name of 60 KiB
        both AB0505/AB0213 101 headers
        invoke AB0213 10101 headers
        ",
    );
}

#[test]
fn h07_headers_without_end() {
    let ran = Attack::new("h07-headers-without-end").run(1);
    ran.outcome
        .says("error[AB0701]: the program crashed: total size of fields exceeds limit");
}

#[test]
fn h08_hosts_in_headers() {
    Attack::new("h08-hosts-in-headers").comes_to(
        r"
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [host: 127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [Host: evil.test]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [host: 127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-host: 127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-server: 127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-for: 127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-proto: https]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-port: 443]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [forwarded: for=127.0.0.1;host=evil.test]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-real-ip: 127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-host: 127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-original-host: 127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [true-client-ip: 127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [cf-connecting-ip: 127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-client-ip: 127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [via: 1.1 evil.test]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-envoy-original-dst-host: 127.0.0.2]
        both AB0205 GET two hosts
        ",
    );
}

#[test]
fn h09_methods_in_disguise() {
    Attack::new("h09-methods-in-disguise").comes_to(
        r"
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-http-method-override: DELETE]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [X-HTTP-Method-Override: DELETE]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-http-method: DELETE]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-method-override: DELETE]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-original-method: DELETE]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x_http_method_override: DELETE]
        both AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [x-http-method-override: DELETE]
        both AB0207 POST http://127.0.0.1:8080/v1/widgets/w-1/notes?_method=DELETE
        both AB0207 POST http://127.0.0.1:8080/v1/widgets/w-1/notes?_METHOD=DELETE
        both AB0207 POST http://127.0.0.1:8080/v1/widgets/w-1/notes?%5Fmethod=DELETE
        both AB0207 POST http://127.0.0.1:8080/v1/widgets/w-1/notes?method=DELETE
        both AB0207 GET http://127.0.0.1:8080/v1/search?q=a&_method=DELETE
        ",
    );
}

#[test]
fn h10_paths_in_headers() {
    Attack::new("h10-paths-in-headers").comes_to(
        r"
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-original-url: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [X-Original-URL: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-rewrite-url: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-original-uri: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-rewrite-uri: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-prefix: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-path: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-forwarded-uri: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-envoy-original-path: /admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [destination: /admin]
        ",
    );
}

#[test]
fn h12_framing() {
    let attack = Attack::new("h12-framing");
    attack.comes_to(
        r"
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: 0, 0]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: -1]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: +0]
        both sent/AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: 00]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: 0x0]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: 18446744073709551616]
        invoke failed:AB0505 GET http://127.0.0.1:8080/v1/widgets [content-length: 5]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [transfer-encoding: chunked]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [Transfer-Encoding: identity, chunked]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [transfer-encoding: \u{b}chunked]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [te: trailers]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [trailer: x-widgets-key]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [connection: close]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [connection: x-widgets-key]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [keep-alive: timeout=5]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [content-length: 0] [content-length: 5]
        both failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [content-length: 2]
        ",
    );
    // What is left over of a body is no request.
    assert!(find(&attack.api.bytes(), b"admin").is_none());
}

#[test]
fn h13_expect() {
    Attack::new("h13-expect").comes_to(
        r"
        both AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [expect: 100-continue]
        both AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [expect: 100-Continue]
        both AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [expect: 200-ok]
        both AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [expect: (nothing)]
        ",
    );
}

#[test]
fn h14_other_protocols() {
    Attack::new("h14-other-protocols").comes_to(
        r"
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [upgrade: h2c]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [Upgrade: websocket]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [http2-settings: AAMAAABkAARAAAAAAAIAAAAA]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [sec-websocket-version: 13]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [connection: Upgrade, HTTP2-Settings]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [alt-used: 127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [connection: upgrade] [upgrade: websocket]
        ",
    );
}

#[test]
fn h15_proxies() {
    Attack::new("h15-proxies").comes_to(
        r"
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [proxy-authorization: Basic bWluZQ==]
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [Proxy-Authorization: x]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [proxy-connection: keep-alive]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [proxy-authenticate: Basic]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [proxy: http://127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [proxy-anything: 1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [max-forwards: 0]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [cdn-loop: a]
        ",
    );
}

#[test]
fn h16_pseudo_headers() {
    Attack::new("h16-pseudo-headers").comes_to(
        r"
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:path: /admin]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:authority: 127.0.0.2]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:method: DELETE]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:scheme: https]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:status: 200]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:: x]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [:protocol: websocket]
        ",
    );
}

#[test]
fn h17_trailers() {
    let attack = Attack::new("h17-trailers");
    attack.comes_to(
        r"
        http failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer authorization: Bearer mine]
        http failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer x-widgets-key: mine]
        http failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer host: 127.0.0.2]
        http failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer transfer-encoding: chunked]
        http failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer x-http-method-override: DELETE]
        http failed:AB0505 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer x-harmless: 1]
        types  POST http://127.0.0.1:8080/v1/widgets/w-1/notes [trailer x-a\r\nx-injected: 1]
        ",
    );
    // A request that would end in trailers does not end.
    assert!(
        attack
            .api
            .requests()
            .iter()
            .all(|seen| seen.line.is_empty())
    );
    for trailer in ["mine", "127.0.0.2", "DELETE", "x-harmless"] {
        assert!(
            find(&attack.api.bytes(), trailer.as_bytes()).is_none(),
            "{trailer}"
        );
    }
}

#[test]
fn h18_encodings() {
    let attack = Attack::new("h18-encodings");
    attack.comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets [accept-encoding: gzip]
        both sent GET http://127.0.0.1:8080/v1/widgets [accept-encoding: br, zstd]
        both sent GET http://127.0.0.1:8080/v1/widgets [accept-encoding: *]
        both sent GET http://127.0.0.1:8080/v1/widgets [accept-encoding: identity;q=0, gzip;q=1]
        both sent GET http://127.0.0.1:8080/v1/widgets [accept-encoding: gzip, deflate, br, zstd, compress]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [range: bytes=0-7]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [x-accept-encoding: gzip]
        ",
    );
    for seen in attack.api.requests() {
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
    }
}

#[test]
fn h20_guesses_of_tags() {
    Attack::new("h20-guesses-of-tags").comes_to(
        r#"
        both sent GET http://127.0.0.1:8080/v1/widgets [if-none-match: "5f3a9c1e"]
        both sent GET http://127.0.0.1:8080/v1/widgets [if-match: W/"5f3a9c1e"]
        both sent GET http://127.0.0.1:8080/v1/widgets [if-none-match: *]
        invoke AB0205 GET http://127.0.0.1:8080/v1/widgets [if-none-match: "a\r\nx: 1"]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [if-range: "5f3a9c1e"]
        "#,
    );
}

#[test]
fn h21_forms() {
    let attack = Attack::new("h21-forms");
    attack.comes_to(
        r#"
        both sent POST http://127.0.0.1:8080/v1/widgets/w-1/notes [content-type: multipart/form-data; boundary=b]
        both sent POST http://127.0.0.1:8080/v1/widgets/w-1/notes [content-type: multipart/form-data; boundary=b"; x="]
        both sent POST http://127.0.0.1:8080/v1/widgets/w-1/notes [content-type: multipart/form-data; boundary=b--]
        invoke AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [content-type: multipart/form-data; boundary=b\r\nx-injected: 1]
        both AB0205 POST http://127.0.0.1:8080/v1/widgets/w-1/notes [content-type: multipart/form-data; boundary=a] [content-type: multipart/form-data; boundary=b]
        "#,
    );
    for seen in attack.api.requests() {
        assert!(
            seen.header("authorization")
                .or(seen.header("x-injected"))
                .is_none()
        );
        assert!(seen.body.starts_with(b"--b\r\n") && seen.body.ends_with(b"HTTP/1.1\r\n\r\n"));
    }
}

#[test]
fn h22_where_it_comes_from() {
    let attack = Attack::new("h22-where-it-comes-from");
    attack.comes_to(
        r"
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [referer: http://127.0.0.1/admin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [Referer: http://127.0.0.2]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [origin: http://127.0.0.1]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [sec-fetch-site: same-origin]
        both AB0205 GET http://127.0.0.1:8080/v1/widgets [sec-ch-ua: x]
        both sent GET http://127.0.0.1:8080/v1/widgets
        ",
    );
    for seen in attack.api.requests() {
        let mut names: Vec<_> = seen
            .headers
            .iter()
            .map(|header| header.0.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-encoding", "host", "x-widgets-key"]);
    }
}

#[test]
fn h23_cookies() {
    let attack = Attack::on("h23-cookies", Canary::fresh(), |_, _| {
        let headers = [
            ("set-cookie", "session=1; path=/"),
            ("set-cookie2", "session=1"),
        ];
        vec![Step::Send(api::reply(200, &headers, b"{}"))]
    });
    let ran = attack.comes_to(
        r"
        both sent GET http://127.0.0.1:8080/v1/widgets
        both sent GET http://127.0.0.1:8080/v1/widgets
        both AB0206 GET http://127.0.0.1:8080/v1/widgets [cookie: session=stolen]
        ",
    );
    assert!(!ran.outcome.out().contains("session=1"));
    assert!(find(&attack.api.bytes(), b"cookie").is_none());
}

#[test]
fn h24_a_key_with_lines() {
    for key in [
        "canary-5f3a9c1e\r\nx-injected: 1",
        "canary-5f3a9c1e\nx",
        "canary-5f3a9c1e\rx",
        "canary-5f3a9c1e\x7f",
    ] {
        let attack = Attack::on("h24-a-key-with-lines", Canary::of(key), |_, _| Vec::new());
        unusable(&attack, "AB0402");
    }
}

#[test]
fn h25_methods() {
    Attack::new("h25-methods").comes_to(
        r"
        both AB0211 get http://127.0.0.1:8080/v1/widgets
        both AB0211 GeT http://127.0.0.1:8080/v1/widgets
        invoke AB0211 GET\x20 http://127.0.0.1:8080/v1/widgets
        invoke AB0211  GET http://127.0.0.1:8080/v1/widgets
        both AB0211 TRACE http://127.0.0.1:8080/v1/widgets
        both AB0211 CONNECT http://127.0.0.1:8080/v1/widgets
        both AB0211 PRI http://127.0.0.1:8080/v1/widgets
        both AB0211 TRACK http://127.0.0.1:8080/v1/widgets
        both AB0211 PROPFIND http://127.0.0.1:8080/v1/widgets
        both AB0211 * http://127.0.0.1:8080/v1/widgets
        invoke AB0211 (nothing) http://127.0.0.1:8080/v1/widgets
        invoke AB0211 GET /v1/admin HTTP/1.1\r\nx: http://127.0.0.1:8080/v1/widgets
        invoke AB0211 GET\r\n http://127.0.0.1:8080/v1/widgets
        invoke AB0211 GET\u{0} http://127.0.0.1:8080/v1/widgets
        invoke AB0211 G\u{395}T http://127.0.0.1:8080/v1/widgets
        both AB0202 HEAD http://127.0.0.1:8080/v1/widgets
        both AB0202 DELETE http://127.0.0.1:8080/v1/widgets
        both AB0202 PUT http://127.0.0.1:8080/v1/widgets
        both AB0202 PATCH http://127.0.0.1:8080/v1/widgets
        both AB0202 OPTIONS http://127.0.0.1:8080/v1/widgets
        both AB0202 POST http://127.0.0.1:8080/v1/widgets
        invoke AB0507 a method of 1 MiB
        ",
    );
}
