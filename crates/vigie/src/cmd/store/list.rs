//! `vigie store list`: what lies in the media store of a server or a hub, whether it runs or not.

use serde::Serialize;
use vigie_media::Timestamp;
use vigie_store::{MediaFile, MediaFileState, StoreError, StoreReader, StreamTotals};

use super::folder::Folder;
use crate::cli::StoreListOptions;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::zone;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StreamLine {
    stream: String,
    media_file_count: u64,
    fragment_count: u64,
    size_bytes: u64,
    uploaded_count: u64,
    not_uploaded_size_bytes: u64,
    /// RFC 3339, UTC; absent when there is no media.
    oldest_media: Option<String>,
    newest_media: Option<String>,
    media_files: Vec<MediaFileLine>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MediaFileLine {
    path: String,
    state: &'static str,
    fragment_count: u64,
    size_bytes: u64,
    uploaded_count: u64,
    starts_at: Option<String>,
    ends_at: Option<String>,
}

pub fn list(options: &StoreListOptions) -> Result<(), Failure> {
    let folder = Folder::new(&options.data_dir);
    let reader = folder.reader()?;
    let keys = match &options.stream {
        Some(wanted) => vec![folder.find_stream(&reader, wanted)?],
        None => reader.stream_keys().doing(folder.reading())?,
    };
    let streams: Result<Vec<StreamLine>, StoreError> =
        keys.into_iter().map(|key| stream_line(&reader, key)).collect();
    let streams = streams.doing(folder.reading())?;
    if options.json {
        return output::json(&streams);
    }
    // All streams: one line each. One stream: its media files.
    match &options.stream {
        None => print_streams(&streams),
        Some(_) => streams.iter().try_for_each(|stream| print_media_files(&stream.media_files)),
    }
}

fn stream_line(reader: &StoreReader, key: String) -> Result<StreamLine, StoreError> {
    let StreamTotals {
        media_file_count,
        size_bytes,
        fragment_count,
        not_uploaded_count,
        not_uploaded_size_bytes,
        oldest_producer_timestamp,
        newest_producer_timestamp,
    } = reader.totals(&key)?;
    let media_files = reader.media_files(&key)?.into_iter().map(media_file_line).collect();
    Ok(StreamLine {
        stream: key,
        media_file_count,
        fragment_count,
        size_bytes,
        uploaded_count: fragment_count.saturating_sub(not_uploaded_count),
        not_uploaded_size_bytes,
        oldest_media: oldest_producer_timestamp.map(zone::utc_text),
        newest_media: newest_producer_timestamp.map(zone::utc_text),
        media_files,
    })
}

fn media_file_line(file: MediaFile) -> MediaFileLine {
    let time = |time: Option<Timestamp>| time.map(zone::utc_text);
    MediaFileLine {
        path: file.place.path.display().to_string(),
        state: match file.state {
            MediaFileState::Open => "open",
            MediaFileState::Sealed => "sealed",
            MediaFileState::Abandoned => "abandoned",
        },
        fragment_count: file.fragment_count,
        size_bytes: file.size_bytes,
        uploaded_count: file.fragment_count.saturating_sub(file.not_uploaded_count),
        starts_at: time(file.span.as_ref().map(|span| span.producer_min)),
        ends_at: time(file.span.as_ref().map(|span| span.producer_until)),
    }
}

fn print_streams(streams: &[StreamLine]) -> Result<(), Failure> {
    let rows: Vec<_> = streams
        .iter()
        .map(|stream| {
            [
                stream.stream.clone(),
                stream.media_file_count.to_string(),
                stream.fragment_count.to_string(),
                output::size_text(stream.size_bytes),
                stream.uploaded_count.to_string(),
                stream.oldest_media.clone().unwrap_or_default(),
                stream.newest_media.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(
        ["STREAM", "FILES", "FRAGMENTS", "SIZE", "UPLOADED", "OLDEST MEDIA", "NEWEST MEDIA"],
        &rows,
    )
}

fn print_media_files(files: &[MediaFileLine]) -> Result<(), Failure> {
    let rows: Vec<_> = files
        .iter()
        .map(|file| {
            [
                file.path.clone(),
                file.state.to_owned(),
                file.fragment_count.to_string(),
                output::size_text(file.size_bytes),
                file.uploaded_count.to_string(),
                file.starts_at.clone().unwrap_or_default(),
                file.ends_at.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output::table(
        ["MEDIA FILE", "STATE", "FRAGMENTS", "SIZE", "UPLOADED", "STARTS AT", "ENDS AT"],
        &rows,
    )
}
