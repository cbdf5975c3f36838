//! Fragment numbers: what is read is written as it stood, and numbers sort as their texts do.

use vigie_kvs::FragmentNumber;

/// The bytes are two fragment numbers, one a line.
pub fn fragment_number(data: &[u8]) {
    let (first, second) = crate::first_line(data);
    let read = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?.to_owned();
        let number: FragmentNumber = text.parse().ok()?;
        assert_eq!(number.to_string(), text);
        Some((number, text))
    };
    if let (Some((first, first_text)), Some((second, second_text))) = (read(first), read(second)) {
        let texts = (first_text.len(), first_text).cmp(&(second_text.len(), second_text));
        assert_eq!(first.cmp(&second), texts);
    }
}
