//! Session descriptions (RFC 4566, RFC 2326 appendix C): the media of a camera and how each is coded.
//!
//! What cannot be read is passed over, line by line. Decides nothing about what is recorded.

use super::limits::{FMTP_PARAMETERS_MAX, FORMATS_MAX, MEDIA_MAX};
use super::tally::Tally;
use crate::Deviation;
use crate::format::{MediaFormat, MediaKind};

/// Which way a medium flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `a=sendrecv`, or nothing said.
    Both,
    /// `a=recvonly`.
    ReceiveOnly,
    /// `a=sendonly`.
    SendOnly,
    /// `a=inactive`.
    Inactive,
}

/// What a camera offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Description {
    /// The session's `a=control`.
    pub(crate) control: Option<String>,
    pub(crate) media: Vec<Medium>,
    /// It has more media than are looked at.
    pub(crate) has_more: bool,
}

/// One `m=` line of a session description with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// What it is; `None` for kinds that are never recorded, such as `m=image`.
    pub kind: Option<MediaKind>,
    /// The word behind `m=`, in lower case.
    pub name: String,
    /// Its payload types in the camera's order.
    pub formats: Vec<MediaFormat>,
    /// Which way it flows, as written.
    pub direction: Direction,
    /// SRTP, which is not supported.
    pub is_encrypted: bool,
    /// `a=control`, as sent.
    pub(crate) control: Option<String>,
}

/// The attributes of a medium until all of them are read.
struct Reading {
    medium: Medium,
    direction: Option<Direction>,
    /// Of each payload type, in order: they may stand before or behind what they belong to.
    rtpmaps: Vec<(u8, String)>,
    fmtps: Vec<(u8, String)>,
    payload_types: Vec<u8>,
}

impl Description {
    /// Reads a description.
    pub(crate) fn parse(text: &[u8], tally: &mut Tally) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut description = Self::default();
        let mut session_direction = None;
        let mut reading: Option<Reading> = None;
        let mut media_seen = 0;
        for line in text.split(['\r', '\n', '\0']).map(str::trim).filter(|line| !line.is_empty()) {
            let Some((field, value)) = line.split_once('=') else {
                tally.add(Deviation::SdpLine);
                continue;
            };
            match field.trim() {
                "m" => {
                    description.media.extend(reading.take().map(|r| r.finish(session_direction)));
                    media_seen += 1;
                    if media_seen > MEDIA_MAX {
                        tally.add(Deviation::SdpLine);
                        description.has_more = true;
                        break;
                    }
                    reading = Some(Reading::begin(value));
                }
                "a" => {
                    let (name, value) = value.split_once(':').unwrap_or((value, ""));
                    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
                    match &mut reading {
                        Some(reading) => reading.attribute(&name, value, tally),
                        None if name == "control" => description.control = Some(value.to_owned()),
                        None => session_direction = direction(&name).or(session_direction),
                    }
                }
                field if field.len() == 1 => {}
                _ => tally.add(Deviation::SdpLine),
            }
        }
        description.media.extend(reading.take().map(|r| r.finish(session_direction)));
        description
    }
}

impl Reading {
    fn begin(value: &str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let name = words.next().unwrap_or_default().to_ascii_lowercase();
        let kind = match name.as_str() {
            "video" => Some(MediaKind::Video),
            "audio" => Some(MediaKind::Audio),
            "application" => Some(MediaKind::Application),
            _ => None,
        };
        let protocol = words.nth(1).unwrap_or_default().to_ascii_uppercase();
        let mut payload_types: Vec<u8> = Vec::new();
        for payload_type in words.filter_map(|word| word.parse().ok()).filter(|n| *n < 128) {
            if payload_types.len() < FORMATS_MAX && !payload_types.contains(&payload_type) {
                payload_types.push(payload_type);
            }
        }
        let medium = Medium {
            kind,
            name,
            formats: Vec::new(),
            direction: Direction::Both,
            is_encrypted: protocol.contains("SAVP"),
            control: None,
        };
        Self { medium, direction: None, rtpmaps: Vec::new(), fmtps: Vec::new(), payload_types }
    }

    fn attribute(&mut self, name: &str, value: &str, tally: &mut Tally) {
        match name {
            "control" => self.medium.control = Some(value.to_owned()),
            "rtpmap" | "fmtp" => {
                let into = if name == "rtpmap" { &mut self.rtpmaps } else { &mut self.fmtps };
                let (number, text) =
                    value.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((value, ""));
                match number.parse() {
                    Ok(number) if into.len() < FORMATS_MAX => {
                        into.push((number, text.trim().to_owned()));
                    }
                    _ => tally.add(Deviation::SdpLine),
                }
            }
            _ => self.direction = direction(name).or(self.direction),
        }
    }

    fn finish(self, session_direction: Option<Direction>) -> Medium {
        let Self { mut medium, direction, rtpmaps, fmtps, payload_types } = self;
        medium.direction = direction.or(session_direction).unwrap_or(Direction::Both);
        let Some(kind) = medium.kind.or(Some(MediaKind::Video)) else { return medium };
        let find = |of: &[(u8, String)], wanted: u8| {
            of.iter().find(|(number, _)| *number == wanted).map(|(_, text)| text.clone())
        };
        medium.formats = payload_types
            .into_iter()
            .map(|payload_type| {
                let rtpmap = find(&rtpmaps, payload_type);
                let rtpmap = rtpmap.as_deref().or(static_rtpmap(payload_type)).unwrap_or_default();
                let mut parts = rtpmap.split('/').map(str::trim);
                MediaFormat {
                    kind,
                    payload_type,
                    encoding: parts.next().unwrap_or_default().to_ascii_lowercase(),
                    clock_rate_hz: parts.next().and_then(|rate| rate.parse().ok()).unwrap_or(0),
                    channels: parts.next().and_then(|channels| channels.parse().ok()),
                    fmtp: parameters(&find(&fmtps, payload_type).unwrap_or_default()),
                }
            })
            .collect();
        medium
    }
}

fn direction(name: &str) -> Option<Direction> {
    match name {
        "sendrecv" => Some(Direction::Both),
        "recvonly" => Some(Direction::ReceiveOnly),
        "sendonly" => Some(Direction::SendOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// `key=value` pairs between semicolons; values may hold `=`, as base64 does.
fn parameters(text: &str) -> Vec<(String, String)> {
    text.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .take(FMTP_PARAMETERS_MAX)
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (key.trim().to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect()
}

/// Payload types that need no `rtpmap` (RFC 3551 section 6): two that are recorded, and others to name what is not.
fn static_rtpmap(payload_type: u8) -> Option<&'static str> {
    Some(match payload_type {
        0 => "PCMU/8000/1",
        3 => "GSM/8000/1",
        4 => "G723/8000/1",
        5 | 6 => "DVI4/8000/1",
        8 => "PCMA/8000/1",
        9 => "G722/8000/1",
        10 | 11 => "L16/44100",
        14 => "MPA/90000",
        15 => "G728/8000/1",
        18 => "G729/8000/1",
        26 => "JPEG/90000",
        31 => "H261/90000",
        32 => "MPV/90000",
        33 => "MP2T/90000",
        34 => "H263/90000",
        _ => return None,
    })
}
