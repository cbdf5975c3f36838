//! Opens a share link for the page that plays what it shows: the one call that anybody may make without a signature, with the
//! link's secret in its body, so that it is in no request line and no log.
//!
//! Whoever tries secrets is slowed down by his address and stands in the audit log as those do whose signature does not hold.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use vigie_kvs::{ErrorKind, KvsError};

use super::{HEADERS, whole};
use crate::audit::{Audit, AuditLine, ServerAction, UnprovenCall};
use crate::db::ShareLink;
use crate::failure::{Answer, Failure};
use crate::guard::{BodyShare, Limits, Repeated, client_prefix};
use crate::http::body::{RequestBody, ResponseBody};
use crate::http::request_body::{self, Bounds};
use crate::share_links::{Opened, ShareLinks, open, share_link_resource};
use crate::time_text::rfc3339;

pub(crate) const PATH: &str = "/console/open-share-link";
/// A secret and a time.
const BODY_BYTES_MAX: usize = 1024;
/// Of one link and one address there is one line in the audit log in so long, however often the page is loaded.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Links and addresses that are remembered; beyond, all are forgotten.
const REMEMBERED_MAX: usize = 4096;

/// When a link was last noted as opened, by its id and the address.
#[derive(Default)]
pub(crate) struct OpenedLinks(Mutex<HashMap<(String, IpAddr), Duration>>);

impl OpenedLinks {
    /// Whether this time gets a line.
    fn note(&self, link_id: &str, address: IpAddr, now: Duration) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (link_id.to_owned(), client_prefix(address));
        if noted.get(&key).is_some_and(|at| now.saturating_sub(*at) < LINE_INTERVAL) {
            return false;
        }
        if noted.len() >= REMEMBERED_MAX {
            noted.clear();
        }
        noted.insert(key, now);
        true
    }
}

/// What opening needs.
pub(crate) struct Rooms<'a> {
    pub links: &'a ShareLinks,
    pub audit: &'a Audit,
    pub limits: &'a Limits,
    pub opened: &'a OpenedLinks,
}

pub(crate) async fn answer(
    rooms: Rooms<'_>,
    share: BodyShare,
    remote: SocketAddr,
    body: RequestBody,
    request_id: &str,
) -> Response<ResponseBody> {
    let process = &rooms.links.media.process;
    let opened = opened(rooms.links, share, body).await;
    let now = process.now();
    let repeated = Some(Repeated::ShareLink { address: client_prefix(remote.ip()) });
    let mut response = match opened {
        Ok((text, link)) => {
            rooms.limits.answered(repeated, false, now.mono);
            if rooms.opened.note(&link.link_id, remote.ip(), now.mono) {
                rooms.audit.write(&AuditLine {
                    time: &rfc3339(now.wall),
                    request_id: Some(request_id),
                    principal_arn: HOLDER,
                    action: ServerAction::OpenShareLink.action(),
                    resource: Some(&share_link_resource(&link)),
                    status: StatusCode::OK.as_u16(),
                    remote_address: Some(&remote.to_string()),
                    ..AuditLine::default()
                });
            }
            whole(StatusCode::OK, "application/json", text)
        }
        Err(failure) => {
            let error = failure.into_error("OpenShareLink", request_id);
            let status = match error.kind {
                ErrorKind::UnrecognizedClient => StatusCode::FORBIDDEN,
                ErrorKind::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            let call = UnprovenCall {
                action: ServerAction::OpenShareLink.action(),
                claimed_key: None,
                request_id,
                remote,
                status: status.as_u16(),
                refused: error.kind,
            };
            rooms.audit.note_unproven(rooms.links.media.streams.db.as_ref(), call, now).await;
            if error.kind.is_of_authentication()
                && let Some(held) = rooms.limits.answered(repeated, true, now.mono)
            {
                rooms.links.media.metrics.held_back_answers.inc();
                let mut stopped = process.stopping();
                tokio::select! {
                    biased;
                    () = stopped.wait() => {}
                    () = process.sleep(held.delay) => {}
                }
            }
            whole(status, "text/plain", error.message)
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Who opens a link is known by nothing but having it.
const HOLDER: &str = "vigie:share-link";

async fn opened(
    links: &ShareLinks,
    mut share: BodyShare,
    body: RequestBody,
) -> Answer<(Vec<u8>, ShareLink)> {
    let unreadable = || {
        let message = "the request is not {\"Link\": …} with a StartTimestamp at most";
        KvsError::new(ErrorKind::InvalidArgument, message)
    };
    let bounds = Bounds {
        size_bytes_max: BODY_BYTES_MAX,
        too_large: unreadable(),
        unreadable: ErrorKind::InvalidArgument,
    };
    let body = request_body::read(&links.media.process, bounds, &mut share, body).await?;
    let asked = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    let (opened, link): (Opened, _) = open(links, asked).await?;
    let text = serde_json::to_vec(&opened).map_err(|_| {
        Failure::Internal("what a link shows could not be written as JSON".to_owned())
    })?;
    Ok((text, link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_opened_again_and_again_has_a_line_a_minute_for_each_address() {
        let opened = OpenedLinks::default();
        let at = Duration::from_secs;
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        assert!(opened.note("a", one, at(5)));
        assert!(!opened.note("a", one, at(64)));
        assert!(opened.note("a", other, at(6)) && opened.note("b", one, at(6)));
        assert!(opened.note("a", one, at(65)));
    }
}
