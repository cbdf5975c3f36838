//! ARNs: what is read is written as it stood.

use vigie_kvs::arn::{SecretArn, StreamArn, ThingArn};

/// The bytes are the text of an ARN.
pub fn arn(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(arn) = text.parse::<StreamArn>() {
        // The creation time may stand there with leading zeros.
        assert_eq!(arn.to_string().parse::<StreamArn>(), Ok(arn));
    }
    if let Ok(arn) = text.parse::<ThingArn>() {
        assert_eq!(arn.to_string(), text);
    }
    if let Ok(arn) = text.parse::<SecretArn>() {
        assert_eq!(arn.to_string(), text);
        if let Some(name) = arn.name() {
            assert!(text.contains(name));
        }
    }
}
