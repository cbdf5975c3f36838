//! What keeps a session that plays alive (RFC 2326 sections 10.8 and 12.37): when, and by which request.
//!
//! GET_PARAMETER where the camera names it in `Public`, OPTIONS otherwise. One that is refused is not sent again; when all
//! are, the connection itself and RTCP are what is left.

use std::time::Duration;

use super::limits::{KEEP_ALIVE_MAX, KEEP_ALIVE_MIN, SESSION_TIMEOUT};
use super::message::{Head, Method, leading_number};

/// Requests that keep a session alive, as the camera was seen to take them.
#[derive(Debug, Default)]
pub(crate) struct KeepAlive {
    names_get_parameter: bool,
    names_set_parameter: bool,
    refused: Vec<Method>,
    /// Not answered the last time: others come first.
    unanswered: Vec<Method>,
    timeout: Option<Duration>,
    next_at: Option<Duration>,
}

impl KeepAlive {
    /// Reads `Public` of an answer (`Allow`, where a camera mistakes them).
    pub(crate) fn read_public(&mut self, head: &Head) {
        for value in head.headers("public").chain(head.headers("allow")) {
            for word in value.split([',', ' ', ';']).map(str::trim) {
                self.names_get_parameter |= word.eq_ignore_ascii_case("GET_PARAMETER");
                self.names_set_parameter |= word.eq_ignore_ascii_case("SET_PARAMETER");
            }
        }
    }

    /// Takes the `timeout` of a `Session` header; `false` when it is there and not usable.
    pub(crate) fn read_timeout(&mut self, value: &str) -> bool {
        let seconds = leading_number(value.trim_start_matches([' ', '"'])).filter(|&s| s > 0);
        if let Some(seconds) = seconds {
            self.timeout = Some(Duration::from_secs(seconds.into()));
        }
        seconds.is_some()
    }

    /// Half of the session's timeout, within bounds.
    pub(crate) fn interval(&self) -> Duration {
        let timeout = self.timeout.unwrap_or(SESSION_TIMEOUT);
        (timeout / 2).clamp(KEEP_ALIVE_MIN, KEEP_ALIVE_MAX)
    }

    /// Begins, or goes on, from now.
    pub(crate) fn wait(&mut self, now: Duration) {
        self.next_at = Some(now + self.interval());
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.next_at
    }

    /// What to send; `None` when the camera takes nothing.
    pub(crate) fn method(&self) -> Option<Method> {
        let get_parameter = self.names_get_parameter.then_some(Method::GetParameter);
        let set_parameter = self.names_set_parameter.then_some(Method::SetParameter);
        let methods =
            [get_parameter, Some(Method::Options), set_parameter, Some(Method::GetParameter)];
        let mut methods = methods.into_iter().flatten().filter(|m| !self.refused.contains(m));
        let first = methods.clone().next();
        methods.find(|method| !self.unanswered.contains(method)).or(first)
    }

    /// The camera did not answer it. When it answers none, all are sent again in turn.
    pub(crate) fn pass(&mut self, method: Method) {
        self.unanswered.push(method);
        if self.method().is_none_or(|next| self.unanswered.contains(&next)) {
            self.unanswered.clear();
        }
    }

    /// The camera does not take it.
    pub(crate) fn refuse(&mut self, method: Method) {
        if !self.refused.contains(&method) {
            self.refused.push(method);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tally::Tally;

    fn public(text: &str) -> KeepAlive {
        let mut keep_alive = KeepAlive::default();
        let head = format!("RTSP/1.0 200 OK\r\n{text}\r\n");
        keep_alive.read_public(&Head::parse(head.as_bytes(), &mut Tally::default()));
        keep_alive
    }

    #[test]
    fn the_request_is_one_that_the_camera_names_and_has_not_refused() {
        let order = |text| {
            let mut keep_alive = public(text);
            std::iter::from_fn(move || {
                let method = keep_alive.method()?;
                keep_alive.refuse(method);
                Some(method.as_str())
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(order(""), ["OPTIONS", "GET_PARAMETER"]);
        assert_eq!(order("Public: OPTIONS, get_parameter"), ["GET_PARAMETER", "OPTIONS"]);
        assert_eq!(order("Allow: SET_PARAMETER"), ["OPTIONS", "SET_PARAMETER", "GET_PARAMETER"]);
    }

    #[test]
    fn requests_that_are_not_answered_are_sent_in_turn() {
        let mut keep_alive = public("Public: GET_PARAMETER");
        let mut sent = Vec::new();
        for _ in 0..4 {
            let method = keep_alive.method().unwrap();
            sent.push(method.as_str());
            keep_alive.pass(method);
        }
        assert_eq!(sent, ["GET_PARAMETER", "OPTIONS", "GET_PARAMETER", "OPTIONS"]);
        keep_alive.refuse(Method::Options);
        keep_alive.pass(Method::GetParameter);
        assert_eq!(keep_alive.method(), Some(Method::GetParameter));
    }

    #[test]
    fn it_is_sent_at_half_of_the_timeout_and_at_least_each_30_seconds() {
        let interval = |text| {
            let mut keep_alive = KeepAlive::default();
            (keep_alive.read_timeout(text), keep_alive.interval().as_millis())
        };
        assert_eq!(interval("60"), (true, 30_000));
        assert_eq!(interval("10"), (true, 5_000));
        assert_eq!(interval(" 15s"), (true, 7_500));
        assert_eq!(interval("1"), (true, 1_000));
        assert_eq!(interval("60000"), (true, 30_000));
        assert_eq!(interval("0"), (false, 30_000));
        assert_eq!(interval("-5"), (false, 30_000));
        assert_eq!(interval("x"), (false, 30_000));
        assert_eq!(interval("99999999999"), (false, 30_000));
    }
}
