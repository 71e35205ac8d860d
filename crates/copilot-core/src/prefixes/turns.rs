//! The last requests of each conversation, and how the next one differs from the one it goes on from.

use std::collections::VecDeque;

use super::{
    chain::{BILLING, Chain, Form, LONGEST, OF_MODEL, Piece},
    hash::of,
};

/// Conversations that are remembered; a session has one for each of its agents.
const MOST: usize = 512;
/// Those of one session that are looked at, the last ones.
const NEAREST: usize = 32;
/// Hashes that are remembered of all of them together (4 MiB).
const MOST_PIECES: usize = 64 * LONGEST;

/// What changed, as far as its place tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing: the request begins with all of the one before
    Kept,
    /// The model
    Model,
    /// The same tools in another order
    ToolOrder,
    /// There are more tools
    ToolAdded,
    /// There are fewer tools
    ToolRemoved,
    /// Some tools are others
    Tools,
    /// A tool that was there before
    ToolChanged,
    /// The line of Claude Code's version in the system prompt
    BillingHeader,
    /// The system prompt
    System,
    /// A parameter that parts caches
    Parameter,
    /// The last message, as when it is edited or another question is asked of the same beginning
    LastMessage,
    /// Messages at the end are gone
    Shortened,
    /// A message in the middle
    Message,
}

impl Cause {
    /// Its name in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Model => "model",
            Self::ToolOrder => "tool_order",
            Self::ToolAdded => "tool_added",
            Self::ToolRemoved => "tool_removed",
            Self::Tools => "tools",
            Self::ToolChanged => "tool_changed",
            Self::BillingHeader => "billing_header",
            Self::System => "system",
            Self::Parameter => "parameter",
            Self::LastMessage => "last_message",
            Self::Shortened => "shortened",
            Self::Message => "message",
        }
    }
}

/// A request compared with the one it goes on from.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The first place that is not the same; empty where all of it is kept
    pub path: String,
    /// What changed there
    pub cause: Cause,
    /// Input tokens of the one before
    pub previous_tokens: u64,
    /// Seconds since the one before
    pub gap: f64,
    /// The one before asked upstream to cache it
    pub was_marked: bool,
    /// This one does
    pub is_marked: bool,
    /// The one before asked for an hour
    pub hour: bool,
}

struct Line {
    session: u64,
    /// The hash of its first message
    begin: u64,
    model: u64,
    chain: Chain,
    tokens: u64,
    at: f64,
}

/// The conversations, the one used last at the end.
#[derive(Default)]
pub struct Turns {
    lines: VecDeque<Line>,
    pieces: usize,
}

impl Turns {
    /// Takes a request that was answered; returns how it differs from the one it goes on from, `None` where it
    /// begins a conversation. `named`: the client says that all of the session is one conversation, or one for each
    /// of its agents.
    pub fn turn(
        &mut self,
        session: &str,
        named: bool,
        model: &str,
        chain: Chain,
        tokens: u64,
        at: f64,
    ) -> Option<Turn> {
        let (session, model) = (of(session.as_bytes()), of(model.as_bytes()));
        let begin = chain.messages().first().map_or(0, |message| message.hash);
        let line = Line { session, begin, model, chain, tokens, at };
        // Those who tell no session may have hundreds of conversations: of theirs only the beginning counts.
        let is_near = |old: &Line| old.session == session && (named || (begin != 0 && old.begin == begin));
        let near = self.lines.iter().enumerate().rev().filter(|(_, old)| is_near(old)).take(NEAREST);
        let ranks = near.filter_map(|(place, old)| Some((rank(&old.chain, &line.chain, named)?, place)));
        let found = ranks.max().and_then(|(_, place)| self.lines.remove(place));
        let turn = found.as_ref().map(|old| compare(old, &line));
        self.pieces -= found.map_or(0, |old| old.chain.pieces.len());
        self.pieces += line.chain.pieces.len();
        self.lines.push_back(line);
        while self.lines.len() > MOST || self.pieces > MOST_PIECES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.pieces -= oldest.chain.pieces.len();
        }
        turn
    }

    /// Conversations and hashes that are remembered.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.lines.len(), self.pieces)
    }
}

