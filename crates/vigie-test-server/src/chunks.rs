//! What GetMedia answers with, cut into its fragments.

use vigie_media::matroska::{Event, FragmentReader, Limits};

/// The fragments of a GetMedia answer: leading tags, producer's bytes, trailing tags.
pub struct Chunk {
    /// The document header, the producer's.
    pub header: Vec<u8>,
    /// The fragment's bytes.
    pub bytes: Vec<u8>,
    /// All tags, leading and trailing.
    pub tags: Vec<(String, String)>,
    /// The error id that stands in place of a fragment.
    pub error: Option<String>,
}

/// Cuts an answer at EBML headers, as AWS's Python consumer does.
pub fn chunks(answer: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut rest = answer;
    while !rest.is_empty() {
        let next = rest[4..].windows(4).position(|window| window == [0x1A, 0x45, 0xDF, 0xA3]);
        let (document, after) = rest.split_at(next.map_or(rest.len(), |at| at + 4));
        rest = after;
        let mut reader = FragmentReader::new(Limits::FILE);
        reader.push(document);
        reader.finish();
        let mut chunk =
            Chunk { header: Vec::new(), bytes: Vec::new(), tags: Vec::new(), error: None };
        chunk.error = text_tag(document, "AWS_KINESISVIDEO_ERROR_ID")
            .or_else(|| text_tag(document, "AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE"));
        if chunk.error.is_some() {
            // A document without tracks: only its tags matter.
            let number = text_tag(document, "AWS_KINESISVIDEO_FRAGMENT_NUMBER");
            let tag = |number| ("AWS_KINESISVIDEO_FRAGMENT_NUMBER".to_owned(), number);
            chunk.tags.extend(number.map(tag));
            chunks.push(chunk);
            continue;
        }
        while let Some(event) = reader.next_event().unwrap() {
            match event {
                Event::Header(header) => {
                    let tags = header.tags.iter();
                    chunk.tags.extend(tags.map(|tag| (tag.name.clone(), tag.value.clone())));
                    chunk.header = header.raw.to_vec();
                }
                Event::FragmentEnd(fragment) => {
                    let tags = fragment.tags.into_iter();
                    chunk.tags.extend(tags.map(|tag| (tag.name, tag.value)));
                    chunk.bytes = fragment.bytes.to_vec();
                }
                _ => {}
            }
        }
        chunks.push(chunk);
    }
    chunks
}

/// The value of a tag of the service, by the end of its name.
pub fn tag<'a>(chunk: &'a Chunk, name: &str) -> &'a str {
    let name = format!("AWS_KINESISVIDEO_{name}");
    &chunk.tags.iter().find(|(known, _)| *known == name).unwrap().1
}

/// The string of the tag of this name: it follows the name with its id and a size of one byte.
fn text_tag(document: &[u8], name: &str) -> Option<String> {
    let at = document.windows(name.len()).position(|window| window == name.as_bytes())?;
    let [0x44, 0x87, size, value @ ..] = &document[at + name.len()..] else { return None };
    let value = &value[..usize::from(size & 0x7F)];
    Some(String::from_utf8(value.to_vec()).unwrap())
}

/// The fragment of each chunk, by the byte that its frames begin with; of an error its id.
pub fn contents(chunks: &[Chunk]) -> Vec<String> {
    let content = |chunk: &Chunk| match &chunk.error {
        Some(error) => format!("error {error}"),
        None => chunk.bytes[15 + 12 + 100].to_string(),
    };
    chunks.iter().map(content).collect()
}
