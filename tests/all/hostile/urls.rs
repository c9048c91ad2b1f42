//! URLs, hosts and paths that have more than one reading, or that nobody granted.

use super::Attack;

#[test]
fn u01_user_information() {
    Attack::new("u01-user-information").comes_to(
        r"
        both AB0204 GET http://127.0.0.1:8080@127.0.0.2:8080/v1/widgets
        both AB0204 GET http://127.0.0.1@127.0.0.2:8080/v1/widgets
        both AB0204 GET http://user:password@127.0.0.1:8080/v1/widgets
        both AB0204 GET http://TOKEN@127.0.0.1:8080/v1/widgets
        both AB0204 GET http://@127.0.0.1:8080/v1/widgets
        both AB0204 GET http://:@127.0.0.1:8080/v1/widgets
        both AB0204 GET http://a@b@127.0.0.1:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1%40127.0.0.2:8080/v1/widgets
        invoke AB0201 GET http://127.0.0.2:8080#@127.0.0.1:8080/v1/widgets
        invoke AB0201 GET http://127.0.0.2:8080?@127.0.0.1:8080/v1/widgets
        both AB0201 GET http://127.0.0.2:8080/@127.0.0.1:8080/v1/widgets
        ",
    );
}

#[test]
fn u11_dot_segments() {
    Attack::new("u11-dot-segments").comes_to(
        r"
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/../admin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%2e%2e/admin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%2E%2E
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/.%2e
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%2e.
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/..
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/../
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/.
        both AB0204 GET http://127.0.0.1:8080/v1/./widgets
        both AB0204 GET http://127.0.0.1:8080/./v1/widgets
        both AB0204 GET http://127.0.0.1:8080/..
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/..;x=1
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/..;/admin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/.;a
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/;
        both AB0204 GET http://127.0.0.1:8080/../../v1/widgets
        ",
    );
}

#[test]
fn u02_backslashes() {
    Attack::new("u02-backslashes").comes_to(
        r"
        invoke AB0204 GET http://127.0.0.2:8080\\@127.0.0.1:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080\\@127.0.0.2:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080\\.evil.test/v1/widgets
        invoke AB0204 GET http://127.0.0.1\\.127.0.0.2/v1/widgets
        invoke AB0204 GET http://\\127.0.0.2:8080/v1/widgets
        invoke AB0213 GET http:\\\\127.0.0.2:8080/v1/widgets
        both AB0204/AB0213 GET http:/\\127.0.0.2:8080/v1/widgets
        both AB0204 GET http://127.0.0.1:8080%5C@127.0.0.2:8080/v1/widgets
        ",
    );
}

#[test]
fn u03_trailing_dots() {
    Attack::new("u03-trailing-dots").comes_to(
        r"
        both AB0204 GET http://127.0.0.1.:8080/v1/widgets
        both AB0204 GET http://127.0.0.1..:8080/v1/widgets
        both AB0204 GET http://localhost.:8080/v1/widgets
        both AB0204 GET http://127.0.0.2.:8080/v1/widgets
        both AB0204 GET http://.127.0.0.1:8080/v1/widgets
        both AB0204 GET http://127..0.0.1:8080/v1/widgets
        ",
    );
}

#[test]
fn u05_hosts_beyond_ascii() {
    Attack::new("u05-hosts-beyond-ascii").comes_to(
        r"
        invoke AB0204 GET http://127\u{3002}0.0.1:8080/v1/widgets
        invoke AB0204 GET http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1:8080/v1/widgets
        invoke AB0204 GET http://\u{ff11}\u{ff12}\u{ff17}.0.0.1:8080/v1/widgets
        invoke AB0204 GET http://\u{24db}ocalhost:8080/v1/widgets
        invoke AB0204 GET http://local\u{200d}host:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1\u{200b}:8080/v1/widgets
        invoke AB0204 GET http://\u{feff}127.0.0.1:8080/v1/widgets
        invoke AB0204 GET http://\u{df}127.0.0.1:8080/v1/widgets
        invoke AB0204 GET http://loc\u{430}lhost:8080/v1/widgets
        both AB0204 GET http://LOCALHOST:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.\u{661}:8080/v1/widgets
        ",
    );
}

