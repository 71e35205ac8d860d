//! Tools of a Responses request as plain functions, for legs that have nothing else (upstream.md 5.2, 10.2).
//!
//! A freeform tool becomes a function with one string member, a namespace's tools are named after both, a search
//! for tools by the client becomes a function too; [`Offered`] tells how calls go back.

use std::borrow::Cow;

use crate::{
    canonical::{AnswerContext, Inside, Members, Tool, Value, choice_of},
    look::Look,
    text::{Document, Kind, Node, Tree, escape_json_text, unescape, unescape_json},
};

/// The one member of a freeform tool's arguments.
const INPUT: &str = "input";
/// The name of the function that stands for a search for tools.
pub(super) const SEARCH: &str = "tool_search";
const LINK: &str = "__";

/// The one name for a tool of a namespace; [`own_name`] undoes it.
pub(super) fn flat<'a>(namespace: &str, name: Inside<'a>) -> Inside<'a> {
    if namespace.is_empty() {
        return name;
    }
    let link = if namespace.ends_with(LINK) { "" } else { LINK };
    Cow::Owned([namespace, link, &name].concat())
}

/// The tool's name within its namespace.
pub(super) fn own_name<'n>(namespace: &str, name: &'n str) -> &'n str {
    let Some(rest) = name.strip_prefix(namespace).filter(|_| !namespace.is_empty()) else {
        return name;
    };
    if namespace.ends_with(LINK) { rest } else { rest.strip_prefix(LINK).unwrap_or(name) }
}

/// The arguments, as the inside of JSON text, that stand for a freeform tool's input.
pub(super) fn wrapped(given: &str) -> String {
    let mut out = String::with_capacity(given.len() + 16);
    escape_json_text(&mut out, &["{\"input\":\"", given, "\"}"].concat());
    out
}

/// The input of a freeform tool; arguments that do not hold one are taken for it.
pub(super) fn unwrapped(arguments: &str) -> Cow<'_, str> {
    let text = unescape_json(arguments);
    let Ok(document) = Document::read(text.as_bytes()) else {
        return arguments.into();
    };
    let root = document.root();
    let members = root.members();
    let only = match &*members {
        [(_, value)] => Some(*value),
        _ => None,
    };
    let found = root.get(INPUT).and_then(Node::string).or_else(|| only.and_then(Node::string));
    found.map_or(arguments.into(), |found| Cow::Owned(found.into_owned()))
}

/// The tools that go upstream, and what the answer must know of them.
#[derive(Debug, Default)]
pub(super) struct Offered<'d, 'a> {
    pub(super) tools: Vec<Tool<'d, 'a>>,
    pub(super) context: AnswerContext,
    pub(super) rewrites: Vec<String>,
}

impl<'d, 'a> Offered<'d, 'a> {
    /// Takes one entry of `tools`, a namespace's entries with it.
    pub(super) fn add(&mut self, tool: Node<'d, 'a>) {
        let kind = tool.get("type").and_then(Node::text).unwrap_or_default();
        self.add_kind(tool, &kind, "");
    }

    fn add_kind(&mut self, tool: Node<'d, 'a>, kind: &str, namespace: &str) {
        match kind {
            "namespace" => self.add_namespace(tool),
            "function" => self.add_function(tool, namespace),
            "custom" => self.add_freeform(tool, namespace),
            SEARCH if tool.get("execution").is_some_and(|by| by.is("client")) => {
                let mut members = named(SEARCH.into());
                for name in ["description", "parameters"] {
                    if let Some(value) = tool.get(name).filter(|value| crate::validation::is_filled(*value)) {
                        members.set(name, value);
                    }
                }
                self.offer(members, SEARCH, "");
                self.rewrites.push("sent tool_search as a function".to_owned());
            }
            _ => self.rewrites.push(format!("left out the server tool {kind}")),
        }
    }

    fn add_namespace(&mut self, tool: Node<'d, 'a>) {
        let namespace = tool.word("name");
        for inner in tool.get("tools").into_iter().flat_map(Node::items) {
            let kind = inner.get("type").and_then(Node::text).filter(|kind| !kind.is_empty());
            self.add_kind(inner, &kind.unwrap_or("function".into()), &namespace);
        }
        self.rewrites.push(format!("sent the tools of namespace {} as plain ones", unescape(&namespace)));
    }

