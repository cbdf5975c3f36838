//! What people call a codec, for the sentence that says that it is not carried. Never decides what is carried.

/// The common name of a Matroska `CodecID`, or what stands behind its kind.
pub fn of_codec_id(codec_id: &str) -> String {
    let name = match codec_id {
        "A_AC3" | "A_AC3/BSID9" | "A_AC3/BSID10" => "ac-3",
        "A_EAC3" => "e-ac-3",
        "A_MPEG/L3" => "mp3",
        "A_MPEG/L2" => "mp2",
        "A_FLAC" => "flac",
        "A_VORBIS" => "vorbis",
        "A_OPUS" => "opus",
        "A_ALAC" => "alac",
        "A_MS/ACM" => "acm",
        "A_TRUEHD" => "truehd",
        "V_MJPEG" => "MJPEG",
        "V_MPEG1" => "MPEG-1",
        "V_MPEG2" => "MPEG-2",
        "V_MPEG4/ISO/AVC" => "H.264",
        "V_MPEGH/ISO/HEVC" => "H.265",
        "V_VP8" => "VP8",
        "V_VP9" => "VP9",
        "V_AV1" => "AV1",
        id if id.starts_with("A_PCM/") => "pcm",
        id if id.starts_with("A_DTS") => "dts",
        id if id.starts_with("A_AAC") => "aac",
        id if id.starts_with("V_MPEG4/") => "MPEG-4",
        id => id.strip_prefix("A_").or_else(|| id.strip_prefix("V_")).unwrap_or(id),
    };
    name.to_owned()
}

/// The common name of a sample entry of MP4 or QuickTime, or its four characters.
pub fn of_sample_entry(kind: [u8; 4]) -> String {
    let name = match &kind {
        b"ac-3" => "ac-3",
        b"ec-3" => "e-ac-3",
        b"sowt" | b"twos" | b"in24" | b"in32" | b"fl32" | b"fl64" | b"lpcm" | b"ipcm" | b"fpcm"
        | b"raw " | b"NONE" => "pcm",
        b".mp3" | b"ms\0U" => "mp3",
        b"fLaC" => "flac",
        b"Opus" => "opus",
        b"alac" => "alac",
        b"dtsc" | b"dtse" | b"dtsh" | b"dtsl" => "dts",
        b"samr" | b"sawb" => "amr",
        b"mp4a" => "aac",
        b"jpeg" | b"mjpa" | b"mjpb" | b"mjpg" => "MJPEG",
        b"avc1" | b"avc3" => "H.264",
        b"hvc1" | b"hev1" => "H.265",
        b"mp4v" => "MPEG-4",
        b"vp08" => "VP8",
        b"vp09" => "VP9",
        b"av01" => "AV1",
        _ => return String::from_utf8_lossy(&kind).trim().to_owned(),
    };
    name.to_owned()
}

/// The common name of an `objectTypeIndication` (ISO/IEC 14496-1 table 5, and the list at mp4ra.org).
pub fn of_object_type(object_type: u8) -> String {
    let name = match object_type {
        0x20 => "MPEG-4",
        0x40 | 0x66..=0x68 => "aac",
        0x60..=0x65 => "MPEG-2",
        0x69 | 0x6B => "mp3",
        0x6A => "MPEG-1",
        0x6C => "MJPEG",
        0xA5 => "ac-3",
        0xA6 => "e-ac-3",
        0xA9 => "dts",
        0xAD => "opus",
        0xDD => "vorbis",
        other => return format!("mp4a-{other:02x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_called_what_people_call_them() {
        assert_eq!(of_codec_id("A_AC3"), "ac-3");
        assert_eq!(of_codec_id("A_PCM/INT/LIT"), "pcm");
        assert_eq!(of_codec_id("V_MJPEG"), "MJPEG");
        assert_eq!(of_codec_id("A_QUICKTIME/QDM2"), "QUICKTIME/QDM2");
        assert_eq!(of_sample_entry(*b"sowt"), "pcm");
        assert_eq!(of_sample_entry(*b"jpeg"), "MJPEG");
        assert_eq!(of_sample_entry(*b"tmcd"), "tmcd");
        assert_eq!(of_object_type(0x6B), "mp3");
        assert_eq!(of_object_type(0x01), "mp4a-01");
    }
}
