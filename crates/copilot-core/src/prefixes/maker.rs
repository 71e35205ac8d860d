//! Makes the chain of a request that validation accepted. What it does not know is hashed as a whole.

use super::{
    chain::{BILLING, Chain, Form, IN_FUNCTION, LONGEST, MEMBERS, OF_MODEL, PARAMETERS, Piece},
    hash::{combine, of},
};
use crate::{
    plans::Dialect,
    text::{Document, Kind, Node},
};

/// Seeds, so that a text and a list of it differ from what merely looks like them.
const TEXT: u64 = 1;
const CONTENT: u64 = 2;
const OBJECT: u64 = 3;

/// The one parameter that is not a member of the request itself.
const CONFIGURATION: &str = "generationConfig.thinkingConfig";

/// What begins the first system block of Claude Code; it changes with each of its versions.
const BILLING_LINE: &str = "x-anthropic-billing-header";

/// The chain of a request; `None` of dialects that have no conversations.
#[must_use]
pub fn chain_of(document: &Document<'_>, dialect: Dialect) -> Option<Chain> {
    let root = document.root();
    if root.kind() != Kind::Object || matches!(dialect, Dialect::Embeddings | Dialect::Completions) {
        return None;
    }
    let request = Request::of(root, dialect);
    let mut maker = Maker { pieces: Vec::with_capacity(8), marked: false, hour: false };
    maker.tools(request.tools, dialect);
    maker.conversation(&request, dialect);
    let Maker { pieces, marked, hour } = maker;
    Some(Chain { dialect, pieces: pieces.into_boxed_slice(), marked, hour })
}

/// The members that count, found in one pass.
struct Request<'d, 'a> {
    tools: Option<Node<'d, 'a>>,
    system: Option<Node<'d, 'a>>,
    messages: Option<Node<'d, 'a>>,
    /// As in [`PARAMETERS`]
    parameters: [Option<Node<'d, 'a>>; PARAMETERS.len()],
}

impl<'d, 'a> Request<'d, 'a> {
    fn of(root: Node<'d, 'a>, dialect: Dialect) -> Self {
        let mut found =
            Self { tools: None, system: None, messages: None, parameters: [None; PARAMETERS.len()] };
        let mut prompt = None;
        root.each_member(|name, value| {
            let name = name.string().unwrap_or_default();
            match (&*name, dialect) {
                ("tools", _) => found.tools = Some(value),
                ("messages", Dialect::Chat | Dialect::Messages | Dialect::Ollama)
                | ("input", Dialect::Responses)
                | ("contents", Dialect::Gemini) => found.messages = Some(value),
                ("system", Dialect::Messages | Dialect::Ollama)
                | ("instructions", Dialect::Responses)
                | ("systemInstruction", Dialect::Gemini) => found.system = Some(value),
                ("system_instruction", Dialect::Gemini) => found.system = found.system.or(Some(value)),
                ("prompt", Dialect::Ollama) => prompt = Some(value),
                // What others call so is no text of an answer.
                ("text", _) if dialect != Dialect::Responses => {}
                ("generationConfig", _) => found.put(CONFIGURATION, value.get("thinkingConfig")),
                (name, _) => found.put(name, Some(value)),
            }
        });
        found.messages = found.messages.or(prompt).filter(|messages| !messages.is_null());
        found.system = found.system.filter(|system| !system.is_null());
        found
    }

    fn put(&mut self, name: &str, value: Option<Node<'d, 'a>>) {
        let place = PARAMETERS.iter().position(|parameter| *parameter == name);
        if let Some(slot) = place.and_then(|place| self.parameters.get_mut(place)) {
            *slot = value.filter(|value| !value.is_null());
        }
    }
}

struct Maker {
    pieces: Vec<Piece>,
    marked: bool,
    hour: bool,
}

impl Maker {
    fn push(&mut self, form: Form, index: usize, member: usize, hash: u64, flags: u8) {
        if self.pieces.len() >= LONGEST
            && let Some(last) = self.pieces.last_mut()
        {
            last.hash = combine(last.hash, hash);
            return;
        }
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let member = u8::try_from(member).unwrap_or_default();
        self.pieces.push(Piece { hash, index, form, member, flags });
    }

    /// A mark for upstream's cache.
    fn mark(&mut self, mark: Node<'_, '_>) {
        if !mark.is_null() {
            self.marked = true;
            self.hour |= mark.get("ttl").is_some_and(|life| life.is("1h"));
        }
    }

    fn tools(&mut self, tools: Option<Node<'_, '_>>, dialect: Dialect) {
        let tools = tools.into_iter().flat_map(Node::items);
        for (index, tool) in tools.enumerate() {
            if dialect == Dialect::Gemini {
                self.declarations(tool, index);
            } else {
                self.members(tool, Form::Tool, index, 1, 0);
            }
        }
    }

    fn declarations(&mut self, tool: Node<'_, '_>, index: usize) {
        let declared = tool.get("functionDeclarations").or_else(|| tool.get("function_declarations"));
        let Some(declared) = declared.filter(|declared| declared.kind() == Kind::List) else {
            self.push(Form::Declaration, index << 16, 0, whole(tool), 0);
            return;
        };
        for (number, function) in declared.items().enumerate() {
            self.members(function, Form::Declaration, index << 16 | number.min(0xffff), 1, 0);
        }
    }

