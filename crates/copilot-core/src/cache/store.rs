//! Entries bounded in bytes, evicted as S3-FIFO does it (Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023), with weights instead of counts.
//!
//! A new entry comes into a small queue. When it reaches the end of it, it goes on into the main queue if it was
//! asked for meanwhile, and out otherwise, so that a crowd asked for once drives out nothing else. A key that went
//! out of the small queue is remembered for a while and comes into the main queue the next time.

use std::collections::{BTreeMap, HashMap};

use super::Key;

/// The share of the limit that new entries may take: a tenth, as in the paper.
const SMALL_SHARE: u64 = 10;
/// A counter of two bits, as in the paper.
const MOST_USES: u8 = 3;

/// Keys in order of arrival. A tree over rising numbers, since entries leave from the middle too.
type Queue = BTreeMap<u64, Key>;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: u64,
    stored: f64,
    uses: u8,
    is_main: bool,
    /// Its place in its queue.
    place: u64,
    /// Its place in the order of age.
    age_place: u64,
}

#[derive(Debug)]
pub(super) struct Store<V> {
    limit: u64,
    overhead: u64,
    time_to_live: Option<f64>,
    entries: HashMap<Key, Entry<V>>,
    small: Queue,
    main: Queue,
    by_age: Queue,
    /// Keys that went out of the small queue, at most as many as there are entries.
    ghosts: Queue,
    ghost_places: HashMap<Key, u64>,
    bytes: u64,
    small_bytes: u64,
    next_place: u64,
    evictions: u64,
    expirations: u64,
}

impl<V> Store<V> {
    pub(super) fn new(limit: u64, overhead: u64, time_to_live: Option<f64>) -> Self {
        Self {
            limit,
            overhead,
            time_to_live,
            entries: HashMap::new(),
            small: Queue::new(),
            main: Queue::new(),
            by_age: Queue::new(),
            ghosts: Queue::new(),
            ghost_places: HashMap::new(),
            bytes: 0,
            small_bytes: 0,
            next_place: 0,
            evictions: 0,
            expirations: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Entries evicted and expired so far.
    pub(super) const fn removed(&self) -> (u64, u64) {
        (self.evictions, self.expirations)
    }

    /// Removes what is too old. All live as long, so the oldest is over first.
    pub(super) fn sweep(&mut self, now: f64) {
        let Some(time_to_live) = self.time_to_live else {
            return;
        };
        while let Some(key) = self.by_age.first_key_value().map(|(_, key)| *key) {
            if self.age(&key, now).is_some_and(|age| age < time_to_live) {
                break;
            }
            self.remove(&key);
            self.expirations += 1;
        }
        self.trim_ghosts();
    }

    /// Seconds since an entry was stored.
    pub(super) fn age(&self, key: &Key, now: f64) -> Option<f64> {
        self.entries.get(key).map(|entry| now - entry.stored)
    }

    /// Returns a value and its age, and counts the use.
    pub(super) fn take(&mut self, key: &Key, now: f64) -> Option<(&V, f64)> {
        let entry = self.entries.get_mut(key)?;
        entry.uses = (entry.uses + 1).min(MOST_USES);
        Some((&entry.value, now - entry.stored))
    }

    /// Keeps a value in place of an older one, if it fits at all.
    pub(super) fn put(&mut self, key: Key, value: V, weight: u64, now: f64) {
        let weight = weight.saturating_add(self.overhead);
        let was_main = self.remove(&key).is_some_and(|entry| entry.is_main);
        if weight > self.limit {
            self.trim_ghosts();
            return;
        }
        while self.bytes + weight > self.limit {
            self.evict();
        }
        let is_main = self.forget_ghost(&key) || was_main;
        let (place, age_place) = (self.number(), self.number());
        self.by_age.insert(age_place, key);
        self.bytes += weight;
        if is_main {
            self.main.insert(place, key);
        } else {
            self.small.insert(place, key);
            self.small_bytes += weight;
        }
        self.entries.insert(key, Entry { value, weight, stored: now, uses: 0, is_main, place, age_place });
        self.trim_ghosts();
    }

    fn trim_ghosts(&mut self) {
        while self.ghosts.len() > self.entries.len() {
            if let Some((_, ghost)) = self.ghosts.pop_first() {
                self.ghost_places.remove(&ghost);
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }

    fn remove(&mut self, key: &Key) -> Option<Entry<V>> {
        let entry = self.entries.remove(key)?;
        self.by_age.remove(&entry.age_place);
        self.bytes -= entry.weight;
        if entry.is_main {
            self.main.remove(&entry.place);
        } else {
            self.small.remove(&entry.place);
            self.small_bytes -= entry.weight;
        }
        Some(entry)
    }

    /// Takes one step towards more room: an entry goes out, or on, or back with one use less.
    fn evict(&mut self) {
        let small_is_due = self.main.is_empty() || self.small_bytes.saturating_mul(SMALL_SHARE) > self.limit;
        let queue = if small_is_due && !self.small.is_empty() { &self.small } else { &self.main };
        let Some(key) = queue.first_key_value().map(|(_, key)| *key) else {
            return;
        };
        let place = self.number();
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        if entry.uses == 0 {
            let was_small = !entry.is_main;
            self.remove(&key);
            self.evictions += 1;
            if was_small {
                self.ghosts.insert(place, key);
                self.ghost_places.insert(key, place);
            }
            return;
        }
        if entry.is_main {
            entry.uses -= 1;
            self.main.remove(&entry.place);
        } else {
            entry.uses = 0;
            entry.is_main = true;
            self.small.remove(&entry.place);
            self.small_bytes -= entry.weight;
        }
        entry.place = place;
        self.main.insert(place, key);
    }

    fn forget_ghost(&mut self, key: &Key) -> bool {
        let place = self.ghost_places.remove(key);
        place.is_some_and(|place| self.ghosts.remove(&place).is_some())
    }
}

#[cfg(test)]
impl<V> Store<V> {
    /// Fails unless the books agree with each other.
    pub(super) fn check(&self) {
        let weight = |is_main: bool| -> u64 {
            self.entries.values().filter(|entry| entry.is_main == is_main).map(|entry| entry.weight).sum()
        };
        assert_eq!(self.bytes, weight(true) + weight(false));
        assert_eq!(self.small_bytes, weight(false));
        assert!(self.bytes <= self.limit);
        assert_eq!(self.small.len() + self.main.len(), self.entries.len());
        assert_eq!(self.by_age.len(), self.entries.len());
        assert_eq!(self.ghosts.len(), self.ghost_places.len());
        assert!(self.ghosts.len() <= self.entries.len());
        assert!(self.ghosts.values().all(|key| !self.entries.contains_key(key)));
    }
}
