//! Counts of a chat request: compat.md 5.2 to 5.4.

use super::{Encoding, error::InvalidBody, picture};
use crate::json::{self, Object, Value, as_text, text_or_compact};

const PER_MESSAGE: usize = 3;
/// Added once for messages of the input, once for those of the output, unless there are none.
const PER_LIST: usize = 3;
const PER_NAME: usize = 1;
const FUNCTIONS_END: usize = 12;
const PROPERTIES: usize = 3;
const PROPERTY: usize = 3;
/// Taken away once where there is an `enum`; a property's own tokens are never less.
const ENUM: usize = 3;
const ENUM_ITEM: usize = 3;

/// Tokens of a chat request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// Of all messages but the assistant's, and of the tools.
    pub input: usize,
    /// Of the assistant's messages.
    pub output: usize,
}

/// Counts a request; `model` chooses the constants of compat.md 5.2.
///
/// # Errors
///
/// [`InvalidBody`] when the body has no list of message objects. Other odd members are tolerated.
pub fn count_chat(body: &[u8], encoding: Encoding, model: &str) -> Result<TokenCount, InvalidBody> {
    let text = str::from_utf8(body).map_err(|_| InvalidBody::NotUtf8)?;
    let Value::Object(request) = json::read(text)? else {
        return Err(InvalidBody::NotAnObject);
    };
    let Some(Value::List(messages)) = request.get("messages") else {
        return Err(InvalidBody::MessagesNotAList);
    };
    let per_function = if matches!(model, "gpt-3.5-turbo" | "gpt-4") { 10 } else { 7 };
    let counter = Counter { encoding, per_function };
    let mut count = TokenCount::default();
    for (index, message) in messages.iter().enumerate() {
        let Value::Object(message) = message else {
            return Err(InvalidBody::MessageNotAnObject(index));
        };
        let made = message.get("role").and_then(Value::as_str) == Some("assistant");
        let list = if made { &mut count.output } else { &mut count.input };
        *list += if *list == 0 { PER_LIST } else { 0 } + counter.message(message);
    }
    if let Some(Value::List(tools)) = request.get("tools")
        && !tools.is_empty()
    {
        count.input += tools.iter().map(|tool| counter.tool(tool)).sum::<usize>() + FUNCTIONS_END;
    }
    Ok(count)
}

struct Counter {
    encoding: Encoding,
    /// `funcInit` of compat.md 5.2, for a tool and for a call of one.
    per_function: usize,
}

impl Counter {
    fn text(&self, text: &str) -> usize {
        self.encoding.count(text)
    }

    fn message(&self, message: &Object) -> usize {
        let member = |(name, value): (&str, &Value)| {
            let own = match (name, value) {
                (_, Value::Text(text)) => self.text(text),
                ("tool_calls", Value::List(calls)) => {
                    let call = |call| self.per_function + self.text(&json::compact(call));
                    calls.iter().map(call).sum::<usize>() + FUNCTIONS_END
                }
                ("content", Value::List(parts)) => parts.iter().map(|part| self.part(part)).sum(),
                _ => 0,
            };
            own + if name == "name" { PER_NAME } else { 0 }
        };
        PER_MESSAGE + message.members().map(member).sum::<usize>()
    }

    fn part(&self, part: &Value) -> usize {
        let Value::Object(part) = part else {
            return 0;
        };
        if part.get("type").and_then(Value::as_str) == Some("image_url") {
            return picture::count(part.get("image_url"), self.encoding);
        }
        part.get("text").and_then(Value::as_str).map_or(0, |text| self.text(text))
    }

    fn tool(&self, tool: &Value) -> usize {
        let function = match tool {
            Value::Object(tool) => tool.get("function"),
            _ => None,
        };
        let Some(Value::Object(function)) = function else {
            // Not a function (0.7.0 failed here): its text is the best guess.
            return self.per_function + self.text(&text_or_compact(tool));
        };
        let name = function.get("name").map(as_text).unwrap_or_default();
        let mut total = self.per_function + self.text(&format!("{name}:{}", description(function)));
        if let Some(Value::Object(parameters)) = function.get("parameters") {
            total += self.parameters(parameters);
        }
        total
    }

    fn parameters(&self, parameters: &Object) -> usize {
        let member = |(name, value): (&str, &Value)| match (name, value) {
            ("properties", Value::Object(properties)) if !properties.is_empty() => {
                let property = |(key, schema): (&str, &Value)| self.property(key, schema);
                PROPERTIES + properties.members().map(property).sum::<usize>()
            }
            ("properties", _) => 0,
            _ => self.text(&format!("{name}:{}", text_or_compact(value))),
        };
        parameters.members().map(member).sum()
    }

    fn property(&self, key: &str, schema: &Value) -> usize {
        let Value::Object(schema) = schema else {
            return PROPERTY;
        };
        let mut total = PROPERTY;
        if let Some(Value::List(choices)) = schema.get("enum") {
            total -= ENUM;
            total += choices.iter().map(|choice| ENUM_ITEM + self.text(&as_text(choice))).sum::<usize>();
        }
        let kind = schema.get("type").filter(|kind| kind.is_truthy()).map_or("string".into(), as_text);
        total += self.text(&format!("{key}:{kind}:{}", description(schema)));
        for (name, value) in schema.members() {
            if !matches!(name, "type" | "description" | "enum") {
                total += self.text(&format!("{name}:{}", text_or_compact(value)));
            }
        }
        total
    }
}

/// The `description` without one full stop at its end; empty when there is none.
fn description(of: &Object) -> String {
    let value = of.get("description").filter(|value| value.is_truthy());
    let text = value.map(as_text).unwrap_or_default();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
