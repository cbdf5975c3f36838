//! Exceptions: their names, statuses and bodies, as KVS (rest-json), Secrets Manager (awsJson1_1) and STS (Query) write
//! them.
//!
//! Decides how a refusal looks on the wire, and how one that came from a server is read. Never decides to refuse.

use serde_json::{Value, json};

use crate::protocol::Protocol;
use crate::xml;

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $name:literal),+ $(,)?) => {
        /// Every exception that Vigie answers with or understands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorKind {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status in rest-json. See [`ErrorKind::status`] for the one of a protocol.
            const fn rest_status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }
        }
    };
}

error_kinds! {
    // KVS. The models declare 401 for the two refusals of IAM, the service answers 403 (seen on the wire).
    /// IAM refuses; the newer operations (edge, images, notifications, storage) use this one.
    AccessDenied = 403 "AccessDeniedException",
    /// The account has as many streams as it may have.
    AccountStreamLimitExceeded = 400 "AccountStreamLimitExceededException",
    /// Too many requests.
    ClientLimitExceeded = 400 "ClientLimitExceededException",
    /// Too many connections to one stream.
    ConnectionLimitExceeded = 400 "ConnectionLimitExceededException",
    /// Not implemented by AWS, declared by CreateStream.
    DeviceStreamLimitExceeded = 400 "DeviceStreamLimitExceededException",
    /// A constraint is broken.
    InvalidArgument = 400 "InvalidArgumentException",
    /// CodecPrivate cannot be used for packaging.
    InvalidCodecPrivateData = 400 "InvalidCodecPrivateDataException",
    /// Not implemented by AWS, declared by CreateStream.
    InvalidDevice = 400 "InvalidDeviceException",
    /// A data operation at an endpoint that does not serve the stream.
    InvalidEndpoint = 400 "InvalidEndpointException",
    /// A frame cannot be packaged.
    InvalidMediaFrame = 400 "InvalidMediaFrameException",
    /// A malformed ARN in a tag operation.
    InvalidResourceFormat = 400 "InvalidResourceFormatException",
    /// CodecPrivate is missing and packaging needs it.
    MissingCodecPrivateData = 400 "MissingCodecPrivateDataException",
    /// The stream keeps nothing and the operation needs what it keeps.
    NoDataRetention = 400 "NoDataRetentionException",
    /// IAM refuses; the older operations use this one.
    NotAuthorized = 403 "NotAuthorizedException",
    /// Vigie's own: the hub does not call.
    HubNotInContact = 400 "HubNotInContactException",
    /// Vigie's own: the hub could not do it, or not in time.
    HubRequestFailed = 400 "HubRequestFailedException",
    /// Vigie's own: the hub's agent is too old for what is asked of it.
    HubRequestNotSupported = 400 "HubRequestNotSupportedException",
    /// The name is taken, or the resource is in a state that forbids the operation.
    ResourceInUse = 400 "ResourceInUseException",
    /// No such stream, secret or version.
    ResourceNotFound = 404 "ResourceNotFoundException",
    /// The stream has no edge configuration.
    StreamEdgeConfigurationNotFound = 404 "StreamEdgeConfigurationNotFoundException",
    /// More than 50 tags.
    TagsPerResourceExceededLimit = 400 "TagsPerResourceExceededLimitException",
    /// Codecs that the output cannot carry.
    UnsupportedStreamMediaType = 400 "UnsupportedStreamMediaTypeException",
    /// `CurrentVersion` is not the newest.
    VersionMismatch = 400 "VersionMismatchException",

    // Secrets Manager.
    /// A stored secret cannot be decrypted.
    DecryptionFailure = 400 "DecryptionFailure",
    /// A secret cannot be encrypted.
    EncryptionFailure = 400 "EncryptionFailure",
    /// Secrets Manager's name for a failure of the server.
    InternalServiceError = 500 "InternalServiceError",
    /// The token did not come from an earlier page.
    InvalidNextToken = 400 "InvalidNextTokenException",
    /// A constraint is broken (Secrets Manager).
    InvalidParameter = 400 "InvalidParameterException",
    /// The secret's state forbids the operation.
    InvalidRequest = 400 "InvalidRequestException",
    /// A quota of Secrets Manager.
    LimitExceeded = 400 "LimitExceededException",
    /// A resource policy is malformed.
    MalformedPolicyDocument = 400 "MalformedPolicyDocumentException",
    /// A resource policy has not settled.
    PreconditionNotMet = 400 "PreconditionNotMetException",
    /// The name or the version is taken.
    ResourceExists = 400 "ResourceExistsException",

    // STS.
    /// No operation has this `Action`, or not in this version.
    InvalidAction = 400 "InvalidAction",
    /// The form names no operation.
    MissingAction = 400 "MissingAction",
    /// A constraint is broken (STS).
    Validation = 400 "ValidationError",

    // Authentication.
    /// Temporary credentials have run out.
    ExpiredToken = 403 "ExpiredTokenException",
    /// The credentials are presented incompletely or malformed.
    IncompleteSignature = 403 "IncompleteSignatureException",
    /// The signature is wrong, too old, too new or for another scope.
    InvalidSignature = 403 "InvalidSignatureException",
    /// No credentials.
    MissingAuthenticationToken = 403 "MissingAuthenticationTokenException",
    /// An unknown access key or session token.
    UnrecognizedClient = 403 "UnrecognizedClientException",

    // Any service.
    /// The server failed.
    InternalFailure = 500 "InternalFailure",
    /// The body cannot be read as the operation's input.
    Serialization = 400 "SerializationException",
    /// The server is stopping or overloaded; try again.
    ServiceUnavailable = 503 "ServiceUnavailable",
    /// The caller has to slow down.
    Throttling = 400 "ThrottlingException",
    /// No operation has this path or target.
    UnknownOperation = 404 "UnknownOperationException",
}

