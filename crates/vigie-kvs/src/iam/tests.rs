//! Documents that are taken or refused, and what they decide.

use proptest::prelude::*;
use regex::RegexBuilder;

use super::pattern::matches;
use super::*;

const GATE: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1795000000000";
const YARD: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/yard/1795000000000";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-camera-AbC123";

fn policy(statements: &str) -> Policy {
    Policy::parse(&format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#)).unwrap()
}

/// The role policy of AWS's guide for the edge agent (KVS developer guide, "Create the IAM role").
const EDGE_AGENT: &str = r#"[
    {"Sid": "Metrics", "Effect": "Allow", "Action": ["cloudwatch:PutMetricData"], "Resource": "*"},
    {"Effect": "Allow", "Action": ["kinesisvideo:ListStreams"], "Resource": ["*"]},
    {"Effect": "Allow",
     "Action": ["kinesisvideo:DescribeStream", "kinesisvideo:PutMedia", "kinesisvideo:TagStream",
                "kinesisvideo:GetDataEndpoint"],
     "Resource": ["arn:aws:kinesisvideo:*:*:stream/gate/*"]},
    {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
     "Resource": ["arn:aws:secretsmanager:*:*:secret:gate-*"]}
]"#;

#[test]
fn the_edge_agent_s_policy_allows_its_own_stream_and_secret_alone() {
    let policy = policy(EDGE_AGENT);
    let check = |action, resource, expect| {
        assert_eq!(policy.decide(action, resource), expect, "{action} {resource}");
    };
    check("kinesisvideo:PutMedia", GATE, Decision::Allowed);
    check("KinesisVideo:putmedia", GATE, Decision::Allowed);
    check("kinesisvideo:PutMedia", YARD, Decision::ImplicitDeny);
    check("kinesisvideo:DeleteStream", GATE, Decision::ImplicitDeny);
    check("kinesisvideo:ListStreams", "*", Decision::Allowed);
    check("kinesisvideo:DescribeStream", "*", Decision::ImplicitDeny);
    check("secretsmanager:GetSecretValue", SECRET, Decision::Allowed);
    check("secretsmanager:PutSecretValue", SECRET, Decision::ImplicitDeny);
    assert_eq!(
        policy.summary().to_string(),
        "allows cloudwatch:PutMetricData, kinesisvideo:DescribeStream, \
         kinesisvideo:GetDataEndpoint and 4 more"
    );
}

