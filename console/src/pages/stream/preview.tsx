import { useEffect, useState } from "react";
import { useApi } from "../../api/api";
import { fetchImages } from "../../api/playback";
import { Recent } from "../../logic/recent";

interface Props {
  streamName: string;
  at: number;
}

const WIDTH_PX = 192;
/** A pointer that passes by asks for nothing. */
const RESTS_MS = 80;
/** What did not come is asked for again, while it is pointed at. */
const AGAIN_MS = 3000;
/** A few megabytes. */
const KEPT_MAX = 300;

const pictures = new Recent<string>(KEPT_MAX);

/** What was filmed at a moment, small; nothing until it is there. */
export function Preview({ streamName, at }: Props) {
  const { archivedMedia } = useApi();
  const key = `${streamName} ${at}`;
  const [came, setCame] = useState<string>();
  const known = pictures.get(key);
  useEffect(() => {
    if (pictures.get(key) !== undefined) return;
    let over = false;
    let timer = 0;
    const ask = async () => {
      // Without a picture the hint says what it knows. A server that is busy is asked again.
      const [picture] = await fetchImages(archivedMedia, streamName, { from: at, until: at + 1 }, 1, WIDTH_PX).catch(() => []);
      if (picture?.url) pictures.set(key, picture.url);
      if (over) return;
      if (picture?.url) setCame(key);
      else timer = window.setTimeout(() => void ask(), AGAIN_MS);
    };
    timer = window.setTimeout(() => void ask(), RESTS_MS);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [archivedMedia, streamName, at, key]);
  const url = known ?? (came === key ? pictures.get(key) : undefined);
  return <div className="preview">{url && <img src={url} alt="" />}</div>;
}