impl ErrorKind {
    /// The kind of a name as it stands in `x-amzn-ErrorType`, `__type` or `code`: a namespace before `#` and
    /// anything after `:` are cut, as botocore does.
    pub fn from_wire(name: &str) -> Option<Self> {
        let name = name.split(':').next().unwrap_or_default();
        let name = name.rsplit('#').next().unwrap_or_default().trim();
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether the caller's credentials do not hold.
    pub const fn is_of_authentication(self) -> bool {
        matches!(
            self,
            Self::ExpiredToken
                | Self::IncompleteSignature
                | Self::InvalidSignature
                | Self::MissingAuthenticationToken
                | Self::UnrecognizedClient
        )
    }

    /// The name with which a protocol says it: STS has some of its own for what every service refuses.
    pub const fn code(self, protocol: Protocol) -> &'static str {
        match (protocol, self) {
            (Protocol::AwsQuery, Self::AccessDenied) => "AccessDenied",
            (Protocol::AwsQuery, Self::ClientLimitExceeded) => "Throttling",
            (Protocol::AwsQuery, Self::ExpiredToken) => "ExpiredToken",
            (Protocol::AwsQuery, Self::IncompleteSignature) => "IncompleteSignature",
            (Protocol::AwsQuery, Self::InvalidSignature) => "SignatureDoesNotMatch",
            (Protocol::AwsQuery, Self::MissingAuthenticationToken) => "MissingAuthenticationToken",
            (Protocol::AwsQuery, Self::UnrecognizedClient) => "InvalidClientTokenId",
            _ => self.name(),
        }
    }

    /// The HTTP status. The other protocols answer 400 where rest-json answers 404.
    pub const fn status(self, protocol: Protocol) -> u16 {
        match (protocol, self, self.rest_status()) {
            (Protocol::AwsQuery, Self::IncompleteSignature, _) => 400,
            (Protocol::AwsJson11 | Protocol::AwsQuery, _, 404) => 400,
            (_, _, status) => status,
        }
    }
}

