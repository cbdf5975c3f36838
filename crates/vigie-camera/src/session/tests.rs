//! RTSP dialogues, request by request.
