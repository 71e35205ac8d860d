//! Reading chat frames and answers tolerantly: usage, errors, tool calls (upstream.md 4.3, 4.4).

use std::borrow::Cow;

use crate::{
    canonical::Usage,
    look::Look,
    text::{escape, unescape},
};

/// Numbers beyond are no counts; up to here every whole number is a double.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// A token count; `None` for everything that is not one.
pub(crate) fn count<'v>(value: Option<impl Look<'v>>) -> Option<i64> {
    let number: f64 = value?.digits()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked; a fraction is cut off")]
    (number.abs() <= LARGEST).then_some(number as i64)
}

/// The usage beside the choices, of chat or of Anthropic's shape.
pub(crate) fn usage_of<'v>(frame: impl Look<'v>) -> Option<Usage> {
    let usage = frame.member("usage").filter(|usage| usage.is_map())?;
    let inner = |outer: &str, name: &str| count(usage.member(outer).and_then(|details| details.member(name)));
    let own = |name: &str| count(usage.member(name));
    let mut cached = inner("prompt_tokens_details", "cached_tokens");
    let (mut input, mut output) = (own("prompt_tokens"), own("completion_tokens"));
    if input.is_none() && output.is_none() {
        cached = own("cache_read_input_tokens");
        input = Some(own("input_tokens").unwrap_or_default() + cached.unwrap_or_default());
        output = own("output_tokens");
    }
    let reasoning =
        inner("completion_tokens_details", "reasoning_tokens").or_else(|| own("reasoning_tokens"));
    let billed = frame.member("copilot_usage").and_then(|usage| usage.member("total_nano_aiu"));
    Some(Usage {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        cached,
        cache_write: None,
        reasoning,
        nano_aiu: count(billed),
    })
}

/// Keeps the last usage that is not all zeros (Gemini sends zeros on every frame).
pub(crate) fn better(old: Option<Usage>, new: Usage) -> Usage {
    old.filter(|_| new.input == 0 && new.output == 0).unwrap_or(new)
}

/// The choices that are objects (D-T23).
pub(crate) fn choices_of<'v, V: Look<'v>>(frame: V) -> Vec<V> {
    frame.member("choices").into_iter().flat_map(Look::each).filter(|choice| choice.is_map()).collect()
}

/// Message and code of an error, as canonical insides; empty when they are missing.
pub(crate) fn error_of<'v>(frame: impl Look<'v>) -> Option<(Cow<'v, str>, Cow<'v, str>)> {
    let error = frame.member("error")?;
    if error.is_map() {
        return Some((error.word("message"), error.word("code")));
    }
    error.inside().filter(|message| !message.is_empty()).map(|message| (message, Cow::default()))
}

/// String content, or the text of its parts.
pub(crate) fn content_text<'v>(content: Option<impl Look<'v>>) -> Cow<'v, str> {
    match content {
        Some(list) if list.is_list() => {
            Cow::Owned(list.each().map(|part| part.word("text")).collect::<String>())
        }
        other => other.and_then(Look::inside).unwrap_or_default(),
    }
}

/// Reasoning under any of its names.
pub(crate) fn reasoning_text<'v>(delta: impl Look<'v>) -> Cow<'v, str> {
    let names = ["reasoning_text", "reasoning_content", "cot_summary"];
    names.into_iter().map(|name| delta.word(name)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// One tool call of an answer while it is put together; texts are canonical insides.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) started: bool,
    /// Pieces that came before the call could be started.
    pub(crate) arguments: Vec<String>,
    pub(crate) wrote: bool,
}

/// Which call a fragment belongs to: a new id opens a call, no id continues the latest at its index.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// In order of appearance; the place is the call's key.
    pub(crate) all: Vec<Call>,
    /// Choice and index, and the latest call there.
    latest: Vec<((i64, i64), usize)>,
}

impl Calls {
    /// The key of the call of a fragment, and whether it is new. `position` stands for a missing index.
    pub(crate) fn take<'v>(&mut self, choice: i64, position: i64, fragment: impl Look<'v>) -> (usize, bool) {
        let place = (choice, count(fragment.member("index")).unwrap_or(position));
        let given = fragment.word("id");
        let known = self.latest.iter().position(|(other, _)| *other == place);
        let key = known.and_then(|slot| self.latest.get(slot)).map(|(_, key)| *key);
        let other_id = |call: &Call| !given.is_empty() && !call.id.is_empty() && given != call.id;
        let new = key.and_then(|key| self.all.get(key)).is_none_or(other_id);
        let key = match key {
            Some(key) if !new => key,
            _ => {
                self.all.push(Call::default());
                let key = self.all.len() - 1;
                match known.and_then(|slot| self.latest.get_mut(slot)) {
                    Some(entry) => entry.1 = key,
                    None => self.latest.push((place, key)),
                }
                key
            }
        };
        if let Some(call) = self.all.get_mut(key) {
            if call.id.is_empty() {
                call.id = given.into_owned();
            }
            if call.name.is_empty()
                && let Some(function) = fragment.member("function")
            {
                call.name = function.word("name").into_owned();
            }
        }
        (key, new)
    }
}

/// An id for a call that came without one; the same for the same stream. `response_id` is an inside.
pub(crate) fn invented_id(key: usize, response_id: &str) -> String {
    let text = unescape(response_id);
    let letters: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail: String = letters.iter().skip(letters.len().saturating_sub(20)).collect();
    format!("call_{tail}{key}")
}

/// The text of an inside, for messages and facts.
pub(crate) fn plain(inside: &str) -> String {
    unescape(inside).into_owned()
}

/// A text as an inside.
pub(crate) fn inside_of(text: &str) -> String {
    escape(text).into_owned()
}
