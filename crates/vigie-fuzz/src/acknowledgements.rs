//! The answer stream of PutMedia: read alike however it is cut, and written as it was read.

use vigie_kvs::acknowledgement::{
    Acknowledgement, AcknowledgementError, AcknowledgementReader, LINE_BYTES_MAX,
};

/// The first byte says how the rest is cut.
pub fn acknowledgements(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else { return };
    let whole = read([stream]);
    let pieces = read(stream.chunks(usize::from(cut) + 1));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        // How much came before an error depends on the cuts; that there is one does not.
        (Err(_), Err(_)) => {}
        _ => panic!("whole: {whole:?}, in pieces: {pieces:?}"),
    }
    for acknowledgement in whole.unwrap_or_default() {
        let line = acknowledgement.to_line();
        assert!(line.len() <= LINE_BYTES_MAX, "a line of {} bytes", line.len());
        assert_eq!(read([line.as_bytes()]), Ok(vec![acknowledgement]));
    }
}

fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Acknowledgement>, AcknowledgementError> {
    let mut reader = AcknowledgementReader::default();
    let mut read = Vec::new();
    for piece in pieces {
        read.extend(reader.push(piece)?);
    }
    read.extend(reader.finish()?);
    Ok(read)
}
