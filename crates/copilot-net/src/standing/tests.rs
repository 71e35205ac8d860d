//! The table, without a network; how requests are carried is tested from Python, wire by wire.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use copilot_core::{
    concurrency::Concurrency,
    plans::{Dialect, Leg, RequestPlan},
    text::Body,
    token::{Moment, TokenClock},
};
use http::{Request, request::Parts};

use super::{Decision, MOST, Notices, Offer, Standing};
use crate::client::{Client, ClientOptions, Timeouts};

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;

#[derive(Default)]
struct Heard {
    owed: AtomicUsize,
}

impl Notices for Heard {
    fn settled(&self) {}

    fn place_owed(&self) {
        self.owed.fetch_add(1, Relaxed);
    }
}

/// A table with one place, and what it is judged by.
struct Scene {
    standing: Arc<Standing>,
    places: Arc<Mutex<Concurrency>>,
    token: Arc<Mutex<TokenClock>>,
    heard: Arc<Heard>,
}

fn scene() -> Scene {
    let options = ClientOptions { proxy_from_env: false, max_connections: 1, header_limit: 1024 };
    let client = Client::new(options, [].into());
    let token = Arc::new(Mutex::new(TokenClock::default()));
    let places = Arc::new(Mutex::new(Concurrency::new(1, 1, 9.0)));
    let routes = [("/chat".to_owned(), Dialect::Chat)].into();
    let heard = Arc::new(Heard::default());
    let standing = Standing::new(
        client,
        Arc::clone(&token),
        Arc::clone(&places),
        routes,
        Arc::clone(&heard) as _,
        100.0,
    );
    let standing = Arc::new(standing);
    let now = standing.moment();
    token.lock().unwrap().granted(Some(1000.0), now, 1.0);
    standing.open(true);
    Scene { standing, places, token, heard }
}

fn decision() -> Decision {
    let timeouts = Timeouts {
        connect: std::time::Duration::ZERO,
        first_byte: std::time::Duration::ZERO,
        idle: std::time::Duration::ZERO,
    };
    Decision {
        uri: "http://127.0.0.1:1/chat".parse().unwrap(),
        common: Arc::default(),
        own: Vec::new(),
        request: Arc::new(RequestPlan::new(Dialect::Chat, Leg::Chat)),
        reasoning: false,
        model: String::new(),
        streaming: None,
        timeouts,
        rewrites: Vec::new(),
        noted: "".into(),
        strict: false,
        counted: false,
        until: f64::INFINITY,
        tag: Box::new(()),
    }
}

