/** Hands files to the browser, which keeps them where it keeps downloads. */

/** A browser drops downloads that begin at the same moment. */
const BETWEEN_MS = 400;

export function download(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

let before: Promise<unknown> = Promise.resolve();

/** One behind the other, whoever asks. */
export function downloadInTurn(url: string, name: string): Promise<unknown> {
  before = before.then(() => {
    download(url, name);
    return new Promise((done) => setTimeout(done, BETWEEN_MS));
  });
  return before;
}

export function downloadText(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  download(url, name);
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
