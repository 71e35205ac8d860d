//! Requests that are carried without Python: it decided once for their kind, and is told afterwards (ADR 0021).
//!
//! [`Standing::offer`] reads a request as far as its [`Kind`]; [`Standing::take`] makes an [`Errand`] of it where a
//! decision stands, a place is free and the token is fresh; [`Errand::run`] carries it. What does not end as it
//! should comes [`Back`], with the answer that upstream gave: it is Python's to judge, and is not asked for twice.

mod answer;
mod decision;
mod errand;
mod id;
mod kind;
mod places;
mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use copilot_core::{
    hook::{self, Stage},
    streams::StreamEnd,
    text::Body,
    token::{Moment, TokenClock},
    validation::{self, Facts},
};
use http::{header::USER_AGENT, request::Parts};
use tokio::sync::Notify;

use crate::{
    client::Client,
    relay::{Control, Progress, Relay},
};

pub use self::{
    decision::{Decision, Streaming},
    errand::{Back, Carried, Content, Errand, Reply},
    kind::{Kind, Routes},
    places::{Place, Places},
    record::{Event, Record, Spent},
};

use self::kind::Head;

/// Decisions that stand at the same time.
const MOST: usize = 256;

/// Records that may wait for Python; while there are more, it decides itself, which slows down who asks.
const MOST_RECORDS: usize = 8192;

/// How long records wait for each other.
const BATCH: Duration = Duration::from_millis(50);

/// Bytes of a body that is looked at here: larger ones would hold up the streams of this thread.
const LARGEST: usize = 1024 * 1024;

/// Bodies that wait with their records, for the log line that counts them.
const MOST_BODIES: usize = 8;

/// What Python is told; called on any thread, and must not block.
pub trait Notices: Send + Sync + 'static {
    /// There are records to take.
    fn settled(&self);

    /// A place is to be given back, and somebody waits for it.
    fn place_owed(&self);
}

/// A request that was read as far as its kind.
pub struct Offer {
    /// Its kind.
    pub kind: Arc<Kind>,
    /// The life of the decisions that it was looked up in.
    pub generation: u64,
    facts: Facts,
}

struct Kept {
    decision: Arc<Decision>,
    /// When it was last used, by the count of uses.
    used: AtomicU64,
}

/// A stream that runs.
#[derive(Clone)]
pub struct Running {
    /// What it was carried by, and who asked
    pub record: Record,
    /// When its request came
    pub began: Instant,
    /// How far it has come
    pub progress: Arc<Progress>,
    control: Arc<Control>,
}

/// See the module.
pub struct Standing {
    client: Client,
    token: Arc<Mutex<TokenClock>>,
    places: Places,
    routes: Routes,
    notices: Arc<dyn Notices>,
    /// Python's monotonic clock at a moment of ours.
    anchor: (Instant, f64),
    generation: AtomicU64,
    is_open: AtomicBool,
    kept: RwLock<HashMap<Kind, Kept>>,
    uses: AtomicU64,
    records: Mutex<Vec<Record>>,
    running: Mutex<BTreeMap<u64, Running>>,
    /// Requests that were taken, those that were carried to their end, and those that came back.
    taken: AtomicU64,
    carried: AtomicU64,
    returned: AtomicU64,
    /// Ends what is being carried.
    stop: Notify,
    is_stopped: AtomicBool,
}

impl Standing {
    /// Makes an empty table, closed. `monotonic` is what Python's clock shows now.
    #[must_use]
    pub fn new(
        client: Client,
        token: Arc<Mutex<TokenClock>>,
        places: Places,
        routes: Routes,
        notices: Arc<dyn Notices>,
        monotonic: f64,
    ) -> Self {
        Self {
            client,
            token,
            places,
            routes,
            notices,
            anchor: (Instant::now(), monotonic),
            generation: AtomicU64::new(0),
            is_open: AtomicBool::new(false),
            kept: RwLock::default(),
            uses: AtomicU64::new(0),
            records: Mutex::default(),
            running: Mutex::default(),
            taken: AtomicU64::new(0),
            carried: AtomicU64::new(0),
            returned: AtomicU64::new(0),
            stop: Notify::new(),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Whether decisions are taken, and used.
    pub fn open(&self, is_open: bool) {
        self.is_open.store(is_open, Release);
        self.clear();
    }

    /// Ends the life of all decisions. What is on its way goes on by the one that it left with.
    pub fn clear(&self) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Release);
        kept.clear();
    }

    /// Ends what is being carried, and carries no more: the gateway stops.
    pub fn stop(&self) {
        self.open(false);
        self.is_stopped.store(true, Release);
        self.stop.notify_waiters();
        for (_, running) in self.running() {
            running.control.stop(StreamEnd::Shutdown);
        }
    }

