//! Holds our cron against answers measured from Quartz itself (`fixtures/quartz_corpus.jsonl`).
//!
//! The rule: an expression that Quartz refuses, or accepts although it is outside the documented grammar (`junk`), is
//! refused; otherwise the fire times are the documented ones (`definition`) where they differ from Quartz's code, else
//! Quartz's. `end` says what follows the last of them: nothing (`END`) or more (`FULL`).

use jiff::tz::TimeZone;
use serde::Deserialize;
use vigie_engine::cron::CronExpression;
use vigie_media::Timestamp;

#[derive(Deserialize)]
struct Case {
    id: u32,
    expr: String,
    tz: String,
    from: i64,
    n: usize,
    valid: bool,
    #[serde(default)]
    junk: bool,
    #[serde(default)]
    fires: Vec<i64>,
    definition: Option<Vec<i64>>,
    end: Option<String>,
}

impl Case {
    /// What is wrong with our answer, if anything.
    fn complaint(&self) -> Option<String> {
        let cron = match (self.valid && !self.junk, CronExpression::parse(&self.expr)) {
            (true, Ok(cron)) => cron,
            (true, Err(error)) => return Some(format!("refused: {error} at {}", error.position)),
            (false, Ok(_)) => return Some("accepted".to_owned()),
            (false, Err(error)) => {
                let is_helpful = error.position <= self.expr.len() && !error.message.is_empty();
                return (!is_helpful).then(|| format!("unhelpful: {error:?}"));
            }
        };
        let zone = match TimeZone::get(&self.tz) {
            Ok(zone) => zone,
            Err(error) => return Some(format!("unknown zone: {error}")),
        };
        let expected = self.definition.as_ref().unwrap_or(&self.fires);
        let (fires, ended) = fires(&cron, self.from, self.n, &zone);
        if fires != *expected {
            return Some(format!("fires {fires:?}, expected {expected:?}"));
        }
        // With a definition of its own, `end` still speaks of Quartz's code.
        let expect_ended = self.definition.is_none() && self.end.as_deref() == Some("END");
        (expect_ended && !ended).then(|| "goes on after the end".to_owned())
    }
}

fn fires(cron: &CronExpression, from: i64, count: usize, zone: &TimeZone) -> (Vec<i64>, bool) {
    let mut fires = Vec::new();
    let mut after = Timestamp::from_millis(from);
    while fires.len() < count {
        match cron.next_valid_time_after(after, zone) {
            Some(next) => {
                fires.push(next.as_millis());
                after = next;
            }
            None => return (fires, true),
        }
    }
    (fires, false)
}

#[test]
fn every_case_of_the_quartz_corpus_agrees() {
    let corpus = include_str!("../fixtures/quartz_corpus.jsonl");
    let cases: Vec<Case> = corpus.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(cases.len(), 4894);
    let complaints: Vec<_> = cases
        .iter()
        .filter_map(|case| {
            let complaint = case.complaint()?;
            Some(format!(
                "#{} {:?} in {} from {}: {complaint}",
                case.id, case.expr, case.tz, case.from
            ))
        })
        .collect();
    assert!(
        complaints.is_empty(),
        "{} of {}:\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n")
    );
}