fn parts(target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::post(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn body(text: &str) -> Arc<Body> {
    Arc::new(Body::from(text.to_owned()))
}

const JSON: (&str, &str) = ("content-type", "application/json");

impl Scene {
    fn offer(&self) -> Offer {
        self.standing.offer(&parts("/chat", &[JSON]), &body(CHAT)).unwrap()
    }

    fn install(&self, decision: Decision) -> bool {
        let offer = self.offer();
        self.standing.install((*offer.kind).clone(), offer.generation, decision)
    }

    fn takes(&self) -> bool {
        self.standing.take(&mut self.offer(), &parts("/chat", &[JSON]), &body(CHAT)).is_some()
    }
}

#[test]
fn a_request_is_taken_while_a_decision_stands() {
    let scene = scene();
    assert!(!scene.takes(), "nothing stands");
    assert!(scene.install(decision()));
    assert!(scene.takes());
    assert_eq!(scene.places.lock().unwrap().taken(), 0, "what is dropped gives its place back");
    scene.standing.clear();
    assert!(!scene.takes());
}

#[test]
fn a_decision_of_before_a_change_is_not_taken() {
    let scene = scene();
    let offer = scene.offer();
    scene.standing.clear();
    assert!(!scene.standing.install((*offer.kind).clone(), offer.generation, decision()));
    assert!(scene.install(decision()));
    scene.standing.open(false);
    assert!(scene.standing.offer(&parts("/chat", &[JSON]), &body(CHAT)).is_none());
    scene.standing.open(true);
    assert!(!scene.takes(), "it closed in between");
}

#[test]
fn without_a_fresh_token_a_place_or_time_python_decides() {
    let scene = scene();
    assert!(scene.install(decision()));
    scene.token.lock().unwrap().forget();
    assert!(!scene.takes());
    let now = scene.standing.moment();
    scene.token.lock().unwrap().granted(None, Moment { wall: now.wall - 4000.0, ..now }, 1.0);
    assert!(!scene.takes(), "a lid was closed for an hour");
    scene.token.lock().unwrap().granted(None, now, 1.0);
    assert!(scene.takes());
    assert!(scene.places.lock().unwrap().try_enter());
    assert!(!scene.takes());
    scene.places.lock().unwrap().leave();
    assert!(scene.install(Decision { until: 99.0, ..decision() }));
    assert!(!scene.takes());
}

#[test]
fn a_place_that_somebody_waits_for_is_given_back_by_python() {
    let scene = scene();
    assert!(scene.install(decision()));
    let errand = scene.standing.take(&mut scene.offer(), &parts("/chat", &[JSON]), &body(CHAT)).unwrap();
    assert!(scene.places.lock().unwrap().queue(0.0).is_some());
    drop(errand);
    assert_eq!(scene.heard.owed.load(Relaxed), 1);
    assert_eq!(scene.places.lock().unwrap().taken(), 1, "until then it is taken");
}

#[test]
fn what_would_be_lost_is_not_carried_where_that_is_refused() {
    let scene = scene();
    let mut plan = RequestPlan::new(Dialect::Chat, Leg::Chat);
    plan.dropped = vec!["messages".to_owned()];
    let request = Arc::new(plan);
    assert!(scene.install(Decision { request: Arc::clone(&request), ..decision() }));
    assert!(scene.takes());
    assert!(scene.install(Decision { request, strict: true, ..decision() }));
    assert!(!scene.takes());
    assert_eq!(scene.places.lock().unwrap().taken(), 0);
}

#[test]
fn decisions_are_bounded_and_the_one_that_rested_longest_goes() {
    let scene = scene();
    let model = |number: usize| CHAT.replace("\"m\"", &format!("\"m{number}\""));
    let offer = |number| scene.standing.offer(&parts("/chat", &[JSON]), &body(&model(number))).unwrap();
    let takes = |number| {
        scene.standing.take(&mut offer(number), &parts("/chat", &[JSON]), &body(&model(number))).is_some()
    };
    for number in 0..MOST {
        let offer = offer(number);
        assert!(scene.standing.install((*offer.kind).clone(), offer.generation, decision()));
    }
    assert!(takes(0));
    let new = offer(MOST);
    assert!(scene.standing.install((*new.kind).clone(), new.generation, decision()));
    assert_eq!(scene.standing.counts().0, MOST);
    assert!(takes(0) && takes(MOST) && !takes(1));
}

#[test]
fn what_python_has_to_look_at_is_not_offered() {
    let scene = scene();
    let offered = |target: &str, fields: &[(&str, &str)], text: &str| {
        scene.standing.offer(&parts(target, fields), &body(text)).is_some()
    };
    assert!(offered("/chat", &[JSON], CHAT));
    assert!(offered("/chat?x=1", &[("content-type", " application/JSON;charset=x ")], CHAT));
    assert!(!offered("/other", &[JSON], CHAT));
    assert!(!offered("/chat", &[], CHAT));
    assert!(!offered("/chat", &[JSON, JSON], CHAT));
    assert!(!offered("/chat", &[("content-type", "text/json")], CHAT));
    assert!(!offered("/chat", &[JSON, ("origin", "http://localhost")], CHAT));
    assert!(!offered("/chat", &[JSON, ("content-encoding", "identity")], CHAT));
    assert!(!offered("/chat", &[JSON, ("anthropic-beta", &"x".repeat(600))], CHAT));
    assert!(!offered("/chat", &[JSON], "{}"));
    assert!(!offered("/chat", &[JSON], "{"));
    let get = Request::get("/chat").header(JSON.0, JSON.1).body(()).unwrap().into_parts().0;
    assert!(scene.standing.offer(&get, &body(CHAT)).is_none());
}

#[test]
fn what_a_plan_depends_on_makes_a_kind() {
    let scene = scene();
    let kind = |target: &str, fields: &[(&str, &str)], text: &str| {
        scene.standing.offer(&parts(target, fields), &body(text)).unwrap().kind
    };
    let first = kind("/chat", &[JSON], CHAT);
    assert_eq!(first, kind("/chat", &[JSON, ("user-agent", "x")], &CHAT.replace("\"a\"", "\"other words\"")));
    let member = |member: &str| CHAT.replace("{\"model\"", &format!("{{{member},\"model\""));
    for other in [
        kind("/chat?a", &[JSON], CHAT),
        kind("/chat", &[JSON, ("x-initiator", "agent")], CHAT),
        kind("/chat", &[JSON, ("anthropic-beta", "agent")], CHAT),
        kind("/chat", &[JSON], &CHAT.replace("\"m\"", "\"n\"")),
        kind("/chat", &[JSON], &CHAT.replace("user", "assistant")),
        kind("/chat", &[JSON], &member("\"stream\":true")),
        kind("/chat", &[JSON], &member("\"max_tokens\":1")),
        kind("/chat", &[JSON], &member("\"tools\":[{\"type\":\"function\"}]")),
    ] {
        assert_ne!(first, other);
    }
}
