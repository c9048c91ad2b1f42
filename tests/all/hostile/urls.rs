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
        both AB0201 GET http://127.0.0.2:8080?@127.0.0.1:8080/v1/widgets
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
