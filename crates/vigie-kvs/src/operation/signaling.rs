//! The operations of signaling (WebRTC), which Vigie does not have: known by their paths, so that a caller hears that
//! rather than that there is no such operation.

use crate::error::KvsError;

/// Names and paths, as in the service model.
pub const SIGNALING: &[(&str, &str)] = &[
    ("CreateSignalingChannel", "/createSignalingChannel"),
    ("DeleteSignalingChannel", "/deleteSignalingChannel"),
    ("DescribeMappedResourceConfiguration", "/describeMappedResourceConfiguration"),
    ("DescribeMediaStorageConfiguration", "/describeMediaStorageConfiguration"),
    ("DescribeSignalingChannel", "/describeSignalingChannel"),
    ("GetSignalingChannelEndpoint", "/getSignalingChannelEndpoint"),
    ("ListSignalingChannels", "/listSignalingChannels"),
    ("ListTagsForResource", "/ListTagsForResource"),
    ("TagResource", "/TagResource"),
    ("UntagResource", "/UntagResource"),
    ("UpdateMediaStorageConfiguration", "/updateMediaStorageConfiguration"),
    ("UpdateSignalingChannel", "/updateSignalingChannel"),
];

/// The refusal of the signaling operation with this path, and its name; `None` for any other path.
pub fn signaling(path: &str) -> Option<(&'static str, KvsError)> {
    let (name, _) = SIGNALING.iter().find(|(_, address)| *address == path)?;
    let instead = match *name {
        "TagResource" => "; to tag a stream call TagStream",
        "UntagResource" => "; to untag a stream call UntagStream",
        "ListTagsForResource" => "; for the tags of a stream call ListTagsForStream",
        _ => "",
    };
    let message = format!(
        "{name} is not supported: this server has no signaling channels and no WebRTC{instead}"
    );
    Some((name, KvsError::invalid_argument(message)))
}
