import Box from "@cloudscape-design/components/box";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useEffect, useState } from "react";
import { useApi } from "../../api/api";
import type { DescribeScheduleOutput } from "../../api/operations";
import type { Failure } from "../../api/failure";
import { NEVER_FIRES, type ScheduleForm, scheduleErrors } from "../../logic/edge-form";
import { PATTERNS } from "../../logic/patterns";
import { durationText } from "../../logic/units";
import { startOfDay } from "../../logic/week";
import { noticed } from "../../ui/load";
import { utcText } from "../../ui/time";
import { WeekCalendar } from "./week-calendar";

interface Props {
  /** `Recording` or `Uploading`: tells the fields of two editors apart. */
  what: string;
  value: ScheduleForm;
  zone: string;
  change: (value: ScheduleForm) => void;
  /** What the server said of an expression: whether it never fires again. */
  explained: (expression: string, isOver: boolean) => void;
}

/** A Quartz expression, and what it means while it is typed. */
export function ScheduleEditor({ what, value, zone, change, explained }: Props) {
  const errors = scheduleErrors(value);
  const { answer, failure, explains } = useExplanation(value, zone, errors.duration === undefined);
  useEffect(() => {
    if (answer && explains !== undefined) explained(explains, isOver(answer));
  }, [answer, explains]);
  const fault = answer?.Fault;
  return (
    <SpaceBetween size="m">
      <Grid gridDefinition={[{ colspan: { default: 12, s: 7 } }, { colspan: { default: 12, s: 5 } }]}>
        <FormField
          label={`${what} schedule`}
          description="Quartz: seconds, minutes, hours, day of month, month, day of week."
          errorText={fault ? <Fault expression={value.expression} fault={fault} /> : errors.expression}
          secondaryControl={
            <ButtonDropdown
              items={PATTERNS.map(({ id, text }) => ({ id, text }))}
              onItemClick={({ detail }) => {
                const pattern = PATTERNS.find(({ id }) => id === detail.id);
                if (pattern) change({ expression: pattern.expression, durationSeconds: pattern.durationSeconds });
              }}
            >
              Patterns
            </ButtonDropdown>
          }
        >
          <Input
            value={value.expression}
            spellcheck={false}
            autoComplete={false}
            onChange={({ detail }) => change({ ...value, expression: detail.value })}
          />
        </FormField>
        <FormField
          label={`${what} time per fire`}
          description="Seconds that each fire lasts, 60 to 3600."
          errorText={errors.duration}
        >
          <Input
            value={value.durationSeconds}
            inputMode="numeric"
            autoComplete={false}
            onChange={({ detail }) => change({ ...value, durationSeconds: detail.value })}
          />
        </FormField>
      </Grid>
      {failure && <StatusIndicator type="error">{failure.message}</StatusIndicator>}
      {answer?.Description && <Meaning answer={answer} value={value} zone={zone} what={what} />}
    </SpaceBetween>
  );
}

function isOver(answer: DescribeScheduleOutput): boolean {
  return answer.Fault === undefined && answer.NextFires.length === 0;
}

function Fault({ expression, fault }: { expression: string; fault: { Message: string; Position: number } }) {
  const rest = [...expression].slice(fault.Position).join("").split(" ")[0];
  return (
    <>
      {fault.Message} {rest ? `(at character ${fault.Position + 1}, “${rest}”)` : "(at the end)"}
    </>
  );
}

interface MeaningProps {
  answer: DescribeScheduleOutput;
  value: ScheduleForm;
  zone: string;
  what: string;
}

function Meaning({ answer, value, zone, what }: MeaningProps) {
  const duration = durationText(Number(value.durationSeconds) * 1000);
  const time = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium", timeZone: zone });
  return (
    <SpaceBetween size="s">
      <div role="status">
        <Box variant="strong">
          {answer.Description}, {duration} each.
        </Box>
      </div>
      <Box>
        <Box variant="awsui-key-label">Next fires, {zone}</Box>
        {isOver(answer) ? (
          <StatusIndicator type="error">{NEVER_FIRES}</StatusIndicator>
        ) : (
          <ol className="fires" aria-label={`Next fires of ${what.toLowerCase()}`}>
            {answer.NextFires.map((fire) => (
              <li key={fire}>
                <time dateTime={new Date(fire * 1000).toISOString()} title={utcText(fire * 1000)}>
                  {time.format(fire * 1000)}
                </time>
              </li>
            ))}
          </ol>
        )}
      </Box>
      <WeekCalendar
        label={`The week of ${what.toLowerCase()}`}
        windows={answer.Windows.map(({ StartTimestamp, EndTimestamp }) => ({
          from: StartTimestamp * 1000,
          until: EndTimestamp * 1000,
        }))}
        zone={zone}
      />
    </SpaceBetween>
  );
}

/** Asks the server a moment after the last key was hit. */
function useExplanation(value: ScheduleForm, zone: string, durationIsRight: boolean) {
  const { extensions } = useApi();
  const [state, setState] = useState<{ answer?: DescribeScheduleOutput; failure?: Failure; explains?: string }>({});
  const { expression, durationSeconds } = value;
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const now = Date.now();
        const [next, windows] = await Promise.all([
          extensions.describeSchedule({ ScheduleExpression: expression, TimeZone: zone, Count: 5 }, abort.signal),
          extensions.describeSchedule(
            {
              ScheduleExpression: expression,
              DurationInSeconds: durationIsRight ? Number(durationSeconds) : undefined,
              TimeZone: zone,
              From: startOfDay(now, zone) / 1000,
              Count: 1,
            },
            abort.signal,
          ),
        ]);
        setState({ answer: { ...next, Windows: windows.Windows }, explains: expression });
      } catch (error) {
        if (!abort.signal.aborted) setState({ failure: noticed(error) });
      }
    }, 250);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [extensions, expression, durationSeconds, zone, durationIsRight]);
  return state;
}