    /// The streams that run, by their numbers.
    #[must_use]
    pub fn running(&self) -> Vec<(u64, Running)> {
        self.lock_running().iter().map(|(number, running)| (*number, running.clone())).collect()
    }

    /// Takes Python's decision for a kind, unless what it was made by changed since its request came.
    pub fn install(&self, kind: Kind, generation: u64, decision: Decision) -> bool {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if !self.is_open.load(Acquire) || self.generation.load(Acquire) != generation {
            return false;
        }
        if kept.len() >= MOST && !kept.contains_key(&kind) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.used.load(Relaxed));
            if let Some(oldest) = oldest.map(|(kind, _)| kind.clone()) {
                kept.remove(&oldest);
            }
        }
        let used = AtomicU64::new(self.uses.fetch_add(1, Relaxed));
        kept.insert(kind, Kept { decision: Arc::new(decision), used });
        true
    }

    /// Reads a request as far as its kind; none for what Python has to look at each time.
    #[must_use]
    pub fn offer(&self, head: &Parts, body: &Body) -> Option<Offer> {
        if !self.is_open.load(Acquire) || body.size() > LARGEST {
            return None;
        }
        let generation = self.generation.load(Acquire);
        let head = Head::read(head, &self.routes)?;
        hook::enter(Stage::Standing);
        let document = body.document().ok()?;
        let facts = validation::inspect_document(&document, head.dialect).ok()?;
        let kind = Arc::new(head.kind(&facts)?);
        Some(Offer { kind, generation, facts })
    }

    /// Makes an errand of a request for whose kind a decision stands. Nothing was sent when this gives none.
    #[must_use]
    pub fn take(self: &Arc<Self>, offer: &mut Offer, head: &Parts, body: &Arc<Body>) -> Option<Box<Errand>> {
        let began = Instant::now();
        let decision = {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            let found = kept.get(&*offer.kind)?;
            found.used.store(self.uses.fetch_add(1, Relaxed), Relaxed);
            Arc::clone(&found.decision)
        };
        let moment = self.moment();
        let is_fresh = self.token.lock().unwrap_or_else(PoisonError::into_inner).is_fresh(moment);
        if !is_fresh || moment.monotonic >= decision.until || self.lock_records().len() >= MOST_RECORDS {
            return None;
        }
        let place = Place::take(&self.places, &self.notices)?;
        let agent = head.headers.get(USER_AGENT).cloned();
        let errand = Errand::new(self, decision, place, offer, agent, body, (began, moment.wall))?;
        self.taken.fetch_add(1, Relaxed);
        Some(errand)
    }

    /// Requests that are on their way.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        let (_, carried, returned) = self.counts();
        self.taken.load(Relaxed).saturating_sub(carried + returned)
    }

    /// Drops a decision by which a request ended otherwise than it should.
    fn forget(&self, kind: &Kind, decision: &Arc<Decision>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.get(kind).is_some_and(|kept| Arc::ptr_eq(&kept.decision, decision)) {
            kept.remove(kind);
        }
    }

    /// Takes the records that wait.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        std::mem::take(&mut *self.lock_records())
    }

    /// Has Python take the records now, before it hears of what comes next.
    pub fn flush(&self) {
        if !self.lock_records().is_empty() {
            self.notices.settled();
        }
    }

    /// Decisions that stand, requests that were carried, and those that came back.
    #[must_use]
    pub fn counts(&self) -> (usize, u64, u64) {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).len();
        (kept, self.carried.load(Relaxed), self.returned.load(Relaxed))
    }

    /// Adds a record; Python is told of it with those that follow soon.
    fn settle(self: &Arc<Self>, mut record: Record) {
        if !matches!(record.event, Event::Begun) {
            self.carried.fetch_add(1, Relaxed);
        }
        let mut records = self.lock_records();
        if records.len() >= MOST_BODIES {
            record.body = None;
        }
        records.push(record);
        let is_first = records.len() == 1;
        drop(records);
        if is_first {
            let standing = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(BATCH).await;
                standing.flush();
            });
        }
    }

    fn came_back(&self, kind: &Kind, decision: &Arc<Decision>) {
        self.returned.fetch_add(1, Relaxed);
        self.forget(kind, decision);
    }

    fn begun(&self, record: &Record, relay: &Relay, began: Instant) -> u64 {
        let (progress, control) = (relay.progress(), relay.control());
        let number = self.uses.fetch_add(1, Relaxed);
        self.lock_running().insert(number, Running { record: record.clone(), began, progress, control });
        number
    }

    fn ended(&self, number: u64) {
        let running = self.lock_running().remove(&number);
        drop(running);
    }

    fn lock_running(&self) -> MutexGuard<'_, BTreeMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, by the clocks that Python's token manager judges by.
    fn moment(&self) -> Moment {
        let (then, monotonic) = self.anchor;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { monotonic: monotonic + then.elapsed().as_secs_f64(), wall: wall.as_secs_f64() }
    }
}
