//! Places of the gateway that are taken without Python, and given back so that nobody who waits is forgotten.

use std::sync::{Arc, Mutex, PoisonError};

use copilot_core::concurrency::Concurrency;

use super::Notices;

/// The places, shared with who counts them for Python.
pub type Places = Arc<Mutex<Concurrency>>;

/// One place. Dropped, it is free again.
pub struct Place {
    places: Places,
    notices: Arc<dyn Notices>,
    is_kept: bool,
}

impl Place {
    /// Takes a place if one is free; nobody is passed who waits for one.
    pub(super) fn take(places: &Places, notices: &Arc<dyn Notices>) -> Option<Self> {
        let entered = places.lock().unwrap_or_else(PoisonError::into_inner).try_enter();
        entered.then(|| Self { places: Arc::clone(places), notices: Arc::clone(notices), is_kept: false })
    }

    /// Leaves the place to whoever gives it back by another way.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // Who waits is a future of the event loop, which alone can wake it.
        if places.waiting() == 0 {
            places.leave();
            return;
        }
        drop(places);
        self.notices.place_owed();
    }
}
