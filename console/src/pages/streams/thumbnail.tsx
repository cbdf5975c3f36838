import { useApi } from "../../api/api";
import { fetchImages } from "../../api/playback";
import { useLoad } from "../../ui/load";

const EVERY_MS = 15_000;
/** The newest picture is looked for in so much of the newest media. */
const WITHIN_MS = 15_000;

/** The newest picture of a stream. */
export function Thumbnail({ name, newest }: { name: string; newest: number | undefined }) {
  const { archivedMedia } = useApi();
  const picture = useLoad(
    `thumbnail ${name}`,
    async () => {
      if (newest === undefined) return undefined;
      const until = newest * 1000;
      const images = await fetchImages(archivedMedia, name, { from: until - WITHIN_MS, until }, 3, 192);
      return images.findLast(({ url }) => url !== undefined);
    },
    EVERY_MS,
  );
  if (!picture.data?.url) return <>–</>;
  return <img className="thumbnail" src={picture.data.url} alt={`Newest picture of ${name}`} />;
}