    /// A hash for each member of an object; `first` is the place in [`MEMBERS`] where its names begin.
    fn members(&mut self, object: Node<'_, '_>, form: Form, index: usize, first: usize, flags: u8) {
        if object.kind() != Kind::Object {
            self.push(form, index, 0, whole(object), flags);
            return;
        }
        object.each_member(|name, value| {
            if name.is("cache_control") {
                self.mark(value);
            } else if form == Form::Tool && first == 1 && name.is("function") && value.kind() == Kind::Object
            {
                self.members(value, form, index, IN_FUNCTION, flags);
            } else {
                let member = member_of(name, first);
                self.push(form, index, member, named(name, whole(value)), flags);
            }
        });
    }

    fn conversation(&mut self, request: &Request<'_, '_>, dialect: Dialect) {
        let messages = request.messages;
        self.system(request.system, dialect);
        let is_list = messages.is_some_and(|messages| messages.kind() == Kind::List);
        let items = || messages.filter(|_| is_list).into_iter().flat_map(Node::items).enumerate();
        // Anthropic's messages of a system are where they stand; elsewhere the first ones are the preface.
        let before = if dialect == Dialect::Messages {
            0
        } else {
            items().take_while(|(_, message)| is_of_system(*message)).count()
        };
        for (index, message) in items().take(before) {
            let (hash, _) = self.message(message);
            self.push(Form::Said, index, 0, hash, 0);
        }
        self.parameters(request);
        for (index, message) in items().skip(before) {
            let (hash, flags) = self.message(message);
            self.push(Form::Message, index, 0, hash, flags);
        }
        if let Some(text) = messages.filter(|_| !is_list) {
            self.push(Form::Message, 0, 0, whole(text), 0);
        }
    }

    fn system(&mut self, system: Option<Node<'_, '_>>, dialect: Dialect) {
        let Some(system) = system else { return };
        if system.kind() != Kind::List || dialect != Dialect::Messages {
            self.push(Form::System, 0, 0, whole(system), 0);
            return;
        }
        for (index, block) in system.items().enumerate() {
            let text = block.get("text").and_then(Node::string);
            let billing = text.is_some_and(|text| text.starts_with(BILLING_LINE));
            self.members(block, Form::Block, index, 1, if billing { BILLING } else { 0 });
        }
    }

    fn parameters(&mut self, request: &Request<'_, '_>) {
        for (index, value) in request.parameters.iter().enumerate() {
            match value {
                Some(value) if value.kind() == Kind::Object => {
                    self.members(*value, Form::Parameter, index, 1, 0);
                }
                Some(value) => self.push(Form::Parameter, index, 0, whole(*value), 0),
                None => {}
            }
        }
    }

    /// A message without its marks, and who said it.
    fn message(&mut self, message: Node<'_, '_>) -> (u64, u8) {
        if message.kind() != Kind::Object {
            return (whole(message), 0);
        }
        let (mut hash, mut flags) = (OBJECT, 0);
        message.each_member(|name, value| {
            let inner = match &*name.string().unwrap_or_default() {
                "cache_control" => return self.mark(value),
                "content" => self.content(value),
                "role" => {
                    if value.is("assistant") || value.is("model") {
                        flags |= OF_MODEL;
                    }
                    whole(value)
                }
                _ => whole(value),
            };
            hash = combine(hash, named(name, inner));
        });
        (hash, flags)
    }

    fn content(&mut self, content: Node<'_, '_>) -> u64 {
        match content.kind() {
            // Programs write a text as a list of one block in order to mark it.
            Kind::String => combine(CONTENT, combine(TEXT, whole(content))),
            Kind::List => content.items().fold(CONTENT, |hash, block| combine(hash, self.block(block))),
            _ => whole(content),
        }
    }

    fn block(&mut self, block: Node<'_, '_>) -> u64 {
        if block.kind() != Kind::Object {
            return whole(block);
        }
        let (mut hash, mut count, mut text, mut is_text) = (OBJECT, 0, None, false);
        block.each_member(|name, value| {
            let inner = whole(value);
            match &*name.string().unwrap_or_default() {
                "cache_control" => return self.mark(value),
                "text" if value.kind() == Kind::String => text = Some(inner),
                "type" => is_text |= value.is("text"),
                _ => {}
            }
            count += 1;
            hash = combine(hash, named(name, inner));
        });
        match text {
            Some(text) if is_text && count == 2 => combine(TEXT, text),
            _ => hash,
        }
    }
}

fn is_of_system(message: Node<'_, '_>) -> bool {
    message.get("role").is_some_and(|role| role.is("system") || role.is("developer"))
}

fn whole(value: Node<'_, '_>) -> u64 {
    of(value.canonical().as_bytes())
}

fn named(name: Node<'_, '_>, value: u64) -> u64 {
    combine(whole(name), value)
}

fn member_of(name: Node<'_, '_>, first: usize) -> usize {
    let prefix = if first == IN_FUNCTION { "function." } else { "" };
    let mut known = MEMBERS.iter().enumerate().skip(first);
    let found = known.find(|(_, member)| {
        member.strip_prefix(prefix).is_some_and(|member| !member.contains('.') && name.is(member))
    });
    found.map_or(0, |(at, _)| at)
}
