use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::{Key, Lookup, Options, ResponseCache, Wakes};

const OPTIONS: Options =
    Options { limit: 1000, overhead: 0, time_to_live: Some(60.0), patience: 30.0, waiters: 100 };

fn key(number: u8) -> Key {
    [number; 32]
}

fn cache() -> ResponseCache<&'static str> {
    ResponseCache::new(OPTIONS)
}

/// Keeps a value as a request alone would.
fn put(cache: &mut ResponseCache<&'static str>, number: u8, weight: u64, now: f64) {
    assert_eq!(cache.begin(key(number), u64::MAX, Some(0.0), now), Lookup::Alone);
    assert_eq!(cache.settle(u64::MAX, Some(("", weight)), now), Wakes::default());
}

fn holds(cache: &mut ResponseCache<&'static str>, number: u8) -> bool {
    let found = matches!(cache.begin(key(number), u64::MAX, None, 0.0), Lookup::Hit { .. });
    cache.settle(u64::MAX, None, 0.0);
    found
}

#[test]
fn an_answer_is_kept_until_it_is_too_old() {
    let mut cache = cache();
    assert_eq!(cache.begin(key(1), 1, None, 0.0), Lookup::Lead);
    cache.settle(1, Some(("answer", 10)), 2.0);
    assert_eq!(cache.begin(key(1), 2, None, 61.0), Lookup::Hit { value: &"answer", age: 59.0 });
    assert_eq!(cache.begin(key(1), 3, Some(58.0), 61.0), Lookup::Lead);
    cache.settle(3, None, 61.0);
    assert_eq!(cache.begin(key(1), 4, None, 62.0), Lookup::Lead);
    let statistics = cache.statistics(62.0);
    assert_eq!((statistics.hits, statistics.misses, statistics.expirations), (1, 3, 1));
    assert_eq!((statistics.entries, statistics.bytes), (0, 0));
}

#[test]
fn without_a_time_to_live_nothing_is_too_old() {
    let mut cache = ResponseCache::new(Options { time_to_live: None, ..OPTIONS });
    put(&mut cache, 1, 1, 0.0);
    assert_eq!(cache.begin(key(1), 1, None, 1e12), Lookup::Hit { value: &"", age: 1e12 });
}

#[test]
fn equal_requests_get_the_leaders_answer() {
    let mut cache = cache();
    assert_eq!(cache.begin(key(1), 1, None, 0.0), Lookup::Lead);
    assert_eq!(cache.begin(key(1), 2, None, 0.0), Lookup::Wait);
    assert_eq!(cache.begin(key(2), 3, None, 0.0), Lookup::Lead);
    assert_eq!(cache.begin(key(1), 4, Some(5.0), 0.0), Lookup::Wait);
    assert_eq!(cache.begin(key(1), 5, Some(0.0), 0.0), Lookup::Alone);
    assert_eq!(cache.settle(4, None, 1.0), Wakes::default());
    let wakes = cache.settle(1, Some(("answer", 2000)), 1.0);
    assert_eq!(wakes, Wakes { served: vec![2], ..Wakes::default() });
    // Too large to be kept, but shared.
    assert_eq!(cache.statistics(1.0).bytes, 0);
    assert_eq!(cache.statistics(1.0).coalesced, 1);
    assert_eq!(cache.begin(key(1), 6, None, 1.0), Lookup::Lead);
}

#[test]
fn a_leader_that_fails_hands_over() {
    let mut cache = cache();
    for (ticket, now) in [(1, 0.0), (2, 0.0), (3, 1.0), (4, 20.0), (5, 29.0)] {
        cache.begin(key(1), ticket, None, now);
    }
    // The first leads; the second waited for 30 s and goes alone; the others go on waiting.
    let wakes = cache.settle(1, None, 31.0);
    assert_eq!(wakes, Wakes { served: vec![], leader: Some(2), alone: vec![3] });
    assert_eq!(cache.begin(key(1), 6, None, 31.0), Lookup::Wait);
    assert_eq!(cache.settle(3, Some(("alone", 1)), 32.0), Wakes::default());
    assert_eq!(cache.begin(key(1), 7, None, 32.0), Lookup::Hit { value: &"alone", age: 0.0 });
    let wakes = cache.settle(2, Some(("led", 1)), 33.0);
    assert_eq!(wakes.served, [4, 5, 6]);
    assert_eq!(cache.settle(2, Some(("again", 1)), 33.0), Wakes::default());
    assert_eq!(cache.begin(key(1), 8, None, 33.0), Lookup::Hit { value: &"led", age: 0.0 });
}

#[test]
fn too_many_do_not_wait() {
    let mut cache = ResponseCache::<()>::new(Options { waiters: 1, ..OPTIONS });
    for (ticket, expected) in [(1, Lookup::Lead), (2, Lookup::Wait), (3, Lookup::Alone)] {
        assert_eq!(cache.begin(key(1), ticket, None, 0.0), expected);
    }
    cache.settle(2, None, 0.0);
    assert_eq!(cache.begin(key(1), 4, None, 0.0), Lookup::Wait);
}

