//! The inputs of the extensions about hubs.

use super::edge::HUB_DEVICE_ARN;
use super::media_ledger::NEXT_TOKEN;
use super::*;

pub(crate) const LIST_HUBS: Shape =
    Shape::Structure(&[optional("MaxResults", &long(1, 1000)), optional("NextToken", &NEXT_TOKEN)]);

pub(crate) const FORGET_HUB: Shape = Shape::Structure(&[required("HubDeviceArn", &HUB_DEVICE_ARN)]);

pub(crate) const DESCRIBE_HUB: Shape = Shape::Structure(&[
    required("HubDeviceArn", &HUB_DEVICE_ARN),
    optional("MaxResults", &long(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);
