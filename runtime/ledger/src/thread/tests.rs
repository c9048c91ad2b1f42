//! Tests of thread.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::testing::{HOUR, NOW, Scratch, demand, sliding};

fn at(folder: &Path) -> Thread {
    Thread::new(Place::Folder(folder.to_owned()))
}

fn ask(thread: &Thread, demand: Demand) -> Answer {
    thread
        .put(demand)?
        .blocking_recv()
        .expect("the thread answers")
}

fn one_of(count: u32) -> Demand {
    demand("writes", &[sliding(count, HOUR)], "r", NOW)
}

/// How many of `tries` have room under a limit of `count`.
fn take(thread: &Thread, tries: usize, count: u32) -> usize {
    let answers = (0..tries).map(|_| ask(thread, one_of(count)).expect("a database"));
    answers.filter(Option::is_none).count()
}

fn assert_refuses(thread: &Thread, reason: &str) {
    let unavailable = ask(thread, one_of(5)).expect_err("no reservation without a database");
    let mut text = unavailable.to_string();
    let mut source = std::error::Error::source(&unavailable);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    assert!(text.contains(reason), "{text}");
}

#[test]
fn eight_threads_take_exactly_what_there_is() {
    let scratch = Scratch::new();
    let thread = at(scratch.path());
    let taken: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| take(&thread, 100, 777)))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("no panic"))
            .sum()
    });
    assert_eq!(taken, 777);
}

#[test]
fn two_ledgers_on_one_folder_share_what_there_is() {
    let scratch = Scratch::new();
    let ledgers = [at(scratch.path()), at(scratch.path())];
    let taken: usize = std::thread::scope(|scope| {
        let all: Vec<_> = ledgers
            .iter()
            .map(|one| scope.spawn(|| take(one, 100, 130)))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("no panic"))
            .sum()
    });
    assert_eq!(taken, 130);
}

#[test]
fn demands_that_wait_together_are_answered_each_for_itself() {
    let scratch = Scratch::new();
    let thread = at(scratch.path());
    let waiting: Vec<_> = (0..600)
        .map(|_| thread.put(one_of(450)).expect("a thread"))
        .collect();
    let answers = waiting
        .into_iter()
        .map(|one| one.blocking_recv().expect("an answer"));
    assert_eq!(
        answers.filter(|answer| matches!(answer, Ok(None))).count(),
        450
    );
}

/// This same test, started by its parent in a process of its own, when `FOLDER` is set.
const FOLDER: &str = "AGENTBOX_LEDGER_TEST_FOLDER";

fn start_child(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("thread::tests::{test}"), "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process")
}

/// The number a child prints after `taken `, and the rest of what it says.
fn taken_by(child: &mut Child) -> (usize, impl Iterator<Item = String> + use<>) {
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = output.lines().map(|line| line.expect("text"));
    let number = lines.find_map(|line| Some(line.split_once("taken ")?.1.to_owned()));
    let number = number.expect("the child says how many");
    (number.parse().expect("a number"), lines)
}

fn say_taken(count: usize) {
    println!("taken {count}");
}

#[test]
fn separate_processes_share_what_there_is() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        say_taken(take(&at(Path::new(&folder)), 100, 250));
        return;
    }
    let scratch = Scratch::new();
    let name = "separate_processes_share_what_there_is";
    let mut children: Vec<Child> = (0..4).map(|_| start_child(name, scratch.path())).collect();
    let mut taken = Vec::new();
    for child in &mut children {
        let (count, rest) = taken_by(child);
        taken.push(count);
        rest.for_each(drop);
        assert!(child.wait().expect("ends").success());
    }
    assert_eq!(taken.iter().sum::<usize>(), 250, "{taken:?}");
}

#[test]
fn a_killed_process_gives_nothing_back() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let thread = at(Path::new(&folder));
        say_taken(take(&thread, 7, 10));
        // Until it is killed: the parent never writes.
        drop(std::io::stdin().read_line(&mut String::new()));
        return;
    }
    let scratch = Scratch::new();
    let mut child = start_child("a_killed_process_gives_nothing_back", scratch.path());
    let (taken, _rest) = taken_by(&mut child);
    assert_eq!(taken, 7);
    child.kill().expect("SIGKILL");
    child.wait().expect("ends");
    assert_eq!(take(&at(scratch.path()), 10, 10), 3);
}

#[test]
fn counts_outlive_the_ledger_and_those_in_memory_do_not() {
    let scratch = Scratch::new();
    assert_eq!(take(&at(scratch.path()), 3, 5), 3);
    assert_eq!(take(&at(scratch.path()), 10, 5), 2);
    let memory = Thread::new(Place::Memory);
    assert_eq!(take(&memory, 10, 5), 5);
    assert_eq!(take(&Thread::new(Place::Memory), 10, 5), 5);
}

#[test]
fn a_demand_nobody_waits_for_any_more_is_not_counted() {
    let (sender, receiver) = channel();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let (answer, waits) = oneshot::channel();
        sender
            .send(Request {
                demand: one_of(1),
                answer,
            })
            .expect("open");
        waiting.push(waits);
    }
    let last = waiting.pop().expect("three");
    drop((waiting, sender));
    serve(&Place::Memory, &receiver);
    assert!(matches!(last.blocking_recv(), Ok(Ok(None))));
}

