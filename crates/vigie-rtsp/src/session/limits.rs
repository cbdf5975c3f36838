//! How much of anything a camera may send, and how long it may take. A hostile camera costs at most the sum of the bytes
//! here, some 450 KiB.

use std::time::Duration;

/// Of the head of one message. Answers of real cameras stay below 2 KiB; many challenges and cookies below 8.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Header lines of one message; further ones are passed over.
pub(crate) const HEADERS_MAX: usize = 64;
/// Of a session description. The longest seen have 6 KiB; parameter sets of 4K cameras with HDR a few more.
pub(crate) const SDP_BYTES_MAX: usize = 64 * 1024;
/// Of a body that is passed over unread (a notice, an error page): it costs no memory, but time.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// `m=` lines that are looked at; cameras have up to 5.
pub(crate) const MEDIA_MAX: usize = 16;
/// Payload types of one `m=` line that are looked at.
pub(crate) const FORMATS_MAX: usize = 16;
/// Parameters of one `fmtp` line; AAC has 10.
pub(crate) const FMTP_PARAMETERS_MAX: usize = 64;
/// Of a URI that is sent back to the camera.
pub(crate) const URI_BYTES_MAX: usize = 2048;
/// Of a session identifier; RFC 2326 section 3.4 asks for 8 at least.
pub(crate) const SESSION_ID_BYTES_MAX: usize = 256;
/// Bytes in a row that belong to no message: more than one whole interleaved frame whose start was lost.
pub(crate) const JUNK_BYTES_MAX: usize = 256 * 1024;
/// The same before the first answer: it is some other program that talks.
pub(crate) const FIRST_JUNK_BYTES_MAX: usize = 4 * 1024;
/// Packets that come before the answer to PLAY are kept for it: half a second at 4 Mbit/s. With more, the media is
/// there whatever the answer will be.
pub(crate) const EARLY_BYTES_MAX: usize = 256 * 1024;
/// Packets among them.
pub(crate) const EARLY_PACKETS_MAX: usize = 512;
/// Redirections of one session.
pub(crate) const REDIRECTS_MAX: u8 = 3;
/// Connections of one session beside its first: after redirections, challenges, and media left out.
pub(crate) const RECONNECTS_MAX: u8 = 5;
/// Times that one request is sent with credentials: once, and once more with a newer nonce. Cameras lock accounts.
pub(crate) const CREDENTIALS_PER_REQUEST_MAX: u8 = 2;
/// Challenges of one 401 that are looked at.
pub(crate) const CHALLENGES_MAX: usize = 8;
pub(crate) const CHALLENGE_PARAMETERS_MAX: usize = 32;
/// 1xx answers to one request.
pub(crate) const PROVISIONAL_ANSWERS_MAX: u8 = 8;
/// Requests from the camera that are answered between two keep-alives; real cameras send one at most.
pub(crate) const CAMERA_REQUESTS_MAX: u8 = 32;

/// To answer a request. Cameras on loaded processors were seen to take 4 s for DESCRIBE.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// To answer what the session can do without: OPTIONS, and SETUP and PLAY of anything but the video.
pub(crate) const SPARE_ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// An answer with another request's CSeq waits so long for a better one.
pub(crate) const DOUBTFUL_FOR: Duration = Duration::from_secs(2);
/// A session description whose length is not said has ended when nothing more came for so long.
pub(crate) const SDP_QUIET: Duration = Duration::from_secs(2);
/// What a session lives without a word when the camera says nothing usable (RFC 2326 section 12.37).
pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(60);
/// Between keep-alives: half of the session's timeout, between these bounds.
pub(crate) const KEEP_ALIVE_MIN: Duration = Duration::from_secs(1);
/// See [`KEEP_ALIVE_MIN`].
pub(crate) const KEEP_ALIVE_MAX: Duration = Duration::from_secs(30);
