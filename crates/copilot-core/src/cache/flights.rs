//! Equal requests in flight: one leads, the others wait for it.

use std::collections::{HashMap, VecDeque};

use super::Key;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Asks upstream, for all that wait
    Lead,
    /// Waits for the leader
    Wait,
    /// Asks upstream, for itself
    Alone,
}

/// Whom a settlement wakes, by ticket.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wakes {
    /// They get the value that was settled
    pub served: Vec<u64>,
    /// It leads now
    pub leader: Option<u64>,
    /// They have waited long enough and ask for themselves
    pub alone: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Waiter {
    ticket: u64,
    since: f64,
}

/// The flights, and the role of each ticket.
#[derive(Debug)]
pub(super) struct Flights {
    patience: f64,
    most_waiters: usize,
    /// Those that wait for the leader, who exists for each key here.
    by_key: HashMap<Key, VecDeque<Waiter>>,
    tickets: HashMap<u64, (Key, Role)>,
    waiting: usize,
}

impl Flights {
    pub(super) fn new(patience: f64, most_waiters: usize) -> Self {
        Self { patience, most_waiters, by_key: HashMap::new(), tickets: HashMap::new(), waiting: 0 }
    }

    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn key_of(&self, ticket: u64) -> Option<Key> {
        self.tickets.get(&ticket).map(|(key, _)| *key)
    }

    /// Lets a request in that nobody waits for.
    pub(super) fn alone(&mut self, key: Key, ticket: u64) {
        self.tickets.insert(ticket, (key, Role::Alone));
    }

    /// Lets a request in: it leads, or waits for who leads, or goes alone when too many wait.
    pub(super) fn join(&mut self, key: Key, ticket: u64, now: f64) -> Role {
        let role = match self.by_key.get_mut(&key) {
            None => {
                self.by_key.insert(key, VecDeque::new());
                Role::Lead
            }
            Some(waiters) if self.waiting < self.most_waiters => {
                waiters.push_back(Waiter { ticket, since: now });
                self.waiting += 1;
                Role::Wait
            }
            Some(_) => Role::Alone,
        };
        self.tickets.insert(ticket, (key, role));
        role
    }

    /// Ends a request, and with a leader its flight: served when it has a value, else handed over.
    pub(super) fn settle(&mut self, ticket: u64, served: bool, now: f64) -> Wakes {
        let Some((key, role)) = self.tickets.remove(&ticket) else {
            return Wakes::default();
        };
        match role {
            Role::Alone => Wakes::default(),
            Role::Wait => {
                self.forget_waiter(&key, ticket);
                Wakes::default()
            }
            Role::Lead if served => self.serve(&key),
            Role::Lead => self.hand_over(key, now),
        }
    }

    fn forget_waiter(&mut self, key: &Key, ticket: u64) {
        if let Some(waiters) = self.by_key.get_mut(key)
            && let Some(place) = waiters.iter().position(|waiter| waiter.ticket == ticket)
        {
            waiters.remove(place);
            self.waiting -= 1;
        }
    }

    fn serve(&mut self, key: &Key) -> Wakes {
        let waiters = self.by_key.remove(key).unwrap_or_default();
        self.waiting -= waiters.len();
        let served: Vec<u64> = waiters.into_iter().map(|waiter| waiter.ticket).collect();
        for ticket in &served {
            self.tickets.remove(ticket);
        }
        Wakes { served, ..Wakes::default() }
    }

    /// One at a time tries again, so that a failing upstream gets no herd; but who has waited long goes alone,
    /// so that nobody waits for the sum of all failures.
    fn hand_over(&mut self, key: Key, now: f64) -> Wakes {
        let mut waiters = self.by_key.remove(&key).unwrap_or_default();
        let Some(leader) = waiters.pop_front() else {
            return Wakes::default();
        };
        let (alone, waiting): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| now - waiter.since >= self.patience);
        let alone: Vec<u64> = alone.into_iter().map(|waiter| waiter.ticket).collect();
        self.waiting -= 1 + alone.len();
        self.tickets.insert(leader.ticket, (key, Role::Lead));
        for ticket in &alone {
            self.tickets.insert(*ticket, (key, Role::Alone));
        }
        self.by_key.insert(key, waiting.into());
        Wakes { served: Vec::new(), leader: Some(leader.ticket), alone }
    }
}

#[cfg(test)]
impl Flights {
    /// Fails unless the books agree with each other.
    pub(super) fn check(&self) {
        assert_eq!(self.waiting, self.by_key.values().map(VecDeque::len).sum::<usize>());
        assert!(self.waiting <= self.most_waiters);
        let count = |wanted| self.tickets.values().filter(|(_, role)| *role == wanted).count();
        assert_eq!(count(Role::Lead), self.by_key.len());
        assert_eq!(count(Role::Wait), self.waiting);
    }
}
