import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const OUT = "out/dist";
const BASE = "/console/";

/** Writes compressed twins beside each file that gets shorter by it; the server sends what the browser takes. */
function compressed(): Plugin {
  return {
    name: "compressed",
    async closeBundle() {
      const names = await readdir(OUT, { recursive: true });
      const texts = names.filter((name) => /\.(html|js|css|svg|json|txt)$/.test(name));
      await Promise.all(
        texts.map(async (name) => {
          const plain = await readFile(join(OUT, name));
          const params = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
          const twins = {
            br: await promisify(brotliCompress)(plain, { params }),
            gz: await promisify(gzip)(plain, { level: 9 }),
          };
          for (const [suffix, short] of Object.entries(twins)) {
            if (short.length < plain.length) await writeFile(join(OUT, `${name}.${suffix}`), short);
          }
        }),
      );
    },
  };
}

/** Fonts that a style sheet carries inside become files: the page's policy wants them so, and most are never needed. */
function fontsApart(): Plugin {
  return {
    name: "fonts-apart",
    enforce: "post",
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== "asset" || !file.fileName.endsWith(".css")) continue;
        file.source = String(file.source).replace(/url\(data:font\/woff2;base64,([^)]+)\)/g, (_, text: string) => {
          const source = Buffer.from(text, "base64");
          const fileName = `assets/${createHash("sha256").update(source).digest("hex").slice(0, 16)}.woff2`;
          this.emitFile({ type: "asset", fileName, source });
          return `url(${BASE}${fileName})`;
        });
      }
    },
  };
}

export default defineConfig({
  base: BASE,
  esbuild: { jsx: "automatic" },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    // Nothing is written into scripts and styles as a data: URL: the page's policy forbids most of them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4096,
    rollupOptions: {
      onwarn: (warning, show) => {
        // Cloudscape marks its components for frameworks that render on a server; nothing is lost.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") show(warning);
      },
    },
  },
  plugins: [fontsApart(), compressed()],
  // `npm run dev` beside a server on its usual port.
  // The browser signs the name that it calls, so the server has to be called by it.
  server: { proxy: { "^/(?!console/(?!settings))": { target: "http://127.0.0.1:8440", changeOrigin: false } } },
});
