//! Answers of the AWS Query protocol, as STS writes them (STS API reference 2011-06-15).
//!
//! Decides what stands around a result and around an error. Never decides what is answered.

use std::fmt::Write;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The body of an operation's answer around `result`, which is XML.
pub(crate) fn answer(operation: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>\n",
        escaped(request_id)
    )
}

/// The body of a refusal.
pub(crate) fn error(status: u16, code: &str, message: &str, request_id: &str) -> String {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{}</Code>\
         <Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>\n",
        escaped(code),
        escaped(message),
        escaped(request_id)
    )
}

/// Text as it may stand in XML; control characters, which may not, become `?`.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                let _infallible = write!(escaped, "&#{};", u32::from(character));
            }
            character if character.is_control() => escaped.push('?'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            character => escaped.push(character),
        }
    }
    escaped
}
