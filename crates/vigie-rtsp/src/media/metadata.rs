//! `m=application`: units of metadata, such as ONVIF's XML documents, which end with the marker bit (ONVIF Streaming
//! Specification section 5.1.2.1.1) or where the timestamp changes. They are handed through whole or not at all.

use std::time::Duration;

use super::clock::Clock;
use super::order::InOrder;
use super::parts::{Arena, Parts};
use super::{Out, Produced};
use crate::Deviation;
use crate::format::MediaFormat;
use crate::output;

/// Of one unit: a scene of ONVIF analytics has some kilobytes.
const BYTES_MAX: usize = 256 * 1024;
const CLOCK_RATE_HZ: u32 = 90_000;

/// One medium of metadata.
#[derive(Debug)]
pub(super) struct Metadata {
    medium: usize,
    clock: Clock,
    unit: Option<Unit>,
    /// What comes until the unit's end is not kept.
    is_damaged: bool,
    arena: Arena,
}

#[derive(Debug)]
struct Unit {
    timestamp: u32,
    ticks: i64,
    arrival: Duration,
    parts: Parts,
}

impl Metadata {
    pub(super) fn new(medium: usize, format: &MediaFormat) -> Self {
        Self {
            medium,
            clock: Clock::new(format.clock_rate_hz, CLOCK_RATE_HZ),
            unit: None,
            is_damaged: false,
            arena: Arena::default(),
        }
    }

    pub(super) const fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Takes a packet in.
    pub(super) fn packet(&mut self, next: InOrder, began: Duration, out: &mut Out) {
        let packet = next.packet;
        if next.is_new_source {
            self.clock.begin_source();
        }
        let has_hole = next.lost_before > 0 || next.is_new_source;
        if has_hole {
            self.damage();
        }
        if self.unit.as_ref().is_some_and(|unit| unit.timestamp != packet.timestamp) {
            self.end(out);
            // What is lost may be of both.
            self.is_damaged = has_hole;
        }
        let ticks = self.clock.ticks(packet.timestamp, packet.arrival, began);
        let unit = self.unit.get_or_insert_with(|| Unit {
            timestamp: packet.timestamp,
            ticks,
            arrival: packet.arrival,
            parts: Parts::default(),
        });
        unit.arrival = packet.arrival;
        if !self.is_damaged && unit.parts.push(packet.payload, &mut self.arena, BYTES_MAX).is_err()
        {
            out.push_back(Produced::Deviation(Deviation::AccessUnitTooLarge));
            self.damage();
        }
        if packet.marker {
            self.end(out);
        }
    }

    /// Ends what is under way.
    pub(super) fn finish(&mut self, out: &mut Out) {
        self.end(out);
    }

    /// Something of the unit under way is missing.
    pub(super) fn damage(&mut self) {
        self.is_damaged = true;
        if let Some(unit) = &mut self.unit {
            unit.parts = Parts::default();
        }
    }

    fn end(&mut self, out: &mut Out) {
        let is_damaged = std::mem::take(&mut self.is_damaged);
        let Some(unit) = self.unit.take().filter(|unit| !is_damaged && unit.parts.bytes() > 0)
        else {
            return;
        };
        out.push_back(Produced::Metadata(output::Metadata {
            medium: self.medium,
            media_us: self.clock.us(unit.ticks),
            arrival: unit.arrival,
            data: unit.parts.into_data(),
        }));
    }
}
