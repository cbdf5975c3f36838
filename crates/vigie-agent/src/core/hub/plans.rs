//! Deletion plans: each stream's when it is called for, and one over all streams when the disk runs short.

use vigie_engine::clock::Now;

use super::Hub;
use crate::core::deletion::{RESERVE_WANTED_BYTES, ReservePlan, plan_reserve};
use crate::core::shared::Turn;

impl Hub {
    /// All plans, when they are due.
    pub(super) fn plan_all(&mut self, now: Now) {
        if !self.plans.is_all_due(now) {
            return;
        }
        for (arn, job) in &mut self.jobs {
            self.plans.cramped(arn.clone());
            job.rate.sample(job.record.counters.frame_bytes, now.mono);
        }
        // What is being erased makes room by itself: nothing else goes for that.
        if !self.is_making_room(now) {
            self.keep_reserve(now);
        }
    }

    /// One more step of the plans that delete much.
    pub(super) fn delete_more(&mut self, now: Now) {
        while let Some(arn) = self.plans.next_due(now) {
            self.with_job(&arn, now, |job, turn| job.plan_space(turn));
            if self.plans.is_more_due(&arn) {
                return self.plans.stepped(now);
            }
        }
    }

    /// The plans of those that want theirs run now.
    pub(super) fn plan_cramped(&mut self, now: Now) {
        let mut cramped = self.plans.take_cramped();
        while let Some(arn) = cramped.pop_first() {
            if self.plans.is_more_due(&arn) {
                continue;
            }
            self.with_job(&arn, now, |job, turn| job.plan_space(turn));
            if self.plans.is_more_due(&arn) {
                // This one deletes much and is not done: the others wait with it.
                self.plans.wait(&mut cramped);
            }
        }
    }

    /// Keeps the hub's reserve of free space: a plan over all streams when it is touched.
    fn keep_reserve(&mut self, now: Now) {
        let media = &self.shared.media;
        let missing_bytes = RESERVE_WANTED_BYTES.saturating_sub(media.store.free_bytes());
        if missing_bytes == 0 && !media.is_reserve_short() {
            return;
        }
        let streams: Vec<_> = self.jobs.values().map(|job| &job.stream).collect();
        let ReservePlan { parts, accepts_new_media } =
            match plan_reserve(&streams, missing_bytes, media) {
                Ok(plan) => plan,
                Err((number, error)) => {
                    let name = streams.get(number).map_or("", |stream| &stream.name);
                    return self.shared.media.failed(name, &error);
                }
            };
        let contact = self.sync.contact();
        let turn = &mut Turn { shared: &mut self.shared, out: &mut self.out, contact, now };
        for (number, job) in self.jobs.values_mut().enumerate() {
            if let Some(part) = parts.get(&number)
                && let Err(error) = job.delete(&part.delete, &part.losses, turn)
            {
                turn.shared.media.failed(&job.stream.name, &error);
            }
        }
        let is_short =
            !accepts_new_media && turn.shared.media.store.free_bytes() < RESERVE_WANTED_BYTES / 2;
        if turn.shared.media.set_reserve_short(is_short) {
            for job in self.jobs.values_mut() {
                job.plan_space(turn);
            }
        }
        self.take_notices();
    }
}
