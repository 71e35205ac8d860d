//! Fuzz targets; `FUZZ_TARGET` chooses one, `tools/fuzz.py` runs them all.
//!
//! A target fails by a panic in the core, or by its own assertion of a property that must hold for every input.

#![no_main]

mod chunked;
mod decoding;
mod http1_answer;
mod proxies;
mod request_screen;

use std::sync::OnceLock;

use copilot_core::{
    cache,
    plans::{AnswerPlan, Dialect, Framing, Leg, ModelTraits, RequestPlan, StreamPlan},
    prefixes::{Cause, Turns, chain_of},
    sse,
    streams::{StreamEnd, StreamTranslator},
    text::{Document, Tree},
    tokenizer::{Encoding, count_chat},
    translation, validation,
};
use libfuzzer_sys::fuzz_target;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 15] = [
    ("document", document),
    ("sse", events),
    ("validation", facts),
    ("request", requests),
    ("answer", answers),
    ("stream_chat", |data| streams(data, Leg::Chat)),
    ("stream_messages", |data| streams(data, Leg::Messages)),
    ("stream_responses", |data| streams(data, Leg::Responses)),
    ("tokenizer", tokens),
    ("cache_key", keys),
    ("prefixes", prefixes_of),
    ("http1_answer", http1_answer::target),
    ("decoding", decoding::target),
    ("request_screen", request_screen::target),
    ("proxies", proxies::target),
];

const DIALECTS: [Dialect; 6] = [
    Dialect::Chat,
    Dialect::Messages,
    Dialect::Responses,
    Dialect::Gemini,
    Dialect::Ollama,
    Dialect::Completions,
];
const LEGS: [Leg; 3] = [Leg::Chat, Leg::Messages, Leg::Responses];

/// Pairs that are translated natively: `PAIRS` of `engine/native/stateless.py`.
fn pairs() -> impl Iterator<Item = (Dialect, Leg)> {
    let chatting = DIALECTS.into_iter().flat_map(|dialect| LEGS.map(|leg| (dialect, leg)));
    chatting.chain([(Dialect::Embeddings, Leg::Embeddings)])
}

fuzz_target!(|data: &[u8]| {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|(target, _)| *target == name);
        found.unwrap_or_else(|| panic!("FUZZ_TARGET names no target: {name:?}")).1
    })(data);
});

/// Splits off the first byte, which chooses among options.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// Cuts `data` into pieces whose sizes follow from `seed`; zero cuts it into bytes.
fn cut(data: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let mut rest = data;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(u32::from(seed));
        // Small pieces are the usual ones, and some are large.
        let size = 1 + (state >> 24) as usize % usize::from(seed).max(1);
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// What is written canonically reads as the same, and is written the same again.
fn document(data: &[u8]) {
    let Ok(document) = Document::read(data) else {
        return;
    };
    let written = document.root().canonical().into_owned();
    let again = Document::of_text(&written).expect("canonical text is JSON");
    assert_eq!(again.root().canonical(), written);
    assert_eq!(Tree::from(document.root()).to_json(), written);
}

fn parse<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> Vec<sse::Event> {
    let mut parser = sse::Parser::new(1 << 30);
    let mut events = Vec::new();
    for piece in pieces {
        parser
            .feed(piece, |event| {
                events.push(event);
                true
            })
            .expect("the limit is far away");
    }
    parser
        .finish(|event| {
            events.push(event);
            true
        })
        .expect("the limit is far away");
    events
}

fn events(data: &[u8]) {
    let (size, data) = choice(data);
    assert_eq!(parse(data.chunks(usize::from(size).max(1))), parse(std::iter::once(data)));
}

fn facts(data: &[u8]) {
    for dialect in DIALECTS.into_iter().chain([Dialect::Embeddings]) {
        let _ = validation::inspect(data, dialect);
    }
}

fn requests(data: &[u8]) {
    let (options, data) = choice(data);
    for (dialect, leg) in pairs() {
        let plan = RequestPlan {
            model: (options & 1 > 0).then(|| "other \"model\"".to_owned()),
            output_cap: (options & 2 > 0).then_some(7),
            cap_field: if options & 4 > 0 { "max_completion_tokens" } else { "max_tokens" }.to_owned(),
            target: "m".to_owned(),
            without_reasoning: options & 8 > 0,
            cache_breakpoints: options & 16 > 0,
            traits: (options & 32 > 0).then(traits),
            stream: (options & 64 > 0).then_some(true),
            dropped: if options & 128 > 0 {
                vec!["tools.0.strict".to_owned(), "user".to_owned()]
            } else {
                vec![]
            },
            ..RequestPlan::new(dialect, leg)
        };
        let accepted = validation::inspect(data, dialect).is_ok();
        let translated = translation::request(data, &plan);
        if accepted
            && let Ok(translated) = translated
            && let Some(body) = translated.body
        {
            let base = str::from_utf8(data).expect("it was accepted");
            let body = body.into_text(base.strip_prefix('\u{feff}').unwrap_or(base));
            Document::of_text(&body).expect("what goes upstream is JSON");
        }
    }
}

fn traits() -> ModelTraits {
    ModelTraits {
        max_output_tokens: Some(9000),
        reasoning_effort: Some(vec!["low".to_owned(), "high".to_owned()]),
        min_thinking_budget: Some(1024),
        max_thinking_budget: Some(32_000),
        structured_outputs: true,
        ..ModelTraits::default()
    }
}

fn answers(data: &[u8]) {
    let (options, data) = choice(data);
    for (dialect, leg) in pairs() {
        let plan = AnswerPlan { reasoning: options & 1 > 0, model: "m", ..AnswerPlan::new(dialect, leg) };
        if let Ok(answer) = translation::answer(data, &plan)
            && let Some(body) = answer.body
        {
            Document::of_text(&body).expect("what the client gets is JSON");
        }
        let plan = StreamPlan { input_tokens: 3, frame_limit: 1 << 20, ..StreamPlan::new(dialect, leg) };
        let _ = translation::answer_as_stream(data, &plan);
    }
}

fn translate<'d>(plan: &StreamPlan, pieces: impl Iterator<Item = &'d [u8]>) -> (Vec<u8>, StreamTranslator) {
    let mut translator = StreamTranslator::new(plan).expect("the pair is translated");
    let mut out = Vec::new();
    for piece in pieces {
        translator.feed(piece, &mut out);
    }
    translator.finish(StreamEnd::End, "", &mut out);
    (out, translator)
}