#[test]
fn u06_punycode() {
    Attack::new("u06-punycode").comes_to(
        r"
        both AB0204 GET http://xn--a:8080/v1/widgets
        both AB0204 GET http://xn--:8080/v1/widgets
        both AB0204 GET http://xn--localhost-:8080/v1/widgets
        both AB0204 GET http://xn--127-:8080/v1/widgets
        both AB0201 GET http://xn--80ak6aa92e:8080/v1/widgets
        both AB0201 GET http://xn--pple-43d:8080/v1/widgets
        both AB0204 GET http://xn--99999999999:8080/v1/widgets
        both AB0204 GET http://XN--A:8080/v1/widgets
        both AB0204 GET http://127.0.0.1.xn--a:8080/v1/widgets
        ",
    );
}

#[test]
fn u07_numbers_for_hosts() {
    Attack::new("u07-numbers-for-hosts").comes_to(
        r"
        both AB0204 GET http://2130706433:8080/v1/widgets
        both AB0204 GET http://2130706434:8080/v1/widgets
        both AB0204 GET http://0x7f000001:8080/v1/widgets
        both AB0204 GET http://0x7f.1:8080/v1/widgets
        both AB0204 GET http://0x7f.0x0.0x0.0x2:8080/v1/widgets
        both AB0204 GET http://0177.0.0.1:8080/v1/widgets
        both AB0204 GET http://0177.0.0.2:8080/v1/widgets
        both AB0204 GET http://127.1:8080/v1/widgets
        both AB0204 GET http://127.2:8080/v1/widgets
        both AB0204 GET http://127.0.1:8080/v1/widgets
        both AB0204 GET http://127.000.000.001:8080/v1/widgets
        both AB0204 GET http://127.0.0.01:8080/v1/widgets
        both AB0204 GET http://127.0.0.1.:8080/v1/widgets
        both AB0204 GET http://127.0.0.0x2:8080/v1/widgets
        invoke AB0204 GET http://\u{2460}\u{2461}\u{2466}.0.0.1:8080/v1/widgets
        both AB0204 GET http://127.0.0.256:8080/v1/widgets
        both AB0204 GET http://127.0.0.1.1:8080/v1/widgets
        both AB0204 GET http://017700000001:8080/v1/widgets
        invoke AB0204 GET http://%31%32%37.0.0.1:8080/v1/widgets
        ",
    );
}

#[test]
fn u08_addresses_inside_addresses() {
    Attack::new("u08-addresses-inside-addresses").comes_to(
        r"
        both AB0201 GET http://[::ffff:127.0.0.1]:8080/v1/widgets
        both AB0201 GET http://[::ffff:127.0.0.2]:8080/v1/widgets
        both AB0204 GET http://[::FFFF:127.0.0.2]:8080/v1/widgets
        both AB0204 GET http://[::ffff:7f00:2]:8080/v1/widgets
        both AB0204 GET http://[0:0:0:0:0:ffff:127.0.0.2]:8080/v1/widgets
        both AB0204 GET http://[::127.0.0.2]:8080/v1/widgets
        both AB0201 GET http://[::7f00:2]:8080/v1/widgets
        both AB0201 GET http://[64:ff9b::7f00:2]:8080/v1/widgets
        both AB0204 GET http://[64:ff9b::127.0.0.2]:8080/v1/widgets
        both AB0201 GET http://[2002:7f00:2::]:8080/v1/widgets
        both AB0201 GET http://[2001:0:7f00:2::]:8080/v1/widgets
        both AB0201 GET http://[2001::7f00:2]:8080/v1/widgets
        both AB0201 GET http://[::1]:8080/v1/widgets
        both AB0204 GET http://[0:0:0:0:0:0:0:1]:8080/v1/widgets
        both AB0204 GET http://[::0001]:8080/v1/widgets
        both AB0201 GET http://[::]:8080/v1/widgets
        both AB0201 GET http://[::ffff:0:7f00:2]:8080/v1/widgets
        both AB0204 GET http://[fe80::5efe:127.0.0.2]:8080/v1/widgets
        ",
    );
}

