//! A request in Anthropic's form while it is made fit for upstream: the tree, and what was changed in it.

use std::collections::BTreeSet;

use crate::{plans::RequestPlan, text::Tree};

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Members to be written anew, as canonical insides
    pub(crate) touched: BTreeSet<String>,
    /// Each a short sentence, each once
    pub(crate) rewrites: Vec<String>,
}

impl Log {
    /// Records a change.
    pub(crate) fn say(&mut self, rewrite: impl AsRef<str>) {
        let rewrite = rewrite.as_ref();
        if !self.rewrites.iter().any(|said| said == rewrite) {
            self.rewrites.push(rewrite.to_owned());
        }
    }

    /// Records that a member was changed, or something within it.
    pub(crate) fn touch(&mut self, member: &str, rewrite: impl AsRef<str>) {
        self.mark(member);
        self.say(rewrite);
    }

    /// Has a member written anew without a word.
    pub(crate) fn mark(&mut self, member: &str) {
        if !self.touched.contains(member) {
            self.touched.insert(member.to_owned());
        }
    }
}

/// The request's members are changed in place.
#[derive(Debug)]
pub(crate) struct Draft<'a, 'p> {
    pub(crate) request: Tree<'a>,
    pub(crate) plan: &'p RequestPlan,
    pub(crate) log: Log,
}

impl<'a, 'p> Draft<'a, 'p> {
    pub(crate) fn new(request: Tree<'a>, plan: &'p RequestPlan) -> Self {
        Self { request, plan, log: Log::default() }
    }

    /// Sets a member.
    pub(crate) fn put(&mut self, member: &'static str, value: Tree<'a>, rewrite: impl AsRef<str>) {
        self.request.set(member, value);
        self.log.touch(member, rewrite);
    }

    /// Removes a member, if it is there.
    pub(crate) fn drop(&mut self, member: &str, rewrite: impl AsRef<str>) {
        if self.request.take(member).is_some() {
            self.log.touch(member, rewrite);
        }
    }

    /// Sets a member of `output_config`, which is made when there is none.
    pub(crate) fn configure(&mut self, name: &'static str, value: Tree<'a>) {
        if self.request.get("output_config").is_none() {
            self.request.set("output_config", Tree::Object(Vec::new()));
        }
        if let Some(config) = self.request.get_mut("output_config") {
            config.set(name, value);
        }
        self.log.mark("output_config");
    }

    /// Whether `output_config` can be given a member that it does not have.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        self.request
            .get("output_config")
            .is_none_or(|config| config.is_object() && config.get(name).is_none())
    }
}

/// Whether a beta of this family goes upstream with the request.
pub(crate) fn has_beta(plan: &RequestPlan, prefix: &str) -> bool {
    plan.betas.iter().any(|beta| beta.starts_with(prefix))
}

/// Takes a member out of an object; tells whether it was there.
pub(crate) fn removed(object: &mut Tree<'_>, name: &str) -> bool {
    object.take(name).is_some()
}