/// How much of `new` goes on from `old`; `None` where it begins anew. The larger, the more likely.
fn rank(old: &Chain, new: &Chain, named: bool) -> Option<(usize, usize)> {
    if old.dialect != new.dialect {
        return None;
    }
    let (before, now) = (old.messages(), new.messages());
    let same = |(one, other): &(&Piece, &Piece)| one.is(other);
    let messages = before.iter().zip(now).filter(same).count();
    let preface = old.preface().iter().zip(new.preface()).filter(same).count();
    let begins = before.first().zip(now.first()).is_some_and(|(one, other)| one.is(other));
    // One whose first message is another, and that is no first turn: it was changed, or the history was summed up.
    let goes_on = named
        && now.iter().any(|piece| piece.flags & OF_MODEL > 0)
        && preface == old.preface().len().max(new.preface().len());
    (begins || messages * 2 > before.len() || goes_on).then_some((messages, preface))
}

fn compare(old: &Line, new: &Line) -> Turn {
    let (before, now) = (&*old.chain.pieces, &*new.chain.pieces);
    let first = before.iter().zip(now).position(|(one, other)| !one.is(other));
    let first = first.unwrap_or(before.len().min(now.len()));
    let places = (before.get(first), now.get(first));
    let (cause, path) = if old.model == new.model {
        match places {
            (None, _) => (Cause::Kept, String::new()),
            (Some(piece), None) => (Cause::Shortened, old.chain.path(piece)),
            (Some(one), Some(other)) => {
                // What is missing on one side stands before what comes instead of it.
                let is_new = other.place() <= one.place();
                let (chain, piece) = if is_new { (&new.chain, other) } else { (&old.chain, one) };
                let cause = cause_of(old, new, piece, (first + 1 == before.len(), first + 1 == now.len()));
                let whole =
                    matches!(cause, Cause::ToolOrder | Cause::ToolAdded | Cause::ToolRemoved | Cause::Tools);
                let named = Piece { member: if whole { 0 } else { piece.member }, ..*piece };
                (cause, chain.path(&named))
            }
        }
    } else {
        (Cause::Model, "model".to_owned())
    };
    Turn {
        path,
        cause,
        previous_tokens: old.tokens,
        gap: new.at - old.at,
        was_marked: old.chain.marked,
        is_marked: new.chain.marked,
        hour: old.chain.hour,
    }
}

fn cause_of(old: &Line, new: &Line, piece: &Piece, last: (bool, bool)) -> Cause {
    match piece.form {
        Form::Tool | Form::Declaration => tools_cause(&old.chain, &new.chain),
        Form::Block if piece.flags & BILLING > 0 => Cause::BillingHeader,
        Form::System | Form::Block | Form::Said => Cause::System,
        Form::Parameter => Cause::Parameter,
        Form::Message if last == (true, true) => Cause::LastMessage,
        Form::Message => Cause::Message,
    }
}

fn tools_cause(old: &Chain, new: &Chain) -> Cause {
    let (before, now) = (names(old), names(new));
    if before == now {
        return Cause::ToolChanged;
    }
    let sorted = |mut names: Vec<u64>| {
        names.sort_unstable();
        names
    };
    let (before, now) = (sorted(before), sorted(now));
    let has_all = |many: &[u64], few: &[u64]| few.iter().all(|name| many.binary_search(name).is_ok());
    match (has_all(&now, &before), has_all(&before, &now)) {
        (true, true) => Cause::ToolOrder,
        (true, false) => Cause::ToolAdded,
        (false, true) => Cause::ToolRemoved,
        (false, false) => Cause::Tools,
    }
}

/// What the tools are told apart by: of each the hash of its name, or of its first member.
fn names(chain: &Chain) -> Vec<u64> {
    let pieces = chain.pieces.iter().take_while(|piece| piece.form <= Form::Declaration);
    let mut found: Vec<(u32, u64, bool)> = Vec::new();
    for piece in pieces {
        let is_name = super::chain::is_name(piece.member);
        match found.last_mut() {
            Some(last) if last.0 == piece.index => {
                if is_name && !last.2 {
                    *last = (piece.index, piece.hash, true);
                }
            }
            _ => found.push((piece.index, piece.hash, is_name)),
        }
    }
    found.into_iter().map(|(_, hash, _)| hash).collect()
}