fn streams(data: &[u8], leg: Leg) {
    for dialect in DIALECTS {
        stream(data, dialect, leg);
    }
}

/// Any split gives the same, every stream has one end, and each event of ours can be read.
fn stream(data: &[u8], dialect: Dialect, leg: Leg) {
    let (options, data) = choice(data);
    let reasoning = options & 1 > 0;
    let framing = if dialect == Dialect::Ollama { Framing::Lines } else { Framing::Sse };
    let plan = StreamPlan {
        input_tokens: 3,
        reasoning,
        frame_limit: 1 << 30,
        framing,
        ..StreamPlan::new(dialect, leg)
    };
    let (out, translator) = translate(&plan, std::iter::once(data));
    let (pieces, other) = translate(&plan, data.chunks(usize::from(options >> 1).max(1)));
    assert_eq!(out, pieces);
    assert_eq!(translator.facts(), other.facts());
    assert!(translator.done());
    assert_eq!(translator.refusal().is_some(), out.is_empty());
    if framing == Framing::Lines {
        for line in out.split_inclusive(|byte| *byte == b'\n') {
            Document::read(line).expect("each line is JSON");
        }
        return;
    }
    for event in parse(std::iter::once(&*out)) {
        let data = event.data.unwrap_or_default();
        assert!(data == b"[DONE]" || Document::read(&data).is_ok());
    }
}

/// A body and its canonical text have one key; another member more, and it is another.
/// A request goes on from itself, however it is spelled; with something behind it, it is kept or was the last.
fn prefixes_of(data: &[u8]) {
    let Ok(document) = Document::read(data) else {
        return;
    };
    let text = document.root().canonical().into_owned();
    let again = Document::of_text(&text).expect("canonical text is JSON");
    for dialect in DIALECTS {
        let (Some(chain), Some(same)) = (chain_of(&document, dialect), chain_of(&again, dialect)) else {
            continue;
        };
        let mut turns = Turns::default();
        assert_eq!(turns.turn("session", true, "model", chain, 1, 0.0), None);
        let Some(turn) = turns.turn("session", true, "model", same.clone(), 1, 1.0) else {
            continue; // nothing was said in it
        };
        assert_eq!((turn.cause, turn.path.as_str()), (Cause::Kept, ""));
        let other = turns.turn("session", true, "other", same, 1, 2.0);
        assert!(other.is_some_and(|turn| turn.cause == Cause::Model && turn.gap == 1.0));
    }
}

fn keys(data: &[u8]) {
    for dialect in [Dialect::Chat, Dialect::Messages, Dialect::Embeddings] {
        let Some(key) = cache::key(data, dialect, &["scope"]) else {
            continue;
        };
        let document = Document::read(data).expect("what has a key is JSON");
        let mut text = document.root().canonical().into_owned();
        assert_eq!(cache::key(text.as_bytes(), dialect, &["scope"]), Some(key));
        assert_ne!(cache::key(data, dialect, &["other scope"]), Some(key));
        let name = if document.root().get("more").is_some() { "\"even more\":0" } else { "\"more\":0" };
        let comma = if text == "{}" { "" } else { "," };
        text.insert_str(1, &format!("{name}{comma}"));
        if document.root().get("even more").is_none() {
            assert_ne!(cache::key(text.as_bytes(), dialect, &["scope"]), Some(key));
        }
    }
}

fn tokens(data: &[u8]) {
    let (options, data) = choice(data);
    let names = ["o200k_base", "cl100k_base", "p50k_base", "r50k_base"];
    let encoding = Encoding::named(names[usize::from(options) % names.len()]);
    if let Ok(text) = str::from_utf8(data) {
        let count = encoding.count(text);
        assert!(count <= text.len());
        assert_eq!(encoding.count(text), count, "it was counted before");
    }
    let _ = count_chat(data, encoding, "gpt-4.1");
}
