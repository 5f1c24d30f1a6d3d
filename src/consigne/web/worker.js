// Opens the page without a network. It keeps the files of a release, whose addresses hold a digest
// of them, and the empty page: nothing that anybody wrote, and nothing that `/api/` answers.
const { release, version, shell } = "{release}";
const CACHE = `consigne-${release}-${version}`;
const SHELL_PATH = /^\/([cp]\/[^/]+)?$/;

self.addEventListener("install", (event) => {
  event.waitUntil(install());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (pathname.startsWith("/static/")) event.respondWith(file(request));
  else if (request.mode === "navigate" && SHELL_PATH.test(pathname)) event.respondWith(page(event));
});

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all(shell.map(async (path) => {
    const kept = path === "/" ? undefined : await caches.match(path, { ignoreVary: true });
    if (kept) return cache.put(path, kept);
    return cache.add(path);
  }));
  const page = await cache.match("/", { ignoreVary: true });
  // An upgrade in between: the next look finds the script that goes with the page.
  if (!(await page.text()).includes(`/static/${release}/`)) throw new Error("Another release.");
  await self.skipWaiting();
}

/** Keep the vendored files that were used, let go of all else of earlier releases, and say so. */
async function activate() {
  const cache = await caches.open(CACHE);
  const vendored = shell.find((path) => path.includes("/vendor/"))?.split("/")[2];
  for (const name of await caches.keys()) {
    if (name === CACHE || !name.startsWith("consigne-")) continue;
    const old = await caches.open(name);
    for (const request of await old.keys()) {
      const [, , digest, folder] = new URL(request.url).pathname.split("/");
      const response = digest === vendored && folder === "vendor" && await old.match(request);
      if (response) await cache.put(request, response);
    }
    await caches.delete(name);
  }
  // The page is asked for while this script still starts.
  await self.registration.navigationPreload?.enable();
  await self.clients.claim();
  for (const client of await self.clients.matchAll()) client.postMessage({ release });
}

/** @param {Request} request a file whose address says what it holds */
async function file(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(request);
  const forGood = response.headers.get("cache-control")?.includes("immutable");
  if (response.ok && forGood) {
    const cache = await caches.open(CACHE);
    await cache.put(request, response.clone());
  }
  return response;
}

/** @param {any} event of asking for the page, at one of its addresses */
async function page(event) {
  try {
    return await event.preloadResponse ?? await fetch(event.request);
  } catch (error) {
    const kept = await caches.match("/", { ignoreVary: true });
    if (!kept) throw error;
    return kept;
  }
}