#[cfg(test)]
mod tests {
    use super::{Cause, Turn, Turns};
    use crate::{plans::Dialect, prefixes::chain_of, text::Document};

    struct Talk(Turns, f64);

    impl Talk {
        fn new() -> Self {
            Self(Turns::default(), 0.0)
        }

        fn says(&mut self, dialect: Dialect, body: &str) -> Option<Turn> {
            let Some(document) = Document::of_text(body).ok() else { unreachable!("{body}") };
            let Some(chain) = chain_of(&document, dialect) else { unreachable!("{body}") };
            self.1 += 1.0;
            self.0.turn("s", true, "m", chain, 100, self.1)
        }

        fn breaks(&mut self, body: &str) -> (Cause, String) {
            let Some(turn) = self.says(Dialect::Messages, body) else { unreachable!("{body}") };
            (turn.cause, turn.path)
        }
    }

    fn request(tools: &str, system: &str, more: &str, messages: &str) -> String {
        format!("{{\"tools\":[{tools}],\"system\":[{system}]{more},\"messages\":[{messages}]}}")
    }

    const READ: &str = r#"{"name":"Read","description":"reads","input_schema":{}}"#;
    const EDIT: &str = r#"{"name":"Edit","description":"edits","input_schema":{}}"#;
    const SYSTEM: &str = r#"{"type":"text","text":"Be kind."}"#;
    const ASK: &str = r#"{"role":"user","content":"hello"}"#;
    const TOLD: &str = r#"{"role":"assistant","content":[{"type":"text","text":"hi"}]}"#;

    #[test]
    fn the_first_place_is_named() {
        let tools = format!("{READ},{EDIT}");
        let talk = format!("{ASK},{TOLD},{ASK}");
        let base = request(&tools, SYSTEM, "", &talk);
        let other_tool = tools.replace("edits", "writes");
        let longer = format!("{talk},{TOLD},{ASK}");
        let cases = [
            (request(&tools, SYSTEM, "", &longer), Cause::Kept, ""),
            (request(&other_tool, SYSTEM, "", &longer), Cause::ToolChanged, "tools[1].description"),
            (request(&format!("{EDIT},{READ}"), SYSTEM, "", &longer), Cause::ToolOrder, "tools[0]"),
            (request(READ, SYSTEM, "", &longer), Cause::ToolRemoved, "tools[1]"),
            (
                request(&format!("{tools},{}", READ.replace("Read", "New")), SYSTEM, "", &longer),
                Cause::ToolAdded,
                "tools[2]",
            ),
            (request(&tools.replace("Edit", "Write"), SYSTEM, "", &longer), Cause::Tools, "tools[1]"),
            (request(&tools, &SYSTEM.replace("kind", "short"), "", &longer), Cause::System, "system[0].text"),
            (
                request(&tools, SYSTEM, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9}", &longer),
                Cause::Parameter,
                "thinking.type",
            ),
            (
                request(&tools, SYSTEM, "", &format!("{ASK},{},{ASK},{TOLD}", TOLD.replace("hi", "ho"))),
                Cause::Message,
                "messages[1]",
            ),
            (request(&tools, SYSTEM, "", &format!("{ASK},{TOLD}")), Cause::Shortened, "messages[2]"),
            (
                request(&tools, SYSTEM, "", &format!("{ASK},{TOLD},{}", ASK.replace("hello", "so?"))),
                Cause::LastMessage,
                "messages[2]",
            ),
            (
                request(&tools, SYSTEM, "", &format!("{},{TOLD},{ASK}", ASK.replace("hello", "sum"))),
                Cause::Message,
                "messages[0]",
            ),
        ];
        for (body, cause, path) in cases {
            let mut session = Talk::new();
            assert_eq!(session.says(Dialect::Messages, &base), None);
            assert_eq!(session.breaks(&body), (cause, path.to_owned()), "{body}");
        }
    }