/// A refusal: an exception of the service with the text that a caller reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.name())]
pub struct KvsError {
    /// Which exception.
    pub kind: ErrorKind,
    /// What is wrong and what to do. Goes to the caller: it never holds a secret.
    pub message: String,
}

/// What an error looks like on the wire. The caller adds `x-amzn-RequestId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The value of the header [`crate::wire::header::ERROR_TYPE`], where the protocol has it.
    pub error_type: Option<&'static str>,
    /// The value of the header `content-type`.
    pub content_type: &'static str,
    /// The body, JSON or XML.
    pub body: String,
}

impl KvsError {
    /// An exception with its text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// `InvalidArgumentException`.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// `ResourceNotFoundException`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ResourceNotFound, message)
    }

    /// The answer in the protocol of the operation that was asked for. XML names the request, JSON does not.
    pub fn response(&self, protocol: Protocol, request_id: &str) -> ErrorResponse {
        let (status, name) = (self.kind.status(protocol), self.kind.code(protocol));
        let body = match (protocol, self.kind) {
            // An unknown path is answered by the service's framework, in a form of its own (seen on the wire).
            (Protocol::RestJson, ErrorKind::UnknownOperation) => json!({
                "Output": { "__type": "com.amazon.coral.service#UnknownOperationException" },
                "Version": "1.0",
            })
            .to_string(),
            (Protocol::RestJson, _) => json!({ "Message": self.message }).to_string(),
            (Protocol::AwsJson11, _) => {
                json!({ "__type": name, "message": self.message }).to_string()
            }
            (Protocol::AwsQuery, _) => xml::error(status, name, &self.message, request_id),
        };
        ErrorResponse {
            status,
            error_type: (protocol != Protocol::AwsQuery).then_some(name),
            content_type: protocol.content_type(),
            body,
        }
    }
}

/// A refusal that came from a server, read by a client of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service answered {status} {name}: {message}")]
pub struct RemoteError {
    /// The HTTP status.
    pub status: u16,
    /// The exception, when it is one that this crate knows.
    pub kind: Option<ErrorKind>,
    /// The exception's name as it came, or `"unknown error"`.
    pub name: String,
    /// The text, cut to 1024 characters.
    pub message: String,
}

/// A text from another server is kept up to this length.
const REMOTE_TEXT_CHARS_MAX: usize = 1024;