#[test]
fn u09_brackets() {
    Attack::new("u09-brackets").comes_to(
        r"
        both AB0204 GET http://[fe80::1%25lo]:8080/v1/widgets
        both AB0204 GET http://[fe80::1%lo]:8080/v1/widgets
        both AB0204 GET http://[::1%25lo]:8080/v1/widgets
        both AB0204 GET http://[127.0.0.1]:8080/v1/widgets
        both AB0204 GET http://[127.0.0.2]:8080/v1/widgets
        both AB0204 GET http://[localhost]:8080/v1/widgets
        invoke AB0204 GET http://[::1:8080/v1/widgets
        invoke AB0204 GET http://::1]:8080/v1/widgets
        both AB0204 GET http://[]:8080/v1/widgets
        invoke AB0204 GET http://[[::1]]:8080/v1/widgets
        both AB0204 GET http://[::1]x:8080/v1/widgets
        both AB0204 GET http://[v1.fe80::a]:8080/v1/widgets
        ",
    );
}

#[test]
fn u10_ports() {
    Attack::new("u10-ports").comes_to(
        r"
        both AB0204 GET http://127.0.0.1:08080/v1/widgets
        both AB0204 GET http://127.0.0.1:008080/v1/widgets
        both AB0204 GET http://127.0.0.1:/v1/widgets
        both AB0204 GET http://127.0.0.1:+8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1: 8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080 /v1/widgets
        both AB0204 GET http://127.0.0.1:-1/v1/widgets
        both AB0204 GET http://127.0.0.1:0/v1/widgets
        both AB0204 GET http://127.0.0.1:65536/v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080:8080/v1/widgets
        both AB0204 GET http://127.0.0.1:8080.0/v1/widgets
        invoke AB0204 GET http://127.0.0.1:%38080/v1/widgets
        both AB0204 GET http://127.0.0.1:0x50/v1/widgets
        invoke AB0204 GET http://127.0.0.1:\u{ff18}080/v1/widgets
        both AB0204 GET http://127.0.0.1:8080a/v1/widgets
        both AB0201 GET http://127.0.0.1:80/v1/widgets
        both AB0201 GET http://127.0.0.1/v1/widgets
        both AB0201 GET http://127.0.0.1:8081/v1/widgets
        both AB0201 GET https://127.0.0.1:8080/v1/widgets
        both AB0204 GET http://127.0.0.1:(8080 + 65536)/v1/widgets
        ",
    );
}

#[test]
fn u12_encoded_slashes() {
    Attack::new("u12-encoded-slashes").comes_to(
        r"
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%2f..%2fadmin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%2F..%2Fadmin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%5c..%5cadmin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%5C..%5Cadmin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a\\b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/..\\admin
        both AB0204 GET http://127.0.0.1:8080/v1%2fwidgets
        both AB0204 GET http://127.0.0.1:8080/%2fv1/widgets
        both AB0204 GET http://127.0.0.1:8080/v1/widgets%2f
        both AB0204 GET http://127.0.0.1:8080/v1/widgets%2Fw-1
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%c0%af
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%e0%80%af
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/\u{2215}admin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%u2215
        ",
    );
}

#[test]
fn u13_double_encoding() {
    Attack::new("u13-double-encoding").comes_to(
        r"
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%252e%252e%252fadmin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%252e%252e
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%25252e%25252e%25252fadmin
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%252f
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%255c
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%25
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%2500
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%25
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%2
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%zz
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%2g
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%%32%65
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/%u002e
        ",
    );
}

#[test]
fn u15_empty_segments() {
    Attack::new("u15-empty-segments").comes_to(
        r"
        both AB0204 GET http://127.0.0.1:8080//admin
        both AB0204 GET http://127.0.0.1:8080//127.0.0.2/v1/widgets
        both AB0204 GET http://127.0.0.1:8080///v1/widgets
        both AB0204 GET http://127.0.0.1:8080/v1//widgets
        both AB0204 GET http://127.0.0.1:8080/v1/./widgets
        both AB0204 GET http://127.0.0.1:8080/v1/widgets//
        both AB0204 GET http://127.0.0.1:8080/v1/widgets//w-1
        both AB0204 GET http://127.0.0.1:8080//
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/w-1//notes
        both AB0202 GET http://127.0.0.1:8080/v1/widgets/
        ",
    );
}

