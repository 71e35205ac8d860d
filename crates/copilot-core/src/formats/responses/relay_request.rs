//! A Responses request as Copilot takes it: edits of top-level members, items only where they must change.

use super::{
    decode_request::TELEMETRY,
    encode_request::drop_member,
    limits::{fit_cap, fit_effort},
    relay_items,
};
use crate::{
    formats::chat::frames::count,
    look::Look,
    plans::RequestPlan,
    text::{Document, Edits, Kind, Node, Tree, escape, unescape},
    translation::TranslatedRequest,
};

const REFUSED: [&str; 2] = ["service_tier", "background"];
const REFUSED_TOOLS: [&str; 5] =
    ["code_interpreter", "file_search", "local_shell", "mcp", "image_generation"];
/// Beginnings of the names of tools that come in versions.
const REFUSED_FAMILIES: [&str; 2] = ["computer", "web_search"];

/// What becomes of the outermost members; the last word on each counts.
#[derive(Default)]
struct Changed<'a> {
    /// Members with their new values, in the order in which they were first given one.
    put: Vec<(String, Tree<'a>)>,
    gone: Vec<String>,
    rewrites: Vec<String>,
}

/// A request that is changed.
struct Edited<'d, 'a> {
    root: Node<'d, 'a>,
    changed: Changed<'a>,
}

impl<'d, 'a> Edited<'d, 'a> {
    /// The member as it is now.
    fn get(&self, name: &str) -> Option<Tree<'a>> {
        if let Some((_, value)) = self.changed.put.iter().find(|(other, _)| other == name) {
            return Some(value.clone());
        }
        if self.changed.gone.iter().any(|other| other == name) {
            return None;
        }
        self.root.get(name).map(Tree::from)
    }

    /// The member as it came, unless it is gone.
    fn node(&self, name: &str) -> Option<Node<'d, 'a>> {
        if self.changed.gone.iter().any(|other| other == name) { None } else { self.root.get(name) }
    }

    fn put(&mut self, name: &str, value: Tree<'a>) {
        match self.changed.put.iter_mut().find(|(other, _)| other == name) {
            Some(member) => member.1 = value,
            None => self.changed.put.push((name.to_owned(), value)),
        }
    }

    fn remove(&mut self, name: &str) {
        self.changed.put.retain(|(other, _)| other != name);
        self.changed.gone.push(name.to_owned());
    }

    fn note(&mut self, rewrite: impl Into<String>) {
        self.changed.rewrites.push(rewrite.into());
    }
}

/// Edits the outermost members of a request.
pub(crate) fn request(document: &Document<'_>, plan: &RequestPlan) -> TranslatedRequest {
    let mut edited = Edited { root: document.root(), changed: Changed::default() };
    if let Some(model) = &plan.model
        && edited.root.word("model") != escape(model)
    {
        edited.put("model", Tree::string(model));
    }
    if let Some(stream) = plan.stream
        && edited.root.get("stream").map(Node::kind) != Some(if stream { Kind::True } else { Kind::False })
    {
        edited.put("stream", Tree::Bool(stream));
    }
    input(&mut edited, plan);
    tools(&mut edited);
    limits(&mut edited, plan);
    members(&mut edited, plan);
    let store = edited.node("store").map(Node::kind);
    if store != Some(Kind::False) {
        if store == Some(Kind::True) {
            edited.note("store sent as false: answers are not stored here");
        }
        edited.put("store", Tree::Bool(false));
    }
    finish(document, edited.changed)
}

fn finish(document: &Document<'_>, changed: Changed<'_>) -> TranslatedRequest {
    let mut edits = Edits::of(document);
    let Changed { put, gone, mut rewrites } = changed;
    edits.remove_all(&gone);
    for (name, value) in put {
        let is_there = edits.members().iter().any(|member| member.name == name);
        if is_there && !gone.contains(&name) {
            edits.replace_value(&name, &value.to_json());
        } else {
            edits.append(&name, &value.to_json());
        }
    }
    let mut seen = std::collections::HashSet::new();
    rewrites.retain(|rewrite| seen.insert(rewrite.clone()));
    TranslatedRequest { body: edits.finish(), rewrites, ..TranslatedRequest::default() }
}

