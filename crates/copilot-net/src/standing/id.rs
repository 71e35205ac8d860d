//! What a request is known by, upstream and in its answer: random UUIDs.

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Returns a UUID of version 4. It is drawn from a keyed hash of a counter; the system gave the key.
pub(super) fn draw() -> String {
    static KEYS: OnceLock<(RandomState, RandomState)> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (first, second) = KEYS.get_or_init(|| (RandomState::new(), RandomState::new()));
    let count = COUNT.fetch_add(1, Relaxed);
    let hash = |key: &RandomState| {
        let mut hasher = key.build_hasher();
        hasher.write_u64(count);
        hasher.finish()
    };
    let (high, low) = (hash(first), hash(second));
    let mut id = String::with_capacity(36);
    let _ = write!(
        id,
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0x0fff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    );
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::draw;

    #[test]
    fn ids_are_uuids_of_version_4_and_differ() {
        let drawn: HashSet<String> = (0..1000).map(|_| draw()).collect();
        assert_eq!(drawn.len(), 1000);
        for id in drawn {
            let parts: Vec<&str> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
            assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{id}");
            assert!(parts.get(2).is_some_and(|part| part.starts_with('4')), "{id}");
            assert!(parts.get(3).is_some_and(|part| part.starts_with(['8', '9', 'a', 'b'])), "{id}");
        }
    }
}
