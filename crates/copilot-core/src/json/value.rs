//! A JSON value whose strings are borrowed from the text it was read from, where they hold no escapes.

use std::{borrow::Cow, collections::HashMap};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number, as JavaScript's only number type; infinite when beyond its range.
    Number(f64),
    /// A string; a lone surrogate in it was replaced by U+FFFD.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object.
    Object(Object<'a>),
}

impl Value<'_> {
    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What JavaScript's `||` thinks of the value.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(_) | Self::Object(_) => true,
        }
    }
}

/// The members of an object, in the order in which their names came first; each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// Members up to which names are compared with each other instead of being hashed.
const FEW: usize = 16;

impl<'a> Object<'a> {
    /// Makes an object of members as they were read: of a name given twice the last value counts, at the
    /// place of the first.
    pub(super) fn new(read: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        if read.len() <= FEW {
            return Self::of_few(read);
        }
        let mut places = HashMap::with_capacity(read.len());
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(read.len());
        for (name, value) in read {
            let place = *places.entry(name.clone()).or_insert(members.len());
            match members.get_mut(place) {
                Some(member) => member.1 = value,
                None => members.push((name, value)),
            }
        }
        Self { members }
    }

    fn of_few(read: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(read.len());
        for (name, value) in read {
            match members.iter_mut().find(|member| member.0 == name) {
                Some(member) => member.1 = value,
                None => members.push((name, value)),
            }
        }
        Self { members }
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().find(|member| member.0 == name).map(|member| &member.1)
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.members.iter().map(|(name, value)| (&**name, value))
    }
}