    #[test]
    fn marks_and_spelling_break_nothing() {
        let mut session = Talk::new();
        let marked = r#"{"role":"user","content":[{"type":"text","text":"hello","cache_control":{"type":"ephemeral","ttl":"1h"}}]}"#;
        let block = SYSTEM.replace('}', r#","cache_control":{"type":"ephemeral"}}"#);
        assert_eq!(session.says(Dialect::Messages, &request(READ, &block, "", marked)), None);
        let spaced = request(READ, SYSTEM, "", &format!("{ASK},{TOLD},{ASK}"))
            .replace(':', " : ")
            .replace("hello", "\\u0068ello");
        let turn = session.says(Dialect::Messages, &spaced);
        assert!(turn.is_some_and(|turn| turn.cause == Cause::Kept
            && turn.hour
            && turn.was_marked
            && !turn.is_marked));
    }

    #[test]
    fn each_agent_of_a_session_is_a_line_of_its_own() {
        let mut session = Talk::new();
        let main = request(READ, SYSTEM, "", ASK);
        let title =
            request("", r#"{"type":"text","text":"Make a title."}"#, "", &ASK.replace("hello", "title it"));
        assert_eq!(session.says(Dialect::Messages, &main), None);
        assert_eq!(session.says(Dialect::Messages, &title), None);
        assert_eq!(session.breaks(&request(READ, SYSTEM, "", &format!("{ASK},{TOLD},{ASK}"))).0, Cause::Kept);
        // Another agent of the same kind: the same preface, and a first turn.
        assert_eq!(
            session.says(Dialect::Messages, &request(READ, SYSTEM, "", &ASK.replace("hello", "task"))),
            None
        );
    }

    #[test]
    fn other_dialects_have_their_own_paths() {
        let bodies = [
            (
                Dialect::Chat,
                r#"{"tools":[{"type":"function","function":{"name":"f","description":"D"}}],"messages":[{"role":"system","content":"S"},{"role":"user","content":"hello"}],"reasoning_effort":"E"}"#,
                ["tools[0].function.description", "messages[0]", "reasoning_effort"],
            ),
            (
                Dialect::Responses,
                r#"{"tools":[{"type":"function","name":"f","description":"D"}],"instructions":"S","input":[{"role":"user","content":"hello"}],"reasoning":{"effort":"E"}}"#,
                ["tools[0].description", "instructions", "reasoning.effort"],
            ),
            (
                Dialect::Gemini,
                r#"{"tools":[{"functionDeclarations":[{"name":"f","description":"D"}]}],"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"thinkingConfig":"E"}}"#,
                [
                    "tools[0].functionDeclarations[0].description",
                    "systemInstruction",
                    "generationConfig.thinkingConfig",
                ],
            ),
            (
                Dialect::Ollama,
                r#"{"tools":[{"type":"function","function":{"name":"f","description":"D"}}],"messages":[{"role":"system","content":"S"},{"role":"user","content":"hello"}],"think":"E"}"#,
                ["tools[0].function.description", "messages[0]", "think"],
            ),
        ];
        for (dialect, body, paths) in bodies {
            for (letter, path) in ["\"D\"", "\"S\"", "\"E\""].into_iter().zip(paths) {
                let mut session = Talk::new();
                assert_eq!(session.says(dialect, body), None);
                let turn = session.says(dialect, &body.replace(letter, "\"other\""));
                assert_eq!(turn.map(|turn| turn.path).as_deref(), Some(path));
            }
        }
        let document = Document::of_text("{}");
        assert!(document.is_ok_and(|document| chain_of(&document, Dialect::Embeddings).is_none()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut turns = Turns::default();
        let messages: Vec<_> =
            (0..6000).map(|number| format!("{{\"role\":\"user\",\"content\":\"{number}\"}}")).collect();
        let body = request(READ, SYSTEM, "", &messages.join(","));
        let Some(document) = Document::of_text(&body).ok() else { unreachable!() };
        for session in 0..1000 {
            let Some(chain) = chain_of(&document, Dialect::Messages) else { unreachable!() };
            assert_eq!(turns.turn(&session.to_string(), true, "m", chain, 1, 1.0), None);
        }
        assert_eq!(turns.size(), (64, super::MOST_PIECES));
        let Some(chain) = chain_of(&document, Dialect::Messages) else { unreachable!() };
        assert!(turns.turn("999", true, "m", chain, 1, 1.0).is_some_and(|turn| turn.cause == Cause::Kept));
        assert_eq!(turns.size().0, 64);
    }
}
