//! Each source, and what an operator is told when it gives no key.

use std::task::{Context, Waker};

use crate::Secrets;
use crate::testing::canary;
use crate::testing::fixture::{Fixture, Folder};

const ORIGIN: &str = "http://127.0.0.1:1";

/// What becomes of a key at `from`: `key`, or the error without the names of the case.
async fn outcome(folder: Folder, from: &str, key: &str) -> String {
    let fixture = Fixture::from(folder, ORIGIN, "\"bearer\"", (from, key));
    let recorded = fixture.recorded("GET /things", &[]).await;
    match fixture.secrets.inject(recorded).await {
        Ok(keyed) => {
            assert!(keyed.headers["authorization"].is_sensitive());
            let value = keyed.headers["authorization"]
                .to_str()
                .expect("visible")
                .to_owned();
            assert_eq!(value, format!("Bearer {key}"));
            "key".to_owned()
        }
        Err(error) => {
            let shown = format!("{error} {error:?} {}", error.guest_message());
            assert!(!shown.contains("canary-"), "{shown}");
            let facts = error.to_string();
            let prefix = format!("credential `up` from `{from}`: ");
            format!(
                "{}: {}",
                error.code(),
                facts.strip_prefix(&prefix).expect("the reference")
            )
        }
    }
}

async fn check_file(content: &[u8], key: &str, expected: &str) {
    let folder = Folder::new();
    let path = folder.write("key", content);
    let from = format!("file://{}", path.display());
    assert_eq!(
        outcome(folder, &from, key).await,
        expected,
        "{}",
        String::from_utf8_lossy(content)
    );
}

#[tokio::test]
async fn h24_a_file_loses_one_trailing_newline_and_no_more() {
    let key = canary();
    check_file(key.as_bytes(), &key, "key").await;
    check_file(format!("{key}\n").as_bytes(), &key, "key").await;
    check_file(format!("{key}\r\n").as_bytes(), &key, "key").await;
    let control = "AB0402: it holds a line break or another control character";
    check_file(format!("{key}\n\n").as_bytes(), &key, control).await;
    check_file(format!("{key}\r").as_bytes(), &key, control).await;
    check_file(b"canary-1\ncanary-2\n", &key, control).await;
    check_file(b"\n", &key, "AB0402: it is empty").await;
    check_file(b"canary", &key, "AB0405: it has fewer than 8 bytes").await;
    let large = "AB0403: the file is too large to be one that holds a key";
    check_file(&[b'x'; 64 * 1024 + 1], &key, large).await;
}

#[tokio::test]
async fn a_file_that_is_none_is_told_from_one_that_is_missing() {
    let key = canary();
    let missing = "file:///nowhere/canary".replace("canary", "at-all");
    let found = outcome(Folder::new(), &missing, &key).await;
    assert_eq!(found, "AB0401: the file does not exist");
    let folder = Folder::new();
    let name = folder.path().join("inner");
    std::fs::create_dir(&name).expect("a folder");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&name, &link).expect("a link");
    let short = std::env::temp_dir().join(format!("agentbox-{}", std::process::id()));
    std::os::unix::fs::symlink(&link, &short).expect("a link");
    let found = outcome(folder, &format!("file://{}", short.display()), &key).await;
    std::fs::remove_file(&short).expect("the link");
    assert_eq!(found, "AB0403: it is not a regular file");
}

async fn check_dotenv(reference: &str, expected: &str) {
    let key = "canary-of-the-dotenv-file";
    let folder = Folder::new();
    folder.write(
        ".env",
        format!("# keys\nexport UP_KEY=\"{key}\" # it\nTWO='x'\n").as_bytes(),
    );
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("out")).expect("a link");
    assert_eq!(
        outcome(folder, reference, key).await,
        expected,
        "{reference}"
    );
}

#[tokio::test]
async fn k08_a_dotenv_file_is_read_beside_the_policy_and_nowhere_else() {
    check_dotenv("dotenv://.env#UP_KEY", "key").await;
    check_dotenv("dotenv://.env#TWO", "AB0405: it has fewer than 8 bytes").await;
    check_dotenv("dotenv://.env#THREE", "AB0401: the file has no such entry").await;
    check_dotenv("dotenv://other#UP_KEY", "AB0401: the file does not exist").await;
    let outside = "AB0403: the file cannot be read: a path led outside of the filesystem";
    check_dotenv("dotenv://out#UP_KEY", outside).await;
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_missing() {
    let name = format!("env://{}", canary().replace("canary-", "AGENTBOX_TEST_"));
    let found = outcome(Folder::new(), &name, "").await;
    assert_eq!(found, "AB0401: the variable is not set");
    // Set wherever tests run.
    let key = std::env::var("PATH").expect("a path");
    assert_eq!(outcome(Folder::new(), "env://PATH", &key).await, "key");
}

#[tokio::test]
async fn k06_a_key_is_read_once_for_many_calls_at_the_same_time() {
    let fixture = Fixture::new(ORIGIN);
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(
            fixture
                .secrets
                .inject(fixture.recorded("GET /things", &[]).await),
        );
    }
    let mut tasks: Vec<_> = calls.into_iter().map(Box::pin).collect();
    // All of them are under way before the first is awaited.
    let mut context = Context::from_waker(Waker::noop());
    tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
    for task in tasks {
        task.await.expect("a key");
    }
    assert_eq!(fixture.secrets.known().count(), 1);
    // Later calls no longer look at the file.
    std::fs::remove_file(fixture.folder.path().join("key")).expect("the file");
    let again = fixture
        .secrets
        .inject(fixture.recorded("GET /things", &[]).await)
        .await;
    assert!(again.is_ok());
    let other = Secrets::new(None, Vec::new())
        .inject(fixture.recorded("GET /things", &[]).await)
        .await;
    assert!(other.is_err(), "another run has keys of its own");
}
