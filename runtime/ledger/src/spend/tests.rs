//! Tests of spend.

use std::time::Duration;

use agentbox_policy::Window;

use super::*;
use crate::demand::Limited;
use crate::store::{Place, Store};
use crate::testing::{HOUR, NOW, Numbers, demand, sliding};

fn store() -> Store {
    Store::open(&Place::Memory).expect("a database in memory")
}

fn ask(store: &mut Store, demand: &Demand) -> Option<Shortage> {
    store
        .reserve(&[demand])
        .expect("the database answers")
        .remove(0)
}

fn seconds(count: i64) -> i64 {
    count * 1_000_000_000
}

#[test]
fn a_window_holds_exactly_its_count() {
    let mut store = store();
    let call = demand("writes", &[sliding(3, HOUR)], "r", NOW);
    for _ in 0..3 {
        assert_eq!(ask(&mut store, &call), None);
    }
    let later = Demand {
        now: NOW + seconds(600),
        ..call
    };
    let shortage = ask(&mut store, &later).expect("the fourth has no room");
    let expected = Shortage {
        limit: "writes".to_owned(),
        used: 3,
        of: 3,
        window: "hour".to_owned(),
        retry_after: Some(Duration::from_secs(3000)),
    };
    assert_eq!(shortage, expected);
}

#[test]
fn room_returns_at_the_nanosecond_that_was_promised_and_not_before() {
    let mut store = store();
    let window = [sliding(1, HOUR)];
    assert_eq!(
        ask(&mut store, &demand("writes", &window, "r", NOW + 1)),
        None
    );
    let refused = ask(&mut store, &demand("writes", &window, "r", NOW + 7)).expect("no room");
    let wait = refused.retry_after.expect("an hour passes").as_nanos();
    let then = NOW + 7 + i64::try_from(wait).expect("an hour");
    assert!(ask(&mut store, &demand("writes", &window, "r", then - 1)).is_some());
    assert_eq!(ask(&mut store, &demand("writes", &window, "r", then)), None);
}

/// Against a list of times and a loop over it, for steps forwards, standing still and back.
#[test]
fn no_sliding_window_ever_holds_one_more_and_none_is_refused_that_fits() {
    for seed in 1..=20 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 + seed);
        let windows = [(3, 10), (7, 50)];
        let policy = windows.map(|(count, per)| sliding(count, Duration::from_nanos(per)));
        let mut store = store();
        let (mut clock, mut taken): (i64, Vec<i64>) = (NOW, Vec::new());
        for _ in 0..300 {
            clock += match numbers.below(40) {
                0 => -i64::try_from(numbers.below(40)).expect("small"),
                1..=12 => 0,
                _ => i64::try_from(numbers.below(8)).expect("small"),
            };
            let at = clock.max(taken.last().copied().unwrap_or(0));
            let fits = windows.iter().all(|(count, per)| {
                let per = i64::try_from(*per).expect("small");
                let within = taken.iter().filter(|time| **time > at - per).count();
                within < *count as usize
            });
            let answer = ask(&mut store, &demand("writes", &policy, "r", clock));
            assert_eq!(
                answer.is_none(),
                fits,
                "seed {seed}, at {at}, taken {taken:?}"
            );
            if fits {
                taken.push(at);
            }
        }
        for (count, per) in windows {
            for start in &taken {
                let end = start + i64::try_from(per).expect("small");
                let within = taken
                    .iter()
                    .filter(|time| (*start..end).contains(time))
                    .count();
                assert!(
                    within <= count as usize,
                    "seed {seed}: {within} in a window of {per}"
                );
            }
        }
        assert!(taken.len() > 20, "the test reserves something");
    }
}

#[test]
fn a_clock_set_back_opens_no_window() {
    let mut store = store();
    let window = [sliding(1, HOUR)];
    assert_eq!(ask(&mut store, &demand("writes", &window, "r", NOW)), None);
    let day_before = NOW - seconds(86_400);
    let refused = ask(&mut store, &demand("writes", &window, "r", day_before)).expect("no room");
    assert_eq!(
        refused.retry_after,
        Some(Duration::from_secs(86_400 + 3_600))
    );
    // Also for a limit that was not used since, whose rows another one's reservations could drop.
    assert_eq!(
        ask(
            &mut store,
            &demand("reads", &window, "r", NOW + seconds(864_000))
        ),
        None
    );
    assert_eq!(
        ask(&mut store, &demand("reads", &window, "r", NOW)).map(|s| s.used),
        Some(1)
    );
    let back = demand("writes", &window, "r", NOW + 1);
    assert_eq!(
        ask(&mut store, &back),
        None,
        "ten days have passed for every limit"
    );
    assert!(ask(&mut store, &back).is_some(), "and it counts from there");
}