impl RemoteError {
    /// Reads an error answer: the header `x-amzn-ErrorType` wins over the body's `__type` or `code`; the text is
    /// `message` or `Message` (the order that botocore uses). Never fails: what cannot be read is left out.
    pub fn read(status: u16, error_type: Option<&str>, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |keys: &[&str]| -> Option<String> {
            let value = keys.iter().find_map(|key| body.get(key)?.as_str())?;
            Some(value.chars().take(REMOTE_TEXT_CHARS_MAX).collect())
        };
        let name = error_type
            .map(|name| name.chars().take(REMOTE_TEXT_CHARS_MAX).collect())
            .or_else(|| text(&["code", "Code", "__type"]))
            .or_else(|| {
                let name = body.get("Output")?.get("__type")?.as_str()?;
                Some(name.chars().take(REMOTE_TEXT_CHARS_MAX).collect())
            });
        Self {
            status,
            kind: name.as_deref().and_then(ErrorKind::from_wire),
            name: name.unwrap_or_else(|| "unknown error".to_owned()),
            message: text(&["message", "Message"]).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_json_errors_have_a_capital_message_and_their_status() {
        let error = KvsError::not_found("The requested stream is not found or not active.");
        let response = error.response(Protocol::RestJson, "id");
        assert_eq!(
            (response.status, response.error_type),
            (404, Some("ResourceNotFoundException"))
        );
        assert_eq!(
            response.body,
            r#"{"Message":"The requested stream is not found or not active."}"#
        );
    }

    #[test]
    fn aws_json_errors_name_their_type_in_the_body_and_use_400_for_not_found() {
        let response = KvsError::not_found("no such secret").response(Protocol::AwsJson11, "id");
        assert_eq!(response.status, 400);
        assert_eq!(
            response.body,
            r#"{"__type":"ResourceNotFoundException","message":"no such secret"}"#
        );
    }

    #[test]
    fn errors_of_sts_have_its_names_and_are_xml() {
        let denied = KvsError::new(ErrorKind::UnrecognizedClient, "a <b> & \u{1}");
        let response = denied.response(Protocol::AwsQuery, "id-2");
        assert_eq!((response.status, response.error_type), (403, None));
        assert_eq!(
            response.body,
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>InvalidClientTokenId</Code>\
             <Message>a &#60;b&#62; &#38; ?</Message></Error><RequestId>id-2</RequestId>\
             </ErrorResponse>\n"
        );
        let check = |kind: ErrorKind, status, code: &str| {
            let of = (kind.status(Protocol::AwsQuery), kind.code(Protocol::AwsQuery));
            assert_eq!(of, (status, code));
        };
        check(ErrorKind::AccessDenied, 403, "AccessDenied");
        check(ErrorKind::ClientLimitExceeded, 400, "Throttling");
        check(ErrorKind::ExpiredToken, 403, "ExpiredToken");
        check(ErrorKind::IncompleteSignature, 400, "IncompleteSignature");
        check(ErrorKind::InvalidSignature, 403, "SignatureDoesNotMatch");
        check(ErrorKind::MissingAuthenticationToken, 403, "MissingAuthenticationToken");
        check(ErrorKind::InternalFailure, 500, "InternalFailure");
        check(ErrorKind::ServiceUnavailable, 503, "ServiceUnavailable");
        check(ErrorKind::ResourceNotFound, 400, "ResourceNotFoundException");
    }

    #[test]
    fn refused_credentials_are_403_in_both_protocols() {
        for kind in [
            ErrorKind::InvalidSignature,
            ErrorKind::UnrecognizedClient,
            ErrorKind::MissingAuthenticationToken,
            ErrorKind::IncompleteSignature,
            ErrorKind::AccessDenied,
            ErrorKind::NotAuthorized,
        ] {
            assert_eq!(kind.status(Protocol::RestJson), 403);
            assert_eq!(kind.status(Protocol::AwsJson11), 403);
        }
    }

    #[test]
    fn an_unknown_path_is_answered_as_the_service_does() {
        let response =
            KvsError::new(ErrorKind::UnknownOperation, "unused").response(Protocol::RestJson, "id");
        assert_eq!(response.status, 404);
        assert_eq!(
            response.body,
            r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#
        );
    }

    #[test]
    fn every_name_reads_back_to_its_kind() {
        for &kind in ErrorKind::ALL {
            let name = kind.name();
            assert_eq!(ErrorKind::from_wire(name), Some(kind));
            let suffixed = format!("{name}:https://kinesisvideo.amazonaws.com/doc/2017-09-30/");
            assert_eq!(ErrorKind::from_wire(&suffixed), Some(kind));
            assert_eq!(ErrorKind::from_wire(&format!("com.amazon#{name}")), Some(kind));
        }
    }

    #[test]
    fn remote_errors_are_read_from_header_or_body() {
        let check = |error_type, body: &str, kind, message: &str| {
            let error = RemoteError::read(400, error_type, body.as_bytes());
            assert_eq!((error.kind, error.message.as_str()), (kind, message), "{body}");
        };
        let in_use = Some(ErrorKind::ResourceInUse);
        check(Some("ResourceInUseException:http://x/"), r#"{"Message":"busy"}"#, in_use, "busy");
        check(None, r#"{"__type":"ns#ResourceInUseException","message":"busy"}"#, in_use, "busy");
        check(None, r#"{"Code":"Other","Message":"odd"}"#, None, "odd");
        check(None, "<html>bad gateway</html>", None, "");
        let unknown =
            KvsError::new(ErrorKind::UnknownOperation, "").response(Protocol::RestJson, "id");
        check(None, &unknown.body, Some(ErrorKind::UnknownOperation), "");
    }
}
