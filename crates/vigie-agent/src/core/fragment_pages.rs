//! The pages of ListFragments, in which the service says what it has of a stream: what is asked next, and when all was said.

use vigie_kvs::shapes::archived_media::{
    Fragment, FragmentSelector, FragmentSelectorType, ListFragmentsInput, ListFragmentsOutput,
    TimestampRange,
};
use vigie_media::Timestamp;

use super::CallFailure;

/// The fragments of a page, the most there are.
const PAGE_FRAGMENTS: i64 = 1000;
/// Pages of a list, so that a service that never comes to an end is left.
const PAGES_MAX: usize = 10_000;

/// A list by producer timestamps, of which some pages are known.
#[derive(Debug)]
pub struct FragmentPages {
    /// What is asked next; `None` when nothing is left.
    input: Option<ListFragmentsInput>,
    page_count: usize,
    fragments: Vec<Fragment>,
}

impl FragmentPages {
    /// None is known yet.
    pub fn new(stream_arn: &str, from: Timestamp, until: Timestamp) -> Self {
        let timestamp_range = TimestampRange { start_timestamp: from, end_timestamp: until };
        let input = ListFragmentsInput {
            stream_arn: Some(stream_arn.to_owned()),
            max_results: Some(PAGE_FRAGMENTS),
            fragment_selector: Some(FragmentSelector {
                fragment_selector_type: FragmentSelectorType::ProducerTimestamp,
                timestamp_range,
            }),
            ..Default::default()
        };
        Self { input: Some(input), page_count: 0, fragments: Vec::new() }
    }

    /// The call that is to be made next; `None` when the list is whole.
    pub fn next_call(&self) -> Option<&ListFragmentsInput> {
        self.input.as_ref()
    }

    /// Takes what that call answered.
    ///
    /// # Errors
    ///
    /// A list that comes to no end.
    pub fn take(&mut self, page: ListFragmentsOutput) -> Result<(), CallFailure> {
        self.page_count += 1;
        self.fragments.extend(page.fragments);
        match (page.next_token, &mut self.input) {
            (Some(_), _) if self.page_count == PAGES_MAX => Err(CallFailure::UnreadableAnswer),
            (Some(token), Some(input)) => {
                input.next_token = Some(token);
                Ok(())
            }
            _ => {
                self.input = None;
                Ok(())
            }
        }
    }

    /// What the list says so far.
    pub fn into_fragments(self) -> Vec<Fragment> {
        self.fragments
    }
}

#[cfg(test)]
mod tests {
    use vigie_kvs::FragmentNumber;

    use super::*;

    fn page(next_token: Option<&str>) -> ListFragmentsOutput {
        let at = Timestamp::from_millis(1);
        let fragments = vec![Fragment {
            fragment_number: FragmentNumber::new(1, at, 0),
            fragment_size_in_bytes: 1000,
            producer_timestamp: at,
            server_timestamp: at,
            fragment_length_in_milliseconds: 2000,
        }];
        ListFragmentsOutput { fragments, next_token: next_token.map(str::to_owned) }
    }

    fn pages() -> FragmentPages {
        FragmentPages::new("arn:gate", Timestamp::from_millis(1), Timestamp::from_millis(2))
    }

    #[test]
    fn each_page_is_asked_for_by_the_token_of_the_one_before_until_there_is_none() {
        let mut pages = pages();
        let mut asked = Vec::new();
        for token in [Some("a"), Some("b"), None] {
            let input = pages.next_call().unwrap();
            assert_eq!(input.stream_arn.as_deref(), Some("arn:gate"));
            asked.push(input.next_token.clone());
            pages.take(page(token)).unwrap();
        }
        assert_eq!(asked, [None, Some("a".to_owned()), Some("b".to_owned())]);
        assert!(pages.next_call().is_none());
        assert_eq!(pages.into_fragments().len(), 3);
    }

    #[test]
    fn a_list_that_comes_to_no_end_is_left() {
        let mut pages = pages();
        for _ in 1..PAGES_MAX {
            pages.take(page(Some("again"))).unwrap();
        }
        assert_eq!(pages.take(page(Some("again"))), Err(CallFailure::UnreadableAnswer));
        assert_eq!(pages.fragments.len(), PAGES_MAX);
    }
}
