import Button from "@cloudscape-design/components/button";
import Select from "@cloudscape-design/components/select";
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { localText } from "../../ui/time";

interface Props {
  video: RefObject<HTMLVideoElement | null>;
  /** What fills the screen, and where the keys are heard. */
  region: RefObject<HTMLDivElement | null>;
  keys: RefObject<((event: KeyboardEvent) => void) | undefined>;
  hasSound: boolean;
  disabled: boolean;
  at: number | undefined;
  seek: (at: number) => void;
}

const RATES = [0.25, 0.5, 1, 2, 4, 8];
const RATE_OPTIONS = RATES.map((rate) => ({ value: String(rate), label: `${rate}×` }));
const JUMP_MS = 10_000;
/** Until two pictures were seen. */
const PICTURE_SECONDS = 1 / 25;
/** Pictures whose distances are kept. */
const PICTURES = 50;

/** What a player's buttons and keys do: play, step by pictures, speed, sound, full screen. */
export function Controls({ video, region, keys, hasSound, disabled, at, seek }: Props) {
  const { paused, muted, rate } = useVideoState(video);
  const picture = usePictureSeconds(video);
  const full = useFullScreen(region);
  const toggle = () => {
    const element = video.current;
    // A browser that wants a click first has got one.
    if (element?.paused) void element.play().catch(() => undefined);
    else element?.pause();
  };
  const step = (by: 1 | -1) => {
    const element = video.current;
    if (!element) return;
    element.pause();
    element.currentTime = Math.max(0, element.currentTime + by * picture.current);
  };
  const setRate = (to: number | undefined) => {
    if (video.current && to !== undefined) video.current.playbackRate = to;
  };
  const faster = (by: 1 | -1) => setRate(RATES[RATES.indexOf(rate) + by]);
  const sound = () => {
    if (video.current && hasSound) video.current.muted = !video.current.muted;
  };
  const jump = (by: number) => at !== undefined && seek(at + by);
  keys.current = (event) => {
    // On a button the space key presses it; a choice has keys of its own.
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || disabled) return;
    if (target.closest("[role=listbox], [aria-haspopup=listbox]")) return;
    const actions: Record<string, () => unknown> = {
      ...(target.closest("button") ? {} : { " ": toggle }),
      k: toggle,
      j: () => jump(-JUMP_MS),
      l: () => jump(JUMP_MS),
      ",": () => step(-1),
      ".": () => step(1),
      "<": () => faster(-1),
      ">": () => faster(1),
      m: sound,
      f: full.toggle,
    };
    const action = actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  };
  return (
    <div className="player-controls" role="toolbar" aria-label="Player's controls">
      <Button
        variant="icon"
        iconName={paused ? "play" : "pause"}
        ariaLabel={paused ? "Play" : "Pause"}
        disabled={disabled}
        onClick={toggle}
      />
      <Button variant="icon" iconName="angle-left-double" ariaLabel="10 seconds back" disabled={disabled} onClick={() => jump(-JUMP_MS)} />
      <Button variant="icon" iconName="angle-left" ariaLabel="One picture back" disabled={disabled} onClick={() => step(-1)} />
      <Button variant="icon" iconName="angle-right" ariaLabel="One picture on" disabled={disabled} onClick={() => step(1)} />
      <Button variant="icon" iconName="angle-right-double" ariaLabel="10 seconds on" disabled={disabled} onClick={() => jump(JUMP_MS)} />
      <span className="player-time">{at === undefined ? "–" : localText(at)}</span>
      <Select
        ariaLabel="Speed"
        selectedOption={RATE_OPTIONS.find(({ value }) => value === String(rate)) ?? null}
        options={RATE_OPTIONS}
        disabled={disabled}
        onChange={({ detail }) => setRate(Number(detail.selectedOption.value))}
      />
      <Button
        variant="icon"
        iconName={muted || !hasSound ? "audio-off" : "audio-full"}
        ariaLabel={!hasSound ? "No sound" : muted ? "Sound on" : "Sound off"}
        disabled={disabled || !hasSound}
        onClick={sound}
      />
      <Button
        variant="icon"
        iconName={full.is ? "exit-full-screen" : "full-screen"}
        ariaLabel={full.is ? "Leave full screen" : "Full screen"}
        onClick={full.toggle}
      />
    </div>
  );
}

/** How the element stands; it says so itself, whoever changed it. */
function useVideoState(video: RefObject<HTMLVideoElement | null>) {
  const [state, setState] = useState({ paused: true, muted: true, rate: 1 });
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    const look = () => setState({ paused: element.paused, muted: element.muted, rate: element.playbackRate });
    const events = ["play", "pause", "emptied", "volumechange", "ratechange"];
    for (const event of events) element.addEventListener(event, look);
    look();
    return () => {
      for (const event of events) element.removeEventListener(event, look);
    };
  }, [video]);
  return state;
}

/** How long a picture lasts: the shortest time between two of those shown last, for a busy browser leaves pictures out. */
function usePictureSeconds(video: RefObject<HTMLVideoElement | null>): RefObject<number> {
  const seconds = useRef(PICTURE_SECONDS);
  useEffect(() => {
    const element = video.current;
    if (!element?.requestVideoFrameCallback) return;
    let last: number | undefined;
    let handle = 0;
    let between: number[] = [];
    const seen = (_: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      const passed = last === undefined ? 0 : mediaTime - last;
      // A seek is no picture; stepping tells nothing new.
      if (!element.paused && passed > 0.002 && passed < 1) {
        between = [...between.slice(-PICTURES), passed];
        seconds.current = Math.min(...between);
      }
      last = mediaTime;
      handle = element.requestVideoFrameCallback(seen);
    };
    handle = element.requestVideoFrameCallback(seen);
    return () => element.cancelVideoFrameCallback(handle);
  }, [video]);
  return seconds;
}

function useFullScreen(region: RefObject<HTMLDivElement | null>) {
  const [is, setIs] = useState(false);
  useEffect(() => {
    const look = () => setIs(document.fullscreenElement !== null && document.fullscreenElement === region.current);
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, [region]);
  const toggle = () => {
    // Refused by a browser that does not let this page fill the screen: then it stays as it is.
    const change = document.fullscreenElement ? document.exitFullscreen() : region.current?.requestFullscreen();
    change?.catch(() => undefined);
  };
  return { is, toggle };
}
