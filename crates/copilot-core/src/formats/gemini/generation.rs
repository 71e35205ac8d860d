//! `generationConfig`: options by their chat names, the form of the answer, thinking.

use std::borrow::Cow;

use super::{
    functions::json_schema,
    members::{Object, Result, digits_of, number_of, object_at},
};
use crate::{
    canonical::{Members, Thinking, Value},
    text::{Kind, Node, Tree, unescape},
    validation::{InvalidRequest, Path},
};

const OPTIONS: [(&str, &str); 10] = [
    ("maxOutputTokens", "max_tokens"),
    ("stopSequences", "stop"),
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("topK", "top_k"),
    ("presencePenalty", "presence_penalty"),
    ("frequencyPenalty", "frequency_penalty"),
    ("seed", "seed"),
    ("responseLogprobs", "logprobs"),
    ("logprobs", "top_logprobs"),
];
const READ: [&str; 16] = [
    "maxOutputTokens",
    "stopSequences",
    "temperature",
    "topP",
    "topK",
    "presencePenalty",
    "frequencyPenalty",
    "seed",
    "responseLogprobs",
    "logprobs",
    "responseJsonSchema",
    "responseSchema",
    "candidateCount",
    "responseMimeType",
    "responseModalities",
    "thinkingConfig",
];
const DEFAULT_TOP_K: &str = "64";
const LEVELS: [(&str, &str); 6] = [
    ("MINIMAL", "minimal"),
    ("LOW", "low"),
    ("MEDIUM", "medium"),
    ("HIGH", "high"),
    ("XHIGH", "xhigh"),
    ("MAX", "max"),
];

/// The options; what Copilot's models cannot do is an error.
pub(super) fn options_of<'d, 'a>(
    config: &Object<'d, 'a>,
    path: Path<'_>,
    rewrites: &mut Vec<String>,
) -> Result<Members<'d, 'a>> {
    check_form(config, path)?;
    let mut options = Members::default();
    for (name, chat) in OPTIONS {
        if let Some(value) = config.get(name) {
            options.set(chat, number_of(value));
        }
    }
    if config.get("topK").and_then(digits_of).as_deref() == Some(DEFAULT_TOP_K) {
        // gemini-cli always sends it: nothing is lost where there is no such option.
        options.take("top_k");
        rewrites.push("removed topK, which was Google's default".to_owned());
    }
    if let Some(form) = response_format(config, path, rewrites)? {
        options.set("response_format", form);
    }
    rewrites.extend(config.others(&READ).map(|name| format!("dropped generationConfig.{name}")));
    Ok(options)
}

/// What `thinkingConfig` asks for; 0 tokens switch thinking off, -1 leaves it to the model.
pub(super) fn thinking_of<'d, 'a>(
    value: Option<Node<'d, 'a>>,
    path: Path<'_>,
) -> Result<Option<Thinking<'d, 'a>>> {
    let config = object_at(value, path)?;
    let shown = config.is_true("includeThoughts");
    let summary = shown.then(|| Value::Tree(Tree::word("auto")));
    let level = unescape(&config.text("thinkingLevel", path)?).to_uppercase();
    if let Some((_, effort)) = LEVELS.iter().find(|(word, _)| *word == level) {
        return Ok(Some(Thinking { effort: Cow::Borrowed(effort), summary, ..Thinking::default() }));
    }
    if !level.is_empty() && level != "THINKING_LEVEL_UNSPECIFIED" {
        let message = format!("must be one of {}", LEVELS.map(|(word, _)| word).join(", "));
        return Err(InvalidRequest::new(message, format!("{}.thinkingLevel", path())));
    }
    let adaptive = Thinking { adaptive: true, summary: summary.clone(), ..Thinking::default() };
    let Some(budget) = config.get("thinkingBudget") else {
        return Ok(shown.then_some(adaptive));
    };
    match whole(budget) {
        Some(0) => Ok(Some(Thinking { effort: Cow::Borrowed("none"), ..Thinking::default() })),
        Some(-1) => Ok(Some(adaptive)),
        Some(budget @ 1..) => Ok(Some(Thinking { budget: Some(budget), summary, ..Thinking::default() })),
        _ => {
            let path = format!("{}.thinkingBudget", path());
            Err(InvalidRequest::new("must be a number of tokens, 0 or -1", path))
        }
    }
}

/// Whether the answer shall show the model's thoughts.
pub(super) fn wants_thoughts(value: Option<Node<'_, '_>>) -> Result<bool> {
    Ok(object_at(value, &String::new)?.is_true("includeThoughts"))
}

fn whole(value: Node<'_, '_>) -> Option<i64> {
    digits_of(value).filter(|digits| digits.len() <= 10)?.parse().ok()
}

fn check_form(config: &Object<'_, '_>, path: Path<'_>) -> Result<()> {
    let wrong = |message: &str, name: &str| Err(InvalidRequest::new(message, format!("{}.{name}", path())));
    if config.get("candidateCount").is_some_and(|count| digits_of(count).as_deref() != Some("1")) {
        return wrong("only one candidate can be had", "candidateCount");
    }
    if let Some(modalities) = config.get("responseModalities") {
        let is_text = |modality: Node<'_, '_>| {
            let word = modality.text().map(|word| word.to_uppercase());
            matches!(word.as_deref(), Some("TEXT" | "MODALITY_UNSPECIFIED"))
        };
        let all = match modalities.kind() {
            Kind::List => modalities.items().all(is_text),
            _ => is_text(modalities),
        };
        if !all {
            return wrong("only text can be had", "responseModalities");
        }
    }
    Ok(())
}

fn response_format<'d, 'a>(
    config: &Object<'d, 'a>,
    path: Path<'_>,
    rewrites: &mut Vec<String>,
) -> Result<Option<Value<'d, 'a>>> {
    let kind = config.text("responseMimeType", path)?;
    let schema = match config.get("responseJsonSchema") {
        Some(schema) => Some(Tree::from(schema)),
        None => config.get("responseSchema").map(json_schema),
    };
    if kind.is_empty() || kind == "application/json" {
        return Ok(match schema {
            Some(schema) => {
                let named = Tree::object([("name", Tree::word("response")), ("schema", schema)]);
                let form = [("type", Tree::word("json_schema")), ("json_schema", named)];
                Some(Value::Tree(Tree::object(form)))
            }
            None if kind.is_empty() => None,
            None => Some(Value::Tree(Tree::object([("type", Tree::word("json_object"))]))),
        });
    }
    if kind != "text/plain" {
        rewrites.push(format!("dropped responseMimeType {}", unescape(&kind)));
    }
    if schema.is_some() {
        rewrites.push("dropped the response schema".to_owned());
    }
    Ok(None)
}