#[test]
fn the_file_and_the_folder_are_private() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("made/here");
    assert_eq!(take(&at(&folder), 1, 5), 1);
    let mode = |path: &Path| path.metadata().expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in folder.read_dir().expect("a folder") {
        let path = file.expect("a file").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    let loose = folder.join("ledger.db");
    std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o666)).expect("ours");
    assert_eq!(take(&at(&folder), 1, 5), 1);
    assert_eq!(mode(&loose), 0o600);
}

#[test]
fn nothing_is_opened_before_the_first_demand() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("later");
    drop(at(&folder));
    assert!(!folder.exists());
}

#[test]
fn a_corrupt_database_refuses_and_a_repaired_one_counts() {
    let scratch = Scratch::new();
    let file = scratch.path().join("ledger.db");
    std::fs::write(&file, "this is no database".repeat(1000)).expect("ours");
    let thread = at(scratch.path());
    assert_refuses(&thread, "not a database");
    assert_refuses(&thread, "not a database");
    std::fs::remove_file(&file).expect("ours");
    assert_eq!(take(&thread, 10, 5), 5);
}

#[test]
fn a_database_damaged_in_the_middle_never_reserves_more() {
    let scratch = Scratch::new();
    let mut store = Store::open(&Place::Folder(scratch.path().to_owned())).expect("a database");
    drop(store.reserve(&[&one_of(300); 300]).expect("a database"));
    drop(store);
    let file = scratch.path().join("ledger.db");
    let mut bytes = std::fs::read(&file).expect("ours");
    assert!(bytes.len() > 8192, "more than one page was written");
    bytes[4096..].fill(0xff);
    std::fs::write(&file, bytes).expect("ours");
    assert_refuses(&at(scratch.path()), "malformed");
}

#[test]
fn a_database_of_another_version_refuses() {
    let scratch = Scratch::new();
    let file = scratch.path().join("ledger.db");
    let other = rusqlite::Connection::open(&file).expect("ours");
    other.pragma_update(None, "user_version", 2).expect("ours");
    assert_refuses(&at(scratch.path()), "version 2");
}

#[test]
fn a_folder_that_cannot_be_written_refuses() {
    let scratch = Scratch::new();
    let locked = scratch.path().join("locked");
    std::fs::create_dir(&locked).expect("ours");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).expect("ours");
    // Root may write there all the same, but nobody makes a file in `/proc`.
    if std::fs::write(locked.join("probe"), "").is_err() {
        assert_refuses(&at(&locked), "cannot be used");
    }
    assert_refuses(&at(Path::new("/proc/self")), "cannot be used");
    let file = scratch.path().join("file");
    std::fs::write(&file, "").expect("ours");
    assert_refuses(&at(&file), "cannot be used");
}

#[test]
fn a_link_or_a_folder_in_place_of_the_database_refuses() {
    let scratch = Scratch::new();
    let (linked, folder) = (scratch.path().join("linked"), scratch.path().join("folder"));
    std::fs::create_dir_all(folder.join("ledger.db")).expect("ours");
    std::fs::create_dir(&linked).expect("ours");
    let elsewhere = scratch.path().join("elsewhere");
    symlink(&elsewhere, linked.join("ledger.db")).expect("ours");
    assert_refuses(&at(&linked), "not a regular file");
    assert_refuses(&at(&folder), "not a regular file");
    assert!(!elsewhere.exists(), "the link was not followed");
}

#[test]
fn a_folder_behind_a_link_is_used() {
    let scratch = Scratch::new();
    let link = scratch.path().join("link");
    symlink(scratch.path(), &link).expect("ours");
    assert_eq!(take(&at(&link), 3, 5), 3);
    assert_eq!(take(&at(scratch.path()), 10, 5), 2);
}

#[test]
fn a_full_disk_refuses_and_counts_nothing() {
    let scratch = Scratch::new();
    let place = Place::Folder(scratch.path().to_owned());
    let mut store = Store::open(&place).expect("a database");
    // SQLite's own bound on a file's size: it reports it as it reports a full disk.
    let pages: i64 = store.query("PRAGMA page_count").expect("a number");
    let most: i64 = store
        .query(&format!("PRAGMA max_page_count = {pages}"))
        .expect("a number");
    assert_eq!(most, pages);
    let demand = one_of(1_000_000);
    let mut taken = 0;
    let refused = loop {
        match store.reserve(&[&demand; 50]) {
            Ok(answers) => taken += answers.iter().filter(|answer| answer.is_none()).count(),
            Err(problem) => break problem,
        }
        assert!(taken < 100_000, "the bound is never reached");
    };
    assert!(matches!(refused, Problem::Sqlite(_)), "{refused:?}");
    let rows: i64 = store.query("SELECT count(*) FROM spent").expect("a number");
    assert_eq!(
        usize::try_from(rows),
        Ok(taken),
        "none of the refused transaction is there"
    );
}

#[test]
fn a_database_removed_under_a_ledger_is_not_counted_in_any_more() {
    let scratch = Scratch::new();
    let old = at(scratch.path());
    assert_eq!(take(&old, 2, 5), 2);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        drop(std::fs::remove_file(scratch.path().join(name)));
    }
    assert_eq!(
        take(&at(scratch.path()), 4, 5),
        4,
        "a new ledger starts from nothing"
    );
    assert_eq!(
        take(&old, 10, 5),
        1,
        "and the old one counts where the new one does"
    );
}