#[test]
fn u17_control_characters() {
    Attack::new("u17-control-characters").comes_to(
        r"
        invoke AB0204 GET http://127.0.0\t.1:8080/v1/widgets
        invoke AB0204 GET http://127.0.0\n.1:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1\u{0}:8080/v1/widgets
        invoke AB0204 GET http:// 127.0.0.1:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1\r\nhost: 127.0.0.2\r\n:8080/v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a\u{0}b
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a\tb
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a\rb
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a\nb
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a\u{7f}b
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a b
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a HTTP/1.1\r\nx-injected: 1\r\nx:\x20
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%00b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%09b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%0Ab
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%0d%0ab
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%7Fb
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%C2%85b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a\u{85}b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a\u{2028}b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a\u{202e}b
        invoke AB0204 GET http://127.0.0.1:8080\t/v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets\x20
        invoke AB0204 GET http://127.0.0.1:8080/v1/search?q=a\r\nx: y
        invoke AB0204 GET http://127.0.0.1:8080/v1/search?q=a b
        ",
    );
}

#[test]
fn u19_marks_inside_segments() {
    Attack::new("u19-marks-inside-segments").comes_to(
        r"
        both AB0207 GET http://127.0.0.1:8080/v1/widgets/a?b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets?
        both AB0207 GET http://127.0.0.1:8080/v1/widgets?q=1
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets/a#b
        invoke AB0204 GET http://127.0.0.1:8080/v1/widgets#/admin
        invoke AB0204 GET http://127.0.0.1:8080/v1/search?q=a#b
        both AB0207 GET http://127.0.0.1:8080/v1/search?x=1
        both AB0207 GET http://127.0.0.1:8080/v1/search?q=a&q=b
        both sent GET http://127.0.0.1:8080/v1/search?q=a?b
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/a%3fb
        both sent GET http://127.0.0.1:8080/v1/widgets/a%23
        both sent GET http://127.0.0.1:8080/v1/widgets/a%3Fb%23c
        both sent GET http://127.0.0.1:8080/v1/widgets/a;b=c
        both AB0204 GET http://127.0.0.1:8080/v1/search?q=a;x=1&x=2
        both sent GET http://127.0.0.1:8080/v1/search?q=%26x%3D1
        ",
    );
}

#[test]
fn u20_nowhere() {
    Attack::new("u20-nowhere").comes_to(
        r"
        invoke AB0204 GET http:///v1/widgets
        invoke AB0204 GET http://
        both AB0204 GET http://:8080/v1/widgets
        invoke AB0213 GET ///
        invoke AB0213 GET (nothing)
        invoke AB0213 GET http:127.0.0.2:8080
        both AB0204/AB0213 GET http:/127.0.0.2:8080/v1/widgets
        invoke AB0204 GET http:///127.0.0.2:8080/v1/widgets
        invoke AB0213 GET //127.0.0.2:8080/v1/widgets
        both AB0201/AB0213 GET 127.0.0.1:8080/v1/widgets
        invoke AB0213 GET /v1/widgets
        invoke AB0204 GET http://127.0.0.1:8080
        invoke AB0204 GET http://127.0.0.1:8080?q
        invoke AB0204 GET http://127.0.0.1:8080*
        ",
    );
}

#[test]
fn u21_huge_urls() {
    Attack::new("u21-huge-urls").comes_to(
        r"
        invoke AB0507 a segment of 1 MiB
        invoke AB0507 a query of 1 MiB
        invoke AB0505 100000 segments
        invoke AB0505 100000 slashes
        invoke AB0505 100000 pairs
        both AB0505 just over 8 KiB
        invoke AB0507 a host of 1 MiB
        invoke AB0507 a scheme of 1 MiB
        ",
    );
}

#[test]
fn u22_other_schemes() {
    Attack::new("u22-other-schemes").comes_to(
        r"
        invoke AB0201 GET file://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET gopher://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET ftp://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET data://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET ws://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET wss://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET unix://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET http+unix://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET javascript://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET blob://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET about://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET jar://127.0.0.1:8080/v1/widgets
        invoke AB0204 GET HTTP://127.0.0.1:8080/v1/widgets
        invoke AB0204 GET Http://127.0.0.1:8080/v1/widgets
        both AB0201 GET https://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET h2c://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET ht tp://127.0.0.1:8080/v1/widgets
        invoke AB0201 GET http\n://127.0.0.1:8080/v1/widgets
        ",
    );
}

