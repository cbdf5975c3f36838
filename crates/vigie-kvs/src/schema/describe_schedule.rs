//! The input of DescribeSchedule (Vigie's own): what a schedule means.

use super::*;

pub(crate) const DESCRIBE_SCHEDULE: Shape = Shape::Structure(&[
    // Wider than in a configuration: it is asked while somebody types.
    required("ScheduleExpression", &string(0, 1000)),
    optional("DurationInSeconds", &integer(60, 3600)),
    optional("TimeZone", &string(1, 64)),
    optional("From", &Shape::Timestamp),
    optional("Count", &integer(1, 100)),
]);
