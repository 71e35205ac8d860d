//! Opaque reasoning carriers on their way through a foreign dialect: tagged with leg and model.
//!
//! A carrier is bound to the model and the leg that made it; upstream refuses it anywhere else (upstream.md
//! 6.4, 11.3). Within its own dialect it travels untouched. Values are canonical insides, models plain text.

use crate::{plans::Leg, text::escape};

const MARK: &str = "copilot-api:";

/// A carrier with its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier<'a> {
    /// The name of the leg
    pub leg: &'a str,
    /// The model as an inside
    pub model: &'a str,
    /// What upstream gave
    pub value: &'a str,
}

/// What stands before the value of a carrier of this leg and model.
#[must_use]
pub fn tag(leg: Leg, model: &str) -> String {
    [MARK, leg.name(), ":", &escape(model), ":"].concat()
}

/// What was tagged; `None` for a carrier that this gateway did not tag.
#[must_use]
pub fn read(carrier: &str) -> Option<Carrier<'_>> {
    let mut parts = carrier.strip_prefix(MARK)?.splitn(3, ':');
    Some(Carrier { leg: parts.next()?, model: parts.next()?, value: parts.next()? })
}

/// The value to send to a model on a leg; empty when the carrier is not of there.
#[must_use]
pub fn fitting<'c>(carrier: &'c str, leg: Leg, model: &str) -> &'c str {
    match read(carrier) {
        Some(found) if found.leg == leg.name() && found.model == escape(model) => found.value,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{fitting, read, tag};
    use crate::plans::Leg;

    #[test]
    fn a_carrier_goes_back_to_where_it_came_from_only() {
        let carrier = tag(Leg::Chat, "quo\"te") + "a:b==";
        assert_eq!(carrier, r#"copilot-api:chat:quo\"te:a:b=="#);
        assert_eq!(fitting(&carrier, Leg::Chat, "quo\"te"), "a:b==");
        assert_eq!(fitting(&carrier, Leg::Responses, "quo\"te"), "");
        assert_eq!(fitting(&carrier, Leg::Chat, "other"), "");
        assert_eq!(fitting("a:b:c", Leg::Chat, "b"), "");
        assert_eq!(read("copilot-api:chat:gpt"), None);
    }
}
