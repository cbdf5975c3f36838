import Box from "@cloudscape-design/components/box";
import { dayText, startOfDay, timeText, type Window, week } from "../../logic/week";

const HOURS = [0, 6, 12, 18, 24];

/** Seven days as bars of 24 hours; what is open is filled. */
export function WeekCalendar({ label, windows, zone }: { label: string; windows: Window[]; zone: string }) {
  const days = week(windows, startOfDay(Date.now(), zone), zone);
  return (
    <div>
      <Box variant="awsui-key-label">{label}</Box>
      <div className="week" role="list" aria-label={label}>
        {days.map((day) => (
          <div key={day.label} className="week-day" role="listitem" aria-label={`${day.label}: ${dayText(day)}`}>
            <span className="week-label" aria-hidden>
              {day.label}
            </span>
            <svg viewBox="0 0 1440 20" preserveAspectRatio="none" aria-hidden className="week-bar">
              <rect width="1440" height="20" className="week-closed" />
              {day.blocks.map(({ from, until }) => (
                <rect key={from} x={from} width={until - from} height="20" className="week-open">
                  <title>{`${timeText(from)} to ${timeText(until)}`}</title>
                </rect>
              ))}
              {[360, 720, 1080].map((minute) => (
                <line key={minute} x1={minute} x2={minute} y2="20" className="week-line" />
              ))}
            </svg>
          </div>
        ))}
        <div className="week-hours" aria-hidden>
          {HOURS.map((hour) => (
            <span key={hour}>{timeText(hour * 60)}</span>
          ))}
        </div>
      </div>
    </div>
  );
}