#[test]
fn limits_of_one_call_are_taken_all_or_none() {
    let mut store = store();
    let limit = |name: &str, count| Limited {
        name: name.to_owned(),
        windows: vec![sliding(count, HOUR)],
    };
    let both = Demand {
        limits: vec![limit("wide", 5), limit("narrow", 1)],
        ..demand("", &[], "r", NOW)
    };
    assert_eq!(ask(&mut store, &both), None);
    for _ in 0..10 {
        assert_eq!(
            ask(&mut store, &both).map(|s| s.limit),
            Some("narrow".to_owned())
        );
    }
    let wide = Demand {
        limits: vec![limit("wide", 5)],
        ..both
    };
    let left = (0..10).filter(|_| ask(&mut store, &wide).is_none()).count();
    assert_eq!(left, 4, "the refused calls took nothing of `wide`");
}

#[test]
fn all_windows_of_one_limit_hold_and_the_longest_wait_is_told() {
    let mut store = store();
    let day = Duration::from_secs(86_400);
    let windows = [sliding(2, HOUR), sliding(3, day)];
    for (hours, fits) in [
        (0, true),
        (0, true),
        (0, false),
        (1, true),
        (2, false),
        (24, true),
    ] {
        let call = demand("writes", &windows, "r", NOW + seconds(hours * 3600));
        let refused = ask(&mut store, &call);
        assert_eq!(refused.is_none(), fits, "after {hours} h");
        if hours == 2 {
            let refused = refused.expect("refused");
            assert_eq!(
                (refused.window.as_str(), refused.used, refused.of),
                ("day", 3, 3)
            );
            assert_eq!(refused.retry_after, Some(Duration::from_secs(22 * 3600)));
        }
    }
}

#[test]
fn a_run_window_counts_its_own_run_and_never_opens_again() {
    let mut store = store();
    let window = [Window::Run { count: 2 }];
    for run in ["first", "second"] {
        for (days, fits) in [(0, true), (3, true), (6, false), (9, false)] {
            let call = demand("spend", &window, run, NOW + seconds(days * 86_400));
            let refused = ask(&mut store, &call);
            assert_eq!(refused.is_none(), fits, "{run} after {days} days");
            if let Some(refused) = refused {
                assert_eq!(refused.retry_after, None);
                assert_eq!(
                    (refused.window.as_str(), refused.used, refused.of),
                    ("run", 2, 2)
                );
            }
        }
    }
}

#[test]
fn agents_and_names_are_counted_apart() {
    let mut store = store();
    let window = [sliding(1, HOUR)];
    let mine = demand("writes", &window, "r", NOW);
    let theirs = Demand {
        agent: "other".to_owned(),
        ..mine.clone()
    };
    let other_name = demand("reads", &window, "r", NOW);
    for call in [&mine, &theirs, &other_name] {
        assert_eq!(ask(&mut store, call), None);
        assert!(ask(&mut store, call).is_some());
    }
}

#[test]
fn lowering_a_limit_counts_what_was_used_under_the_higher_one() {
    let mut store = store();
    for minute in 0..10 {
        let at = NOW + seconds(minute * 60);
        assert_eq!(
            ask(&mut store, &demand("writes", &[sliding(20, HOUR)], "r", at)),
            None
        );
    }
    let call = demand("writes", &[sliding(4, HOUR)], "r", NOW + seconds(600));
    let refused = ask(&mut store, &call).expect("no room");
    assert_eq!((refused.used, refused.of), (10, 4));
    // Six have to leave before fewer than four are left: at 6 min + 1 h.
    assert_eq!(
        refused.retry_after,
        Some(Duration::from_secs(3600 + 6 * 60 - 600))
    );
}

#[test]
fn what_no_window_reaches_is_forgotten() {
    let mut store = store();
    let window = [sliding(1000, HOUR), Window::Run { count: 1000 }];
    for _ in 0..50 {
        assert_eq!(ask(&mut store, &demand("writes", &window, "r", NOW)), None);
    }
    let later = NOW + seconds(40 * 86_400);
    assert_eq!(
        ask(&mut store, &demand("writes", &window, "later", later)),
        None
    );
    for table in ["spent", "runs"] {
        let query = format!("SELECT count(*) FROM {table}");
        let rows: i64 = store.query(&query).expect("a number");
        assert_eq!(rows, 1, "{table}");
    }
}
