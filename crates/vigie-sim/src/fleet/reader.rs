//! A consumer that follows a stream with GetMedia at any instance, and goes on where an answer ended, as players do.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;
use vigie_kvs::FragmentNumber;
use vigie_kvs::operation;

use super::Shared;
use crate::server::media_key;

/// How GetMedia names the fragment that it has just sent.
const NUMBER_TAG: &str = "AWS_KINESISVIDEO_CONTINUATION_TOKEN";

/// As long as the world goes on.
pub(super) async fn run(shared: Shared, stream: String) {
    let key = media_key(&stream);
    let mut last: Option<String> = None;
    loop {
        shared.pause(Duration::from_millis(2_000)).await;
        let Some(client) = shared.client() else { continue };
        let selector = match &last {
            None => json!({ "StartSelectorType": "EARLIEST" }),
            Some(number) => json!({
                "StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": number,
            }),
        };
        let input = json!({ "StreamARN": stream, "StartSelector": selector });
        let Ok(mut answer) = client.stream(&operation::GET_MEDIA, &input).await else { continue };
        while let Some(Ok(frame)) = answer.frame().await {
            let Some(number) = frame.data_ref().and_then(|piece| number_behind(piece)) else {
                continue;
            };
            if let Ok(parsed) = number.parse::<FragmentNumber>() {
                shared.seen().read.entry(key.clone()).or_default().push(parsed.sequence());
                last = Some(number);
            }
        }
    }
}

/// The number in the tag that stands behind a fragment, which comes as one piece: without it the fragment is not whole.
fn number_behind(piece: &[u8]) -> Option<String> {
    let at = piece.windows(NUMBER_TAG.len()).position(|name| name == NUMBER_TAG.as_bytes())?;
    // The value follows the name with its id and a size of one byte.
    let [0x44, 0x87, size, value @ ..] = piece.get(at + NUMBER_TAG.len()..)? else { return None };
    let value = value.get(..usize::from(size & 0x7F))?;
    String::from_utf8(value.to_vec()).ok()
}