#[test]
fn a_crowd_asked_for_once_drives_out_nothing_else() {
    let mut cache = cache();
    for number in 0..5 {
        put(&mut cache, number, 100, 0.0);
        assert!(holds(&mut cache, number));
    }
    for number in 100..250 {
        put(&mut cache, number, 100, 0.0);
        cache.store.check();
    }
    assert!((0..5).all(|number| holds(&mut cache, number)));
    assert_eq!(cache.statistics(0.0).bytes, 1000);
    // What comes back soon after it went out was worth keeping.
    put(&mut cache, 244, 100, 0.0);
    for number in 100..150 {
        put(&mut cache, number, 100, 0.0);
    }
    assert!(holds(&mut cache, 244));
}

#[test]
fn what_is_not_asked_for_any_more_goes_out_of_the_main_queue() {
    let mut cache = cache();
    for number in 0..10 {
        put(&mut cache, number, 100, 0.0);
        assert!(holds(&mut cache, number));
    }
    for round in 0..4 {
        for number in 20..30 {
            put(&mut cache, number, 100, 0.0);
            assert!(holds(&mut cache, number), "{round} {number}");
        }
    }
    assert!((0..10).all(|number| !holds(&mut cache, number)));
}

#[derive(Debug, Clone)]
enum Act {
    Begin { key: u8, max_age: Option<f64> },
    Succeed { which: usize, weight: u64 },
    Fail { which: usize },
    Pass { seconds: u8 },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let max_age = prop_oneof![4 => Just(None), 1 => Just(Some(0.0)), 1 => Just(Some(3.0))];
    let act = prop_oneof![
        4 => (0..12_u8, max_age).prop_map(|(key, max_age)| Act::Begin { key, max_age }),
        3 => (0..6_usize, 0..700_u64).prop_map(|(which, weight)| Act::Succeed { which, weight }),
        1 => (0..6_usize).prop_map(|which| Act::Fail { which }),
        1 => (0..9_u8).prop_map(|seconds| Act::Pass { seconds }),
    ];
    prop::collection::vec(act, 0..300)
}

proptest! {
    /// Whatever happens: the bound holds, one request for a key leads, waiters are woken once and in order, and
    /// what is given out is the newest answer to that very request and not too old.
    #[test]
    fn the_books_agree(acts in acts()) {
        let options = Options { overhead: 20, time_to_live: Some(10.0), patience: 5.0, waiters: 4, ..OPTIONS };
        let mut cache = ResponseCache::<(u8, u64)>::new(options);
        let (mut now, mut next, mut version) = (0.0, 0_u64, 0_u64);
        let mut asking: Vec<(u64, u8)> = Vec::new();
        let mut leaders: HashMap<u8, u64> = HashMap::new();
        let mut waiting: HashMap<u8, Vec<u64>> = HashMap::new();
        let mut newest: HashMap<u8, (u64, f64)> = HashMap::new();
        for act in acts {
            match act {
                Act::Pass { seconds } => now += f64::from(seconds),
                Act::Begin { key: number, max_age } => {
                    next += 1;
                    match cache.begin(key(number), next, max_age, now) {
                        Lookup::Hit { value, age } => {
                            prop_assert_eq!(Some(&(value.1, now - age)), newest.get(&number));
                            prop_assert_eq!(value.0, number);
                            prop_assert!(age < 10.0 && max_age.is_none_or(|limit| age <= limit));
                        }
                        Lookup::Lead => {
                            prop_assert_eq!(leaders.insert(number, next), None);
                            asking.push((next, number));
                        }
                        Lookup::Wait => {
                            prop_assert!(leaders.contains_key(&number));
                            waiting.entry(number).or_default().push(next);
                        }
                        Lookup::Alone => asking.push((next, number)),
                    }
                }
                Act::Succeed { which, .. } | Act::Fail { which } if !asking.is_empty() => {
                    let (ticket, number) = asking.remove(which % asking.len());
                    let led = leaders.get(&number) == Some(&ticket);
                    let value = match act {
                        Act::Succeed { weight, .. } => {
                            version += 1;
                            newest.insert(number, (version, now));
                            Some(((number, version), weight))
                        }
                        _ => None,
                    };
                    let succeeded = value.is_some();
                    let wakes = cache.settle(ticket, value, now);
                    let mut waiters = if led { waiting.remove(&number).unwrap_or_default() } else { vec![] };
                    if led {
                        leaders.remove(&number);
                    }
                    if succeeded {
                        prop_assert_eq!(&wakes.served, &waiters);
                        prop_assert_eq!((wakes.leader, wakes.alone.len()), (None, 0));
                        waiters.clear();
                    } else {
                        prop_assert!(wakes.served.is_empty());
                        prop_assert_eq!(wakes.leader, waiters.first().copied());
                        if let Some(leader) = wakes.leader {
                            leaders.insert(number, leader);
                        }
                        let woken: HashSet<u64> = wakes.alone.iter().copied().chain(wakes.leader).collect();
                        prop_assert!(woken.iter().all(|ticket| waiters.contains(ticket)));
                        asking.extend(woken.iter().map(|ticket| (*ticket, number)));
                        asking.sort_unstable();
                        waiters.retain(|ticket| !woken.contains(ticket));
                    }
                    if !waiters.is_empty() {
                        waiting.insert(number, waiters);
                    }
                }
                Act::Succeed { .. } | Act::Fail { .. } => {}
            }
            cache.store.check();
            cache.flights.check();
            prop_assert!(cache.statistics(now).bytes <= 1000);
        }
    }
}
