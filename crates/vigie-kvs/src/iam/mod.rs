//! IAM identity policies: what an access key may do.
//!
//! Decides whether a policy document can be taken, and whether it allows an action on a resource. What it does not
//! support it refuses when the document is read; it never ignores a part of one, for a condition that is ignored
//! grants too much. It never decides which action and resource a call is about.

mod condition;
mod document;
mod json;
mod pattern;
mod role;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use condition::TagCondition;
use pattern::{ActionPattern, ResourcePattern};

pub use condition::Tags;
pub use role::{StreamScope, role_document, role_policy};

/// Characters of a policy, white space not counted (IAM's quota for a managed policy).
pub const POLICY_CHARACTERS_MAX: usize = 6144;
/// Bytes of a policy document, white space included: what is longer is not even read.
pub const POLICY_BYTES_MAX: usize = 64 << 10;

/// Why a policy document is refused; says where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

/// A policy document, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    actions: Scope<ActionPattern>,
    resources: Scope<ResourcePattern>,
    /// All of these have to hold.
    conditions: Vec<TagCondition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// `Action` and `Resource` name what a statement is about, `NotAction` and `NotResource` what it is not about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope<P> {
    Only(Vec<P>),
    AllBut(Vec<P>),
}

impl<P> Scope<P> {
    fn contains(&self, matches: impl Fn(&P) -> bool) -> bool {
        match self {
            Self::Only(patterns) => patterns.iter().any(matches),
            Self::AllBut(patterns) => !patterns.iter().any(matches),
        }
    }
}

/// What a policy says to one action on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement is about it.
    ImplicitDeny,
}

impl Policy {
    /// Reads a policy document: JSON of the Version 2012-10-17 or 2008-10-17.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        document::read(document)
    }

    /// Whether `action` (such as `kinesisvideo:PutMedia`) is allowed on `resource` (an ARN, or `*` for operations
    /// of the whole account), which has no tags. A Deny wins over every Allow; what nobody allows is denied.
    pub fn decide(&self, action: &str, resource: &str) -> Decision {
        self.decide_tagged(action, resource, &Tags::new())
    }

    /// The same, on a resource with these tags.
    pub fn decide_tagged(&self, action: &str, resource: &str, tags: &Tags) -> Decision {
        let mut decision = Decision::ImplicitDeny;
        for statement in &self.statements {
            let concerned = statement.actions.contains(|pattern| pattern.matches(action))
                && statement.resources.contains(|pattern| pattern.matches(resource))
                && statement.conditions.iter().all(|condition| condition.holds(tags));
            match (concerned, statement.effect) {
                (true, Effect::Deny) => return Decision::ExplicitDeny,
                (true, Effect::Allow) => decision = Decision::Allowed,
                (false, _) => {}
            }
        }
        decision
    }

    /// Whether tags can make a difference.
    pub fn asks_for_tags(&self) -> bool {
        self.statements.iter().any(|statement| !statement.conditions.is_empty())
    }

    /// Whether there may be a resource on which `action` is allowed.
    pub fn allows_somewhere(&self, action: &str) -> bool {
        let is_about = |statement: &Statement| statement.actions.contains(|it| it.matches(action));
        let mut allows = self.statements.iter().filter(|it| it.effect == Effect::Allow);
        allows.any(is_about)
    }

    /// The policy in a line for people: which actions it allows and denies, without their resources.
    pub fn summary(&self) -> Summary<'_> {
        Summary(self)
    }
}

/// See [`Policy::summary`].
pub struct Summary<'a>(&'a Policy);

/// Actions that a summary names.
const SUMMARY_ACTIONS_MAX: usize = 3;

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (effect, verb) in [(Effect::Allow, "allows"), (Effect::Deny, "denies")] {
            let actions: BTreeSet<String> = (self.0.statements.iter())
                .filter(|statement| statement.effect == effect)
                .flat_map(|statement| match &statement.actions {
                    Scope::Only(patterns) => patterns.iter().map(ToString::to_string).collect(),
                    Scope::AllBut(patterns) => {
                        let but: Vec<_> = patterns.iter().map(ToString::to_string).collect();
                        vec![format!("all but {}", but.join(" and "))]
                    }
                })
                .collect();
            if actions.is_empty() {
                continue;
            }
            let named: Vec<_> =
                actions.iter().take(SUMMARY_ACTIONS_MAX).map(String::as_str).collect();
            write!(f, "{separator}{verb} {}", named.join(", "))?;
            if actions.len() > named.len() {
                write!(f, " and {} more", actions.len() - named.len())?;
            }
            separator = "; ";
        }
        Ok(())
    }
}
