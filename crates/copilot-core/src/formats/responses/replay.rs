//! A whole Responses answer as the frames of a stream, where the client asked for one (D-H7).

use super::{decode_answer::check, frames::part_text};
use crate::{text::Tree, translation::UnusableAnswer};

type Frames<'a> = Vec<(&'static str, Tree<'a>)>;

/// Returns event names and frames.
pub(crate) fn frames_of(response: Tree<'_>) -> Result<Frames<'_>, UnusableAnswer> {
    check(&response)?;
    let mut begun = response.clone();
    begun.set("status", Tree::word("in_progress"));
    begun.set("output", Tree::List(Vec::new()));
    begun.set("usage", Tree::Null);
    begun.set("incomplete_details", Tree::Null);
    let mut made = Vec::new();
    for name in ["response.created", "response.in_progress"] {
        made.push((name, event(name, vec![("response", begun.clone())])));
    }
    for (index, item) in (0..).zip(response.at("output").items().iter().filter(|item| item.is_object())) {
        push_item(&mut made, index, item);
    }
    let is_cut = response.at("status").inside() == "incomplete";
    let name = if is_cut { "response.incomplete" } else { "response.completed" };
    made.push((name, event(name, vec![("response", response)])));
    for (number, (_, frame)) in (0..).zip(&mut made) {
        frame.set("sequence_number", Tree::count(number));
    }
    Ok(made)
}

fn event<'a>(name: &'static str, members: Vec<(&'static str, Tree<'a>)>) -> Tree<'a> {
    let mut frame = Tree::object([("type", Tree::word(name))]);
    for (name, value) in members {
        frame.set(name, value);
    }
    frame
}

/// Makes the events of one item.
struct Item<'m, 'a> {
    made: &'m mut Frames<'a>,
    index: i64,
    id: Tree<'a>,
}

impl<'a> Item<'_, 'a> {
    fn push(
        &mut self,
        name: &'static str,
        place: Option<(&'static str, i64)>,
        rest: Vec<(&'static str, Tree<'a>)>,
    ) {
        let mut members = vec![("item_id", self.id.clone()), ("output_index", Tree::count(self.index))];
        members.extend(place.map(|(of, at)| (of, Tree::count(at))));
        members.extend(rest);
        self.made.push((name, event(name, members)));
    }

    fn part(&mut self, at: i64, part: &Tree<'a>) {
        let place = Some(("content_index", at));
        let whole = || vec![("part", part.clone())];
        if part.at("type").inside() != "output_text" {
            self.push("response.content_part.added", place, whole());
            let refused = text_of(&part_text(part));
            if refused.is_filled() {
                self.push("response.refusal.delta", place, vec![("delta", refused.clone())]);
                self.push("response.refusal.done", place, vec![("refusal", refused)]);
            }
            self.push("response.content_part.done", place, whole());
            return;
        }
        let empty = Tree::object([
            ("type", Tree::word("output_text")),
            ("annotations", Tree::List(Vec::new())),
            ("logprobs", Tree::List(Vec::new())),
            ("text", Tree::word("")),
        ]);
        let logprobs = || ("logprobs", Tree::List(Vec::new()));
        self.push("response.content_part.added", place, vec![("part", empty)]);
        let piece = text_of(part.at("text").inside());
        self.push("response.output_text.delta", place, vec![("delta", piece), logprobs()]);
        let text = part.get("text").cloned().unwrap_or_else(|| Tree::word(""));
        self.push("response.output_text.done", place, vec![("text", text), logprobs()]);
        self.push("response.content_part.done", place, whole());
    }

    fn thought(&mut self, at: i64, thought: &str) {
        let place = Some(("summary_index", at));
        let part = |text: &str| Tree::object([("type", Tree::word("summary_text")), ("text", text_of(text))]);
        self.push("response.reasoning_summary_part.added", place, vec![("part", part(""))]);
        self.push("response.reasoning_summary_text.delta", place, vec![("delta", text_of(thought))]);
        self.push("response.reasoning_summary_text.done", place, vec![("text", text_of(thought))]);
        self.push("response.reasoning_summary_part.done", place, vec![("part", part(thought))]);
    }

    fn arguments(&mut self, name: &str, given: &str) {
        let given = text_of(if given.is_empty() { "{}" } else { given });
        self.push("response.function_call_arguments.delta", None, vec![("delta", given.clone())]);
        let whole = vec![("name", text_of(name)), ("arguments", given)];
        self.push("response.function_call_arguments.done", None, whole);
    }

    fn input(&mut self, given: &str) {
        if !given.is_empty() {
            self.push("response.custom_tool_call_input.delta", None, vec![("delta", text_of(given))]);
        }
        self.push("response.custom_tool_call_input.done", None, vec![("input", text_of(given))]);
    }
}

fn text_of<'a>(inside: &str) -> Tree<'a> {
    Tree::Text(inside.to_owned().into())
}

fn push_item<'a>(made: &mut Frames<'a>, index: i64, item: &Tree<'a>) {
    let mut opened = item.clone();
    let kind = item.at("type").inside();
    if kind != "reasoning" {
        opened.set("status", Tree::word("in_progress"));
    }
    let mut content = Vec::new();
    let mut writer = Item { made: &mut content, index, id: text_of(item.at("id").inside()) };
    let parts = |name: &str| (0..).zip(item.at(name).items().iter().filter(|part| part.is_object()));
    match kind {
        "message" => {
            opened.set("content", Tree::List(Vec::new()));
            parts("content").for_each(|(at, part)| writer.part(at, part));
        }
        "reasoning" => {
            opened.set("summary", Tree::List(Vec::new()));
            parts("summary").for_each(|(at, part)| writer.thought(at, part.at("text").inside()));
        }
        "function_call" => {
            opened.set("arguments", Tree::word(""));
            writer.arguments(item.at("name").inside(), item.at("arguments").inside());
        }
        "custom_tool_call" => {
            opened.set("input", Tree::word(""));
            writer.input(item.at("input").inside());
        }
        _ => {}
    }
    let whole = |name: &'static str, item: Tree<'a>| {
        (name, event(name, vec![("output_index", Tree::count(index)), ("item", item)]))
    };
    made.push(whole("response.output_item.added", opened));
    made.append(&mut content);
    made.push(whole("response.output_item.done", item.clone()));
}
