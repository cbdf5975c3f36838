import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import type { Bar } from "../../logic/lanes";
import { between, panned, positionOf, previewAt, type Span, ticks, timeAt, zoomed } from "../../logic/timeline";
import { localText, utcText } from "../../ui/time";

interface Props {
  view: Span;
  bars: Bar[];
  /** Where playing is. */
  at: number | undefined;
  now: number;
  selection: Span | undefined;
  /** Dragging marks a range instead of moving the view. */
  selecting: boolean;
  move: (view: Span) => void;
  seek: (at: number) => void;
  live: () => void;
  select: (span: Span) => void;
  /** What was filmed at a moment, where that can be shown. */
  preview: ((at: number) => ReactNode) | undefined;
}

const HEIGHT = 96;
const AXIS = 22;
const LANES: Record<Bar["look"], { y: number; height: number }> = {
  planned: { y: AXIS + 4, height: 56 },
  trouble: { y: AXIS + 4, height: 56 },
  server: { y: AXIS + 4, height: 56 },
  hub: { y: AXIS + 4, height: 56 },
  loss: { y: AXIS + 64, height: 8 },
};
/** No label begins where there is less room for it. */
const LABEL_PX = 56;
/** A press that moves less than this is a click. */
const CLICK_PX = 4;

/** Days of media as a bar to drag, zoom and click. */
export function Timeline(props: Props) {
  const { view, bars, at, now, selection, selecting, move, seek, select, preview } = props;
  const svg = useRef<SVGSVGElement>(null);
  const width = useWidth(svg);
  const keys = useId();
  const drag = useRef<{ x: number; view: Span; moved: boolean }>(undefined);
  const [hover, setHover] = useState<number>();
  useWheel(svg, (x, by) => move(zoomed(view, Math.exp(by / 400), x / width)));
  const x = (time: number) => positionOf(view, time) * width;
  const xOf = (event: PointerEvent) => event.clientX - (svg.current?.getBoundingClientRect().left ?? 0);
  const timeOf = (event: PointerEvent) => timeAt(view, xOf(event) / width);
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { x: xOf(event), view, moved: false };
  };
  const moved = (event: PointerEvent) => {
    const began = drag.current;
    setHover(xOf(event));
    if (!began) return;
    const by = xOf(event) - began.x;
    if (Math.abs(by) > CLICK_PX) began.moved = true;
    if (!began.moved) return;
    if (selecting || event.shiftKey) select(between(timeAt(began.view, began.x / width), timeOf(event)));
    else move(panned(began.view, -by / width));
  };
  const up = (event: PointerEvent) => {
    if (drag.current && !drag.current.moved) seek(Math.min(now, timeOf(event)));
    drag.current = undefined;
  };
  const position = at ?? now;
  return (
    <div className="timeline">
      <svg
        ref={svg}
        width="100%"
        height={HEIGHT}
        role="slider"
        tabIndex={0}
        aria-label="Timeline"
        aria-describedby={keys}
        aria-valuemin={Math.round(view.from)}
        aria-valuemax={Math.round(view.until)}
        aria-valuenow={Math.round(position)}
        aria-valuetext={`${localText(position)}, ${meaningAt(bars, position)}`}
        className={selecting ? "timeline-svg timeline-selecting" : "timeline-svg"}
        onPointerDown={down}
        onPointerMove={moved}
        onPointerUp={up}
        onPointerLeave={() => setHover(undefined)}
        onKeyDown={(event) => key(event, props, position)}
      >
        <rect y={AXIS} width={width} height={HEIGHT - AXIS} className="timeline-unknown" />
        {now < view.until && (
          <rect x={x(now)} y={AXIS} width={Math.max(0, width - x(now))} height={HEIGHT - AXIS} className="timeline-future" />
        )}
        {bars.map((bar) => (
          <rect
            key={`${bar.look} ${bar.from}`}
            x={Math.max(0, x(bar.from))}
            width={Math.max(1, Math.min(width, x(bar.until)) - Math.max(0, x(bar.from)))}
            {...LANES[bar.look]}
            className={`bar-${bar.look}`}
          />
        ))}
        {ticks(view, width / 110).map((tick) => (
          <g key={tick.at} className={tick.day ? "timeline-day" : "timeline-tick"}>
            <line x1={x(tick.at)} x2={x(tick.at)} y1={AXIS - 6} y2={HEIGHT} />
            {x(tick.at) < width - LABEL_PX && (
              <text x={x(tick.at) + 4} y={14}>
                {tick.label}
              </text>
            )}
          </g>
        ))}
        {selection && (
          <rect
            x={x(selection.from)}
            width={Math.max(2, x(selection.until) - x(selection.from))}
            y={AXIS}
            height={HEIGHT - AXIS}
            className="timeline-selection"
          />
        )}
        {at !== undefined && <line x1={x(at)} x2={x(at)} y1={AXIS - 8} y2={HEIGHT} className="timeline-head" />}
      </svg>
      <p id={keys} hidden>
        The arrow keys seek, plus and minus zoom, Page Up and Page Down move, Home goes to the beginning of what is shown, End
        to the live video.
      </p>
      {hover !== undefined && (
        <Hint x={hover} width={width} time={timeAt(view, hover / width)} bars={bars} preview={preview} view={view} />
      )}
    </div>
  );
}

