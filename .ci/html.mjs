// Tries HTML reports in a real browser; see `.ci/html`. Prints a line for each page; exits with 1 if one
// fails.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(resolve(process.env.SPOOR_NODE), "node_modules/"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const given = process.argv.slice(2);
const shots = given[0] === "--shots" ? given.splice(0, 2)[1] : null;
const browser = await chromium.launch({
  executablePath: process.env.SPOOR_CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

/// A page in a context of its own, with everything it must not do noted.
async function open(file, options, faults) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(resolve(file)).href;
  page.on("console", (message) => message.type() === "error" && faults.push("console: " + message.text()));
  page.on("pageerror", (error) => faults.push("error: " + error.message));
  page.on("dialog", (dialog) => { faults.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => request.url().split("#")[0] !== url && faults.push("request: " + request.url()));
  const begun = performance.now();
  await page.goto(url, { waitUntil: "load" });
  return { context, page, took: performance.now() - begun };
}

const expect = (faults, what, is) => { if (!is) faults.push("does not work: " + what); };
const exists = async (page, selector) => (await page.locator(selector).count()) > 0;

/// Uses each view that the page has.
async function use(page, faults) {
  if (await exists(page, "#functions-table")) {
    const rows = page.locator("#functions-table tbody tr");
    const first = await rows.first().locator("th").innerText();
    await page.fill("input[data-filter=functions-table]", "no function has this name");
    expect(faults, "search", (await page.locator("#functions-table tbody tr:visible").count()) === 0);
    await page.fill("input[data-filter=functions-table]", first.trim());
    expect(faults, "search finds", (await page.locator("#functions-table tbody tr:visible").count()) > 0);
    await page.fill("input[data-filter=functions-table]", "");
    await page.click("#functions-table thead th:nth-child(2) button");
    const index = await rows.evaluateAll((rows) => rows.map((row) => Number(row.children[1].dataset.value)));
    expect(faults, "sort", index.every((value, at) => at === 0 || index[at - 1] >= value));
  }
  if (await exists(page, "[data-more=samples-table]")) {
    await page.click("#samples-table thead th:nth-child(6) button");
    const times = await page.locator("#samples-table tbody tr, [data-more] tbody tr")
      .evaluateAll((rows) => rows.map((row) => Number(row.children[5].dataset.value)));
    expect(faults, "sort reaches folded rows", times.every((value, at) => at === 0 || times[at - 1] >= value));
    const last = await page.locator("[data-more] tbody tr").last().locator("th").textContent();
    await page.fill("input[data-filter=samples-table]", last);
    expect(faults, "search opens folded rows", await page.locator("[data-more] tbody tr").last().isVisible());
    await page.fill("input[data-filter=samples-table]", "");
  }
  if (await exists(page, ".flame .frame")) {
    const frame = page.locator(".flame .frame").last();
    await frame.dispatchEvent("click");
    expect(faults, "flame zoom", Number(await frame.locator("rect").getAttribute("width")) > 1199);
    await page.keyboard.press("Escape");
  }
  if (await exists(page, "input[data-lane]")) {
    const before = await page.locator("#steps tbody tr:visible").count();
    await page.locator("input[data-lane]").first().uncheck();
    expect(faults, "filter of lanes", (await page.locator("#steps tbody tr:visible").count()) < before);
    await page.locator("input[data-lane]").first().check();
    await page.click("[data-zoom=in]");
    await page.click("[data-zoom=out]");
  }
  const link = page.locator("#map a").first();
  if (await link.count()) {
    await link.dispatchEvent("click");
    expect(faults, "map leads to functions", page.url().includes("#f"));
  }
  for (const link of await page.locator("a[download]").all()) {
    const text = await link.evaluate((link) => atob(link.href.split("base64,")[1]));
    expect(faults, "indicators as a file", text.startsWith("kind,value,") || JSON.parse(text).type === "bundle");
  }
  const theme = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await theme();
  await page.click("#theme");
  expect(faults, "light or dark", (await theme()) !== before);
  await page.keyboard.press("Tab");
  expect(faults, "keyboard", await page.evaluate(() => document.activeElement !== document.body));
}

async function accessible(page, scheme, faults) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  for (const found of violations.filter(({ impact }) => impact === "serious" || impact === "critical")) {
    faults.push(`axe (${scheme}): ${found.id}: ${found.nodes.slice(0, 3).map((node) => node.html.slice(0, 120))}`);
  }
}

let failed = false;
for (const file of given) {
  const faults = [];
  let took = 0;
  for (const colorScheme of ["light", "dark"]) {
    const opened = await open(file, { colorScheme }, faults);
    took = Math.max(took, opened.took);
    if (shots) {
      const name = basename(file, ".html");
      await opened.page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`) });
      if (process.env.SPOOR_FULL) {
        await opened.page.screenshot({ path: join(shots, `${name}-${colorScheme}-full.png`), fullPage: true });
      }
    }
    await use(opened.page, faults);
    await opened.context.close();
    const again = await open(file, { colorScheme }, faults);
    await accessible(again.page, colorScheme, faults);
    await again.context.close();
  }
  // Without scripts nothing is missing but what needs one.
  const bare = await open(file, { javaScriptEnabled: false }, faults);
  expect(faults, "reading without scripts", await bare.page.locator("#why .card, h1").first().isVisible());
  expect(faults, "hiding of controls", !(await bare.page.locator("#theme").isVisible()));
  await bare.context.close();
  failed ||= faults.length > 0;
  console.log(`${faults.length ? "FAIL" : "ok"} ${file}, open in ${took.toFixed(0)} ms`);
  [...new Set(faults)].forEach((fault) => console.log("  " + fault));
}
await browser.close();
process.exit(failed ? 1 : 0);
