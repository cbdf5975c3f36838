//! `TestCamera` (Vigie's own): has a hub try a camera's address, and shows what comes of it.
//!
//! The address goes to the hub and nowhere else: not to the log, not to the audit log, not to the database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use vigie_kvs::shapes::edge::JobStatus;
use vigie_kvs::shapes::hub_request::{
    HubRequest, TestCameraInput, TestCameraOutput, TestedCamera, TestedTrack, TestedTrackType,
};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::{Track, TrackKind, VideoSettings};

use super::Call;
use crate::failure::Answer;
use crate::hubs::{Hubs, ask};
use crate::images;

/// For the secret, the camera and the way back; the hub itself gives a camera ten seconds. With the time for taking the
/// request and for the picture, a call stays below the minute that the SDKs wait for an answer.
const TIMEOUT_SECONDS: u32 = 30;

pub(crate) async fn test_camera(
    hubs: &Hubs,
    call: &Call,
    input: TestCameraInput,
) -> Answer<TestCameraOutput> {
    call.authorize(&input.hub_device_arn)?;
    let request = HubRequest {
        timeout_seconds: TIMEOUT_SECONDS,
        test_camera: Some(input.address()?),
        ..HubRequest::default()
    };
    let answer = ask(hubs, call, &input.hub_device_arn, request).await?;
    let tested = answer.test_camera.ok_or_else(|| {
        let message = "the hub answered another question; update its agent or this server";
        KvsError::new(ErrorKind::HubRequestFailed, message)
    })?;
    let TestedCamera { job_status, job_status_details, steps, mut tracks, key_frame } = tested;
    let mut output = TestCameraOutput {
        connected: job_status == JobStatus::Success,
        job_status,
        job_status_details,
        steps,
        tracks: Vec::new(),
        image_content: None,
        image_error: None,
    };
    let video = tracks.iter().find(|track| track.track_type == TestedTrackType::Video);
    if let (Some(video), Some(key_frame)) = (video, key_frame) {
        match images::picture(hubs.images.as_ref(), &track_of(video), Bytes::from(key_frame)).await
        {
            Ok(jpeg) => output.image_content = Some(STANDARD.encode(jpeg)),
            Err(reason) => output.image_error = Some(reason.to_owned()),
        }
    }
    for track in &mut tracks {
        track.codec_private_data = None;
    }
    Ok(TestCameraOutput { tracks, ..output })
}

fn track_of(video: &TestedTrack) -> Track {
    let pixels = |side: Option<i32>| side.and_then(|side| u32::try_from(side).ok()).unwrap_or(0);
    Track {
        number: 1,
        kind: TrackKind::Video,
        name: String::new(),
        codec_id: video.codec_id.clone(),
        codec_private: Bytes::from(video.codec_private_data.clone().unwrap_or_default()),
        video: Some(VideoSettings {
            width_pixels: pixels(video.width_pixels),
            height_pixels: pixels(video.height_pixels),
        }),
        audio: None,
    }
}