    fn add_function(&mut self, tool: Node<'d, 'a>, namespace: &str) {
        // Some clients send chat's nested form here.
        let nested = tool.get("function");
        let pick = |name: &str| nested.and_then(|inner| inner.get(name)).or_else(|| tool.get(name));
        let name = pick("name").and_then(Node::string).unwrap_or_default();
        let mut members = named(flat(namespace, name.clone()));
        for key in ["description", "parameters"] {
            if let Some(value) = pick(key).filter(|value| !value.is_null()) {
                members.set(key, value);
            }
        }
        if let Some(strict) = pick("strict").filter(|strict| strict.kind() == Kind::True) {
            members.set("strict", strict);
        }
        self.offer(members, &name, namespace);
    }

    fn add_freeform(&mut self, tool: Node<'d, 'a>, namespace: &str) {
        let name = tool.word("name");
        let input = Tree::object([
            ("type", Tree::word("string")),
            ("description", Tree::word("The tool's whole input, as it is.")),
        ]);
        let schema = Tree::object([
            ("type", Tree::word("object")),
            ("properties", Tree::object([(INPUT, input)])),
            ("required", Tree::List(vec![Tree::word(INPUT)])),
            ("additionalProperties", Tree::Bool(false)),
        ]);
        let flat = flat(namespace, name.clone());
        let mut members = named(flat.clone());
        members.set("description", Tree::Text(described(tool)));
        members.set("parameters", schema);
        if self.offer(members, &name, namespace) {
            self.context.custom.push(flat.into_owned());
        }
        self.rewrites.push(format!("sent the freeform tool {} as a function", unescape(&name)));
    }

    fn offer(&mut self, members: Members<'d, 'a>, name: &str, namespace: &str) -> bool {
        let tool = Tool { members, ..Tool::default() };
        // A tool that a search found may be in the list as well.
        if name.is_empty() || self.tools.iter().any(|other| other.name() == tool.name()) {
            return false;
        }
        if !namespace.is_empty() {
            let namespaces = &mut self.context.namespaces;
            namespaces.push((tool.name().into_owned(), namespace.to_owned()));
        }
        self.tools.push(tool);
        true
    }
}

fn named(name: Inside<'_>) -> Members<'_, '_> {
    Members(vec![("name".into(), Value::Tree(Tree::Text(name)))])
}

fn described<'a>(tool: Node<'_, 'a>) -> Inside<'a> {
    let description = tool.word("description");
    let word = |name: &str| tool.get("format").map(|form| form.word(name)).unwrap_or_default();
    let definition = word("definition");
    if definition.is_empty() {
        return description;
    }
    let gap = if description.is_empty() { "" } else { "\\n\\n" };
    let syntax = word("syntax");
    let parts = [&*description, gap, "The input must follow this ", &syntax, " grammar:\\n", &definition];
    Cow::Owned(parts.concat())
}

/// A chat `tool_choice` and the change made, if any; `offered` may be narrowed by it.
pub(super) fn choice<'d, 'a>(
    value: Option<Node<'d, 'a>>,
    offered: &mut Offered<'d, 'a>,
) -> (Option<Value<'d, 'a>>, Option<String>) {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return (None, None);
    };
    if value.kind() == Kind::String {
        return (Some(value.into()), None);
    }
    let (kind, name) = (value.word("type"), value.word("name"));
    match &*kind {
        "allowed_tools" => {
            let tools = value.get("tools").into_iter().flat_map(Node::items);
            let names: Vec<_> = tools.map(|tool| flat(&tool.word("namespace"), tool.word("name"))).collect();
            offered.tools.retain(|tool| names.contains(&tool.name()));
            let mode = value.word("mode");
            let mode = if mode.is_empty() { "auto".into() } else { mode };
            (Some(Tree::Text(mode).into()), Some("sent the allowed tools only".to_owned()))
        }
        "function" | "custom" if !name.is_empty() => {
            (Some(choice_of(flat(&value.word("namespace"), name)).into()), None)
        }
        _ => (None, Some(format!("left out tool_choice {}", unescape(&kind)))),
    }
}
