//! Turns as items of `input`: without ids, pictures of tool results behind them (upstream.md 5.2, 11.3).

use std::{borrow::Cow, collections::HashSet, fmt::Write as _};

use sha2::{Digest as _, Sha256};

use crate::{
    canonical::{Block, Conversation, Reasoning, Role, ToolCall, ToolResult, Turn},
    carriers,
    plans::RequestPlan,
    text::{Tree, code_points, unescape_json},
};

/// Put before the text of a failed tool's result, which cannot be marked otherwise (D-T7).
const ERROR_MARK: &str = "Error: ";
const GAP: &str = "\\n\\n";
const LONGEST_ID: usize = 64;

/// Takes turns in order; its items are the input so far.
#[derive(Debug)]
pub(super) struct Writer<'c, 'p> {
    pub(super) items: Vec<Tree<'c>>,
    pub(super) rewrites: Vec<String>,
    plan: &'p RequestPlan,
    freeform: HashSet<&'c str>,
}

impl<'c, 'p> Writer<'c, 'p> {
    pub(super) fn new(conversation: &'c Conversation<'_, '_>, plan: &'p RequestPlan) -> Self {
        let blocks = conversation.turns.iter().flat_map(|turn| &turn.blocks);
        let freeform = blocks.filter_map(|block| match block {
            Block::ToolCall(call) if call.custom => Some(&*call.id),
            _ => None,
        });
        Self { items: Vec::new(), rewrites: Vec::new(), plan, freeform: freeform.collect() }
    }

    /// Writes one turn.
    pub(super) fn take(&mut self, turn: &'c Turn<'_, '_>) {
        match turn.role {
            Role::Assistant => self.assistant(turn),
            Role::System => self.message("system", vec![input_text(text_of(&turn.blocks).into())]),
            Role::User => self.user(turn),
        }
    }

    fn message(&mut self, role: &'static str, content: Vec<Tree<'c>>) {
        self.items.push(Tree::object([
            ("type", Tree::word("message")),
            ("role", Tree::word(role)),
            ("content", Tree::List(content)),
        ]));
    }

    fn assistant(&mut self, turn: &'c Turn<'_, '_>) {
        let mut texts = Vec::new();
        for block in &turn.blocks {
            let item = match block {
                Block::Text(text) => {
                    texts.push(part("output_text", ("text", text)));
                    continue;
                }
                Block::ToolCall(call) => Some(call_item(call)),
                Block::Reasoning(thought) => self.reasoning(thought),
                _ => {
                    self.rewrites.push("dropped a picture or file of the assistant".to_owned());
                    None
                }
            };
            let Some(item) = item else {
                continue;
            };
            if !texts.is_empty() {
                self.message("assistant", std::mem::take(&mut texts));
            }
            self.items.push(item);
        }
        if !texts.is_empty() {
            self.message("assistant", texts);
        }
    }

    fn reasoning(&mut self, thought: &'c Reasoning<'_>) -> Option<Tree<'c>> {
        let plan = self.plan;
        let carrier = carriers::fitting(&thought.carrier, plan.leg, &plan.target);
        if carrier.is_empty() || plan.without_reasoning {
            self.rewrites.push("dropped reasoning that this model did not make".to_owned());
            return None;
        }
        let summary = (!thought.text.is_empty()).then(|| part("summary_text", ("text", &thought.text)));
        Some(Tree::object([
            ("type", Tree::word("reasoning")),
            ("summary", Tree::List(summary.into_iter().collect())),
            ("encrypted_content", Tree::word(carrier)),
        ]))
    }

    fn user(&mut self, turn: &'c Turn<'_, '_>) {
        let (mut has_results, mut attached, mut parts) = (false, Vec::new(), Vec::new());
        for block in &turn.blocks {
            let Block::ToolResult(result) = block else {
                parts.extend(content_part(block));
                continue;
            };
            has_results = true;
            let freeform = result.custom || self.freeform.contains(&*result.call_id);
            let kind = if freeform { "custom_tool_call_output" } else { "function_call_output" };
            self.items.push(Tree::object([
                ("type", Tree::word(kind)),
                ("call_id", Tree::Text(fitting_id(&result.call_id))),
                ("output", Tree::Text(Cow::Owned(result_text(result)))),
            ]));
            let others = result.content.iter().filter(|block| !matches!(block, Block::Text(_)));
            attached.extend(others.filter_map(content_part));
        }
        if !attached.is_empty() {
            attached.insert(0, input_text("Images and files of the tool results above:".into()));
            self.message("user", attached);
        }
        if parts.is_empty() && !has_results {
            parts.push(input_text("".into()));
        }
        if !parts.is_empty() {
            self.message("user", parts);
        }
    }
}

/// The texts among blocks, a blank line between them.
pub(super) fn text_of(blocks: &[Block<'_>]) -> String {
    let texts = blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(&**text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(GAP)
}

/// A call id that is not too long, the same one for call and result.
fn fitting_id(call_id: &str) -> Cow<'_, str> {
    if call_id.len() <= LONGEST_ID || code_points(call_id).count() <= LONGEST_ID {
        return call_id.into();
    }
    let mut id = "call_".to_owned();
    for byte in Sha256::digest(unescape_json(call_id).as_bytes()).iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.into()
}

fn call_item<'c>(call: &'c ToolCall<'_>) -> Tree<'c> {
    let (kind, member) =
        if call.custom { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
    Tree::object([
        ("type", Tree::word(kind)),
        ("call_id", Tree::Text(fitting_id(&call.id))),
        ("name", Tree::word(&call.name)),
        (member, Tree::word(&call.arguments)),
    ])
}

fn part<'c>(kind: &'static str, (member, text): (&'static str, &'c str)) -> Tree<'c> {
    Tree::object([("type", Tree::word(kind)), (member, Tree::word(text))])
}

fn input_text(text: Cow<'_, str>) -> Tree<'_> {
    Tree::object([("type", Tree::word("input_text")), ("text", Tree::Text(text))])
}

fn content_part<'c>(block: &'c Block<'_>) -> Option<Tree<'c>> {
    Some(match block {
        Block::Text(text) => part("input_text", ("text", text)),
        Block::Image(image) => {
            let detail = if image.detail.is_empty() { "auto" } else { &image.detail };
            Tree::object([
                ("type", Tree::word("input_image")),
                ("image_url", Tree::word(&image.url)),
                ("detail", Tree::word(detail)),
            ])
        }
        Block::File(file) => {
            let name = if file.name.is_empty() { "document.pdf" } else { &file.name };
            let data = ["data:", &file.media_type, ";base64,", &file.data].concat();
            Tree::object([
                ("type", Tree::word("input_file")),
                ("filename", Tree::word(name)),
                ("file_data", Tree::Text(Cow::Owned(data))),
            ])
        }
        Block::Reasoning(_) | Block::ToolCall(_) | Block::ToolResult(_) => return None,
    })
}

fn result_text(result: &ToolResult<'_>) -> String {
    let text = text_of(&result.content);
    if !result.is_error || text.starts_with(ERROR_MARK) {
        return text;
    }
    [ERROR_MARK, if text.is_empty() { "the tool failed" } else { &text }].concat()
}
