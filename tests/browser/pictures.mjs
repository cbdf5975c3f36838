/** Whether pictures on a page are pictures: decoded, and of something. */
import { eventually } from "./steps.mjs";

/** Waits until all that `images` finds were decoded, and gives what each shows: how many colours, and a digest of them. */
export async function decoded(images, count) {
  await eventually(async () => (await images.count()) >= count, `${count} pictures are there`);
  return images.evaluateAll((found) =>
    Promise.all(
      found.map(async (image) => {
        await image.decode();
        const { naturalWidth: width, naturalHeight: height } = image;
        const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
        context.drawImage(image, 0, 0);
        const colours = new Set();
        let digest = 0;
        const { data } = context.getImageData(0, 0, width, height);
        for (let at = 0; at < data.length; at += 4) {
          // Coarse: what differs by the noise of JPEG alone is the same.
          const colour = ((data[at] >> 5) << 6) | ((data[at + 1] >> 5) << 3) | (data[at + 2] >> 5);
          colours.add(colour);
          digest = (Math.imul(digest, 31) + colour) | 0;
        }
        return { width, height, colours: colours.size, digest };
      }),
    ),
  );
}