interface HintProps extends Pick<Props, "view" | "bars" | "preview"> {
  x: number;
  width: number;
  time: number;
}

function Hint({ x, width, time, bars, preview, view }: HintProps) {
  const held = bars.find(({ look, from, until }) => look === "server" && from <= time && time < until);
  return (
    <div className="timeline-hint" style={{ insetInlineStart: Math.max(0, Math.min(x - 90, width - 240)) }} aria-hidden>
      <strong>{localText(time)}</strong>
      <br />
      {utcText(Math.round(time))}
      <br />
      {meaningAt(bars, time)}
      {held && preview?.(previewAt(view, time, held.from))}
    </div>
  );
}

function meaningAt(bars: Bar[], at: number): string {
  const found = bars.filter(({ from, until }) => from <= at && at < until).map(({ text }) => text);
  return found.join("; ") || "nothing known";
}

function key(event: KeyboardEvent, { view, now, move, seek, live }: Props, position: number) {
  const length = view.until - view.from;
  const actions: Record<string, () => void> = {
    ArrowLeft: () => seek(position - length / 60),
    ArrowRight: () => seek(Math.min(now, position + length / 60)),
    PageUp: () => move(panned(view, -0.5)),
    PageDown: () => move(panned(view, 0.5)),
    "+": () => move(zoomed(view, 0.5, positionOf(view, position))),
    "-": () => move(zoomed(view, 2, positionOf(view, position))),
    Home: () => seek(view.from),
    End: live,
  };
  const action = actions[event.key === "=" ? "+" : event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
}

function useWidth(svg: React.RefObject<SVGSVGElement | null>): number {
  const [width, setWidth] = useState(800);
  useEffect(() => {
    if (!svg.current) return;
    const watcher = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    watcher.observe(svg.current);
    return () => watcher.disconnect();
  }, [svg]);
  return width;
}

/** React's own listeners cannot keep the page from scrolling. */
function useWheel(svg: React.RefObject<SVGSVGElement | null>, turned: (x: number, by: number) => void) {
  const latest = useRef(turned);
  latest.current = turned;
  useEffect(() => {
    const element = svg.current;
    const listener = (event: WheelEvent) => {
      event.preventDefault();
      latest.current(event.clientX - (element?.getBoundingClientRect().left ?? 0), event.deltaY);
    };
    element?.addEventListener("wheel", listener, { passive: false });
    return () => element?.removeEventListener("wheel", listener);
  }, [svg]);
}
