//! So many requests at once, and a queue for those beyond: first come, first served, for a time.
//!
//! A state machine without a clock: times are monotonic seconds that the caller passes in, and the caller wakes
//! waiters when [`Concurrency::leave`] or [`Concurrency::expire`] names them. While somebody waits all places
//! are taken, so nobody can slip in before a waiter.

use std::collections::VecDeque;

#[derive(Debug, Clone, Copy)]
struct Waiter {
    ticket: u64,
    deadline: f64,
}

/// Counts places; see the module.
#[derive(Debug)]
pub struct Concurrency {
    limit: usize,
    longest_queue: usize,
    patience: f64,
    taken: usize,
    queue: VecDeque<Waiter>,
    next_ticket: u64,
}

impl Concurrency {
    /// Makes a limiter of `limit` places. Up to `longest_queue` requests wait `patience` seconds for one; without
    /// patience nobody waits.
    #[must_use]
    pub fn new(limit: usize, longest_queue: usize, patience: f64) -> Self {
        let longest_queue = if patience > 0.0 { longest_queue } else { 0 };
        Self { limit, longest_queue, patience, taken: 0, queue: VecDeque::new(), next_ticket: 0 }
    }

    /// Places that are taken now.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// Requests that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes a place if there is one.
    pub const fn try_enter(&mut self) -> bool {
        let free = self.taken < self.limit;
        if free {
            self.taken += 1;
        }
        free
    }

    /// Waits for a place; gives the waiter's ticket, or nothing when the queue is full. Only for those whom
    /// [`Self::try_enter`] refused.
    pub fn queue(&mut self, now: f64) -> Option<u64> {
        if self.queue.len() >= self.longest_queue {
            return None;
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.queue.push_back(Waiter { ticket, deadline: now + self.patience });
        Some(ticket)
    }

    /// Gives a place back; it passes to the first waiter, who is named.
    pub fn leave(&mut self) -> Option<u64> {
        let next = self.queue.pop_front();
        if next.is_none() {
            self.taken = self.taken.saturating_sub(1);
        }
        next.map(|waiter| waiter.ticket)
    }

    /// A waiter goes away; tells whether it was still waiting.
    pub fn give_up(&mut self, ticket: u64) -> bool {
        let place = self.queue.iter().position(|waiter| waiter.ticket == ticket);
        place.and_then(|place| self.queue.remove(place)).is_some()
    }

    /// Seconds until [`Self::expire`] has something to do; `None` while nobody waits.
    #[must_use]
    pub fn delay(&self, now: f64) -> Option<f64> {
        self.queue.front().map(|waiter| (waiter.deadline - now).max(0.0))
    }

    /// Takes out the first waiter if its time is over. All wait as long, so the first is over first.
    pub fn expire(&mut self, now: f64) -> Option<u64> {
        let over = self.queue.front().is_some_and(|waiter| waiter.deadline <= now);
        if over { self.queue.pop_front().map(|waiter| waiter.ticket) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Concurrency;

    #[test]
    fn places_are_counted() {
        let mut places = Concurrency::new(2, 0, 0.0);
        assert!(places.try_enter());
        assert!(places.try_enter());
        assert!(!places.try_enter());
        assert_eq!(places.queue(0.0), None);
        assert_eq!(places.leave(), None);
        assert!(places.try_enter());
        assert_eq!(places.taken(), 2);
    }

    #[test]
    fn a_place_passes_to_the_first_waiter() {
        let mut places = Concurrency::new(1, 2, 5.0);
        assert!(places.try_enter());
        assert_eq!(places.queue(0.0), Some(0));
        assert_eq!(places.queue(1.0), Some(1));
        assert_eq!(places.queue(1.0), None);
        assert_eq!(places.leave(), Some(0));
        assert!(!places.try_enter());
        assert!(places.give_up(1));
        assert!(!places.give_up(1));
        assert_eq!(places.leave(), None);
        assert_eq!(places.taken(), 0);
        assert_eq!(places.leave(), None);
    }

    #[test]
    fn waiting_ends() {
        let mut places = Concurrency::new(1, 9, 5.0);
        assert!(places.try_enter());
        assert_eq!(places.delay(0.0), None);
        assert_eq!(places.queue(0.0), Some(0));
        assert_eq!(places.queue(2.0), Some(1));
        assert_eq!(places.delay(1.0), Some(4.0));
        assert_eq!(places.expire(4.5), None);
        assert_eq!(places.expire(5.0), Some(0));
        assert_eq!(places.expire(5.0), None);
        assert_eq!(places.leave(), Some(1));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Come,
        Leave,
        GiveUp(usize),
        Pass(u8),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            Just(Act::Come),
            Just(Act::Come),
            Just(Act::Leave),
            (0..8_usize).prop_map(Act::GiveUp),
            (0..4_u8).prop_map(Act::Pass),
        ];
        prop::collection::vec(act, 0..120)
    }

    proptest! {
        /// Never more at once than allowed, in order of arrival, and nobody waits while a place is free.
        #[test]
        fn the_limit_holds(limit in 1..4_usize, longest in 0..5_usize, acts in acts()) {
            let (patience, mut now) = (3.0, 0.0);
            let mut places = Concurrency::new(limit, longest, patience);
            let mut waiting: Vec<(u64, f64)> = Vec::new();
            let mut inside = 0;
            for act in acts {
                match act {
                    Act::Come if places.try_enter() => {
                        prop_assert!(waiting.is_empty());
                        inside += 1;
                    }
                    Act::Come => {
                        let ticket = places.queue(now);
                        prop_assert_eq!(ticket.is_none(), waiting.len() == longest);
                        waiting.extend(ticket.map(|ticket| (ticket, now)));
                    }
                    Act::Leave if inside > 0 => match places.leave() {
                        Some(ticket) => prop_assert_eq!(ticket, waiting.remove(0).0),
                        None => inside -= 1,
                    },
                    Act::GiveUp(at) if at < waiting.len() => prop_assert!(places.give_up(waiting.remove(at).0)),
                    Act::Leave | Act::GiveUp(_) => {}
                    Act::Pass(seconds) => {
                        now += f64::from(seconds);
                        while let Some(ticket) = places.expire(now) {
                            let (first, since) = waiting.remove(0);
                            prop_assert_eq!(ticket, first);
                            prop_assert!(now - since >= patience);
                        }
                        prop_assert!(waiting.iter().all(|(_, since)| now - since < patience));
                    }
                }
                prop_assert_eq!(places.taken(), inside);
                prop_assert_eq!(places.waiting(), waiting.len());
                prop_assert!(inside <= limit);
                prop_assert!(waiting.is_empty() || inside == limit);
            }
        }
    }
}
