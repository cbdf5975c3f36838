//! IAM policies: what is taken decides as IAM's order says, whatever else stands in the document.

use serde_json::{Value, json};
use vigie_kvs::iam::{Decision, Policy};

/// A line with an action, a line with a resource, then the document.
pub fn iam_policy(data: &[u8]) {
    let (action, rest) = crate::first_line(data);
    let (resource, document) = crate::first_line(rest);
    let texts = (str::from_utf8(action), str::from_utf8(resource), str::from_utf8(document));
    let (Ok(action), Ok(resource), Ok(document)) = texts else { return };
    let policy = match Policy::parse(document) {
        Ok(policy) => policy,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(!policy.summary().to_string().is_empty());
    let decision = policy.decide(action, resource);
    assert_eq!(policy.decide(&action.to_ascii_uppercase(), resource), decision);

    // With one more statement about everything: a Deny wins over all, an Allow over nothing but silence.
    if let Some(denied) = with(document, "Deny") {
        assert_eq!(denied.decide(action, resource), Decision::ExplicitDeny);
    }
    if let Some(allowed) = with(document, "Allow") {
        let expect = match decision {
            Decision::ImplicitDeny => Decision::Allowed,
            decision => decision,
        };
        assert_eq!(allowed.decide(action, resource), expect);
    }
}

/// The document with a statement more; `None` when it is too long with it.
fn with(document: &str, effect: &str) -> Option<Policy> {
    let mut document: Value = serde_json::from_str(document).ok()?;
    let statements = document.get_mut("Statement")?;
    let more = json!({"Effect": effect, "Action": "*", "Resource": "*"});
    match statements {
        Value::Array(statements) => statements.push(more),
        one => *one = json!([one.take(), more]),
    }
    Policy::parse(&document.to_string()).ok()
}