#[test]
fn u23_names_that_look_granted() {
    Attack::new("u23-names-that-look-granted").comes_to(
        r"
        both AB0201 GET https://evil-widgets.example/v1/widgets
        both AB0201 GET https://evilwidgets.example/v1/widgets
        both AB0204 GET https://widgetsXexample/v1/widgets
        both AB0201 GET https://widgets.example/v1/widgets
        both AB0201 GET https://api.widgets.example.evil.test/v1/widgets
        both AB0204 GET https://api.widgets.example./v1/widgets
        both AB0201 GET https://api.widgets.examples/v1/widgets
        both AB0204 GET https://*.widgets.example/v1/widgets
        both AB0204 GET https://.widgets.example/v1/widgets
        both AB0204 GET https://api..widgets.example/v1/widgets
        both AB0204 GET https://API.widgets.example/v1/widgets
        both AB0201 GET https://api.widgets.example:8443/v1/widgets
        both AB0204 GET https://api.widgets.example@evil.test/v1/widgets
        invoke AB0204 GET https://api.widgets.example%2eevil.test/v1/widgets
        both AB0204 GET https://api_.widgets.example/v1/widgets
        ",
    );
}

#[test]
fn u26_holes_of_routes() {
    Attack::new("u26-holes-of-routes").comes_to(
        r"
        both AB0202 GET http://127.0.0.1:8080/v1/widgets/w-1/notes
        both AB0202 GET http://127.0.0.1:8080/v1/widgets/w-1/w-2
        both AB0202 GET http://127.0.0.1:8080/v1/widgets/
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/..
        both AB0202 GET http://127.0.0.1:8080/v1/widgets/w-1/
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/w-1%2Fnotes
        both AB0204 GET http://127.0.0.1:8080/v1/widgets/{id}
        both sent GET http://127.0.0.1:8080/v1/widgets/%7Bid%7D
        both sent GET http://127.0.0.1:8080/v1/widgets/*
        both sent GET http://127.0.0.1:8080/v1/widgets/...
        both AB0204 GET http://127.0.0.1:8080/v1/{id}
        both AB0204 GET http://127.0.0.1:8080/{a}/{b}
        both AB0204 POST http://127.0.0.1:8080/v1/widgets/w-1/../admin/notes
        both AB0204 POST http://127.0.0.1:8080/v1/widgets//notes
        both AB0202 POST http://127.0.0.1:8080/v1/widgets/notes
        both AB0202 POST http://127.0.0.1:8080/v1/widgets/a/b/notes
        both AB0202 POST http://127.0.0.1:8080/v1/widgets/w-1/notes/
        both AB0202 POST http://127.0.0.1:8080/v1/widgets/w-1/Notes
        both AB0202 POST http://127.0.0.1:8080/v1/widgets/w-1/notes;x
        ",
    );
}

#[test]
fn u27_halves_of_characters() {
    Attack::new("u27-halves-of-characters").comes_to(
        r#"
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets/\\ud800"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets/\\udfff"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets/\\udc00\\ud800"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080\\ud83d/v1/widgets"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"\\ud800http://127.0.0.1:8080/v1/widgets"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets/\\x41"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets/\\u12"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"\\ud800","url":"http://127.0.0.1:8080/v1/widgets"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets","headers":[["accept","\\udfff"]]}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets","url":"http://127.0.0.1:8080/v1/widgets"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets","proxy":"http://127.0.0.2"}
        invoke AB0213 wasi:http/outgoing-handler {"method":"GET","url":"http://127.0.0.1:8080/v1/widgets"} {}
        invoke AB0213 wasi:http/outgoing-handler null
        invoke AB0213 wasi:http/outgoing-handler (nothing)
        invoke AB0213 wasi:http/outgoing-handler [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[... 97 KiB
        "#,
    );
}
