import { useEffect, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { fetchImages } from "../../api/playback";
import { useLoad } from "../../ui/load";

const EVERY_MS = 15_000;
const WIDTH_PX = 192;

/** The newest picture of a stream, for as long as it is on the screen. Without newer media none is asked for. */
export function Thumbnail({ name, newest }: { name: string; newest: number | undefined }) {
  const { archivedMedia } = useApi();
  const place = useRef<HTMLDivElement>(null);
  const seen = useSeen(place);
  const shown = useRef<{ of: number; url: string | undefined }>(undefined);
  const picture = useLoad(
    `thumbnail ${name} ${seen && newest !== undefined}`,
    async () => {
      if (seen && newest !== undefined && shown.current?.of !== newest) {
        const until = newest * 1000;
        const [image] = await fetchImages(archivedMedia, name, { from: until - 1, until }, 1, WIDTH_PX);
        shown.current = { of: newest, url: image?.url ?? shown.current?.url };
      }
      return shown.current?.url;
    },
    EVERY_MS,
  );
  return (
    <div ref={place} className="thumbnail">
      {picture.data && <img src={picture.data} alt={`Newest picture of ${name}`} />}
    </div>
  );
}

function useSeen(place: React.RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!place.current) return;
    const watcher = new IntersectionObserver(([entry]) => entry && setSeen(entry.isIntersecting));
    watcher.observe(place.current);
    return () => watcher.disconnect();
  }, [place]);
  return seen;
}