#[test]
fn a_deny_wins_wherever_it_stands() {
    let allow = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let deny =
        format!(r#"{{"Effect": "Deny", "Action": "kinesisvideo:Put*", "Resource": "{GATE}"}}"#);
    for statements in [format!("[{allow}, {deny}]"), format!("[{deny}, {allow}]")] {
        let policy = policy(&statements);
        assert_eq!(policy.decide("kinesisvideo:PutMedia", GATE), Decision::ExplicitDeny);
        assert_eq!(policy.decide("kinesisvideo:PutMedia", YARD), Decision::Allowed);
        assert_eq!(policy.decide("kinesisvideo:GetMedia", GATE), Decision::Allowed);
        assert_eq!(policy.summary().to_string(), "allows *; denies kinesisvideo:Put*");
    }
}

#[test]
fn not_action_and_not_resource_are_about_all_the_others() {
    let policy = policy(&format!(
        r#"{{"Effect": "Allow", "NotAction": ["secretsmanager:*"], "NotResource": "{GATE}"}}"#
    ));
    assert_eq!(policy.decide("kinesisvideo:PutMedia", YARD), Decision::Allowed);
    assert_eq!(policy.decide("kinesisvideo:PutMedia", GATE), Decision::ImplicitDeny);
    assert_eq!(policy.decide("SecretsManager:GetSecretValue", YARD), Decision::ImplicitDeny);
    assert_eq!(policy.summary().to_string(), "allows all but secretsmanager:*");
}

#[test]
fn resources_match_part_by_part() {
    let check = |pattern: &str, resource: &str, expect: bool| {
        let pattern = ResourcePattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(resource), expect, "{pattern:?} {resource}");
    };
    check("*", "*", true);
    check("*", GATE, true);
    check(GATE, GATE, true);
    check("arn:aws:kinesisvideo:*:*:stream/gate/*", GATE, true);
    check("arn:aws:kinesisvideo:us-????-1:*:stream/g?te/*", GATE, true);
    check("arn:aws:kinesisvideo:us-????-1:*:stream/g??te/*", GATE, false);
    check("arn:aws:kinesisvideo:*:stream/gate/*", GATE, false);
    check("arn:aws:kinesisvideo", GATE, true);
    check("arn:*", GATE, true);
    check("arn:aws:secretsmanager", GATE, false);
    check("arn:aws:kinesisvideo:*:*:stream/gate/*", "*", false);
    check("arn:aws:kinesisvideo:*:*:stream/GATE/*", GATE, false);
    check("arn:aws:secretsmanager:*:*:secret:gate-camera-??????", SECRET, true);
    check("arn:aws:secretsmanager:*:*:secret:gate-camera", SECRET, false);
    for wrong in ["", "arn", "stream/gate", "arnx:aws:kinesisvideo:::"] {
        assert_eq!(ResourcePattern::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let check = |document: &str, expect: &str| {
        let error = Policy::parse(document).unwrap_err().to_string();
        assert!(error.contains(expect), "{document}: {error}");
    };
    check("", "not valid JSON");
    check("[]", "must be a JSON object");
    check("{}", "must have a Statement");
    check(r#"{"Statement": []}"#, "Statement must be");
    check(r#"{"Statement": 1}"#, "Statement must be");
    check(r#"{"Version": "2020-01-01", "Statement": {}}"#, "Version must be");
    check(r#"{"Version": "2012-10-17", "Version": "2008-10-17"}"#, "Version stands twice");
    check(r#"{"Statement": {}, "Statements": {}}"#, "element Statements is not known in a policy");
    check(&"[".repeat(5000), "not valid JSON");
    check(&" ".repeat(POLICY_BYTES_MAX + 1), "longer than 65536 bytes");
    check(&"x".repeat(POLICY_CHARACTERS_MAX + 1), "6145 characters");
    let check = |statement: &str, expect: &str| {
        check(&format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#), expect);
    };
    check("1", "statement 1: a statement must be a JSON object");
    check(r#"{"Action": "*", "Resource": "*"}"#, "Effect is missing");
    check(r#"{"Effect": "allow", "Action": "*", "Resource": "*"}"#, "Effect must be");
    check(r#"{"Effect": "Allow", "Resource": "*"}"#, "Action or NotAction is missing");
    check(r#"{"Effect": "Allow", "Action": "*"}"#, "Resource or NotResource is missing");
    check(r#"{"Effect": "Allow", "Action": [], "Resource": "*"}"#, "Action must be text");
    check(r#"{"Effect": "Allow", "Action": [1], "Resource": "*"}"#, "Action must be text");
    for action in ["PutMedia", "kinesis*:PutMedia", ":PutMedia", "kinesisvideo:", "a:b:c", "a:b c"]
    {
        let statement = format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}"#);
        check(&statement, "must be SERVICE:NAME");
    }
    check(r#"{"Effect": "Allow", "Action": "*", "Resource": "gate"}"#, "must be an ARN or *");
    check(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:kinesisvideo:*:*:stream/${aws:username}/*"}"#,
        "policy variable",
    );
    check(
        r#"{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}"#,
        "exclude each other",
    );
    check(
        r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#,
        "Principal has no place",
    );
    check(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Conditions": {}}"#,
        "the element Conditions is not known",
    );
    check(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}"#,
        "the condition IpAddress on aws:SourceIp is not supported",
    );
    check(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": "x"}"#,
        "Condition must be a JSON object",
    );
    let of_tag = |resource: &str, condition: &str| {
        format!(r#"{{"Effect": "Deny", "Action": "*", {resource}, "Condition": {condition}}}"#)
    };
    let streams = r#""Resource": "arn:aws:kinesisvideo:*:*:stream/*""#;
    let tag = r#"{"StringEquals": {"aws:ResourceTag/a": "b"}}"#;
    for resource in [
        r#""Resource": "*""#,
        r#""Resource": ["arn:aws:kinesisvideo:*:*:stream/*", "arn:aws:secretsmanager:*:*:secret:*"]"#,
        r#""Resource": "arn:aws:*:*:*:stream/*""#,
        r#""Resource": "arn:aws:kinesisvideo""#,
        r#""NotResource": "arn:aws:kinesisvideo:*:*:stream/gate/*""#,
    ] {
        check(&of_tag(resource, tag), "a Condition on a tag is about streams");
    }
    for (condition, expect) in [
        (
            r#"{"StringNotEquals": {"aws:ResourceTag/a": "b"}}"#,
            "StringNotEquals on aws:ResourceTag/a is not",
        ),
        (
            r#"{"StringEquals": {"aws:RequestTag/a": "b"}}"#,
            "StringEquals on aws:RequestTag/a is not",
        ),
        (r#"{"StringEquals": {"aws:ResourceTag/": "b"}}"#, "is not supported"),
        (r#"{"StringEquals": {}}"#, "StringEquals must name what it is about"),
        (r#"{"StringEquals": "x"}"#, "StringEquals must name what it is about"),
        (r#"{"StringLike": {"aws:ResourceTag/a": []}}"#, "must be text or a list of texts"),
        (r#"{"StringLike": {"aws:ResourceTag/a": ["b", 1]}}"#, "must be text or a list of texts"),
        (r#"{"StringLike": {"aws:ResourceTag/a": "${aws:username}"}}"#, "policy variable"),
    ] {
        check(&of_tag(streams, condition), expect);
    }
}

#[test]
fn a_condition_holds_by_the_tags_of_the_stream() {
    let policy = |condition: &str| {
        policy(&format!(
            r#"{{"Effect": "Allow", "Action": "kinesisvideo:*",
                "Resource": "arn:aws:kinesisvideo:*:*:stream/*", "Condition": {condition}}}"#
        ))
    };
    let check = |condition: &str, tags: &[(&str, &str)], expect: bool| {
        let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let decision = policy(condition).decide_tagged("kinesisvideo:GetMedia", GATE, &tags);
        assert_eq!(decision == Decision::Allowed, expect, "{condition} {tags:?}");
    };
    let equals = r#"{"StringEquals": {"aws:ResourceTag/Site": ["north", "n*"]}}"#;
    check(equals, &[("Site", "north")], true);
    check(equals, &[("Site", "n*"), ("a", "b")], true);
    check(equals, &[("Site", "nord")], false);
    check(equals, &[("site", "north")], false);
    check(equals, &[], false);
    let like = r#"{"StringLike": {"aws:ResourceTag/Site": "n?r*"}}"#;
    check(like, &[("Site", "north")], true);
    check(like, &[("Site", "south")], false);
    let both = r#"{"StringEquals": {"aws:ResourceTag/Site": "north"},
                   "StringLike": {"aws:ResourceTag/Room": "*"}}"#;
    check(both, &[("Site", "north"), ("Room", "")], true);
    check(both, &[("Site", "north")], false);
    let document = policy(equals);
    assert!(document.asks_for_tags() && document.allows_somewhere("kinesisvideo:GetMedia"));
    assert!(!document.allows_somewhere("secretsmanager:GetSecretValue"));
    assert_eq!(document.decide("kinesisvideo:GetMedia", GATE), Decision::ImplicitDeny);
    assert!(
        !super::Policy::parse(
            r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#
        )
        .unwrap()
        .allows_somewhere("kinesisvideo:GetMedia")
    );
}

#[test]
fn the_older_version_has_no_variables_and_an_empty_condition_asks_for_nothing() {
    let document = r#"{"Version": "2008-10-17", "Id": "x", "Statement": {"Sid": "1", "Effect": "Allow",
        "Action": "a:b", "Resource": "arn:aws:a:::${x}", "Condition": {}}}"#;
    let policy = Policy::parse(document).unwrap();
    assert_eq!(policy.decide("a:b", "arn:aws:a:::${x}"), Decision::Allowed);
}

#[test]
fn a_hostile_pattern_takes_no_long_time() {
    let pattern = "*a".repeat(1000);
    let text = "a".repeat(999) + "b";
    assert!(!matches(pattern.as_bytes(), text.as_bytes()));
}

/// The same by another way.
fn by_regex(pattern: &str, text: &str) -> bool {
    let mut regex = String::from("^");
    for character in pattern.chars() {
        match character {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    let regex = RegexBuilder::new(&regex).dot_matches_new_line(true).build().unwrap();
    regex.find(text).is_some_and(|found| found.range() == (0..text.len()))
}

fn statement() -> impl Strategy<Value = String> {
    let action = "\\*|kinesisvideo:(\\*|Put\\*|PutMedia|Get?edia)";
    let resource = "\\*|arn:aws:kinesisvideo:\\*:\\*:stream/(\\*|gate|g?te)/\\*";
    (any::<bool>(), any::<[bool; 2]>(), action, resource).prop_map(
        |(allow, [not_action, not_resource], action, resource)| {
            let effect = if allow { "Allow" } else { "Deny" };
            let action_name = if not_action { "NotAction" } else { "Action" };
            let resource_name = if not_resource { "NotResource" } else { "Resource" };
            format!(
                r#"{{"Effect": "{effect}", "{action_name}": "{action}", "{resource_name}": ["{resource}"]}}"#
            )
        },
    )
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        if let Ok(policy) = Policy::parse(&text) {
            policy.decide("kinesisvideo:PutMedia", GATE);
        }
    }

    #[test]
    fn any_document_of_the_right_words_is_read_without_panic(
        words in proptest::collection::vec(
            "[{}\\[\\]:,]|\"(Version|2012-10-17|Statement|Effect|Allow|Deny|Action|NotAction|Resource|Condition|Principal|\\*|a:b)\"",
            0..40,
        )
    ) {
        if let Ok(policy) = Policy::parse(&words.concat()) {
            policy.decide("a:b", GATE);
        }
    }

    #[test]
    fn wildcards_match_what_a_regular_expression_matches(
        pattern in "[ab*?\\né.]{0,12}", text in "[ab\\né.]{0,16}"
    ) {
        prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), by_regex(&pattern, &text));
    }

    #[test]
    fn one_matching_deny_is_enough_and_no_deny_ever_grants(
        statements in proptest::collection::vec(statement(), 1..6),
        at in any::<proptest::sample::Index>(),
    ) {
        let before = policy(&format!("[{}]", statements.join(","))).decide("kinesisvideo:PutMedia", GATE);
        let with = |deny: &str| {
            let mut statements = statements.clone();
            statements.insert(at.index(statements.len() + 1), deny.to_owned());
            policy(&format!("[{}]", statements.join(","))).decide("kinesisvideo:PutMedia", GATE)
        };
        let matching = r#"{"Effect": "Deny", "Action": "kinesisvideo:PutMedia", "Resource": "*"}"#;
        prop_assert_eq!(with(matching), Decision::ExplicitDeny);
        let other = r#"{"Effect": "Deny", "Action": "secretsmanager:*", "Resource": "*"}"#;
        prop_assert_eq!(with(other), before);
    }

    #[test]
    fn without_an_allow_nothing_is_allowed(
        statements in proptest::collection::vec(statement(), 1..6),
    ) {
        let denies: Vec<_> = statements.iter().map(|text| text.replace("Allow", "Deny")).collect();
        let decision = policy(&format!("[{}]", denies.join(","))).decide("kinesisvideo:PutMedia", GATE);
        prop_assert_ne!(decision, Decision::Allowed);
    }
}