fn input(edited: &mut Edited<'_, '_>, plan: &RequestPlan) {
    let Some(items) = edited.root.get("input").filter(|input| input.kind() == Kind::List) else {
        return;
    };
    let (mended, mut changes) = relay_items::mend(items.items().map(Tree::from).collect(), plan);
    if !changes.is_empty() {
        edited.put("input", Tree::List(mended));
        edited.changed.rewrites.append(&mut changes);
    }
}

fn tools(edited: &mut Edited<'_, '_>) {
    let tools = edited.root.get("tools").filter(|tools| tools.kind() == Kind::List);
    let listed = || tools.into_iter().flat_map(Node::items);
    let refused: Vec<_> = listed().filter(|tool| is_refused(*tool)).collect();
    if !refused.is_empty() {
        for tool in refused {
            edited.note(format!("left out the server tool {}", kind_of(tool)));
        }
        let kept: Vec<_> = listed().filter(|tool| !is_refused(*tool)).map(Tree::from).collect();
        if kept.is_empty() {
            edited.remove("tools");
        } else {
            edited.put("tools", Tree::List(kept));
        }
    }
    let Some(choice) = edited.root.get("tool_choice").filter(|choice| !choice.is_null()) else {
        return;
    };
    if !edited.get("tools").is_some_and(|tools| tools.is_filled()) {
        edited.remove("tool_choice");
        if !choice.is("auto") && !choice.is("none") {
            edited.note("left out tool_choice: there are no tools");
        }
    } else if is_refused(choice) {
        edited.remove("tool_choice");
        edited.note(format!("left out tool_choice {}", kind_of(choice)));
    }
}

fn is_refused(tool: Node<'_, '_>) -> bool {
    let kind = tool.word("type");
    REFUSED_TOOLS.contains(&&*kind) || REFUSED_FAMILIES.iter().any(|family| kind.starts_with(family))
}

fn kind_of(tool: Node<'_, '_>) -> String {
    unescape(&tool.word("type")).into_owned()
}

fn limits(edited: &mut Edited<'_, '_>, plan: &RequestPlan) {
    let cap = count(edited.root.get("max_output_tokens"));
    if let Some((fitting, change)) = fit_cap(cap, plan.traits.as_ref()) {
        edited.put("max_output_tokens", Tree::count(fitting));
        edited.note(change);
    }
    let Some(mut reasoning) = edited.root.get("reasoning").map(Tree::from).filter(Tree::is_object) else {
        return;
    };
    let wanted = unescape(reasoning.at("effort").inside()).into_owned();
    if let Some((fitting, change)) = fit_effort(&wanted, plan.traits.as_ref()) {
        reasoning.take("effort");
        if let (Tree::Object(members), false) = (&mut reasoning, fitting.is_empty()) {
            members.insert(0, ("effort".into(), Tree::word(fitting)));
        }
        edited.put("reasoning", reasoning);
        edited.note(change);
    }
}

fn members(edited: &mut Edited<'_, '_>, plan: &RequestPlan) {
    for name in TELEMETRY {
        if edited.root.get(name).is_some() {
            edited.remove(name);
            edited.note(format!("withheld {name}"));
        }
    }
    for name in REFUSED {
        if let Some(value) = edited.root.get(name) {
            edited.remove(name);
            if !matches!(value.kind(), Kind::Null | Kind::False) {
                edited.note(format!("dropped {name}"));
            }
        }
    }
    for name in &plan.dropped {
        let (first, is_outer) = name.split_once('.').map_or((&**name, true), |(first, _)| (first, false));
        let Some(value) = edited.get(first) else {
            continue;
        };
        if is_outer {
            edited.remove(name);
        } else {
            let mut holder = Tree::object([]);
            holder.set_named(escape(first).into_owned().into(), value);
            if !drop_member(&mut holder, name) {
                continue;
            }
            let value = holder.take(&escape(first)).unwrap_or_default();
            edited.put(first, value);
        }
        edited.note(format!("dropped {name}, which the model refuses"));
    }
}
